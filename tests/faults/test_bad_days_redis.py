"""Days on which Redis itself refuses, forgets or is away: nobody has to be started again."""

from __future__ import annotations

import functools
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
import redis
from support.handlers import AsyncGate, Gate, echo
from support.running import opened, wait_until, working
from support.servers import own_server
from support.store import Jobs, Q, Store, leaks

import pyjobs
from pyjobs.engine.modes import MODES
from pyjobs.errors import OutcomeUnknown, PyjobsError, ResultGone, Unavailable
from pyjobs.testing import Running, Server
from pyjobs.transport import retry
from pyjobs.transport.server import connect

pytestmark = pytest.mark.slow

SOON = 30.0
RELIABLE = MODES["reliable"]


@pytest.fixture
def server() -> Iterator[Server]:
    with own_server("--lua-time-limit", "50") as server:
        yield server


@pytest.fixture
def admin(server: Server) -> Iterator[redis.Redis]:
    """A connection that is there before the trouble and stays."""
    with connect(server.url) as admin:
        admin.ping()
        yield admin


# --- what a server may answer instead of doing it ---


@contextmanager
def busy(admin: redis.Redis) -> Iterator[None]:
    """Another's script spins."""
    other = redis.Redis(connection_pool=connect_pool(admin))

    def spin() -> None:
        with suppress(redis.RedisError):
            other.eval("while true do end", 0)

    def spins() -> bool:
        try:
            admin.ping()
        except redis.ResponseError as error:
            return "BUSY" in str(error)
        return False

    spinner = threading.Thread(target=spin, daemon=True)
    spinner.start()
    wait_until(spins)
    try:
        yield
    finally:
        with suppress(redis.ResponseError):  # NOTBUSY: it was killed before.
            admin.script_kill()
        spinner.join()
        other.close()


def connect_pool(admin: redis.Redis) -> redis.ConnectionPool:
    """Connections of their own to the same place, that wait long."""
    known = admin.connection_pool.connection_kwargs
    return redis.ConnectionPool(host=known["host"], port=known["port"], socket_timeout=30)


@contextmanager
def snapshot_failed(admin: redis.Redis) -> Iterator[None]:
    """The last snapshot could not be written: a folder is in its place."""
    in_the_way = Path(str(admin.config_get("dir")["dir"])) / "dump.rdb"
    (in_the_way / "full").mkdir(parents=True)
    admin.config_set("save", "3600 1")
    admin.bgsave()
    wait_until(lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err")
    try:
        yield
    finally:
        admin.config_set("save", "")


@contextmanager
def replica(admin: redis.Redis) -> Iterator[None]:
    """It became a replica, of nobody who is there."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        dead = nobody.getsockname()[1]
    admin.execute_command("REPLICAOF", "127.0.0.1", dead)
    try:
        yield
    finally:
        admin.execute_command("REPLICAOF", "NO", "ONE")


@contextmanager
def setting(admin: redis.Redis, name: str, value: str, usual: str) -> Iterator[None]:
    """A setting that concerns connections too, so that all are made again."""
    admin.config_set(name, value)
    admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    try:
        yield
    finally:
        admin.config_set(name, usual)


FAULTS: dict[str, tuple[Callable[[redis.Redis], AbstractContextManager[None]], str]] = {
    "a script spins": (busy, "BUSY|busy"),
    "its snapshot failed": (snapshot_failed, "MISCONF|RDB"),
    "it is a replica": (replica, "READONLY|read only"),
    "too few replicas": (
        lambda admin: setting(admin, "min-replicas-to-write", "1", "0"),
        "NOREPLICAS|replicas",
    ),
    "a new password": (lambda admin: setting(admin, "requirepass", "secret", ""), "uthentication"),
    "connection limit": (
        lambda admin: setting(admin, "maxclients", "1", "10000"),
        "max number|onnection",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_worker_waits_out_a_refusal_that_a_submit_reports(
    server: Server, admin: redis.Redis, name: str
) -> None:
    """What the worker had in hand is recorded when it is over; a submit says what is wrong."""
    fault, told = FAULTS[name]
    gate = Gate()
    with (
        working(server.url, gate, lease=20.0) as running,
        pyjobs.Client(server.url, queue="q", sweep=0.3) as client,
    ):
        held = client.submit("held")
        gate.wait()
        with fault(admin):
            gate.go.set()
            with pytest.raises(Unavailable, match=told) as raised:
                client.submit("refused")
            assert "secret" not in str(raised.value)
            time.sleep(0.3)
            assert running.alive
        assert held.result(SOON) == "held"
        assert client.submit("next").result(SOON) == "next"
    assert int(admin.hget(f"{Q}:job:{held.id}", "crashes") or 0) == 0


def test_a_script_that_spins_for_a_moment_only_delays_a_submit(
    server: Server, admin: redis.Redis
) -> None:
    """It is over while the submit still tries."""
    with working(server.url, echo), pyjobs.Client(server.url, queue="q") as client:
        assert client.submit(1).result(SOON) == 1
        with busy(admin):
            threading.Timer(0.15, admin.script_kill).start()
            assert client.submit(2).result(SOON) == 2


@pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])
def test_a_script_that_spins_for_a_moment_only_delays_a_batch(
    server: Server, admin: redis.Redis, aio: bool
) -> None:
    with opened(server.url, aio=aio, queue="q") as client:
        client.submit(1)
        with busy(admin):
            threading.Timer(0.15, admin.script_kill).start()
            assert len(client.submit_many(range(1000))) == 1000


def test_a_refused_worker_pauses_between_its_tries(server: Server, admin: redis.Redis) -> None:
    """Neither Redis nor the worker is kept busy by it."""
    gate = Gate()
    with working(server.url, gate, lease=20.0), pyjobs.Client(server.url, queue="q") as client:
        held = client.submit("held")
        gate.wait()
        with replica(admin):
            admin.config_resetstat()
            gate.go.set()
            time.sleep(1.0)
            asked = admin.info("commandstats")["cmdstat_evalsha"]
        assert held.result(SOON) == "held"
    assert asked["calls"] + asked["rejected_calls"] < 30


def test_a_worker_without_a_free_connection_at_its_start_is_unavailable(
    server: Server, admin: redis.Redis
) -> None:
    admin.config_set("maxclients", 1)
    worker = pyjobs.Worker(server.url, queues=["q"])
    worker.handler(echo)
    with pytest.raises(Unavailable):
        worker.run()


def test_a_wrong_password_at_the_start_is_one_error_without_it(
    server: Server, admin: redis.Redis
) -> None:
    """One clear error, without the password."""
    admin.config_set("requirepass", "right")
    url = server.url.replace("://", "://:wr0ng@")
    worker = pyjobs.Worker(url, queues=["q"])
    worker.handler(echo)
    with pytest.raises(Unavailable, match=r"(?i)pass|auth") as raised:
        worker.run()
    assert "wr0ng" not in str(raised.value)
    with pyjobs.Client(url) as client, pytest.raises(Unavailable, match=r"(?i)pass|auth"):
        client.submit(1)


def test_a_server_that_loads_its_data_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that reads its data answers LOADING, to a submit and to the worker."""
    # A busy machine loads for longer than a submit is repeated.
    monkeypatch.setattr(retry, "PAUSES", (0.0, 0.05, 0.5, 2.0, 20.0))
    slow = ("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024")
    with (
        own_server(*slow) as server,
        working(server.url, echo, lease=20.0) as running,
        pyjobs.Client(server.url, queue="q", sweep=0.3) as client,
    ):
        assert client.submit(1).result(SOON) == 1
        with connect(server.url) as admin:
            admin.mset({f"other:{n}": os.urandom(500) for n in range(300)})
            admin.save()
        restart = threading.Thread(target=server.restart)
        restart.start()
        wait_until(lambda: loads(server.url))
        job = client.submit(2)
        restart.join()
        assert job.result(SOON) == 2
        assert running.alive


def loads(url: str) -> bool:
    with connect(url) as admin:
        try:
            admin.ping()
        except redis.BusyLoadingError:
            return True
        except redis.RedisError:
            pass
    return False


# --- connections ---


def test_jobs_and_results_survive_connections_that_are_killed_all_the_time(
    server: Server, admin: redis.Redis
) -> None:
    """Each job is done, and its client hears of it."""
    with (
        working(server.url, echo, lease=20.0),
        pyjobs.Client(server.url, queue="q", sweep=0.2) as client,
    ):
        # A worker that can't begin gives up: wait until it has.
        assert client.submit("first").result(SOON) == "first"
        jobs = []
        for n in range(60):
            jobs.append(client.submit(n))
            if n % 5 == 0:
                for kind in ("normal", "pubsub"):
                    admin.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        assert [job.result(SOON) for job in jobs] == list(range(60))


def test_a_client_pause_shorter_than_the_lease_is_only_a_delay(
    server: Server, admin: redis.Redis
) -> None:
    """Shorter than the lease: the job in hand stays in hand."""
    gate = AsyncGate()
    with (
        working(server.url, gate, lease=10.0),
        pyjobs.Client(server.url, queue="q") as client,
    ):
        held = client.submit("held")
        gate.wait()
        began = time.monotonic()
        admin.execute_command("CLIENT", "PAUSE", 800)
        late = client.submit("late")
        assert time.monotonic() - began > 0.5
        gate.go.set()
        assert (held.result(SOON), late.result(SOON)) == ("held", "late")
    for job in (held, late):
        assert int(admin.hget(f"{Q}:job:{job.id}", "crashes") or 0) == 0


def test_a_server_that_is_away_costs_little_cpu_and_few_log_lines(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No spinning and no flood of log lines; afterwards it goes on."""
    monkeypatch.setattr("pyjobs.transport.retry.PAUSES", (0.0,) * 5)
    with (
        working(server.url, echo, lease=1.0),
        pyjobs.Client(server.url, queue="q", sweep=0.3) as client,
    ):
        assert client.submit(1).result(SOON) == 1
        server.kill()
        began = time.process_time()
        time.sleep(1.5)
        used = time.process_time() - began
        server.start()
        assert client.submit(2).result(SOON) == 2
    assert used < 0.5
    said = [line for line in caplog.messages if "available" in line]
    assert 1 <= len(said) <= 4, caplog.messages


def test_a_server_that_hangs_is_given_up_in_time(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A silent socket holds nobody for ever, and the lost submit is one job in the end."""
    impatient = functools.partial(connect, reply_seconds=0.5)
    monkeypatch.setattr("pyjobs.client.sync.connect", impatient)
    monkeypatch.setattr("pyjobs.transport.retry.PAUSES", (0.0,) * 5)
    with pyjobs.Client(server.url, queue="q", sweep=0.2) as client:
        client.submit("first", id="first")
        os.kill(server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(OutcomeUnknown) as raised:
                client.submit("second", id="second")
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert raised.value.ids == ("second",)
        again = client.submit("second", id="second")
        with working(server.url, echo):
            assert again.result(SOON) == "second"


# --- keys that are gone ---


def test_a_flushall_under_a_running_job_is_result_gone_and_the_worker_goes_on(
    server: Server, admin: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    with (
        working(server.url, gate, lease=20.0),
        pyjobs.Client(server.url, queue="q", sweep=0.1) as client,
    ):
        lost = client.submit("lost")
        gate.wait()
        admin.flushall()
        with pytest.raises(ResultGone):
            lost.result(SOON)
        gate.go.set()
        assert client.submit("next").result(SOON) == "next"
    # Whether the heartbeat or the end of the job saw it first.
    told = [line for line in caplog.messages if lost.id in line]
    assert any("NOJOB" in line or "no such job" in line for line in told)
    assert wrong(server) == []


def wrong(server: Server) -> list[str]:
    """What is wrong with the keyspace."""
    store = Store(server.url, None)
    found = leaks(store)
    store.close()
    return found


@pytest.mark.parametrize("kind", [Gate, AsyncGate])
def test_a_running_job_whose_hash_is_deleted_is_result_gone_and_the_worker_goes_on(
    server: Server, admin: redis.Redis, kind: type[Gate]
) -> None:
    """The worker discards its outcome and goes on; nothing is left of it."""
    gate = kind()
    with (
        working(server.url, gate, lease=20.0),
        pyjobs.Client(server.url, queue="q", sweep=0.1) as client,
    ):
        job = client.submit("lost")
        gate.wait()
        admin.delete(f"{Q}:job:{job.id}")
        gate.go.set()
        with pytest.raises(ResultGone):
            job.result(SOON)
        assert client.submit("next").result(SOON) == "next"
    store = Store(server.url, None)
    store.age(60_000)
    assert Jobs(store, RELIABLE).reap().put_back == []
    assert admin.zcard(f"{Q}:inflight") == 0
    store.close()


def test_a_pending_job_whose_hash_is_deleted_is_set_aside(
    server: Server, admin: redis.Redis
) -> None:
    """It is set aside, where it can be counted; the jobs around it run."""
    with pyjobs.Client(server.url, queue="q", sweep=0.1) as client:
        jobs = client.submit_many(["a", "b", "c"])
        admin.delete(f"{Q}:job:{jobs[1].id}")
        with working(server.url, echo):
            assert [jobs[0].result(SOON), jobs[2].result(SOON)] == ["a", "c"]
            with pytest.raises(ResultGone):
                jobs[1].result(SOON)
        assert admin.lrange(f"{Q}:broken", 0, -1) == [jobs[1].id.encode()]


# --- rights ---


def begun(server: Server, admin: redis.Redis, command: str) -> Running:
    """A worker whose user lacks one command."""
    admin.execute_command(
        "ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", f"-{command}"
    )
    worker = pyjobs.Worker(server.url.replace("://", "://app:secret@"), queues=["q"], grace=0.5)
    worker.handler(echo)
    return Running(worker)


@pytest.mark.parametrize("command", ["zadd", "hset", "ltrim"])
def test_a_worker_without_a_command_ends_with_an_error_and_loses_no_job(
    server: Server, admin: redis.Redis, command: str
) -> None:
    """The worker ends with one error that says what is missing; the job is there for the next."""
    jobs = Jobs(Store(server.url, None), RELIABLE)
    jobs.submit(("a", b"1"))
    error = begun(server, admin, command).ended()
    assert isinstance(error, PyjobsError)
    assert re.search("permission|ACL|can't run", str(error))
    assert "secret" not in str(error)
    found = leaks(jobs.store)
    jobs.store.close()
    assert found == []


def test_a_worker_that_may_not_run_scripts_ends_at_its_start(
    server: Server, admin: redis.Redis
) -> None:
    running = begun(server, admin, "evalsha")
    try:
        error = running.ended(2.0)
    finally:
        running.worker.stop()
    assert isinstance(error, PyjobsError)
    assert "secret" not in str(error)
