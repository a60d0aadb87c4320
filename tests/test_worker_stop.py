"""How a worker stops, and how it lives through what its server does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from proxy import Proxy
from running import own_server, places, wait_until, working
from store import Jobs, Q, Store, having

import pyjobs
from pyjobs import handlers, stopping
from pyjobs.bell import Bell
from pyjobs.errors import JobFailed, LeaseLost, WrongMode
from pyjobs.modes import MODES, Mode
from pyjobs.serving import Serving
from pyjobs.testing.servers import Server
from pyjobs.testing.workers import Running

HERE = places("memory", "redis-8.2", flavours=("sync",))
REAL = places("redis-8.2", flavours=("sync",))
EVERY = having("submit")
RELIABLE = having("submit", ["reliable"])
SOON = 10.0


class Gate:
    """A handler in a thread that waits to be let go."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.go = threading.Event()

    def __call__(self, job: pyjobs.ClaimedJob) -> Any:
        self.entered.release()
        self.go.wait(SOON)
        return job.data

    def wait(self) -> None:
        assert self.entered.acquire(timeout=SOON)


class AsyncGate(Gate):
    async def __call__(self, job: pyjobs.ClaimedJob) -> Any:  # type: ignore[override]
        self.entered.release()
        while not self.go.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return job.data


def start(store: Store, handler: Any, **settings: Any) -> Running:
    worker = pyjobs.Worker(store.url, **{"queues": ["q"], **settings})
    worker.handler(handler)
    return Running(worker)


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
def test_whoever_stops_pulling_leaves_no_task(store: Store) -> None:
    async def test() -> None:
        puller = asyncio.create_task(anext(pyjobs.Worker(store.url, queues=["q"]).jobs()))
        await asyncio.sleep(0.2)
        puller.cancel()
        await asyncio.wait({puller})
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(test())
    store.redis.flushall()


@HERE
class TestStop:
    @EVERY
    def test_what_runs_may_finish(self, store: Store, mode: Mode) -> None:
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
    def test_after_the_grace_it_is_handed_back(self, jobs: Jobs, kind: type[Gate]) -> None:
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
    def test_a_second_stop_does_so_at_once(self, jobs: Jobs) -> None:
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
    def test_a_second_stop_while_jobs_arrive(
        self, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Their tasks are made, and were not yet given a turn."""
        taken = Serving._take

        def take(self: Serving, *args: Any) -> None:
            taken(self, *args)
            if self._runner.running:
                self.stop()
                self.stop()

        monkeypatch.setattr(Serving, "_take", take)
        jobs.submit(("a", b"1"))
        running = start(jobs.store, AsyncGate(), grace=600)
        assert running.ended() is None
        assert jobs.pending() == ["a"]

    def test_simple_mode_tells_its_client(self, store: Store) -> None:
        gate = AsyncGate()
        running = start(store, gate, mode="simple", grace=0.05)
        with pyjobs.Client(store.url, mode="simple", queue="q") as client:
            job = client.submit(1)
            gate.wait()
            running.worker.stop()
            with pytest.raises(JobFailed, match="the worker stopped"):
                job.result(SOON)
        assert running.ended() is None

    def test_one_that_can_start_no_thread_hands_back(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Leases of jobs that nobody has run would end as crashes."""

        class NoThread(threading.Thread):
            def start(self) -> None:
                raise RuntimeError("can't start new thread")

        jobs = Jobs(store, MODES["reliable"])
        jobs.submit("a", "b", "c")
        monkeypatch.setattr(handlers, "threading", SimpleNamespace(Thread=NoThread))
        worker = pyjobs.Worker(store.url, queues=["q"], concurrency=2)
        worker.handler(lambda job: job.data)
        with pytest.raises(pyjobs.PyjobsError, match="no job can run: can't start new thread"):
            asyncio.run(worker.arun())
        assert jobs.part("inflight") == {}
        assert sorted(jobs.pending()) == ["a", "b", "c"]
        assert all("crashes" not in jobs.job(id) for id in "abc")

    def test_an_idle_one_stops_at_once(self, store: Store) -> None:
        for n in range(10):
            running = start(store, AsyncGate(), grace=600)
            wait_until(lambda: store.redis.exists("jobs:queues"))
            time.sleep(0.01 * n)
            running.worker.stop()
            assert running.ended() is None

    def test_before_it_runs(self, store: Store) -> None:
        worker = pyjobs.Worker(store.url, queues=["q"])
        worker.handler(Gate())
        worker.stop()
        assert Running(worker).ended() is None

    @EVERY
    def test_right_after_a_result(self, store: Store, mode: Mode) -> None:
        """Many times: it must never hang."""

        async def handle(job: pyjobs.ClaimedJob) -> Any:
            return job.data

        with pyjobs.Client(store.url, mode=mode.name, queue="q") as client:
            for n in range(15):
                with working(store.url, handle, mode=mode.name):
                    assert client.submit(n).result(SOON) == n

    def test_in_a_loop_that_goes_on(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """A worker that has ended cancels nobody any more."""
        monkeypatch.setattr(stopping, "FLUSH_SECONDS", 0.1)

        async def main() -> str:
            worker = pyjobs.Worker(store.url, queues=["q"], grace=0.1)
            worker.handler(Gate())
            asyncio.get_running_loop().call_later(0.1, worker.stop)
            await worker.arun()
            await asyncio.sleep(0.5)
            return "went on"

        assert asyncio.run(main()) == "went on"


class TestModes:
    @HERE
    @EVERY
    def test_another_mode_ends_it(self, store: Store, mode: Mode) -> None:
        Jobs(store, mode).submit("a")
        for other in MODES.values():
            if other is not mode:
                error = start(store, Gate(), mode=other.name).ended()
                assert isinstance(error, WrongMode)
                assert f"queue q is {mode.name}, not {other.name}" in str(error)

    @HERE
    @RELIABLE
    def test_running_jobs_are_handed_back(self, jobs: Jobs) -> None:
        gate = AsyncGate()
        running = start(jobs.store, gate, queues=["q", "z"], grace=600)
        jobs.submit(("a", b"1"))
        gate.wait()
        Jobs(jobs.store, MODES["simple"]).submit("s", queue="jobs:{z}")
        assert isinstance(running.ended(), WrongMode)
        assert jobs.pending() == ["a"]
        assert jobs.claim().jobs[0].attempt == 1


class TestBroken:
    """An error that nobody foresaw ends a worker; what still runs must not go on in good faith."""

    @HERE
    @RELIABLE
    @pytest.mark.parametrize("kind", [Gate, AsyncGate])
    def test_what_runs_learns_that_it_is_lost(
        self, jobs: Jobs, kind: type[Gate], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = threading.Event()
        gate = kind()
        held: list[pyjobs.ClaimedJob] = []
        cancelled: list[bool] = []

        async def bell(_: Any) -> None:
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

        monkeypatch.setattr(Bell, "run", bell)
        jobs.submit(("a", b"1"))
        threading.Thread(target=lambda: (gate.wait(), broken.set())).start()
        asyncio.run(main())
        gate.go.set()


class Lagging(Proxy):
    """Its answers are late."""

    def __init__(self, url: str, seconds: float) -> None:
        super().__init__(url)
        self._seconds = seconds

    def _answer(self, client: socket.socket, data: bytes) -> None:
        time.sleep(self._seconds)
        super()._answer(client, data)


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
    def test_the_first_lets_jobs_finish(self, jobs: Jobs, number: signal.Signals) -> None:
        worker = self.launch(jobs.store, 600)
        jobs.submit(("a", b"0.5"), ("b", b"0.5"))
        self.wait_for_start(worker, 2)
        worker.send_signal(number)
        _, said = worker.communicate(timeout=SOON)
        assert (worker.returncode, "Traceback" in said) == (0, False)
        assert [end.state for end in jobs.result("a", "b")] == ["done", "done"]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
    def test_the_second_hands_them_back(self, jobs: Jobs, number: signal.Signals) -> None:
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


class TestServer:
    @pytest.mark.parametrize("name", list(MODES))
    def test_a_restart(self, name: str) -> None:
        """Scripts and connections are gone; the worker sees to that itself."""
        with own_server() as server, working(server.url, lambda job: job.data, mode=name):
            with pyjobs.Client(server.url, mode=name, queue="q") as client:
                assert client.submit(1).result(SOON) == 1
            server.restart()
            with pyjobs.Client(server.url, mode=name, queue="q") as client:
                assert client.submit(2).result(SOON) == 2

    @REAL
    @EVERY
    def test_scripts_flushed(self, store: Store, mode: Mode) -> None:
        """All the time, while jobs are submitted, run and told of."""
        ended = threading.Event()

        def flush() -> None:
            with contextlib.closing(redis.Redis.from_url(store.url)) as server:
                while not ended.wait(0.002):
                    server.script_flush()

        flushing = threading.Thread(target=flush)
        flushing.start()
        try:
            with (
                working(store.url, lambda job: job.data, mode=mode.name),
                pyjobs.Client(store.url, mode=mode.name, queue="q") as client,
            ):
                for n in range(20):
                    jobs = client.submit_many(range(n, n + 20))
                    assert [job.result(SOON) for job in jobs] == [*range(n, n + 20)]
        finally:
            ended.set()
            flushing.join()

    def test_stopped_for_a_while(self) -> None:
        """What the kernel has taken, the server answers when it goes on."""
        with (
            own_server() as server,
            working(server.url, lambda job: job.data, lease=1.0, concurrency=2),
            pyjobs.Client(server.url, queue="q") as client,
        ):
            assert client.submit(1).result(SOON) == 1
            os.kill(server.pid, signal.SIGSTOP)
            threading.Timer(2.0, os.kill, (server.pid, signal.SIGCONT)).start()
            jobs = client.submit_many(range(20))
            assert [job.result(SOON) for job in jobs] == list(range(20))

    def test_away_when_it_stops(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What can't be recorded comes back with its lease; the end is an orderly one."""
        monkeypatch.setattr(stopping, "FLUSH_SECONDS", 0.3)
        gate = AsyncGate()
        with own_server() as server:
            worker = pyjobs.Worker(server.url, queues=["q"], grace=0.1)
            worker.handler(gate)
            running = Running(worker)
            store = Store(server.url, None)
            Jobs(store, MODES["reliable"]).submit(("a", b"1"))
            gate.wait()
            store.close()
            server.stop()
            worker.stop()
            error = running.ended()
        assert error is None or isinstance(error, pyjobs.PyjobsError)

    def test_away_with_nothing_in_hand(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The grace is for jobs that run: without any, nothing is waited for that long."""
        monkeypatch.setattr(stopping, "FLUSH_SECONDS", 0.3)
        with own_server() as server:
            store = Store(server.url, None)
            running = start(store, AsyncGate(), grace=600)
            wait_until(lambda: store.redis.exists("jobs:queues"))
            store.close()
            server.stop()
            time.sleep(0.3)
            running.worker.stop()
            assert running.ended(SOON) is None

    @pytest.mark.parametrize("name", ["simple", "recoverable"])
    def test_a_job_that_is_on_its_way_runs(self, name: str) -> None:
        """It can't be handed back, and the grace is long."""
        with own_server() as server, Lagging(server.url, 0.2) as proxy:
            store = Store(server.url, None)
            ran = threading.Event()
            worker = pyjobs.Worker(proxy.url, mode=name, queues=["q"], grace=SOON)
            worker.handler(lambda job: ran.set())
            running = Running(worker)
            wait_until(lambda: store.redis.info("clients")["blocked_clients"])
            seen = proxy.seen
            Jobs(store, MODES[name]).submit(("a", b"1"))
            wait_until(lambda: proxy.seen > seen)
            worker.stop()
            assert running.ended(SOON) is None
            assert ran.is_set()
            store.close()

    def test_a_server_that_hangs_when_it_starts(self) -> None:
        """Nothing is in hand: nothing is waited for."""
        with own_server() as server:
            os.kill(server.pid, signal.SIGSTOP)
            try:
                worker = pyjobs.Worker(server.url, queues=["q"], grace=600)
                worker.handler(Gate())
                running = Running(worker)
                time.sleep(0.3)
                begun = time.monotonic()
                worker.stop()
                assert running.ended(SOON) is None
                assert time.monotonic() - begun < 3
            finally:
                os.kill(server.pid, signal.SIGCONT)

    def test_whoever_waits_for_a_record_learns_that_there_is_none(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stopping, "FLUSH_SECONDS", 0.2)

        async def pull(server: Server) -> None:
            worker = pyjobs.Worker(server.url, queues=["q"], grace=0.1)
            async with contextlib.aclosing(worker.jobs()) as jobs:
                async for job in jobs:
                    server.kill()
                    asyncio.get_running_loop().call_later(0.1, worker.stop)
                    with pytest.raises(LeaseLost):
                        await asyncio.wait_for(job.done(1), SOON)
                    return

        with own_server() as server:
            Jobs(Store(server.url, None), MODES["reliable"]).submit(("a", b"1"))
            asyncio.run(pull(server))


class TestIdle:
    @REAL
    @EVERY
    def test_it_wakes_at_once_and_says_little(self, store: Store, mode: Mode) -> None:
        def commands() -> int:
            stats = store.redis.info("commandstats")
            return sum(
                found["calls"]
                for name, found in stats.items()
                if not name.startswith("cmdstat_info")
            )

        def idle() -> bool:
            before = commands()
            time.sleep(0.3)
            return commands() == before

        with (
            working(store.url, lambda job: job.data, mode=mode.name),
            pyjobs.Client(store.url, mode=mode.name, queue="q", sweep=60) as client,
        ):
            assert client.submit(1).result(SOON) == 1
            wait_until(idle)
            before = commands()
            time.sleep(1.5)
            assert commands() - before <= 2
            # As soon as a result is heard: the worker is about to fall idle. One that is not woken
            # looks by itself only much later.
            for n in range(200):
                assert client.submit(n).result(SOON) == n

    @REAL
    @EVERY
    def test_a_full_worker_passes_the_token_on(self, store: Store, mode: Mode) -> None:
        """It may take its last jobs while it still waits for a token."""
        go = {name: threading.Event() for name in ("first", "fill", "free")}
        entered: list[str] = []

        def handle(job: pyjobs.ClaimedJob) -> None:
            entered.append(job.data)
            go[job.data].wait(2 * SOON)

        def blocked() -> int:
            return int(store.redis.info("clients")["blocked_clients"])

        with (
            pyjobs.Client(store.url, mode=mode.name, queue="q") as client,
            working(store.url, handle, mode=mode.name, concurrency=2),
        ):
            client.submit("first")
            wait_until(lambda: entered and blocked() == 1)
            with store.redis.pipeline(transaction=True) as pipe:
                fill = [("f1", b'"fill"'), ("f2", b'"fill"')]
                pipe.execute_command(*mode.submit(Q, fill).command())
                pipe.delete(f"{Q}:wake")
                pipe.execute()
            go["first"].set()
            wait_until(lambda: entered.count("fill") == 2)
            before = blocked()
            with working(store.url, handle, mode=mode.name):
                wait_until(lambda: blocked() == before + 1)
                # Redis serves whoever waits longest: that may be the worker that is full.
                job = client.submit("free")
                go["free"].set()
                assert job.result(SOON) is None
                go["fill"].set()

    @HERE
    @EVERY
    def test_all_workers_get_a_share(self, store: Store, mode: Mode) -> None:
        gates = [Gate() for _ in range(4)]
        with pyjobs.Client(store.url, mode=mode.name, queue="q") as client:
            runs = [start(store, gate, mode=mode.name, concurrency=1) for gate in gates]
            jobs = client.submit_many(range(4))
            for gate in gates:
                gate.wait()
            for gate in gates:
                gate.go.set()
            assert [job.result(SOON) for job in jobs] == list(range(4))
            for running in runs:
                running.worker.stop()
            assert [running.ended() for running in runs] == [None] * 4
