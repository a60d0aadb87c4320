"""Executors: when a run is late, and what hung threads cost."""

from __future__ import annotations

import asyncio
import threading

import pytest
from support.executors import SOON, Bench, a_run, run

from pyjobs.worker.running.job import ClaimedJob
from pyjobs.worker.running.thread_executor import HandlerThread


def test_a_run_that_waits_for_a_thread_is_not_late() -> None:
    gate = threading.Event()

    def handle(job: ClaimedJob) -> str:
        if job.id == "first":
            assert gate.wait(SOON)
        return job.id

    async def body() -> None:
        bench = Bench(handle, concurrency=1)
        bench.executor.start(a_run("first"))
        bench.executor.start(a_run("second", timeout=0.5))
        await asyncio.sleep(0.6)
        assert not bench.reports
        gate.set()
        await bench.until(2)
        assert bench.reports["second"].verb == "complete"
        bench.executor.close()

    run(body)


def test_a_task_that_could_not_begin_while_the_loop_was_blocked_is_not_late() -> None:
    async def handle(job: ClaimedJob) -> str:
        if job.id == "blocks":
            threading.Event().wait(0.6)
        await asyncio.sleep(0)
        return job.id

    async def body() -> None:
        bench = Bench(handle)
        bench.executor.start(a_run("blocks"))
        bench.executor.start(a_run("waits", timeout=0.5))
        await bench.until(2)
        assert bench.reports["waits"].verb == "complete"

    run(body)


@pytest.mark.parametrize("aio", [False, True], ids=["thread", "task"])
def test_a_run_that_has_ended_leaves_no_timer(aio: bool) -> None:
    async def atask(job: ClaimedJob) -> str:
        return job.id

    def plain(job: ClaimedJob) -> str:
        return job.id

    async def body() -> None:
        bench = Bench(atask if aio else plain)
        for id in ("a", "b"):
            bench.executor.start(a_run(id, timeout=3600.0))
        await bench.until(2)
        waiting = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
        assert not [timer for timer in waiting if not timer.cancelled()]
        bench.executor.close()

    run(body)


def test_hung_threads_are_replaced_and_counted_until_they_end() -> None:
    gate = threading.Event()

    def handle(job: ClaimedJob) -> str:
        if job.id.startswith("hangs"):
            assert gate.wait(SOON)
        return job.id

    async def body() -> None:
        bench = Bench(handle, concurrency=1)
        for n in range(3):
            bench.executor.start(a_run(f"hangs{n}", timeout=0.01))
            await bench.until(n + 1)
        assert bench.executor.abandoned == 3
        bench.executor.start(a_run("next"))
        await bench.until(4)
        assert bench.reports["next"].verb == "complete"
        gate.set()
        while bench.executor.abandoned:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        bench.executor.close()

    run(body)


def test_no_thread_to_be_had_behind_a_hung_one_is_an_error_and_no_run_is_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = threading.Event()
    start = HandlerThread.start

    def first_only(thread: HandlerThread) -> None:
        monkeypatch.setattr(HandlerThread, "start", no_thread)
        start(thread)

    def no_thread(_: HandlerThread) -> None:
        raise RuntimeError("can't start new thread")

    async def body() -> None:
        monkeypatch.setattr(HandlerThread, "start", first_only)
        bench = Bench(lambda job: gate.wait(SOON), concurrency=2)
        bench.executor.start(a_run("hangs", timeout=0.02))
        bench.executor.start(a_run("waits", timeout=0.02))
        await bench.until(1)
        await asyncio.sleep(0.05)
        assert set(bench.reports) == {"hangs"}
        with pytest.raises(RuntimeError, match="can't start"):
            bench.executor.check()
        gate.set()
        bench.executor.close()

    run(body)
