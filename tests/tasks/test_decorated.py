"""Functions behind decorators that know nothing of coroutines and generators: a job of theirs ends
by what the function does, and not by what the decorator returns."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable
from typing import Any

import pytest
from support.servers import MEMORY_PLACES, at
from support.store import Store

import pyjobs
from pyjobs import JobFailed, task
from pyjobs.testing import running

SOON = 30.0
pytestmark = at(MEMORY_PLACES)


def plainly(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*args: Any, **named: Any) -> Any:
        return function(*args, **named)

    return inner


def in_a_coroutine(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that forgets to await."""

    @functools.wraps(function)
    async def inner(*args: Any, **named: Any) -> Any:
        return function(*args, **named)

    return inner


async def awaits(number):  # type: ignore[no-untyped-def]
    await asyncio.sleep(0)
    if number < 0:
        raise ValueError("negative")
    return number + 1


def yields(number):  # type: ignore[no-untyped-def]
    if number < 0:
        raise ValueError("negative")
    yield number
    return number + 1


async def yields_async(number):  # type: ignore[no-untyped-def]
    if number < 0:
        raise ValueError("negative")
    yield number


KINDS = {
    "awaits": (plainly, awaits, 8, []),
    "awaits, forgotten": (in_a_coroutine, awaits, 8, []),
    "yields": (plainly, yields, 8, [7]),
    "yields async": (plainly, yields_async, None, [7]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_behind_a_decorator_ends_by_what_its_function_does(store: Store, kind: str) -> None:
    decorator, function, result, output = KINDS[kind]
    decorated: Any = task(name="decorated", retry_on=())(decorator(function))
    worker = pyjobs.Worker(store.url, queues=["q"], tasks=[decorated])
    with pyjobs.Client(store.url, queue="q") as client, running(worker):
        job = client.submit(decorated, 7)
        assert job.result(SOON) == result
        assert [chunk.value for chunk in client.job(job.id).output(SOON)] == output
        with pytest.raises(JobFailed, match="ValueError: negative") as caught:
            client.submit(decorated, -1).result(SOON)
        assert caught.value.reason == "rejected", "its policy counts"


@pytest.mark.parametrize("around", [False, True], ids=["alone", "in a middleware"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_behind_a_decorator_ends_by_what_it_does(
    store: Store, kind: str, around: bool
) -> None:
    decorator, function, result, output = KINDS[kind]
    entered = []

    def middleware(job: pyjobs.ClaimedJob) -> Any:
        entered.append(job.id)
        return contextlib.nullcontext()

    worker = pyjobs.Worker(store.url, queues=["q"], middleware=[middleware] * around)
    worker.handler(decorator(lambda job: function(job.data)))
    with pyjobs.Client(store.url, queue="q") as client, running(worker):
        job = client.submit(7)
        assert job.result(SOON) == result
        assert [chunk.value for chunk in client.job(job.id).output(SOON)] == output
        assert entered == [job.id] * around


def test_a_decorated_task_whose_dependencies_would_be_left_too_early_is_rejected(
    store: Store,
) -> None:
    uncalled = pytest.importorskip("uncalled_for")

    async def needs(number: int, name: str = uncalled.Depends(lambda: "name")) -> str:
        return name

    decorated: Any = task(name="needs")(plainly(needs))
    worker = pyjobs.Worker(store.url, queues=["q"], tasks=[decorated])
    with (
        pyjobs.Client(store.url, queue="q") as client,
        running(worker),
        pytest.raises(JobFailed, match="let the decorator be an async def too"),
    ):
        client.submit(decorated, 7).result(SOON)
