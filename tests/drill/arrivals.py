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
from unittest.mock import patch

import pyjobs
from drill.account import Account
from drill.growth import LOOK
from drill.load import GRACE, LEASE
from drill.nodes import Cluster, until
from pyjobs.admin import Admin, Filter
from pyjobs.engine import Keys, part_key
from pyjobs.errors import PyjobsError
from pyjobs.testing import running

BEFORE, AFTER = 3, 5
WAITING = Filter(state="pending")
BATCH = 2_000
SOON = 300.0


def arrivals(cluster: Cluster, small: bool, *, kills: bool) -> Account:
    """Jobs are moved into a queue of three parts, which workers serve, by movers of which each is
    killed by SIGKILL. It grows to five parts meanwhile; and a primary of it is killed."""
    half = 2_000 if small else 8_000
    runs: Counter[str] = Counter()
    lock = threading.Lock()

    def handle(job: pyjobs.ClaimedJob) -> None:
        with lock:
            runs[job.id] += 1

    account = Account()
    with (
        patch("pyjobs.worker.claiming.parts.REGISTER_SECONDS", LOOK),
        Admin(cluster.url) as admin,
        pyjobs.Client(cluster.url, results=False, durable="replicas:1") as client,
    ):
        moves = Moves(cluster, admin, client, *cluster.names(2))
        target = moves.target
        admin.split(target, BEFORE, durable="replicas:1")
        worker = pyjobs.Worker(
            cluster.url, queues=[target], concurrency=50, lease=LEASE, grace=GRACE
        )
        worker.handler(handle)
        with running(worker):
            moves.put(half)
            struck = [moves.killed(2), moves.carried_on()]
            until(lambda: len(runs) == moves.count, "the first half has run", SOON)
            moves.put(half)
            struck.append(moves.killed(2))
            admin.split(target, AFTER, durable="replicas:1")
            until(lambda: admin.settle_parts(target) == "", "the split is settled", SOON)
            if kills:
                places = admin.parts(target).places
                moves.primary_killed(part_key(Keys("jobs").queue(target), places[0]))
            struck += [moves.killed(1), moves.carried_on()]
            with suppress(TimeoutError):
                until(lambda: len(runs) == moves.count, "every job has run", 10 if kills else SOON)
        wrong = [*admin.check(moves.source), *admin.check(target)]
        account.promise(not wrong, f"{len(wrong)} findings of a check")
    account.acked = moves.count
    account.lost = account.acked - len(runs)
    account.twice = sum(times > 1 for times in runs.values())
    account.promise(kills or account.lost == 0, f"{account.lost} lost")
    account.promise(kills or account.twice == 0, f"{account.twice} began twice")
    account.broken += moves.broken
    account.notes.append(f"{sum(struck)} movers killed")
    return account


class Moves:
    """Puts jobs into one queue and starts movers to the other, each of which is killed.

    Attributes:
        source: the queue that jobs leave.
        target: the queue that they go to.
        count: how many jobs were put. Their ids are numbered.
        broken: what could not be done in time.
    """

    def __init__(
        self, cluster: Cluster, admin: Admin, client: pyjobs.Client, source: str, target: str
    ) -> None:
        self.source, self.target = source, target
        self.count = 0
        self.broken: list[str] = []
        self._cluster, self._admin, self._client = cluster, admin, client

    def put(self, number: int) -> None:
        """Put jobs of which nothing is kept, so that only the outbox knows what has been moved."""
        for at in range(0, number, BATCH):
            some = range(min(BATCH, number - at))
            ids = [f"job-{self.count + n}" for n in some]
            self._client.submit_many(some, queue=self.source, ids=ids, retention=0)
            self.count += len(ids)

    def killed(self, least: int) -> int:
        """Kill so many movers in their work. Each finds a round of jobs; where one was faster than
        its kill the next rounds are twice as long, so that no machine is too fast. Returns how many
        were killed."""
        killed, number, ends = 0, BATCH, time.monotonic() + SOON
        while killed < least and time.monotonic() < ends:
            self.put(max(0, number - self._waiting()))
            if self._mover_killed():
                killed += 1
            else:
                number *= 2
        if killed < least:
            self.broken.append(f"{killed} of {least} movers killed in their work in {SOON:g} s")
        return killed

    def carried_on(self) -> int:
        """Kill movers until nothing is left to move. Returns how many were killed."""
        killed, ends = 0, time.monotonic() + SOON
        while self._are_left():
            if time.monotonic() > ends:
                self.broken.append(f"jobs are left to move after {SOON:g} s")
                break
            killed += self._mover_killed()
        return killed

    def primary_killed(self, part: str) -> None:
        """Kill the primary of a part of the other queue while a mover is at work. It starts again
        when it has a successor."""
        victim = self._cluster.owner(part)
        with self._mover() as process:
            victim.kill()
            until(lambda: self._cluster.owner(part) is not victim, "a replica promoted")
            # The mover waits for the successor, or has given up.
            process.wait(SOON)
        victim.server.start()
        until(self._cluster.is_whole, "the dead node is a replica", 60)

    @contextmanager
    def _mover(self) -> Iterator[subprocess.Popen[bytes]]:
        """A mover that has begun to work, or has ended. It is killed in the end."""
        url = ("--url", self._cluster.url)
        command = [
            *(sys.executable, "-m", "pyjobs", "move"),
            *(*url, self.source, self.target, "--all"),
        ]
        before = self._admin.outbox(self.source)
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            until(
                lambda: process.poll() is not None or self._admin.outbox(self.source) != before,
                "the mover has begun or ended",
                SOON,
            )
            yield process
            process.kill()

    def _mover_killed(self) -> bool:
        """Start a mover and kill it a moment after it has begun. Returns whether that was in its
        work: jobs are left."""
        with self._mover() as process:
            time.sleep(random.uniform(0.0, 0.1))
        return process.wait() < 0 and self._are_left()

    def _waiting(self) -> int:
        return self._admin.count_jobs(self.source, "move", WAITING)

    def _are_left(self) -> bool:
        """Whether jobs wait in the queue, or are on their way."""
        with suppress(PyjobsError):
            return bool(self._waiting() or self._admin.outbox(self.source))
        return True
