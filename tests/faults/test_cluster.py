"""Queues on the nodes of a Redis Cluster: all keys of one are in one slot, and a slot may move.

The clients speak to one server. What is shown is that the scripts need no more than their slot, and
that a queue whose slot moves while it is worked on loses nothing.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from support.good_calls import SCRIPTS, Good, furnish, mode_of
from support.running import wait_until, working
from support.servers import FOUND, PREFERRED, own_server
from support.store import HOUR, Jobs, Q, Store, leaks

import pyjobs
from pyjobs.engine.modes import MODES
from pyjobs.engine.scripts import Script
from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.testing import Running, Server
from pyjobs.transport.server import connect

pytestmark = pytest.mark.slow

SLOTS = 16384
SOON = 20.0
NODE = ("--cluster-enabled", "yes")
JOBS = 300


def ask(node: Server, *words: Any) -> Any:
    with connect(node.url) as server:
        return server.execute_command(*words)


def is_up(node: Server) -> bool:
    return b"cluster_state:ok" in ask(node, "CLUSTER", "INFO")


@contextmanager
def owner_of_all(name: str = PREFERRED) -> Iterator[Server]:
    """A cluster of one node."""
    with own_server(*NODE, name=name) as node:
        ask(node, "CLUSTER", "ADDSLOTS", *range(SLOTS))
        wait_until(lambda: is_up(node))
        yield node


@pytest.mark.parametrize("name", sorted(FOUND))
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


class Move:
    """The slot of a queue, on its way."""

    def __init__(self, old: Server, new: Server, queue: str = Q) -> None:
        self.old, self.new = old, new
        self.slot = ask(old, "CLUSTER", "KEYSLOT", queue)
        self._ids = [ask(node, "CLUSTER", "MYID").decode() for node in (old, new)]

    def begin(self) -> None:
        from_id, to_id = self._ids
        ask(self.new, "CLUSTER", "SETSLOT", self.slot, "IMPORTING", from_id)
        ask(self.old, "CLUSTER", "SETSLOT", self.slot, "MIGRATING", to_id)

    def keys(self, most: int) -> int:
        """Move some keys; returns how many."""
        keys = ask(self.old, "CLUSTER", "GETKEYSINSLOT", self.slot, most)
        if keys:
            where = ("127.0.0.1", self.new.port, "", 0, 5000, "KEYS")
            ask(self.old, "MIGRATE", *where, *keys)
        return len(keys)

    def end(self) -> None:
        for node in (self.new, self.old):
            ask(node, "CLUSTER", "SETSLOT", self.slot, "NODE", self._ids[1])


def test_a_queue_whose_slot_moves_loses_no_job() -> None:
    """It rests while it is on its way: the node that it leaves runs none of its scripts then."""
    runs: Counter[str] = Counter()
    lock = threading.Lock()

    def handle(job: pyjobs.ClaimedJob) -> Any:
        with lock:
            runs[job.id] += 1
        time.sleep(0.002)
        return job.data

    with two_nodes() as (old, new):
        move = Move(old, new)
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


def test_a_claim_that_follows_ask_sets_a_job_aside() -> None:
    """Why the protocol says not to; and that what it would do to a job can be seen."""
    with two_nodes() as (old, new):
        move = Move(old, new)
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
            assert pipe.execute()[1] == [-1]
        move.end()
        assert ask(new, "LRANGE", f"{Q}:broken", 0, -1) == [b"a"]
