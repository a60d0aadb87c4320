"""The drills of load that is spread: what the busiest node has to do, and what an idle worker
keeps open."""

from __future__ import annotations

import time
from contextlib import suppress

from redis import crc

import pyjobs
from drill.account import Account
from drill.nodes import Cluster, until
from drill.parts import CPU, WORK, Used, busiest, drain, used
from pyjobs.engine import Keys
from pyjobs.testing import running
from pyjobs.transport import connect

QUEUES = 6
TWELVE = 12
# The busiest of three nodes has so much of the CPU that one node has for the same jobs, and of the
# commands, which no other load of the machine changes.
SHARE = 0.45
CALLS_SHARE = 0.4
SETTLED = 3.0


def spread(cluster: Cluster, small: bool) -> Account:
    """Six queues on three nodes, and six on one node, are filled and drained. The work of the
    busiest primary for a job that is submitted, claimed and completed is compared."""
    count = 1_000 if small else 4_000
    account = Account(acked=2 * QUEUES * count)
    costs: list[Used] = []
    with connect(cluster.url) as server, pyjobs.Client(cluster.url, results=False) as client:
        for queues in (names_of_one(cluster), cluster.names(QUEUES)):
            before = used(cluster)
            for queue in queues:
                client.submit_many(range(count), queue=queue)
            drained = drain(server, [Keys("jobs").queue(queue) for queue in queues])
            after = used(cluster)
            total = QUEUES * count
            account.lost += total - drained
            costs.append(busiest(before, after, total))
    account.promise(account.lost == 0, f"{account.lost} lost")
    for what, most, one, three in zip(WORK, (SHARE, CALLS_SHARE), *costs, strict=True):
        shown = f"the busiest node: {one:.1f} {what} a job on one node, {three:.1f} on three"
        is_kept = three <= most * one or (small and what == CPU)
        account.promise(is_kept, f"{shown}: {three / one:.2f} of it")
    return account


def names_of_one(cluster: Cluster) -> list[str]:
    """Names of queues in slots of the first primary."""
    slots = {*cluster.slots_of(cluster.primaries()[0])}
    names = (f"one{n}" for n in range(1000))
    return [name for name in names if crc.key_slot(name.encode()) in slots][:QUEUES]


def idle(cluster: Cluster, small: bool) -> Account:
    """A worker of twelve queues has no job. The connections that it keeps open are counted."""
    account = Account(acked=0)
    queues = cluster.names(TWELVE)
    with pyjobs.Client(cluster.url, results=False) as client:
        for queue in queues:
            client.submit(1, queue=queue)
    before = open_connections(cluster)
    done: list[str] = []
    worker = pyjobs.Worker(cluster.url, queues=queues)
    worker.handler(lambda job: done.append(job.id))
    with running(worker):
        until(lambda: len(done) == TWELVE, "all jobs have run")
        time.sleep(SETTLED)
        nodes = len(cluster.primaries())
        with suppress(TimeoutError):
            until(lambda: parked_connections(cluster) <= nodes + 2, "few connections wait")
        parked = parked_connections(cluster)
        everything = open_connections(cluster) - before
    account.promise(parked <= nodes + 2, f"{parked} connections wait, for {TWELVE} queues")
    account.notes.append(f"{everything} are open in all")
    return account


def open_connections(cluster: Cluster) -> int:
    """The connections of clients to all primaries."""
    return sum(len(rows(node.ask("CLIENT", "LIST"))) for node in cluster.primaries())


def parked_connections(cluster: Cluster) -> int:
    """Those that wait for messages or for a wake token."""
    found = [row for node in cluster.primaries() for row in rows(node.ask("CLIENT", "LIST"))]
    waits = ("subscribe", "ssubscribe", "blpop", "sunsubscribe", "unsubscribe")
    return sum(any(f" cmd={word} " in row for word in waits) for row in found)


def rows(listed: bytes) -> list[str]:
    """The connections of clients, without those of replicas."""
    return [row for row in listed.decode().splitlines() if " flags=S " not in row]
