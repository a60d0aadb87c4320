"""How a worker stops: in what order, how fast, and what it leaves behind."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from support.handlers import AsyncGate, Gate, start
from support.proxy import Proxy
from support.running import wait_until, working
from support.servers import SOCKET_PLACES, WORKER_PLACES, at
from support.store import Jobs, Q, Store, having

import pyjobs
from pyjobs.engine.modes import MODES, Mode
from pyjobs.errors import JobFailed
from pyjobs.testing import Running
from pyjobs.worker import shutdown
from pyjobs.worker.claiming.wake import WakeWaiter
from pyjobs.worker.processor import Processor
from pyjobs.worker.running import thread_executor

HERE = at(WORKER_PLACES)
REAL = at(SOCKET_PLACES)
EVERY = having("submit")
RELIABLE = having("submit", ["reliable"])
SOON = 30.0


@REAL
def test_a_wake_token_that_came_too_late_is_passed_on(store: Store) -> None:
    """Redis has given it to a wait whose worker ends: the next idle one must not sleep on."""
    jobs = Jobs(store, MODES["reliable"])
    with Proxy(store.url, needle=b"BLPOP") as proxy:
        proxy.breaks("stall")
        with working(proxy.url, lambda job: job.data):
            wait_until(lambda: proxy.seen)
            wait_until(lambda: store.redis.info("clients")["blocked_clients"])
            jobs.submit("a")
            wait_until(lambda: not jobs.wakes())
    assert jobs.wakes() == 1


@REAL
def test_a_cancelled_pull_leaves_no_task(store: Store) -> None:
    async def pull_and_cancel() -> None:
        puller = asyncio.create_task(anext(pyjobs.Worker(store.url, queues=["q"]).jobs()))
        while not {"pyjobs-wake"} & {task.get_name() for task in asyncio.all_tasks()}:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        puller.cancel()
        await asyncio.wait({puller})
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(pull_and_cancel())
    store.redis.flushall()


@HERE
class TestStop:
    @EVERY
    def test_a_stop_lets_running_jobs_finish_and_claims_no_more(
        self, store: Store, mode: Mode
    ) -> None:
        gate = Gate()
        running = start(store, gate, mode=mode.name, concurrency=1)
        with pyjobs.Client(store.url, mode=mode.name, queue="q") as client:
            first, _second = client.submit_many(["first", "second"])
            gate.wait()
            running.worker.stop()
            time.sleep(0.05)
            assert running.alive
            gate.go.set()
            assert first.result(SOON) == "first"
            assert running.ended() is None
        assert store.redis.llen(f"{Q}:pending") == 1

    @RELIABLE
    @pytest.mark.parametrize("kind", [Gate, AsyncGate])
    def test_jobs_that_run_after_the_grace_are_released(self, jobs: Jobs, kind: type[Gate]) -> None:
        gate = kind()
        running = start(jobs.store, gate, grace=0.1)
        jobs.submit(("a", b"1"), ("b", b"1"))
        gate.wait()
        wait_until(lambda: len(jobs.part("inflight")) == 2)
        running.worker.stop()
        assert running.ended() is None
        gate.go.set()
        assert jobs.pending() == ["a", "b"]
        assert [job.attempt for job in jobs.claim().jobs] == [1, 1]

    @RELIABLE
    def test_jobs_that_have_not_begun_are_released_at_once_and_not_after_the_grace(
        self, jobs: Jobs
    ) -> None:
        gate = Gate()
        running = start(jobs.store, gate, concurrency=1, prefetch=3, grace=600)
        jobs.submit(*[(id, b"1") for id in ("runs", "a", "b")])
        gate.wait()
        wait_until(lambda: len(jobs.part("inflight")) == 3)
        running.worker.stop()
        wait_until(lambda: jobs.pending() == ["a", "b"])
        gate.go.set()
        assert running.ended() is None
        assert jobs.job("runs")["state"] == b"done"

    @RELIABLE
    def test_a_second_stop_releases_running_jobs_at_once(self, jobs: Jobs) -> None:
        gate = AsyncGate()
        running = start(jobs.store, gate, grace=600)
        jobs.submit(("a", b"1"))
        gate.wait()
        running.worker.stop()
        running.worker.stop()
        assert running.ended() is None
        assert jobs.pending() == ["a"]
        assert jobs.claim().jobs[0].attempt == 1

    @RELIABLE
    def test_a_second_stop_while_jobs_arrive_releases_them(
        self, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Their tasks are made, and were not yet given a turn."""
        start_runs = Processor._start_runs

        def start_and_stop_twice(self: Processor) -> None:
            start_runs(self)
            if self._executor.running:
                self.stop()
                self.stop()

        monkeypatch.setattr(Processor, "_start_runs", start_and_stop_twice)
        jobs.submit(("a", b"1"))
        running = start(jobs.store, AsyncGate(), grace=600)
        assert running.ended() is None
        assert jobs.pending() == ["a"]

    def test_a_stop_in_simple_mode_fails_jobs_that_run_after_the_grace(self, store: Store) -> None:
        gate = AsyncGate()
        running = start(store, gate, mode="simple", grace=0.05)
        with pyjobs.Client(store.url, mode="simple", queue="q") as client:
            job = client.submit(1)
            gate.wait()
            running.worker.stop()
            with pytest.raises(JobFailed, match="the worker stopped"):
                job.result(SOON)
        assert running.ended() is None

    def test_a_worker_that_can_start_no_thread_releases_its_jobs(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Leases of jobs that nobody has run would end as crashes."""

        def no_thread(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        jobs = Jobs(store, MODES["reliable"])
        jobs.submit("a", "b", "c")
        monkeypatch.setattr(thread_executor.HandlerThread, "start", no_thread)
        worker = pyjobs.Worker(store.url, queues=["q"], concurrency=2)
        worker.handler(lambda job: job.data)
        with pytest.raises(pyjobs.PyjobsError, match="no job can run: can't start new thread"):
            asyncio.run(worker.arun())
        assert jobs.part("inflight") == {}
        assert sorted(jobs.pending()) == ["a", "b", "c"]
        assert all("crashes" not in jobs.job(id) for id in "abc")

    def test_an_idle_worker_stops_at_once(self, store: Store) -> None:
        for n in range(10):
            running = start(store, AsyncGate(), grace=600)
            wait_until(lambda: store.redis.exists("jobs:queues"))
            time.sleep(0.01 * n)
            running.worker.stop()
            assert running.ended() is None

    def test_a_stop_before_the_run_ends_it(self, store: Store) -> None:
        worker = pyjobs.Worker(store.url, queues=["q"])
        worker.handler(Gate())
        worker.stop()
        assert Running(worker).ended() is None

    @EVERY
    def test_a_stop_right_after_a_result_never_hangs(self, store: Store, mode: Mode) -> None:
        """Many times: it must never hang."""

        async def handle(job: pyjobs.ClaimedJob) -> Any:
            return job.data

        with pyjobs.Client(store.url, mode=mode.name, queue="q") as client:
            for n in range(15):
                with working(store.url, handle, mode=mode.name):
                    assert client.submit(n).result(SOON) == n

    def test_a_worker_that_ended_cancels_nothing_in_a_loop_that_goes_on(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A worker that has ended cancels nobody any more."""
        monkeypatch.setattr(shutdown, "FLUSH_SECONDS", 0.1)

        async def main() -> str:
            worker = pyjobs.Worker(store.url, queues=["q"], grace=0.1)
            worker.handler(Gate())
            asyncio.get_running_loop().call_later(0.1, worker.stop)
            await worker.arun()
            await asyncio.sleep(0.3)
            return "went on"

        assert asyncio.run(main()) == "went on"


class TestBroken:
    """An error that nobody foresaw ends a worker; what still runs must not go on in good faith."""

    @HERE
    @RELIABLE
    @pytest.mark.parametrize("kind", [Gate, AsyncGate])
    def test_jobs_that_run_at_an_unexpected_error_are_lost(
        self, jobs: Jobs, kind: type[Gate], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = threading.Event()
        gate = kind()
        held: list[pyjobs.ClaimedJob] = []
        cancelled: list[bool] = []

        async def wait_until_broken(_: Any) -> None:
            while not broken.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            raise ZeroDivisionError

        async def handle(job: pyjobs.ClaimedJob) -> None:
            held.append(job)
            try:
                await gate(job)
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        def handle_plainly(job: pyjobs.ClaimedJob) -> None:
            held.append(job)
            gate(job)

        async def main() -> None:
            worker = pyjobs.Worker(jobs.store.url, queues=["q"])
            worker.handler(handle if kind is AsyncGate else handle_plainly)
            with pytest.raises(ZeroDivisionError):
                await worker.arun()
            await asyncio.sleep(0.1)
            assert held[0].lost
            assert cancelled == [True] * (kind is AsyncGate)

        monkeypatch.setattr(WakeWaiter, "run", wait_until_broken)
        jobs.submit(("a", b"1"))
        threading.Thread(target=lambda: (gate.wait(), broken.set())).start()
        asyncio.run(main())
        gate.go.set()


WORKER = """


import asyncio, logging, sys


import pyjobs


logging.basicConfig(level=logging.INFO)


worker = pyjobs.Worker(sys.argv[1], queues=["q"], grace=float(sys.argv[2]))


@worker.handler
async def handle(job):
    print("started", flush=True)
    await asyncio.sleep(job.data)
    return "slept"


worker.run()
"""


@REAL
@RELIABLE
class TestSignals:
    def launch(self, store: Store, grace: float) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", WORKER, store.url, str(grace)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for_start(self, worker: subprocess.Popen[str], handlers: int) -> None:
        """In flight is not started yet: a worker told to stop in between hands the job back."""
        assert worker.stdout
        for _ in range(handlers):
            assert worker.stdout.readline() == "started\n"

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
    def test_the_first_signal_lets_running_jobs_finish(
        self, jobs: Jobs, number: signal.Signals
    ) -> None:
        worker = self.launch(jobs.store, 600)
        jobs.submit(("a", b"0.5"), ("b", b"0.5"))
        self.wait_for_start(worker, 2)
        worker.send_signal(number)
        _, said = worker.communicate(timeout=SOON)
        assert (worker.returncode, "Traceback" in said) == (0, False)
        assert [end.state for end in jobs.result("a", "b")] == ["done", "done"]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
    def test_the_second_signal_releases_running_jobs(
        self, jobs: Jobs, number: signal.Signals
    ) -> None:
        worker = self.launch(jobs.store, 600)
        jobs.submit(("a", b"600"))
        self.wait_for_start(worker, 1)
        worker.send_signal(number)
        assert worker.stderr
        # Two signals at once may arrive as one.
        while "stopping" not in (line := worker.stderr.readline()):
            assert line, "the worker ended"
        assert worker.poll() is None
        worker.send_signal(number)
        _, said = worker.communicate(timeout=SOON)
        assert (worker.returncode, "Traceback" in said) == (0, False)
        assert jobs.pending() == ["a"]
