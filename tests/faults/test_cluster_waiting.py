"""Waiting in a cluster, for jobs and for results: its cost, and that what is published is heard.

A token that was not heard of is found by a look, and a result by a sweep. Both are far off here:
what comes within some seconds was heard of.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.cluster import ClusterOfNodes, cluster_of
from support.running import opened, wait_until, working
from support.servers import FOUND, PREFERRED
from test_cluster import SOON, TWELVE, commands_of, echo

import pyjobs
import pyjobs.aio
from pyjobs.admin import Admin
from pyjobs.client.part_channels import PartChannels
from pyjobs.engine import hash_of
from pyjobs.testing import Server
from pyjobs.transport import aio_shards, sync_shards
from pyjobs.transport.server import REPLY_SECONDS, connect
from pyjobs.transport.shards import CLASSIC_SECONDS
from pyjobs.worker.claiming import upkeep
from pyjobs.worker.claiming.tokens import LOOK_SECONDS, WakeListener

pytestmark = pytest.mark.slow
# Before the end of an idle wait, which comes after 30 s.
HEARD = 15.0
# Before its first claim a worker waits for a silent node 1 s for the table, 2 s with its scripts
# and 2 s for the parts of queues. The time of one reply more, 5 s, would be a fault.
STARTED = 10.0
# A call to a node that says nothing is given up after 10 s at least.
AT_ONCE = 8.0
SERVERS = [
    pytest.param(name, marks=() if name == PREFERRED else pytest.mark.long)
    for name in sorted(FOUND)
]


@pytest.fixture(scope="module", params=SERVERS)
def three(request: pytest.FixtureRequest) -> Iterator[ClusterOfNodes]:
    with cluster_of(3, request.param) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WakeListener.__init__, "__defaults__", (60.0,))


@pytest.fixture
def cluster(three: ClusterOfNodes) -> ClusterOfNodes:
    three.flush()
    return three


def parked(nodes: list[Server]) -> int:
    """How many connections of the cluster are blocked, or only hear."""
    found = 0
    for node in nodes:
        with connect(node.url) as server:
            found += sum(bool({*client["flags"]} & {*"bP"}) for client in server.client_list())
    return found


def calls(nodes: list[Server], *names: str) -> int:
    return sum(commands_of(node).get(name, 0) for node in nodes for name in names)


def test_an_idle_worker_parks_a_connection_a_node_and_two_at_most(cluster: ClusterOfNodes) -> None:
    names = cluster.names(TWELVE)
    before = calls(cluster.nodes, "blpop")
    with (
        working(cluster.url, echo, queues=names),
        pyjobs.Client(cluster.url, sweep=600.0) as client,
    ):
        assert client.submit("warm", queue=names[0]).result(SOON) == "warm"
        hearing = ("ssubscribe", "subscribe")
        wait_until(lambda: calls(cluster.nodes, *hearing) >= TWELVE, SOON)
        # One of them is the client's.
        assert parked(cluster.nodes) <= len(cluster.nodes) + 2 + 1
        for name in names:
            began = time.monotonic()
            assert client.submit("late", queue=name).result(SOON) == "late"
            assert time.monotonic() - began < HEARD
    assert calls(cluster.nodes, "blpop") == before


def test_a_worker_at_work_leaves_the_token_to_one_that_has_room(cluster: ClusterOfNodes) -> None:
    names = cluster.names(2)
    begun: list[str] = []
    free = threading.Event()

    def handle(job: pyjobs.ClaimedJob) -> Any:
        begun.append(job.queue)
        free.wait(SOON)

    options: dict[str, Any] = {"queues": names, "concurrency": 1, "prefetch": 0}
    with (
        working(cluster.url, handle, **options),
        working(cluster.url, handle, **options),
        pyjobs.Client(cluster.url, results=False) as client,
    ):
        try:
            time.sleep(0.5)
            for number, name in enumerate(names, 1):
                client.submit(1, queue=name)
                wait_until(lambda number=number: len(begun) == number, HEARD)
        finally:
            free.set()


def test_an_idle_worker_hears_of_a_job_after_the_slot_of_its_queue_has_moved(
    cluster: ClusterOfNodes,
) -> None:
    [name] = cluster.names(1, "moves")
    with (
        working(cluster.url, echo, queues=[name]),
        pyjobs.Client(cluster.url, queue=name, sweep=600.0) as client,
    ):
        assert client.submit(1).result(SOON) == 1
        time.sleep(0.3)
        cluster.move(name)
        # The old node has given the channel up, and the new one serves it.
        time.sleep(1.0)
        began = time.monotonic()
        assert client.submit(2).result(SOON) == 2
        assert time.monotonic() - began < HEARD


def test_an_idle_worker_looks_at_once_when_it_hears_again_after_a_break(
    cluster: ClusterOfNodes,
) -> None:
    [name] = cluster.names(1, "breaks")
    with (
        working(cluster.url, echo, queues=[name]),
        pyjobs.Client(cluster.url, queue=name, sweep=600.0) as client,
    ):
        assert client.submit(1).result(SOON) == 1
        time.sleep(0.3)
        with connect(cluster.owner(name).url) as server:
            server.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        began = time.monotonic()
        assert client.submit(2).result(SOON) == 2
        assert time.monotonic() - began < HEARD


@pytest.mark.long
def test_a_listener_that_died_without_a_word_delays_one_token(
    cluster: ClusterOfNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WakeListener.__init__, "__defaults__", (LOOK_SECONDS,))
    [name] = cluster.names(1, "dead")
    with connect(cluster.owner(name).url) as server, contextlib.ExitStack() as stack:
        dead = server.connection_pool.get_connection()
        stack.callback(dead.disconnect)
        word = "SUBSCRIBE" if server.info("server")["redis_version"] < "7" else "SSUBSCRIBE"
        dead.send_command(word, f"jobs:{{{name}}}:wake:1")
        assert dead.read_response()[2] == 1
        stack.enter_context(working(cluster.url, echo, queues=[name]))
        client = stack.enter_context(pyjobs.Client(cluster.url, queue=name, sweep=600.0))
        assert client.submit(1).result(SOON) == 1
        time.sleep(0.5)
        assert client.submit(2).result(SOON) == 2
        for value in range(3, 6):
            time.sleep(0.3)
            began = time.monotonic()
            assert client.submit(value).result(SOON) == value
            assert time.monotonic() - began < LOOK_SECONDS - 2


def has_shards(cluster: ClusterOfNodes) -> bool:
    with connect(cluster.nodes[0].url) as server:
        return not server.info("server")["redis_version"].startswith("6")


@pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])
def test_a_result_is_published_on_the_node_of_its_queue_alone(
    cluster: ClusterOfNodes, aio: bool
) -> None:
    names = cluster.names(6)
    published = calls(cluster.nodes, "publish")
    with (
        working(cluster.url, echo, queues=names),
        opened(cluster.url, aio=aio, sweep=600.0) as client,
    ):
        for name in names:
            jobs = client.submit_many(range(20), queue=name)
            assert [job.result(SOON) for job in jobs] == list(range(20))
        # One for each node, and one that hears what old nodes publish; three and one of the worker.
        assert parked(cluster.nodes) <= 8
    if has_shards(cluster):
        assert calls(cluster.nodes, "publish") == published


@pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])
def test_results_of_parts_stay_on_their_nodes_once_the_client_knows_the_parts(
    cluster: ClusterOfNodes, aio: bool
) -> None:
    with Admin(cluster.url) as admin:
        admin.split("split", 3)
    with (
        working(cluster.url, echo, queues=["split"]),
        opened(cluster.url, aio=aio, queue="split", sweep=600.0) as client,
    ):
        # The client learns the parts from an answer, and its first results reach every node.
        jobs = client.submit_many(range(20))
        assert [job.result(SOON) for job in jobs] == list(range(20))

        def all_stay() -> bool:
            published = calls(cluster.nodes, "publish")
            jobs = client.submit_many(range(20))
            assert [job.result(SOON) for job in jobs] == list(range(20))
            return calls(cluster.nodes, "publish") == published

        if has_shards(cluster):
            wait_until(all_stay, SOON)
            assert all_stay()


@pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])
def test_a_client_hears_results_after_the_slot_of_a_queue_has_moved(
    cluster: ClusterOfNodes, aio: bool
) -> None:
    [name] = cluster.names(1, "waits")
    free = threading.Event()

    def handle(job: pyjobs.ClaimedJob) -> Any:
        free.wait(SOON)
        return job.data

    with (
        working(cluster.url, handle, queues=[name], concurrency=5),
        opened(cluster.url, aio=aio, queue=name, sweep=600.0) as client,
    ):
        jobs = client.submit_many(range(5))
        time.sleep(0.5)
        cluster.move(name)
        free.set()
        # Those that ended before the client was subscribed anew are swept at once then.
        assert [job.result(SOON) for job in jobs] == list(range(5))
        began = time.monotonic()
        assert client.submit("later").result(SOON) == "later"
        assert time.monotonic() - began < HEARD


@pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])
def test_a_client_whose_connections_break_finds_its_results_without_waiting_for_a_sweep(
    cluster: ClusterOfNodes, aio: bool
) -> None:
    names = cluster.names(3)
    free = threading.Event()

    def handle(job: pyjobs.ClaimedJob) -> Any:
        free.wait(SOON)
        return job.data

    with (
        working(cluster.url, handle, queues=names, concurrency=5),
        opened(cluster.url, aio=aio, sweep=600.0) as client,
    ):
        jobs = [client.submit(name, queue=name) for name in names]
        time.sleep(0.5)
        for node in cluster.nodes:
            with connect(node.url) as server:
                server.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        free.set()
        assert [job.result(SOON) for job in jobs] == names


def test_a_worker_waits_as_before_when_a_handler_has_cancelled_its_tasks(
    cluster: ClusterOfNodes,
) -> None:
    names = cluster.names(3, "cancels")

    async def cancel_all(job: pyjobs.ClaimedJob) -> Any:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if job.data == "cancel" and task.get_name().startswith("pyjobs-"):
                task.cancel()
        return job.data

    with (
        working(cluster.url, cancel_all, queues=names),
        pyjobs.Client(cluster.url, sweep=600.0) as client,
    ):
        assert client.submit("cancel", queue=names[0]).result(SOON) == "cancel"
        time.sleep(1.0)
        before = calls(cluster.nodes, "evalsha")
        time.sleep(2.0)
        # A worker that can't wait claims each queue five times in that time, or more.
        assert calls(cluster.nodes, "evalsha") - before < 5 * len(names)
        for name in names:
            began = time.monotonic()
            assert client.submit(name, queue=name).result(SOON) == name
            assert time.monotonic() - began < HEARD


@contextlib.contextmanager
def silence(node: Server) -> Iterator[None]:
    """A node that takes connections and says nothing."""
    os.kill(node.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(node.pid, signal.SIGCONT)


def test_the_parts_of_a_queue_are_served_while_the_node_of_one_is_silent(
    cluster: ClusterOfNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a worker writes once a minute it writes after each round trip.
    monkeypatch.setattr(upkeep, "REGISTER_SECONDS", 0.0)
    [name] = cluster.names(1, "parts")
    with Admin(cluster.url) as admin:
        parts = admin.split(name, 3, mode="reliable").keys(f"jobs:{{{name}}}")
    registry = cluster.owner("jobs:queues")
    silent = next(node for node in map(cluster.owner, parts) if node is not registry)
    served = [at for at, part in enumerate(parts) if cluster.owner(part) is not silent]
    ids = [id for id in (f"id{at}" for at in range(30)) if hash_of(id) % 3 in served]
    with (
        working(cluster.url, echo, queues=[name]),
        # Before Redis 7 its only subscription may be at the silent node.
        pyjobs.Client(cluster.url, queue=name, sweep=1.0) as client,
    ):
        assert [job.result(SOON) for job in client.submit_many(range(20))] == [*range(20)]
        with silence(silent):
            for id in ids:
                began = time.monotonic()
                assert client.submit(id, id=id).result(SOON) == id
                assert time.monotonic() - began < AT_ONCE


@pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])
def test_results_are_heard_while_a_node_is_silent_that_has_a_job_of_the_client(
    cluster: ClusterOfNodes, aio: bool
) -> None:
    queue, other = cluster.names(2, "sweeps")
    with (
        working(cluster.url, echo, queues=[queue]),
        opened(cluster.url, aio=aio, sweep=0.2) as client,
    ):
        waits = client.submit("waits", queue=other)
        assert client.submit("warm", queue=queue).result(SOON) == "warm"
        with silence(cluster.owner(other)):
            time.sleep(0.5)
            for value in range(5):
                began = time.monotonic()
                assert client.submit(value, queue=queue).result(SOON) == value
                assert time.monotonic() - began < AT_ONCE
        with working(cluster.url, echo, queues=[other]):
            assert waits.result(SOON) == "waits"


def test_an_asyncio_client_submits_to_other_nodes_while_a_submit_waits_for_a_silent_one(
    cluster: ClusterOfNodes,
) -> None:
    queue, other = cluster.names(2, "submits")

    async def submit() -> None:
        async with pyjobs.aio.Client(cluster.url, results=False) as client:
            for name in (queue, other):
                await client.submit(0, queue=name)
            with silence(cluster.owner(other)):
                waits = asyncio.create_task(client.submit(1, queue=other))
                await asyncio.sleep(0.1)
                async with asyncio.timeout(AT_ONCE):
                    for value in range(5):
                        await client.submit(value, queue=queue)
                assert not waits.done()
            assert (await waits).created

    asyncio.run(submit())


def test_the_progress_of_a_job_is_seen_while_a_job_of_a_silent_node_reports_too(
    cluster: ClusterOfNodes,
) -> None:
    queue, other = cluster.names(2, "progress")
    begun, free = set[str](), threading.Event()

    def handle(job: pyjobs.ClaimedJob) -> None:
        begun.add(job.queue)
        step = 0
        while not free.wait(0.02):
            step = min(step + 1, 1000)
            job.progress(step / 1000)

    with (
        working(cluster.url, handle, queues=[queue, other], concurrency=2, prefetch=0),
        pyjobs.Client(cluster.url, sweep=600.0) as client,
    ):
        jobs = [client.submit(1, queue=name) for name in (queue, other)]
        wait_until(lambda: len(begun) == 2, SOON)
        try:
            with silence(cluster.owner(other)):
                time.sleep(0.5)
                seen, first = jobs[0].info(), time.monotonic()
                while seen is None or seen == jobs[0].info():
                    assert time.monotonic() - first < AT_ONCE
                    time.sleep(0.1)
        finally:
            free.set()
        for job in jobs:
            job.result(SOON)


@pytest.mark.long
@pytest.mark.parametrize("rank", [0, 1], ids=["most urgent", "second"])
def test_a_worker_that_starts_while_a_node_is_silent_serves_the_other_nodes(
    cluster: ClusterOfNodes, rank: int
) -> None:
    names = cluster.names(6, "starts")
    silent = cluster.owner(names[rank])
    served = {name for name in names if cluster.owner(name) is not silent}
    assert 0 < len(served) < len(names)
    with pyjobs.Client(cluster.url) as client:
        for name in names:
            client.submit(name, queue=name)
    ran = set[str]()
    with contextlib.ExitStack() as stack:
        with silence(silent):
            stack.enter_context(working(cluster.url, lambda job: ran.add(job.data), queues=names))
            wait_until(lambda: ran == served, STARTED)
        wait_until(lambda: ran == set(names), STARTED)


@pytest.mark.long
@pytest.mark.parametrize("rank", [0, 1, 2], ids=["most urgent", "second", "last"])
def test_a_worker_with_room_for_one_job_serves_the_other_nodes_while_one_is_silent(
    cluster: ClusterOfNodes, rank: int
) -> None:
    names = cluster.names(3, "narrow")
    silent = cluster.owner(names[rank])
    with pyjobs.Client(cluster.url, results=False) as client:
        for name in names:
            client.submit_many([name] * 100, queue=name)
        ran: list[str] = []

        def handle(job: pyjobs.ClaimedJob) -> None:
            ran.append(job.data)
            time.sleep(0.005)

        options: dict[str, Any] = {"queues": names, "concurrency": 1, "prefetch": 0}
        with working(cluster.url, handle, **options):
            wait_until(lambda: len(ran) > 20, SOON)
            with silence(silent):
                for name in (name for name in names if cluster.owner(name) is not silent):
                    wait_until(lambda name=name: ran.count(name) == 100, AT_ONCE)
            wait_until(lambda: len(ran) >= 300, 2 * SOON)


@pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])
def test_a_submit_does_not_wait_for_the_node_of_the_registry(
    cluster: ClusterOfNodes, aio: bool
) -> None:
    silent = cluster.owner("jobs:queues")
    names = [name for name in cluster.names(9, "enters") if cluster.owner(name) is not silent]
    with opened(cluster.url, aio=aio, results=False) as client:
        client.submit(0, queue=names[0])
        with silence(silent):
            began = time.monotonic()
            for name in names:
                client.submit(1, queue=name)
            assert time.monotonic() - began < REPLY_SECONDS
    with connect(silent.url) as server:
        wait_until(lambda: server.hexists("jobs:queues", names[0]), SOON)


@pytest.mark.parametrize("late", [CLASSIC_SECONDS / 2, 2 * CLASSIC_SECONDS])
@pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])
def test_results_of_parts_are_heard_however_late_the_channel_of_all_nodes_is(
    cluster: ClusterOfNodes, monkeypatch: pytest.MonkeyPatch, aio: bool, late: float
) -> None:
    """A client that does not know the parts yet has no other channel for them."""

    class Late(sync_shards.Subscription):
        def open(self, seconds: float = 0.0) -> None:
            if not self.is_open and self._words[0] == "SUBSCRIBE":
                time.sleep(late)
            super().open(seconds)

    class AsyncLate(aio_shards.AsyncSubscription):
        async def open(self, seconds: float) -> None:
            if self._words[0] == "SUBSCRIBE":
                await asyncio.sleep(late)
            await super().open(seconds)

    monkeypatch.setattr(sync_shards, "Subscription", Late)
    monkeypatch.setattr(aio_shards, "AsyncSubscription", AsyncLate)
    monkeypatch.setattr(PartChannels, "hear", lambda *_: None)
    [name] = cluster.names(1, "late")
    with Admin(cluster.url) as admin:
        admin.split(name, 3)
    with (
        working(cluster.url, echo, queues=[name]),
        opened(cluster.url, aio=aio, sweep=600.0) as client,
    ):
        jobs = client.submit_many(range(12), queue=name)
        assert [job.result(SOON) for job in jobs] == [*range(12)]


@pytest.mark.long
def test_a_worker_serves_the_parts_of_a_queue_that_was_silent_when_it_started(
    cluster: ClusterOfNodes,
) -> None:
    with Admin(cluster.url) as admin:
        admin.split("parted", 3)
    with pyjobs.Client(cluster.url, queue="parted", results=False) as client:
        client.submit_many(range(30))
    ran = list[int]()
    with contextlib.ExitStack() as stack:
        with silence(cluster.owner("jobs:{parted}")):
            serving = working(cluster.url, lambda job: ran.append(job.data), queues=["parted"])
            stack.enter_context(serving)
            time.sleep(REPLY_SECONDS + 1)
        # The queue itself says what its parts are, and is asked again each few seconds.
        wait_until(lambda: len(ran) == 30, STARTED)
