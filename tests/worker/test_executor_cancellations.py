"""Executors: whose cancellation a run met, and what is reported of it."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from support.executors import SOON, Bench, a_run, made, run

from pyjobs.engine.outcome import Outcome
from pyjobs.worker.run import Run
from pyjobs.worker.running.job import ClaimedJob
from pyjobs.worker.verdicts import Reject


async def one(bench: Bench, timeout: float | None = None) -> Run:
    """Start a run and let its handler begin."""
    run = a_run("a", timeout=timeout)
    bench.executor.start(run)
    while run.started_at is None:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    return run


def test_a_handler_that_cancels_itself_has_failed() -> None:
    async def cancel_itself(job: ClaimedJob) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(SOON)

    async def body() -> None:
        bench = Bench(cancel_itself)
        bench.executor.start(a_run("a"))
        await bench.until(1)
        assert bench.reports["a"].verb == "fail"
        assert bench.reports["a"].why.startswith("CancelledError")

    run(body)


def test_a_check_finds_a_run_that_somebody_else_cancelled_before_it_began() -> None:
    async def body() -> None:
        bench = Bench(made(False, lambda job: job.data))
        before = asyncio.all_tasks()
        bench.executor.start(a_run("a"))
        for task in asyncio.all_tasks() - before:
            task.cancel()
        await asyncio.sleep(0)
        bench.executor.check()
        await bench.until(1)
        assert bench.reports["a"].verb == "fail"
        assert bench.executor.running == 0

    run(body)


@pytest.mark.parametrize(
    "error",
    [ValueError("cleanup"), ExceptionGroup("group", [ValueError("cleanup")]), Reject("no")],
    ids=lambda error: type(error).__name__,
)
def test_a_cancelled_run_is_released_whatever_its_handler_raises(error: Exception) -> None:
    async def handle(job: ClaimedJob) -> None:
        try:
            await asyncio.sleep(SOON)
        finally:
            raise error

    async def body() -> None:
        bench = Bench(handle)
        bench.executor.cancel(await one(bench))
        await bench.until(1)
        assert bench.reports["a"] == Outcome("release")

    run(body)


def test_a_result_that_a_cancelled_handler_returns_counts() -> None:
    async def handle(job: ClaimedJob) -> str:
        try:
            await asyncio.sleep(SOON)
        except asyncio.CancelledError:
            return "done all the same"
        return ""

    async def body() -> None:
        bench = Bench(handle)
        bench.executor.cancel(await one(bench))
        await bench.until(1)
        assert bench.reports["a"] == Outcome("complete", b'"done all the same"')

    run(body)


@pytest.mark.parametrize("kind", ["cancel", "timeout"])
def test_a_task_that_swallows_its_cancellation_is_abandoned(kind: str) -> None:
    async def body() -> None:
        left = asyncio.Event()

        async def stubborn(job: ClaimedJob) -> None:
            while not left.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await left.wait()

        bench = Bench(stubborn, cleanup=0.02)
        stuck = await one(bench, timeout=0.01 if kind == "timeout" else None)
        if kind == "cancel":
            bench.executor.cancel(stuck)
        await bench.until(1)
        assert bench.reports["a"].verb == ("fail" if kind == "timeout" else "release")
        assert (bench.executor.running, bench.executor.abandoned) == (0, 1)
        left.set()
        while bench.executor.abandoned:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    run(body)
