"""The drills of a queue in parts whose primaries die: also while the queue grows."""

from __future__ import annotations

import time
from collections.abc import Callable
from unittest.mock import patch

import pyjobs
from drill.account import Account, settle
from drill.load import Load
from drill.nodes import Cluster, Node, asked, until
from pyjobs.admin import Admin
from pyjobs.admin.plan import Lasting, Plan, drive
from pyjobs.admin.split import split
from pyjobs.engine import Call, Keys, Parts, hash_of, part_key
from pyjobs.errors import PyjobsError
from pyjobs.transport import connect

BEFORE, AFTER = 3, 6
KEYED = 60
HOUR = 3600
# A worker looks for new parts of its queues once a minute; here it looks more often.
LOOK = 1.0
# Seconds in which the jobs of parts on other nodes begin, and those of the dead node once a replica
# has been promoted.
OTHERS = 0.5
DEAD = 3.0


def grow(cluster: Cluster, small: bool, *, durable: str) -> Account:
    """kill -9 of a primary while a queue of three parts is split in six under load: after the queue
    itself has learned the number, and before the other parts have. Then two more kills."""
    [queue] = cluster.names(1)
    load = Load(cluster.url, [[queue]] * 3, durable)
    account = Account()
    kills: list[str] = []
    with (
        patch("pyjobs.worker.claiming.parts.REGISTER_SECONDS", LOOK),
        Admin(cluster.url) as admin,
        pyjobs.Client(cluster.url, queue=queue, results=False, durable=durable) as client,
    ):
        admin.split(queue, BEFORE, durable=durable)
        keyed = {n: submit(client, n) for n in range(KEYED)}
        with load.running():
            time.sleep(1.5)
            part = part_key(Keys("jobs").queue(queue), admin.parts(queue).places[0])
            victim = cluster.owner(part)
            began = time.monotonic()
            split_and_kill(cluster, queue, part, durable)
            if durable != "no":
                # Without a replica no part learns for good.
                until(lambda: cluster.owner(part) is not victim, "a replica promoted")
                victim.server.start()
            until(lambda: grown(admin, queue, durable), "the queue has grown", 60)
            kills.append(f"grown after {time.monotonic() - began:.1f} s")
            victim.server.start()
            until(cluster.is_whole, "the dead node is a replica", 60)
            for number in range(0 if small else 2):
                kills.append(killed(cluster, load, admin, queue, number, account, durable))
            time.sleep(2 * LOOK)
        found = settle(load, cluster)
        moved = sum(submit(client, n) != id for n, id in keyed.items())
        found.promise(moved == 0 or durable == "no", f"{moved} unique keys have two live jobs")
        wrong = admin.check(queue)
        found.promise(not wrong, f"{len(wrong)} findings of a check")
    found.notes += kills
    found.broken += account.broken
    lost = found.lost + found.gone
    found.promise(lost == 0 or durable == "no", f"{lost} lost with durable={durable!r}")
    return found


def submit(client: pyjobs.Client, number: int) -> str:
    """Submit a job that stays, with a unique key, as a program does: until it is acknowledged."""
    ids: list[str] = []

    def acknowledged() -> bool:
        try:
            ids.append(client.submit(number, unique=f"key {number}", delay=HOUR).id)
        except PyjobsError:
            return False
        return True

    until(acknowledged, "acknowledged", 60)
    return ids[-1]


def split_and_kill(cluster: Cluster, queue: str, part: str, durable: str) -> None:
    """Split a queue, and kill the node of a part when the queue itself has learned the number."""
    victim = cluster.owner(part)
    with connect(cluster.url) as server:
        plan = split(Keys("jobs"), queue, AFTER, "reliable", durable)
        try:
            drive(server, struck(plan, victim.kill))
        except PyjobsError:
            return
    # One that had to wait long has found the successor.
    if not asked(lambda: cluster.owner(part) is not victim):
        raise AssertionError("a split does not notice that a part did not answer")


def struck(plan: Plan[Parts], strike: Callable[[], None]) -> Plan[Parts]:
    """Pass a plan on, and strike before the second step in which parts learn the number."""
    answer, learning = None, 0
    while True:
        try:
            step = plan.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        calls = step.calls if isinstance(step, Lasting) else step if isinstance(step, list) else []
        learning += any(learns(call) for call in calls)
        if learning == 2:
            learning += 1
            strike()
        answer = yield step


def learns(call: Call[object]) -> bool:
    """Whether a call lets a part learn the number of parts."""
    words = str(call.args[-1]).split()
    is_told = any(word.startswith("parts=") for word in words)
    return call.script.name == "queue/parts" and is_told and "check=1" not in words


def grown(admin: Admin, queue: str, durable: str) -> bool:
    """Call the split again, as an operator does. Returns whether it is carried through."""
    try:
        admin.split(queue, AFTER, durable=durable)
    except PyjobsError:
        return False
    return True


def killed(
    cluster: Cluster,
    load: Load,
    admin: Admin,
    queue: str,
    number: int,
    account: Account,
    durable: str,
) -> str:
    """Kill the owner of a part, and note how long jobs of parts on other nodes waited."""
    time.sleep(2 * LOOK)
    keys = admin.parts(queue).keys(Keys("jobs").queue(queue))
    owners = [cluster.owner(key) for key in keys]
    victim = owners[number]
    at = time.monotonic()
    victim.kill()
    until(lambda: cluster.owner(keys[number]) is not victim, "a replica promoted")
    promoted = time.monotonic()
    if durable != "no":
        victim.server.start()
    until(lambda: bool(begun(load, keys, owners, victim, promoted)), "jobs of the dead node")
    again = time.monotonic()
    others, stalled = waited(load, keys, owners, victim, at, again), load.stalled(at, again)
    account.promise(
        others <= OTHERS + stalled,
        f"jobs of other nodes' parts waited {others:.2f} s (the machine {stalled:.2f} s)",
    )
    dead = again - at
    account.promise(
        again - promoted <= DEAD + stalled or durable != "no",
        f"the dead node's parts after {dead:.1f} s",
    )
    victim.server.start()
    until(cluster.is_whole, "the dead node is a replica", 60)
    return (
        f"jobs of other nodes' parts waited {others:.2f} s (the machine {stalled:.2f} s), "
        f"the dead node's after {dead:.1f} s (promoted after {promoted - at:.1f} s)"
    )


def begun(
    load: Load, keys: list[str], owners: list[Node], victim: Node, since: float
) -> list[tuple[str, str]]:
    """The jobs of the parts of a node that have begun since then."""
    return [
        key
        for key, at in [*load.began.items()]
        if at > since and owners[hash_of(key[1]) % len(keys)] is victim
    ]


def waited(
    load: Load, keys: list[str], owners: list[Node], victim: Node, since: float, until: float
) -> float:
    """The longest time that a job of a part on another node waited for a worker."""
    waits = [0.0]
    for key, at in [*load.at.items()]:
        if since <= at <= until and owners[hash_of(key[1]) % len(keys)] is not victim:
            waits.append(load.began.get(key, until) - at)
    return max(waits)
