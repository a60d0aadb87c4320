"""Submits that wait until replicas, or the disk, have the jobs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.cluster import ask
from support.lanes import long
from support.replicas import Replicated, replicated
from support.running import AioClient, opened, wait_until
from support.servers import FOUND, PREFERRED, own_server

import pyjobs
from pyjobs.admin import Admin
from pyjobs.engine import PartKey, durable
from pyjobs.engine.durable import Durable, Reached, durable_of
from pyjobs.engine.keys import Keys
from pyjobs.engine.modes import MODES
from pyjobs.errors import (
    BadArgument,
    Forbidden,
    NotDurable,
    OutcomeUnknown,
    PyjobsError,
    Unavailable,
)
from pyjobs.testing import Server
from pyjobs.transport.server import connect

BOTH = pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])
# Redis before 7.2 has no WAITAOF, and the others do: the default lane has one of either kind.
SERVERS = [name if name in {"redis-6.2", PREFERRED} else long(name) for name in sorted(FOUND)]
EVERY = pytest.mark.parametrize("name", SERVERS)
MODERN = [name for name in sorted(FOUND) if name not in {"redis-6.2", "redis-7.0"}]
BEHIND = 0.3
SHORT_MS = 200
JOB = Keys("jobs").queue("q") + ":job:"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait that is over soon."""
    monkeypatch.setattr(durable, "WAIT_MS", SHORT_MS)


@pytest.fixture(scope="module", params=SERVERS)
def one_replica(request: pytest.FixtureRequest) -> Iterator[Replicated]:
    with replicated(1, request.param) as found:
        yield found


def jobs_on(server: Server) -> set[str]:
    with connect(server.url) as asked:
        return {key.decode().removeprefix(JOB) for key in asked.scan_iter(f"{JOB}*")}


# --- what is asked for ---


@pytest.mark.parametrize(
    ("text", "means"),
    [("replicas:1", Durable(1, False)), ("aof", Durable(0, True)), ("no", None)],
)
def test_a_durability_is_replicas_or_the_file_or_none(text: str, means: Durable | None) -> None:
    assert durable_of(text) == means


@pytest.mark.parametrize("text", ["", "replicas", "replicas:0", "replicas:101", "aof:1", "AOF", 1])
def test_any_other_durability_is_a_bad_argument_that_names_it(text: Any) -> None:
    with pytest.raises(BadArgument, match=r"durable: .* 'replicas:N'"):
        durable_of(text)
    with pytest.raises(BadArgument, match="durable"), pyjobs.Client("memory://", durable=text):
        pass
    with pyjobs.Client("memory://") as client, pytest.raises(BadArgument, match="durable"):
        client.submit(1, durable=text)


def test_a_schedule_takes_no_durability() -> None:
    with pyjobs.Client("memory://") as client, pytest.raises(BadArgument, match="durable"):
        client.schedules.set("s", every=60, data=1, durable="aof")  # type: ignore[call-arg]


# --- what is reached ---


@BOTH
@pytest.mark.parametrize("mode", sorted(MODES))
def test_a_submit_returns_when_the_replica_has_the_job(
    one_replica: Replicated, aio: bool, mode: Any
) -> None:
    queue = f"{mode}-{aio}"
    with opened(one_replica.url, aio=aio, mode=mode, queue=queue, durable="replicas:1") as client:
        one = client.submit(1)
        many = client.submit_many(range(600))
        plain = client.submit(2, durable="no")
    assert one.reached == Reached(1, aof=False)
    assert {job.reached for job in many} == {Reached(1, aof=False)}
    assert plain.reached is None
    with connect(one_replica.replicas[0].url) as replica:
        assert replica.llen(f"jobs:{{{queue}}}:pending") >= 601


@BOTH
def test_a_submit_that_too_few_replicas_have_raises_and_names_the_jobs(
    one_replica: Replicated, aio: bool, short: None
) -> None:
    with opened(one_replica.url, aio=aio, queue="q") as client:
        with pytest.raises(NotDurable, match=r"1 of 2 replicas had it within 0\.2 s") as caught:
            client.submit(1, id=f"few{aio}", durable="replicas:2")
        assert isinstance(caught.value, OutcomeUnknown)
        assert caught.value.ids == (f"few{aio}",)
        assert caught.value.reached == Reached(1, aof=False)
        with pytest.raises(NotDurable) as caught:
            client.submit_many(range(3), ids=[f"{aio}{n}" for n in range(3)], durable="replicas:2")
        assert caught.value.ids == tuple(f"{aio}{n}" for n in range(3))
        # It is there, and may be asked for again.
        assert client.submit(1, id=f"few{aio}", durable="replicas:1").created is False


@BOTH
def test_a_repeated_submit_waits_for_the_job_that_another_connection_has_submitted(
    one_replica: Replicated, aio: bool, short: None
) -> None:
    """Redis 8 and Valkey wait for the writes of a connection: a repeat that wrote nothing would be
    acknowledged at once, though no replica has the job."""
    one_replica.behind(1.0)
    try:
        for results in (True, False):
            id = f"again{aio}{results}"
            with (
                opened(one_replica.url, aio=aio, queue="q", results=results) as first,
                opened(one_replica.url, aio=aio, queue="q", results=False) as other,
            ):
                first.submit(1, id=id)
                for client in (other, first):
                    with pytest.raises(NotDurable):
                        client.submit(1, id=id, durable="replicas:1")
    finally:
        one_replica.catch_up()


@BOTH
def test_a_durable_submit_to_a_split_queue_waits_for_the_replica_of_each_part(
    one_replica: Replicated, aio: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = f"split-{aio}"
    ids = [f"{aio}{n}" for n in range(30)]
    with (
        Admin(one_replica.url) as admin,
        opened(one_replica.url, aio=aio, queue=queue, durable="replicas:1") as client,
    ):
        admin.split(queue, 3, durable="replicas:1")
        assert {job.reached for job in client.submit_many(range(30), ids=ids)} == {
            Reached(1, False)
        }
        keyed = client.submit(1, unique="key")
        with connect(one_replica.replicas[0].url) as replica:
            lengths = [replica.llen(f"{key}:pending") for key in parts_of(admin, queue)]
        assert sum(lengths) == 31 and all(lengths)
        # Jobs of before are found by a look into their part, which must wait for them too.
        admin.split(queue, 5, durable="replicas:1")
        one_replica.behind(1.0)
        try:
            with monkeypatch.context() as patched:
                patched.setattr(durable, "WAIT_MS", SHORT_MS)
                with pytest.raises(NotDurable) as caught:
                    client.submit_many(range(30), ids=ids)
                assert {*caught.value.ids, *caught.value.accepted} == {*ids}
                with pytest.raises(NotDurable):
                    client.submit(1, unique="key")
                with pytest.raises(NotDurable, match="0 of 1 replicas"):
                    admin.split(queue, 5, durable="replicas:1")
        finally:
            one_replica.catch_up()
        again = client.submit_many(range(30), ids=ids)
        assert not any(job.created for job in again)
        assert client.submit(1, unique="key").id == keyed.id


def parts_of(admin: Admin, queue: str) -> list[PartKey]:
    return admin.parts(queue).keys(Keys("jobs").queue(queue))


@BOTH
def test_a_repeat_that_may_not_write_is_refused_and_not_acknowledged(
    one_replica: Replicated, aio: bool
) -> None:
    """A wait behind a repeat that wrote nothing would be over at once on Redis 8 and Valkey."""
    id = f"refused{aio}"
    with (
        connect(one_replica.url) as admin,
        opened(one_replica.url, aio=aio, queue="q") as first,
        opened(one_replica.url, aio=aio, queue="q") as other,
    ):
        first.submit(1, id=id)
        admin.config_set("min-replicas-to-write", 3)
        try:
            with pytest.raises(Unavailable, match=r"(?i)replicas"):
                other.submit(1, id=id, durable="replicas:1")
        finally:
            admin.config_set("min-replicas-to-write", 0)
        assert other.submit(1, id=id, durable="replicas:1").created is False


def test_awaited_submits_that_are_durable_and_not_wait_apart(
    one_replica: Replicated, short: None
) -> None:
    async def submit_all(client: Any) -> list[Any]:
        wanted = ["no", "replicas:1", "replicas:2", "no"]
        submits = [client.submit(n, durable=one) for n, one in enumerate(wanted)]
        return await asyncio.gather(*submits, return_exceptions=True)

    client = AioClient(one_replica.url, queue="q")
    try:
        first, second, third, last = client._loop.do(submit_all(client.client))
    finally:
        client.close()
    assert first.reached is None and last.reached is None
    assert second.reached == Reached(1, aof=False)
    assert isinstance(third, NotDurable) and third.reached == Reached(1, aof=False)


# --- the append-only file ---


@BOTH
@EVERY
def test_a_submit_waits_for_the_file_where_the_server_can_and_is_refused_elsewhere(
    aio: bool, name: str
) -> None:
    with (
        own_server("--appendonly", "yes", name=name) as server,
        opened(server.url, aio=aio, queue="q", durable="aof") as client,
    ):
        if name in MODERN:
            assert client.submit(1).reached == Reached(0, aof=True)
            assert {job.reached for job in client.submit_many(range(3))} == {Reached(0, aof=True)}
            return
        with pytest.raises(BadArgument, match=r"no WAITAOF, which Redis has from 7.2 on"):
            client.submit(1)
        assert jobs_on(server) == set()


@BOTH
def test_a_server_without_a_file_refuses_aof_before_anything_is_written(aio: bool) -> None:
    with own_server() as server, opened(server.url, aio=aio, queue="q") as client:
        for _ in range(2):
            with pytest.raises(BadArgument, match="appendonly yes"):
                client.submit(1, durable="aof")
        assert jobs_on(server) == set()


@BOTH
def test_a_user_without_the_right_to_wait_submits_nothing(aio: bool) -> None:
    with own_server() as server:
        ask(server, "ACL", "SETUSER", "me", "on", ">pw", "~*", "&*", "+@all", "-wait")
        url = server.url.replace("redis://", "redis://me:pw@")
        with opened(url, aio=aio, queue="q", durable="replicas:1") as client:
            with pytest.raises(Forbidden, match="wait"):
                client.submit(1)
            assert jobs_on(server) == set()
            assert client.submit(1, durable="no").created


def test_memory_is_not_durable() -> None:
    with (
        pyjobs.Client("memory://", durable="replicas:1") as client,
        pytest.raises(BadArgument, match="no WAIT"),
    ):
        client.submit(1)


# --- what is lost ---


def acknowledged(replicated: Replicated, durable: str) -> set[str]:
    """Submit from four threads until the primary dies. Returns the ids that were acknowledged."""
    acked: set[str] = set()
    ended = threading.Event()

    def produce(number: int) -> None:
        with pyjobs.Client(replicated.url, queue="q", results=False, durable=durable) as client:
            at = 0
            while not ended.is_set():
                ids = [f"p{number}-{at + n}" for n in range(5)]
                try:
                    client.submit_many(range(5), ids=ids)
                except PyjobsError:
                    if ended.is_set():
                        return
                    continue
                acked.update(ids)
                at += 5

    threads = [threading.Thread(target=produce, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(acked) >= 60, 20)
    time.sleep(BEHIND)
    ended.set()
    replicated.die()
    kept = set(acked)
    for thread in threads:
        thread.join()
    return kept if durable == "no" else acked


@pytest.mark.slow
@EVERY
@pytest.mark.parametrize("durable", ["no", "replicas:2"])
def test_a_primary_that_dies_takes_no_job_that_both_replicas_had(name: str, durable: str) -> None:
    """Both replicas are 0.3 s behind. Without `durable`, the jobs of that time are lost, though
    they were acknowledged."""
    with replicated(2, name) as servers:
        servers.behind(BEHIND)
        acked = acknowledged(servers, durable)
        there = jobs_on(servers.promote())
    assert len(acked) >= 60
    lost = acked - there
    assert not lost if durable == "replicas:2" else lost
