"""Executors: what a handler may be, and the awaitables that it returns."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable
from typing import Any

import pytest
from support.executors import SOON, Bench, a_run, run

from pyjobs.engine.outcome import Outcome
from pyjobs.errors import BadArgument
from pyjobs.worker.running.executors import check_handler, is_async
from pyjobs.worker.running.job import ClaimedJob
from pyjobs.worker.running.streaming import AsyncStreamed, Streamed, streamed


def plainly(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that knows nothing of coroutines."""

    @functools.wraps(function)
    def inner(*args: Any) -> Any:
        return function(*args)

    return inner


def in_a_coroutine(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that forgets to await."""

    async def inner(*args: Any) -> Any:
        return function(*args)

    return inner


@pytest.mark.parametrize("decorator", [plainly, in_a_coroutine])
def test_an_awaitable_that_a_handler_returns_is_awaited_in_the_loop(
    decorator: Callable[..., Any],
) -> None:
    async def body() -> None:
        loop = asyncio.get_running_loop()

        @decorator
        async def handle(job: ClaimedJob) -> Any:
            assert asyncio.get_running_loop() is loop
            await asyncio.sleep(0)
            if job.data == 2:
                raise ValueError("no")
            return job.data

        bench = Bench(handle)
        bench.executor.start(a_run("a"))
        bench.executor.start(a_run("b", b"2"))
        await bench.until(2)
        bench.executor.close()
        assert bench.reports["a"] == Outcome("complete", b"1")
        assert bench.reports["b"].why == "ValueError: no"
        assert bench.executor.running == 0

    run(body)


def test_a_returned_awaitable_is_late_and_cancelled_like_a_task() -> None:
    async def sleep(job: ClaimedJob) -> None:
        await asyncio.sleep(SOON)

    async def body() -> None:
        bench = Bench(plainly(sleep))
        bench.executor.start(a_run("late", timeout=0.05))
        cancelled = a_run("cancelled")
        bench.executor.start(cancelled)
        await bench.until(1)
        bench.executor.cancel(cancelled)
        await bench.until(2)
        bench.executor.close()
        assert bench.reports["late"].why.startswith("TimeoutError: took longer than 0.05 s")
        assert bench.reports["cancelled"] == Outcome("release")

    run(body)


def test_a_decorator_may_give_further_arguments_to_the_function_that_it_wraps() -> None:
    def with_a_database(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inner(job: ClaimedJob) -> Any:
            return function(job, "database")

        return inner

    @with_a_database
    def handle(job: ClaimedJob, database: str) -> Any:
        return job.data

    check_handler(handle)


def test_a_decorator_that_takes_more_than_the_job_is_refused() -> None:
    def with_more(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inner(job: ClaimedJob, more: str) -> Any:
            return function(job)

        return inner

    @with_more
    def handle(job: ClaimedJob) -> Any:
        return job.data

    with pytest.raises(BadArgument, match=r"handler: handle is called with .* missing .*'more'"):
        check_handler(handle)


def test_a_handler_whose_signature_names_what_is_not_there_at_run_time_is_taken() -> None:
    class Handler:
        @property
        def __signature__(self) -> Any:
            raise NameError("name 'OnlyForTypeCheckers' is not defined")

        def __call__(self, job: Any) -> Any:
            return job.data

    check_handler(Handler())


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are evaluated at once")
def test_a_handler_with_deferred_annotations_is_checked_without_evaluating_them() -> None:
    made: dict[str, Any] = {}
    text = "def good(job: Missing): pass\ndef bad(job: Missing, more: Missing): pass"
    exec(compile(text, "handlers", "exec", dont_inherit=True), made)
    check_handler(made["good"])
    with pytest.raises(BadArgument, match="missing a required argument: 'more'"):
        check_handler(made["bad"])


def generates(job: ClaimedJob) -> Any:
    yield job.data


async def generates_async(job: ClaimedJob) -> Any:
    yield job.data


class Generates:
    def __call__(self, job: ClaimedJob) -> Any:
        yield job.data


@pytest.mark.parametrize(
    "handler",
    [generates, generates_async, Generates(), functools.partial(generates), Generates().__call__],
    ids=["function", "async", "object", "partial", "method"],
)
def test_a_generator_function_is_run_by_what_appends_its_values(handler: Any) -> None:
    check_handler(handler)
    run = streamed(handler)
    assert isinstance(run, (Streamed, AsyncStreamed))
    assert is_async(run) == (handler is generates_async)
