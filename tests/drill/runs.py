"""The drills: what is done to a cluster under load, and what is promised of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

from redis import crc

import pyjobs
from drill.account import Account, settle, undisturbed
from drill.arrivals import arrivals
from drill.client import client_cpu
from drill.growth import grow
from drill.heard import heard
from drill.load import Load
from drill.nodes import NODE_TIMEOUT, Cluster, Node, until
from drill.parts import parts
from drill.spread import idle, spread
from drill.wakes import wakes
from pyjobs.testing import running

TWELVE = 12
# Seconds in which the queues of other nodes are claimed again, and those of the dead node: once a
# replica has been promoted, and in all. How long a promotion takes is for the servers, and a busy
# machine delays it, so a small drill does not judge the whole.
OTHERS = 0.5
DEAD = 3.0
DEAD_IN_ALL = NODE_TIMEOUT + 4.0
Drill = Callable[[Cluster, bool], Account]


def load_on(cluster: Cluster, durable: str = "no") -> Load:
    names = cluster.names(TWELVE)
    return Load(cluster.url, [names[at::3] for at in range(3)], durable)


def kill(cluster: Cluster, small: bool, *, durable: str) -> Account:
    """kill -9 of a primary, three times; it comes back as a replica."""
    load = load_on(cluster, durable)
    measured: list[tuple[float, float, float, float]] = []
    with load.running():
        for number in range(1 if small else 3):
            time.sleep(1.5)
            group = load.queues[number::3]
            victim = cluster.owner(group[0])
            killed = time.monotonic()
            victim.kill()
            until(partial(is_elsewhere, cluster, group[0], victim), "a replica promoted")
            promoted = time.monotonic()
            if durable != "no":
                # Without a replica no submit is durable.
                victim.server.start()
            until(partial(load.has_begun, group, promoted), "all queues of the dead node")
            others = [name for name in load.queues if name not in group]
            again = time.monotonic()
            gap, stalled = load.longest_wait(others, killed, again), load.stalled(killed, again)
            measured.append((gap, stalled, promoted - killed, load.again(group, promoted) - killed))
            victim.server.start()
            until(cluster.is_whole, "the dead node is a replica", 60)
        time.sleep(1.0)
    account = settle(load, cluster)
    for gap, stalled, promotion, dead in measured:
        others = f"jobs of other nodes waited {gap:.2f} s (the machine {stalled:.2f} s)"
        account.promise(gap <= OTHERS + stalled, others)
        again = f"the dead node's after {dead:.1f} s (promoted after {promotion:.1f} s)"
        soon = dead - promotion <= DEAD + stalled and (small or dead <= DEAD_IN_ALL + stalled)
        account.promise(soon or durable != "no", again)
    if durable != "no":
        lost = account.lost + account.gone
        account.promise(lost == 0, f"{lost} lost with durable={durable!r}")
    return account


def is_elsewhere(cluster: Cluster, name: str, node: Node) -> bool:
    return cluster.owner(name) is not node


def move(cluster: Cluster, small: bool) -> Account:
    """The slots of 8 queues move to the next node; half of the moves are told to two nodes only."""
    load = load_on(cluster)
    with load.running():
        time.sleep(1.0)
        for at, name in enumerate(load.queues[:8]):
            old, new = pair(cluster, name)
            cluster.move([crc.key_slot(name.encode())], old, new, all_told=at % 2 == 0)
            time.sleep(0.05)
        time.sleep(1.0)
    account = settle(load, cluster)
    undisturbed(account)
    return account


def pair(cluster: Cluster, name: str) -> tuple[Node, Node]:
    """The owner of a queue, and another primary."""
    old = cluster.owner(name)
    return old, next(node for node in cluster.primaries() if node is not old)


def reshard(cluster: Cluster, small: bool) -> Account:
    """A node is added and gets 4,096 slots, then gives them back and is removed. The scripts of
    another node are flushed meanwhile."""
    load = load_on(cluster)
    with load.running():
        time.sleep(1.0)
        new = cluster.add()
        olds = cluster.primaries()
        share = 96 if small else 4096
        taken = []
        for old in olds:
            mine = {crc.key_slot(name.encode()) for name in load.queues}
            slots = cluster.slots_of(old)
            # The slots of queues first: the others hold no key.
            slots.sort(key=lambda slot, mine=mine: slot not in mine)
            part = slots[: -(-share // len(olds))]
            taken.append((old, part))
            cluster.move(part, old, new, all_told=False)
        olds[0].ask("SCRIPT", "FLUSH")
        time.sleep(1.0)
        for old, part in taken:
            cluster.move(part, new, old)
        cluster.remove(new)
        time.sleep(1.0)
    account = settle(load, cluster)
    undisturbed(account)
    account.notes.append(f"{sum(len(part) for _, part in taken)} slots moved and back")
    return account


def long_move(cluster: Cluster, small: bool, *, atomic: bool = False) -> Account:
    """A slot with many keys moves for longer than a lease, while 20 jobs of its queue run."""
    # A heartbeat waits a tenth of a lease for its reply, and a node is busy while it sends keys.
    lease = 5.0
    count, number = (10_000, 10) if small else (100_000, 20)
    # Few keys a call, and a pause after each, so that the move is longer than a lease.
    keys = 200
    pause = 2 * lease * keys / count
    [name] = cluster.names(1)
    begun: list[tuple[str, int]] = []
    free = threading.Event()

    def handle(job: pyjobs.ClaimedJob) -> None:
        begun.append((job.id, job.attempt))
        free.wait(120)

    account = Account(acked=count + number)
    with pyjobs.Client(cluster.url, queue=name, results=False) as client:
        worker = pyjobs.Worker(
            cluster.url, queues=[name], concurrency=number, prefetch=0, lease=lease, grace=30.0
        )
        worker.handler(handle)
        other = pyjobs.Worker(cluster.url, queues=[name], concurrency=1, prefetch=0, lease=lease)
        other.handler(handle)
        with running(worker):
            jobs = client.submit_many(range(number))
            until(lambda: len(begun) == number, "every job runs")
            client.submit_many(range(count), delay=3600)
            with running(other):
                old, new = pair(cluster, name)
                slot = crc.key_slot(name.encode())
                began = time.monotonic()
                if atomic:
                    refused = move_at_once(slot, old, new, client)
                    account.promise(refused == 0, f"{refused} calls refused meanwhile")
                else:
                    cluster.move([slot], old, new, keys=keys, pause=pause)
                    took = time.monotonic() - began
                    account.promise(took > lease, f"moved for {took:.1f} s, leases of {lease:g} s")
                time.sleep(2 * lease)
                free.set()
                until(
                    lambda: all(job.info().state == "done" for job in jobs), "every job has ended"
                )
    account.twice = len(begun) - number
    account.crashes = sum(attempt > 1 for _, attempt in begun)
    account.promise(account.twice == 0, f"{account.twice} began twice")
    account.promise(account.crashes == 0, f"{account.crashes} crashes")
    return account


def move_at_once(slot: int, old: Node, new: Node, client: pyjobs.Client) -> int:
    """Move a slot by CLUSTER MIGRATESLOTS. Returns how many submits were refused meanwhile."""
    refused = 0
    old.ask("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", new.id)

    def has_moved() -> bool:
        nonlocal refused
        try:
            client.submit("meanwhile", delay=3600)
        except pyjobs.PyjobsError:
            refused += 1
        rows = new.ask("CLUSTER", "SLOTS")
        return any(low <= slot <= high and row[1] == new.port for low, high, row, *_ in rows)

    until(has_moved, "the slot has moved", 60)
    return refused


DRILLS: dict[str, Drill] = {
    "move": move,
    "kill": partial(kill, durable="no"),
    "kill-durable": partial(kill, durable="replicas:1"),
    "reshard": reshard,
    "long-move": long_move,
    "atomic-move": partial(long_move, atomic=True),
    "parts": parts,
    "spread": spread,
    "idle": idle,
    "wakes": wakes,
    "client": client_cpu,
    "grow": partial(grow, durable="no"),
    "grow-durable": partial(grow, durable="replicas:1"),
    "arrivals": partial(arrivals, kills=False),
    "arrivals-kill": partial(arrivals, kills=True),
    "heard": heard,
}
# Servers that can move a slot at once.
ATOMIC = {"atomic-move": "valkey-9"}
