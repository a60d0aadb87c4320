"""Executors: threads that something outside ends."""

from __future__ import annotations

import asyncio
import sys
from types import FrameType
from typing import Any

import pytest
from support.executors import SOON, Bench, a_run, run

from pyjobs.worker.running import thread_executor
from pyjobs.worker.running.job import ClaimedJob
from pyjobs.worker.running.thread_executor import ThreadExecutor


def raise_at(line: int, error: type[BaseException]) -> None:
    """Raise an error in this thread when it reaches its n-th line of the executor from now on, as
    a debugger or a watchdog may do it from outside."""
    left = iter(range(line))

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != thread_executor.__file__:
            return None
        if event == "line" and next(left, None) is None:
            raise error
        return trace

    sys.settrace(trace)
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == thread_executor.__file__:
            frame.f_trace = trace
        frame = frame.f_back


async def checked_until(bench: Bench, id: str) -> None:
    """Check the executor, as a worker does, until a run is reported."""
    async with asyncio.timeout(SOON):
        while id not in bench.reports:
            await asyncio.sleep(0.005)
            bench.executor.check()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, ValueError])
def test_an_exception_raised_into_a_thread_from_outside_loses_no_run_and_no_place(
    error: type[BaseException],
) -> None:
    def handle(job: ClaimedJob) -> Any:
        if job.data == 1:
            raise_at(int(job.id), error)
        return job.data

    async def body() -> None:
        bench = Bench(handle, concurrency=1)
        for n in range(30):
            bench.executor.start(a_run(str(n)))
            await checked_until(bench, str(n))
            # An error behind the report hits the wait for the next run.
            bench.executor.start(a_run(f"{n}00", b"2"))
            await checked_until(bench, f"{n}00")
        bench.executor.start(a_run("last", b"2"))
        await checked_until(bench, "last")
        assert bench.reports["last"].verb == "complete"
        assert bench.executor.running == 0
        bench.executor.close()

    run(body)


def test_a_dead_thread_is_replaced_and_the_run_it_had_taken_is_released() -> None:
    async def body() -> None:
        bench = Bench(lambda job: job.data, concurrency=1)
        executor = bench.executor
        assert isinstance(executor, ThreadExecutor)
        serve = executor._serve
        executor._serve = lambda thread: executor._work.get()  # type: ignore
        executor.start(a_run("taken"))
        executor._serve = serve  # type: ignore[method-assign]
        await checked_until(bench, "taken")
        assert bench.reports["taken"].verb == "release"
        executor.start(a_run("next"))
        await bench.until(2)
        assert bench.reports["next"].verb == "complete"
        executor.close()

    run(body)
