"""The drills of moves into a queue in parts: movers are killed, the queue grows, a primary dies."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pyjobs
from drill.account import Account
from drill.load import GRACE, LEASE
from drill.nodes import Cluster, until
from pyjobs.admin import Admin, Filter
from pyjobs.engine import Keys, part_key
from pyjobs.errors import PyjobsError
from pyjobs.testing import running

BEFORE, AFTER = 3, 5
WAITING = Filter(state="pending")
BATCH = 2_000
SOON = 120.0


def arrivals(cluster: Cluster, small: bool, *, kills: bool) -> Account:
    """Jobs are moved into a queue of three parts, which workers serve, by movers of which each is
    killed by SIGKILL. It grows to five parts meanwhile; and a primary of it is killed."""
    source, target = cluster.names(2)
    count = 4_000 if small else 16_000
    runs: Counter[str] = Counter()
    lock = threading.Lock()

    def handle(job: pyjobs.ClaimedJob) -> None:
        with lock:
            runs[job.id] += 1

    account = Account(acked=count)
    ids = [f"job-{n}" for n in range(count)]
    with (
        Admin(cluster.url) as admin,
        pyjobs.Client(cluster.url, results=False, durable="replicas:1") as client,
    ):
        admin.split(target, BEFORE, durable="replicas:1")
        worker = pyjobs.Worker(
            cluster.url, queues=[target], concurrency=50, lease=LEASE, grace=GRACE
        )
        worker.handler(handle)
        first, second = ids[: count // 2], ids[count // 2 :]
        with running(worker):
            # Nothing of a job is kept, so that only the outbox knows what has been moved.
            put(client, source, first)
            struck = movers_killed(cluster, admin, source, target)
            until(lambda: len(runs) == len(first), "the first half has run", SOON)
            put(client, source, second)
            struck += movers_killed(cluster, admin, source, target, times=3)
            admin.split(target, AFTER, durable="replicas:1")
            until(lambda: admin.settle_parts(target) == "", "the split is settled", SOON)
            if kills:
                places = admin.parts(target).places
                part = part_key(Keys("jobs").queue(target), places[0])
                primary_killed(cluster, admin, source, target, part)
            struck += movers_killed(cluster, admin, source, target)
            with suppress(TimeoutError):
                until(lambda: len(runs) == count, "every job has run", 10 if kills else SOON)
        wrong = [*admin.check(source), *admin.check(target)]
        account.promise(not wrong, f"{len(wrong)} findings of a check")
    account.lost = count - len(runs)
    account.twice = sum(times > 1 for times in runs.values())
    account.promise(kills or account.lost == 0, f"{account.lost} lost")
    account.promise(kills or account.twice == 0, f"{account.twice} began twice")
    account.promise(struck >= 3, f"{struck} movers killed")
    return account


def put(client: pyjobs.Client, queue: str, ids: list[str]) -> None:
    for at in range(0, len(ids), BATCH):
        part = ids[at : at + BATCH]
        client.submit_many(range(len(part)), queue=queue, ids=part, retention=0)


def movers_killed(cluster: Cluster, admin: Admin, source: str, target: str, times: int = 40) -> int:
    """Start movers and kill each in its work, so often, or until nothing is left to move. Returns
    how many were killed."""
    killed, ends = 0, time.monotonic() + SOON
    while is_left(admin, source) and killed < times and time.monotonic() < ends:
        killed += mover_killed(cluster, admin, source, target)
    return killed


@contextmanager
def mover(
    cluster: Cluster, admin: Admin, source: str, target: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A mover that has begun to work, or has ended. It is killed in the end."""
    url = ("--url", cluster.url)
    command = [sys.executable, "-m", "pyjobs", "move", *url, source, target, "--all"]
    left = admin.count_jobs(source, "move", WAITING)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(
            lambda: process.poll() is not None or admin.count_jobs(source, "move", WAITING) < left,
            "the mover has begun or ended",
            SOON,
        )
        yield process
        process.kill()


def mover_killed(cluster: Cluster, admin: Admin, source: str, target: str) -> bool:
    """Start a mover and kill it a moment after it has begun. Returns whether it was killed."""
    with mover(cluster, admin, source, target) as process:
        time.sleep(random.uniform(0.0, 0.1))
    return process.wait() < 0


def primary_killed(cluster: Cluster, admin: Admin, source: str, target: str, part: str) -> None:
    """Kill the primary of a part of the other queue while a mover is at work. It starts again when
    it has a successor."""
    victim = cluster.owner(part)
    with mover(cluster, admin, source, target) as process:
        victim.kill()
        until(lambda: cluster.owner(part) is not victim, "a replica promoted")
        # The mover waits for the successor, or has given up.
        process.wait(SOON)
    victim.server.start()
    until(cluster.is_whole, "the dead node is a replica", 60)


def is_left(admin: Admin, source: str) -> bool:
    """Whether jobs wait in the queue, or are on their way."""
    with suppress(PyjobsError):
        return bool(admin.count_jobs(source, "move", WAITING) or admin.outbox(source))
    return True
