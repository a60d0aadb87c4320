"""What its server does to a worker that goes on: other modes, restarts, and nothing to do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time

import pytest
import redis
from support.handlers import AsyncGate, Gate, start
from support.proxy import Proxy
from support.running import wait_until, working
from support.servers import SOCKET_PLACES, WORKER_PLACES, at, own_server
from support.store import Jobs, Q, Store, having

import pyjobs
from pyjobs.engine.modes import MODES, Mode
from pyjobs.errors import Forbidden, LeaseLost, WrongMode
from pyjobs.testing import Running, Server
from pyjobs.worker import shutdown

HERE = at(WORKER_PLACES)
REAL = at(SOCKET_PLACES)
EVERY = having("submit")
RELIABLE = having("submit", ["reliable"])
SOON = 30.0


class Lagging(Proxy):
    """Its answers are late."""

    def __init__(self, url: str, seconds: float) -> None:
        super().__init__(url)
        self._seconds = seconds

    def _answer(self, client: socket.socket, data: bytes) -> None:
        time.sleep(self._seconds)
        super()._answer(client, data)


class TestRights:
    @REAL
    def test_a_worker_whose_first_claim_is_forbidden_is_not_ready_and_ends(
        self, store: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It may not ask for its rights before either."""
        caplog.set_level("INFO", "pyjobs")
        rules = ("reset", "on", ">x", "~*", "&*", "+@all", "-acl", "-evalsha", "-eval")
        store.redis.execute_command("ACL", "SETUSER", "app", *rules)
        try:
            worker = pyjobs.Worker(store.url.replace("://", "://app:x@"), queues=["q"])
            worker.handler(Gate())
            error = Running(worker).ended()
        finally:
            store.redis.execute_command("ACL", "DELUSER", "app")
        assert isinstance(error, Forbidden)
        assert not [line for line in caplog.messages if "is ready" in line]


class TestModes:
    @HERE
    @EVERY
    def test_a_queue_of_another_mode_ends_the_worker_with_wrong_mode(
        self, store: Store, mode: Mode
    ) -> None:
        Jobs(store, mode).submit("a")
        for other in MODES.values():
            if other is not mode:
                error = start(store, Gate(), mode=other.name).ended()
                assert isinstance(error, WrongMode)
                assert f"queue q is {mode.name}, not {other.name}" in str(error)

    @HERE
    @RELIABLE
    def test_running_jobs_go_on_when_another_queue_has_another_mode(
        self, jobs: Jobs, caplog: pytest.LogCaptureFixture
    ) -> None:
        gate = AsyncGate()
        with working(jobs.store.url, gate, queues=["q", "z"]):
            jobs.submit(("a", b"1"))
            gate.wait()
            Jobs(jobs.store, MODES["simple"]).submit("s", queue="jobs:{z}")
            wait_until(lambda: "queue z is set aside" in caplog.text)
            gate.go.set()
            wait_until(lambda: jobs.store.redis.hget("jobs:{q}:job:a", "state") == b"done")


class TestServer:
    @pytest.mark.parametrize("name", list(MODES))
    def test_a_worker_goes_on_after_a_restart_of_the_server(self, name: str) -> None:
        """Scripts and connections are gone; the worker sees to that itself."""
        with own_server() as server, working(server.url, lambda job: job.data, mode=name):
            with pyjobs.Client(server.url, mode=name, queue="q") as client:
                assert client.submit(1).result(SOON) == 1
            server.restart()
            with pyjobs.Client(server.url, mode=name, queue="q") as client:
                assert client.submit(2).result(SOON) == 2

    @REAL
    @EVERY
    def test_jobs_are_done_while_scripts_are_flushed_all_the_time(
        self, store: Store, mode: Mode
    ) -> None:
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

    def test_jobs_submitted_to_a_stopped_server_are_done_when_it_goes_on(self) -> None:
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

    def test_a_stop_without_a_server_ends_the_worker_in_time(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What can't be recorded comes back with its lease; the end is an orderly one."""
        monkeypatch.setattr(shutdown, "FLUSH_SECONDS", 0.3)
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
            try:
                error = running.ended(SOON)
            finally:
                gate.go.set()
        assert error is None or isinstance(error, pyjobs.PyjobsError)

    def test_a_stop_without_a_server_and_without_jobs_ends_at_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The grace is for jobs that run: without any, nothing is waited for that long."""
        monkeypatch.setattr(shutdown, "FLUSH_SECONDS", 0.3)
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
    def test_a_job_claimed_during_a_stop_runs_in_a_mode_without_release(self, name: str) -> None:
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

    def test_a_stop_of_a_worker_whose_server_hangs_at_the_start_ends_soon(self) -> None:
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

    def test_done_that_cannot_be_recorded_at_a_stop_raises_lease_lost(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shutdown, "FLUSH_SECONDS", 0.2)

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
    def test_an_idle_worker_wakes_at_once_and_sends_little(self, store: Store, mode: Mode) -> None:
        def commands() -> int:
            stats = store.redis.info("commandstats")
            return sum(
                found["calls"]
                for name, found in stats.items()
                if not name.startswith("cmdstat_info")
            )

        def idle() -> bool:
            # It waits for a token: one that a busy machine has stopped elsewhere is quiet too.
            if not store.redis.info("clients")["blocked_clients"]:
                return False
            before = commands()
            time.sleep(0.1)
            return commands() == before

        with (
            working(store.url, lambda job: job.data, mode=mode.name),
            pyjobs.Client(store.url, mode=mode.name, queue="q", sweep=60) as client,
        ):
            assert client.submit(1).result(SOON) == 1
            wait_until(idle)
            before = commands()
            time.sleep(1.0)
            assert commands() - before <= 2
            # As soon as a result is heard: the worker is about to fall idle. One that is not woken
            # looks by itself only much later.
            for n in range(200):
                assert client.submit(n).result(SOON) == n

    @REAL
    @EVERY
    def test_a_full_worker_passes_a_wake_token_on(self, store: Store, mode: Mode) -> None:
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
                # Redis serves the client that waits longest: that may be the worker that is full.
                job = client.submit("free")
                go["free"].set()
                assert job.result(SOON) is None
                go["fill"].set()

    @HERE
    @EVERY
    def test_each_of_four_idle_workers_gets_one_of_four_jobs(
        self, store: Store, mode: Mode
    ) -> None:
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


def test_every_connection_of_a_worker_and_a_client_has_the_name_of_the_package() -> None:
    with (
        own_server() as server,
        working(server.url, lambda job: job.data, queues=["q"]),
        pyjobs.Client(server.url, queue="q") as client,
    ):
        assert client.submit(1).result(timeout=30) == 1
        with redis.Redis.from_url(server.url) as looking:
            mine = str(looking.client_id())

            def names() -> set[str]:
                return {one["lib-name"] for one in looking.client_list() if one["id"] != mine}

            # One that has just been made has not said its name yet.
            wait_until(lambda: names() == {"pyjobs"})
