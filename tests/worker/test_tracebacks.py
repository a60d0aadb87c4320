"""The traceback of a failed job: it begins where the program's own code begins."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from support.clients import SOON

from pyjobs import ClaimedJob, Client, JobFailed, Worker, task
from pyjobs.testing import running

NUMBERS = itertools.count()


def fail() -> None:
    raise ValueError("no")


@task(name="plain", max_attempts=1)
def plain() -> None:
    fail()


@task(name="awaited", max_attempts=1)
async def awaited() -> None:
    fail()


@task(name="child", max_attempts=1, executor="process")
def child() -> None:
    fail()


@task(name="yields", max_attempts=1)
def yields() -> Iterator[int]:
    yield 1
    fail()


@task(name="ayields", max_attempts=1)
async def ayields() -> AsyncIterator[int]:
    yield 1
    fail()


@task(name="rejected", max_attempts=1, reject_on=ValueError)
def rejected() -> None:
    fail()


@task(name="misused", max_attempts=1)
async def misused(job: ClaimedJob) -> None:
    job.progress(7)


@contextlib.contextmanager
def around(job: ClaimedJob) -> Iterator[None]:
    """Middleware that fails for bare jobs."""
    if not job.task:
        fail()
    yield


def failed(submitted: Any, **settings: Any) -> JobFailed:
    url = f"memory://tracebacks-{next(NUMBERS)}"
    tasks = [plain, awaited, child, yields, ayields, rejected, misused]
    worker = Worker(url, tasks=tasks, max_attempts=1, **settings)

    @worker.handler
    async def bare(job: ClaimedJob) -> None:
        fail()

    with running(worker), Client(url) as client:
        error = client.submit(submitted).exception(SOON)
    assert isinstance(error, JobFailed)
    return error


def functions(traceback: str) -> list[str]:
    """Return the functions of the frames of a traceback."""
    return re.findall(r"^  File .*, in (\w+)$", traceback, re.MULTILINE)


@pytest.mark.parametrize(
    "one", [plain, awaited, child, yields, ayields], ids=lambda one: str(one.name)
)
def test_the_traceback_of_a_task_begins_with_its_function(one: Any) -> None:
    assert functions(failed(one).traceback) == [one.name, "fail"]


def test_the_traceback_of_a_bare_handler_begins_with_it() -> None:
    assert functions(failed("bare").traceback) == ["bare", "fail"]


def test_the_traceback_of_middleware_has_no_frame_of_the_worker() -> None:
    traceback = failed("bare", middleware=[around]).traceback
    assert functions(traceback)[-2:] == ["around", "fail"]
    assert "pyjobs/worker" not in traceback and "asyncutil" not in traceback


def test_the_traceback_of_a_rejected_exception_begins_with_the_function_that_raised_it() -> None:
    assert functions(failed(rejected).traceback) == ["rejected", "fail", "_run"]


def test_the_frames_of_pyjobs_below_the_function_of_a_task_stay() -> None:
    assert functions(failed(misused).traceback) == ["misused", "progress", "encode_progress"]


def test_the_traceback_of_what_pyjobs_raises_itself_keeps_its_last_frame() -> None:
    url = f"memory://tracebacks-{next(NUMBERS)}"
    with running(Worker(url, tasks=[plain])), Client(url) as client:
        error = client.submit({"unknown": 1}, task="plain").exception(SOON)
    assert isinstance(error, JobFailed)
    assert functions(error.traceback) == ["decode_arguments", "decode_arguments", "_arguments"]
