"""Queues on the nodes of a Redis Cluster: all keys of one are in one slot, and a slot may move.

The scripts need no more than their slot, and a queue whose slot moves while it is worked on loses
nothing: with clients that speak to one node (`redis://`), and with clients that follow
(`redis+cluster://`).
"""

from __future__ import annotations

import shlex
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis
from support.cluster import NODE, SLOTS, SOON, ClusterOfNodes, Move, ask, cluster_of, is_up
from support.commands import Cli
from support.good_calls import SCRIPTS, Good, furnish, mode_of
from support.running import opened, wait_until, working
from support.servers import FOUND, PREFERRED, own_server
from support.store import HOUR, Jobs, Q, Store, leaks

import pyjobs
from pyjobs.admin import Admin
from pyjobs.engine.acl import ROLES
from pyjobs.engine.modes import MODES
from pyjobs.engine.scripts import Script
from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.testing import Running, Server
from pyjobs.testing.compliance import check
from pyjobs.transport.server import connect

pytestmark = pytest.mark.slow

JOBS = 300


@contextmanager
def owner_of_all(name: str = PREFERRED) -> Iterator[Server]:
    """A cluster of one node."""
    with own_server(*NODE, name=name) as node:
        ask(node, "CLUSTER", "ADDSLOTS", *range(SLOTS))
        wait_until(lambda: is_up(node))
        yield node


# One server in the default lane, the others in the long one.
SERVERS = [
    pytest.param(name, marks=() if name == PREFERRED else pytest.mark.long)
    for name in sorted(FOUND)
]


@pytest.mark.parametrize("name", SERVERS)
def test_every_script_runs_on_a_cluster_node_with_its_slot_alone(name: str) -> None:
    """Keys that a script derives are not declared: on a node of a cluster they may be used."""
    with owner_of_all(name) as node:
        store = Store(node.url, None)
        for script in SCRIPTS:
            store.redis.flushall()
            good = Good(script, furnish(store, mode_of(script)))
            store.call(good.call())
        store.close()


@contextmanager
def two_nodes() -> Iterator[tuple[Server, Server]]:
    """The owner of all slots, and one that has none."""
    with owner_of_all() as old, own_server(*NODE) as new:
        ask(new, "CLUSTER", "MEET", "127.0.0.1", old.port)
        wait_until(lambda: is_up(old) and is_up(new), SOON)
        yield old, new


def test_a_queue_whose_slot_moves_loses_no_job() -> None:
    """It rests while it is on its way: the node that it leaves runs none of its scripts then."""
    runs: Counter[str] = Counter()
    lock = threading.Lock()

    def handle(job: pyjobs.ClaimedJob) -> Any:
        with lock:
            runs[job.id] += 1
        time.sleep(0.02)
        return job.data

    with two_nodes() as (old, new):
        move = Move(old, new, Q)
        worker = pyjobs.Worker(old.url, queues=["q"], concurrency=4, prefetch=0)
        worker.handler(handle)
        running = Running(worker)
        with pyjobs.Client(old.url, queue="q") as client:
            ids = [job.id for job in client.submit_many(range(JOBS))]
            wait_until(lambda: len(runs) > 20)
            move.begin()
            move.keys(JOBS // 2)
            with pytest.raises(Unavailable, match="moving to another node of its cluster"):
                client.submit("meanwhile")
            while move.keys(100):
                pass
            move.end()
            with pytest.raises(PyjobsError, match=f"another node of a cluster: .*:{new.port}"):
                client.submit("after")
        error = running.ended()
        assert isinstance(error, PyjobsError) and "another node" in str(error)
        assert len(runs) < JOBS

        store = Store(new.url, None)
        jobs = Jobs(store, MODES["reliable"])
        # What the worker held when the queue left comes back with its lease.
        store.age(HOUR)
        with working(new.url, handle, concurrency=20), pyjobs.Client(new.url, queue="q") as client:
            assert [client.job(id).result(SOON) for id in ids] == list(range(JOBS))
        held = [id for id, times in runs.items() if times > 1]
        assert len(held) <= 4 and max(runs.values()) <= 2
        assert not jobs.redis.exists(f"{Q}:broken")
        assert not leaks(store)
        store.close()


@pytest.mark.long
def test_a_claim_that_follows_ask_is_refused_and_sets_no_job_aside() -> None:
    """The protocol says not to follow it: a job may still be at the old node."""
    with two_nodes() as (old, new):
        move = Move(old, new, Q)
        store = Store(old.url, None)
        Jobs(store, MODES["reliable"]).submit("a")
        script: Script = MODES["reliable"].script("claim")
        move.begin()
        for part in ("meta", "pending"):
            ask(old, "MIGRATE", "127.0.0.1", new.port, f"{Q}:{part}", 0, 5000)
        store.close()
        with connect(new.url) as server:
            server.script_load(script.body)
            with pytest.raises(redis.exceptions.MovedError):
                server.evalsha(script.sha1, 1, Q, "nonce", "1", "1000", "")
            pipe = server.pipeline(transaction=False)
            pipe.execute_command("ASKING")
            pipe.execute_command("EVALSHA", script.sha1, 1, Q, "nonce", "1", "1000", "")
            with pytest.raises(redis.exceptions.ResponseError, match="rehashing of the slot"):
                pipe.execute()
        # The old node still holds the job, and gives the slot up when it hears of the new owner.
        ask(new, "CLUSTER", "SETSLOT", move.slot, "NODE", move.to_id)
        assert ask(new, "LRANGE", f"{Q}:broken", 0, -1) == []


# --- redis+cluster:// ---

TWELVE = 12
# A wait for a node that is gone would take seconds; a busy machine takes some tenths.
APART = 3.0


@pytest.fixture(scope="module")
def three() -> Iterator[ClusterOfNodes]:
    with cluster_of(3) as cluster:
        yield cluster


@pytest.fixture
def cluster(three: ClusterOfNodes) -> ClusterOfNodes:
    three.flush()
    return three


def echo(job: pyjobs.ClaimedJob) -> Any:
    return job.data


def commands_of(node: Server) -> dict[str, int]:
    with connect(node.url) as server:
        stats = server.info("commandstats")
    return {name.removeprefix("cmdstat_"): found["calls"] for name, found in stats.items()}


@pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("mode", sorted(MODES))
def test_one_client_and_one_worker_serve_queues_of_twelve_slots_on_three_nodes(
    cluster: ClusterOfNodes, aio: bool, mode: Any
) -> None:
    names = cluster.names(TWELVE)
    assert {cluster.owner(name).port for name in names} == {node.port for node in cluster.nodes}
    with (
        working(cluster.url, echo, mode=mode, queues=names),
        opened(cluster.url, aio=aio, mode=mode) as client,
    ):
        jobs = [client.submit([name, 0], queue=name) for name in names]
        for name in names:
            jobs += client.submit_many([[name, n] for n in range(1, 21)], queue=name)
        found = sorted(job.result(SOON) for job in jobs)
        assert found == sorted([name, n] for name in names for n in range(21))
        # Idle for a moment, and woken again: a queue of each node.
        for name in names[:3]:
            assert client.submit("late", queue=name).result(SOON) == "late"


def test_a_more_urgent_queue_of_another_node_is_served_first(cluster: ClusterOfNodes) -> None:
    names, order = cluster.names(3), []

    def note(job: pyjobs.ClaimedJob) -> None:
        order.append(job.queue)

    with pyjobs.Client(cluster.url) as client:
        for name in reversed(names):
            client.submit_many(range(5), queue=name)
        with working(cluster.url, note, queues=names, concurrency=1, prefetch=0):
            wait_until(lambda: len(order) == 15)
    assert order == [name for name in names for _ in range(5)]


def test_a_node_whose_scripts_were_flushed_is_healed_by_the_next_calls(
    cluster: ClusterOfNodes,
) -> None:
    names = cluster.names(3)
    with working(cluster.url, echo, queues=names), pyjobs.Client(cluster.url) as client:
        for node in cluster.nodes:
            ask(node, "SCRIPT", "FLUSH")
            jobs = [client.submit(name, queue=name) for name in names]
            assert [job.result(SOON) for job in jobs] == names


@pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])
def test_a_lone_submit_follows_the_slot_of_its_queue_to_another_node(
    cluster: ClusterOfNodes, aio: bool
) -> None:
    [name] = cluster.names(1)
    with opened(cluster.url, aio=aio) as client:
        client.submit("before", queue=name)
        cluster.move(name)
        client.submit("moved", queue=name)
        client.submit("after", queue=name)
    assert ask(cluster.owner(name), "LLEN", f"jobs:{{{name}}}:pending") == 3


def test_slots_that_move_under_load_lose_no_job_and_run_none_twice(cluster: ClusterOfNodes) -> None:
    """Half of the moves are announced to the two nodes of the move only."""
    names = cluster.names(TWELVE)
    runs: Counter[Any] = Counter()
    acknowledged: list[pyjobs.Job] = []
    errors: list[Exception] = []
    ended, lock = threading.Event(), threading.Lock()

    def handle(job: pyjobs.ClaimedJob) -> Any:
        with lock:
            runs[job.queue, job.id] += 1
        return job.data

    def produce(client: pyjobs.Client) -> None:
        for at in count():
            if ended.is_set():
                return
            name = names[at % TWELVE]
            try:
                acknowledged.extend(client.submit_many(range(5), queue=name))
            except Exception as error:
                errors.append(error)
            time.sleep(0.002)

    before = [commands_of(node).get("asking", 0) for node in cluster.nodes]
    with (
        working(cluster.url, handle, queues=names, concurrency=20),
        pyjobs.Client(cluster.url) as client,
    ):
        producer = threading.Thread(target=produce, args=(client,))
        producer.start()
        for place, name in enumerate(names[:8]):
            cluster.move(name, announce=place % 2 == 0)
            time.sleep(0.05)
        wait_until(lambda: errors or len(acknowledged) > 100)
        ended.set()
        producer.join()
        results = [job.result(SOON) for job in acknowledged]
    assert errors == []
    assert results == [n for _ in range(len(acknowledged) // 5) for n in range(5)]
    assert set(runs.values()) == {1} and len(runs) == len(acknowledged)
    assert [commands_of(node).get("asking", 0) for node in cluster.nodes] == before


@pytest.mark.long
def test_a_job_runs_on_while_its_slot_moves_for_longer_than_its_lease(
    cluster: ClusterOfNodes,
) -> None:
    """Nobody can claim it meanwhile, so that its worker need not give it up."""
    [name] = cluster.names(1)
    begun: list[int] = []
    free = threading.Event()

    def handle(job: pyjobs.ClaimedJob) -> Any:
        begun.append(job.attempt)
        return free.wait(SOON)

    settings = {"queues": [name], "lease": 6.0}
    with pyjobs.Client(cluster.url, queue=name) as client:
        with working(cluster.url, handle, **settings), working(cluster.url, handle, **settings):
            job = client.submit(1)
            wait_until(lambda: begun)
            old = cluster.owner(name)
            move = Move(old, next(node for node in cluster.nodes if node is not old), name)
            move.begin()
            move.keys(1)
            time.sleep(7.0)
            while move.keys(20):
                pass
            move.end()
            time.sleep(6.5)
            free.set()
            assert job.result(SOON) is True
        assert begun == [1]
        # The slot is to be where the other tests look for it.
        back = Move(move.new, move.old, name)
        back.begin()
        while back.keys(20):
            pass
        back.end()


@pytest.mark.long
def test_a_node_that_is_killed_stops_the_queues_of_no_other_node() -> None:
    """The most urgent queue is on the node that dies."""
    with cluster_of(3) as cluster:
        names = cluster.names(3)
        dead, *alive = names
        waits: list[float] = []
        with (
            working(cluster.url, echo, queues=names, concurrency=4, lease=5.0),
            pyjobs.Client(cluster.url) as client,
        ):
            for name in names:
                assert client.submit(0, queue=name).result(SOON) == 0
            cluster.owner(dead).kill()
            killed = time.monotonic()
            while time.monotonic() < killed + 4.0 or len(waits) <= 20:
                for name in alive:
                    begun = time.monotonic()
                    client.submit("x", queue=name).result(SOON)
                    waits.append(time.monotonic() - begun)
            with pytest.raises(Unavailable):
                client.submit("x", queue=dead)
            cluster.owner(dead).start()
            assert client.submit("back", queue=dead).result(SOON) == "back"
        assert max(waits) < APART


@pytest.mark.long
def test_leases_of_other_nodes_are_renewed_while_a_node_is_gone() -> None:
    runs: Counter[str] = Counter()
    with cluster_of(3) as cluster:
        dead, alive = cluster.names(2)

        def handle(job: pyjobs.ClaimedJob) -> str:
            runs[job.queue] += 1
            time.sleep(12.0)
            return "done"

        with (
            working(cluster.url, handle, queues=[dead, alive], lease=5.0, grace=0.0),
            pyjobs.Client(cluster.url) as client,
        ):
            client.submit(1, queue=dead)
            job = client.submit(1, queue=alive)
            wait_until(lambda: len(runs) == 2)
            cluster.owner(dead).kill()
            assert job.result(SOON) == "done" and runs[alive] == 1


def test_a_job_that_is_cancelled_on_any_node_is_lost_long_before_its_heartbeat(
    cluster: ClusterOfNodes,
) -> None:
    names = cluster.names(3)
    begun, lost = set(), set()

    def handle(job: pyjobs.ClaimedJob) -> None:
        begun.add(job.queue)
        wait_until(lambda: job.lost, SOON)
        lost.add(job.queue)

    with (
        working(cluster.url, handle, queues=names, lease=300.0),
        pyjobs.Client(cluster.url) as client,
    ):
        jobs = [client.submit(1, queue=name) for name in names]
        wait_until(lambda: len(begun) == 3)
        assert all(client.cancel(job) for job in jobs)
        wait_until(lambda: lost == set(names))


def test_a_worker_of_two_queues_that_was_given_one_node_ends_and_names_the_url_to_use() -> None:
    with owner_of_all() as node:
        worker = pyjobs.Worker(node.url, queues=["q", "other"])
        worker.handler(echo)
        with pytest.raises(PyjobsError, match=r"several slots of a cluster; .*redis\+cluster://"):
            worker.run(signals=False)


def test_the_commands_serve_the_queues_of_every_node(
    cluster: ClusterOfNodes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = cluster.names(3)

    def fail(_: pyjobs.ClaimedJob) -> None:
        raise pyjobs.Reject("no")

    with connect(cluster.url) as server:
        cli = Cli(cluster.url, server, tmp_path, capsys)

        def out(*words: str) -> str:
            done = cli(*words, "--url", cluster.url)
            assert done.code == 0, (words, done)
            return done.out

        assert "scripts" in out("scripts", "load")
        for name in names:
            out("submit", name, "1", "--id", "a")
        with working(cluster.url, fail, queues=names), pyjobs.Client(cluster.url) as client:
            jobs = [client.job("a", queue=name) for name in names]
            wait_until(lambda: all(job.done() for job in jobs))
        for name in names:
            assert "a" in out("dead", name)
            out("requeue", name, "a")
            out("cancel", name, "a")
        found = out("reap")
        assert all(name in found for name in names)


def test_jobs_move_to_a_queue_of_another_node(cluster: ClusterOfNodes) -> None:
    here, there, _ = cluster.names(3)
    with Admin(cluster.url) as admin, pyjobs.Client(cluster.url) as client:
        jobs = [client.submit(n, queue=here) for n in range(3)]
        assert admin.move_jobs(here, there).done == 3
        assert admin.stats(there).pending == 3
        with pytest.raises(pyjobs.JobCancelled, match=f"was moved to queue {there}$"):
            jobs[0].result(SOON)
        with working(cluster.url, lambda job: job.data, queues=[here, there]):
            moved = client.job(jobs[2].id, queue=there)
            assert moved.result(SOON) == 2


OF_OPERATORS = (
    *("status", "jobs {q}", "show {q} a", "explain {q} a", "dead {q}", "failures {q}"),
    *("requeue {q} a", "pause {q}", "resume {q}", "run-now {q} a", "cancel {q} a"),
    *(
        "delete {q} a --yes",
        "purge {q} --yes",
        "limit {q} --pending 1000",
        "schedules {q}",
        "check {q}",
    ),
    *("reap", "scripts load", "mode {q} reliable"),
)


def test_the_printed_rights_are_enough_for_each_role_on_every_node(
    cluster: ClusterOfNodes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = cluster.names(3)

    def fail(_: pyjobs.ClaimedJob) -> None:
        raise pyjobs.Reject("no")

    with connect(cluster.url) as server:
        cli = Cli(cluster.url, server, tmp_path, capsys)
        for role in ROLES:
            words = cli("acl", role, "--url", cluster.url, "--durable", "replicas:1").out
            assert "'+cluster|slots'" in words and "+wait" in words
            for node in cluster.nodes:
                ask(node, *shlex.split(words.replace("PASSWORD", "pw")))

        def url(role: str) -> str:
            return cluster.url.replace("://", f"://{role}:pw@")

        try:
            for name in names:
                with (
                    pyjobs.Client(url("producer"), queue=name) as client,
                    working(url("worker"), fail, queues=[name]),
                ):
                    assert client.submit(1, id="a").exception(SOON)
                for line in OF_OPERATORS:
                    words = line.format(q=name)
                    done = cli(*words.split(), "--url", url("operator"))
                    assert not done.code, (words, done)
        finally:
            for node in cluster.nodes:
                ask(node, "ACL", "DELUSER", *ROLES)


@pytest.mark.long
@pytest.mark.parametrize("name", SERVERS)
def test_the_suite_of_compliance_passes_on_a_cluster_of_each_server(name: str) -> None:
    with cluster_of(3, name) as cluster:
        assert check(cluster.url, "reliable", flavour="async").jobs
        assert not any(ask(node, "DBSIZE") for node in cluster.nodes)
