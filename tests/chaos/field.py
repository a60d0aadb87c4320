"""The field of one run: a server, two workers, a client that submits, and the handles of faults.

Nothing here knows which fault strikes when, and nothing judges.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from support.store import Store, leaks

from chaos.clock import Clock
from chaos.log import Log
from chaos.process import Process
from chaos.producer import Producer
from chaos.stalls import Stalls
from chaos.worker import QUEUE
from pyjobs import Client
from pyjobs.admin import Admin
from pyjobs.engine.keys import Keys
from pyjobs.engine.limits import MAX_ITEMS
from pyjobs.engine.queue import fetch, read_output
from pyjobs.engine.replies import Stored
from pyjobs.errors import PyjobsError
from pyjobs.testing import Server
from pyjobs.transport.send import run

JOBS_PER_SECOND = 100
DRAIN_SECONDS = 120.0
LOOK_SECONDS = 0.02
WORKERS = 2
KEYS = Keys("jobs")
Action = Callable[[], None]


@dataclass(frozen=True)
class Size:
    """How big a run is: jobs, and the lease in seconds."""

    jobs: int = 2000
    lease: float = 5.0

    @property
    def span(self) -> float:
        """Seconds over which the jobs are submitted and the faults strike."""
        return self.jobs / JOBS_PER_SECOND


class Field:
    """One run's parts. `faults` get it and use the attributes; `go` does the run.

    Attributes:
        size: jobs and lease.
        rng: the run's dice.
        log: its events.
        server: the server; its directory is `folder`/server.
        workers: two of them.
        redis: a connection to the server, for looks that are no part of the run.
    """

    def __init__(
        self,
        server: Server,
        folder: Path,
        size: Size,
        seed: int,
        *,
        clock: Clock,
        kinds: Sequence[tuple[str, float]] = (),
        suicidal: bool = False,
        max_crashes: int = 3,
        parts: int = 1,
    ) -> None:
        self.server, self.folder, self.size = server, folder, size
        self.rng = random.Random(seed)
        self.log = Log(folder / "events")
        self.redis: Any = redis.Redis.from_url(server.url)
        self._suicidal = suicidal
        self._parts = parts
        self._clock = clock
        words = [server.url, str(folder / "events"), str(size.lease), str(max_crashes)]
        self.workers = [
            Process(
                [sys.executable, "-m", "chaos.worker", *words], self.log, folder / f"worker{n}.log"
            )
            for n in range(WORKERS)
        ]
        self._client = Client(server.url)
        self._producer = Producer(self._client, self.log, seed, kinds, size.jobs, size.span)
        self._stalls = Stalls(self.log, size.lease / 2)

    def moments(self, number: int) -> Iterator[float]:
        """So many times within the span, one in each equal part of it, by the dice."""
        part = self.size.span / number
        return ((n + self.rng.uniform(0.3, 0.9)) * part for n in range(number))

    def go(self, faults: Sequence[tuple[float, Action]]) -> None:
        """Submit, let the faults strike at their seconds, drain, and note what is left."""
        self._stalls.start()
        if self._parts > 1:
            self.split(self._parts)
        for worker in self.workers:
            worker.start()
        self._until(lambda: self._clients() >= WORKERS)
        began = time.monotonic()
        self._producer.start()
        for at, action in sorted(faults, key=lambda fault: fault[0]):
            self._watch(began + at)
            action()
        self._watch(began + self.size.span)
        # What kills workers by the environment must not go on when all is to be drained.
        for worker in self.workers:
            worker.environ.pop("PYJOBS_CRASH_AT", None)
        self._until(lambda: not self._producer.is_alive() and self._drained())
        self._producer.stop()
        self._note()
        for worker in self.workers:
            worker.close(self._suicidal)

    def split(self, parts: int) -> None:
        """Split the queue in so many parts, also while the server is away for a moment."""
        with Admin(self.server.url) as admin:
            self._until(lambda: _does(lambda: admin.split(QUEUE, parts)))

    def keys(self) -> Sequence[str]:
        """The keys of all parts of the queue."""
        with Admin(self.server.url) as admin:
            return admin.parts(QUEUE).keys(KEYS.queue(QUEUE))

    def write_log_anew(self) -> None:
        """Let the server write its log anew, and wait for it: only the last part of a log may be
        torn."""
        self.redis.bgrewriteaof()
        states = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")
        self._until(lambda: not any(self.redis.info("persistence")[state] for state in states))

    def step_clock(self, seconds: int) -> None:
        """Put the server's clock so many seconds off."""
        self._clock.step(seconds)
        self.log.write("step", note=str(seconds))

    def close(self) -> None:
        """End what still runs."""
        self._producer.stop()
        self._stalls.stop()
        for worker in self.workers:
            worker.end()
        self._client.close()
        self.redis.close()
        self.log.close()

    def _watch(self, until: float) -> None:
        while time.monotonic() < until:
            for worker in self.workers:
                worker.look(self._suicidal)
            time.sleep(LOOK_SECONDS)

    def _until(self, over: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DRAIN_SECONDS + 6 * self.size.lease
        while not over() and time.monotonic() < deadline:
            self._watch(time.monotonic() + 5 * LOOK_SECONDS)

    def _clients(self) -> int:
        """Workers that wait for a job."""
        waiting = (client["cmd"] == "blpop" for client in self.redis.client_list())
        return sum(waiting)

    def _drained(self) -> bool:
        # At once: a job that moves on between two looks would be in none of them.
        pipe = self.redis.pipeline(transaction=True)
        for queue in self.keys():
            pipe.llen(f"{queue}:pending")
            pipe.zcard(f"{queue}:inflight")
            pipe.zcard(f"{queue}:delayed")
        return not any(pipe.execute())

    def _note(self) -> None:
        """Into the log: what the client was told, what is stored, leaks, and what a check finds."""
        self._producer.ask()
        queue, keys = KEYS.queue(QUEUE), self.keys()
        ids, writers = self._producer.ids, self._producer.writers
        for at in range(0, len(ids), MAX_ITEMS):
            part = ids[at : at + MAX_ITEMS]
            stored_jobs: list[Stored] = run(self.redis, fetch(queue, part))
            for id, stored in zip(part, stored_jobs, strict=True):
                self.log.write("final", id, f"{stored.state} {stored.reason}".strip(" -"))
                if id in writers:
                    self._note_output(queue, id)
                for key in keys:
                    if crashes := self.redis.hget(f"{key}:job:{id}", "crashes"):
                        self.log.write("crashes", id, crashes.decode())
        seen: set[str] = set()
        for key in keys:
            start = len(f"{key}:job:")
            for name in self.redis.scan_iter(f"{key}:job:*", count=MAX_ITEMS):
                if (id := name.decode()[start:]) not in ids:
                    self.log.write("stranger", id)
                elif id in seen:
                    self.log.write("leak", note=f"job {id} is in two parts")
                seen.add(id)
        for leak in self._leaks():
            self.log.write("leak", note=leak)
        with Admin(self.server.url) as admin:
            for name in admin.queues():
                for found in admin.check(name):
                    note = f"check {name}: {found.state or 'no'} job is {found.finding}"
                    self.log.write("finding", found.id, f"{note} in {found.place or 'no place'}")

    def _note_output(self, queue: str, id: str) -> None:
        page = run(self.redis, read_output(queue, id, skip=0))
        assert page.total == len(page.chunks)
        for chunk in page.chunks:
            self.log.write("output", id, f"{chunk.number} {json.loads(chunk.body)}")

    def _leaks(self) -> list[str]:
        store = Store(self.server.url, None)
        try:
            while True:
                # A key may expire while it is looked at: then look again.
                with suppress(KeyError):
                    return leaks(store)
        finally:
            store.close()


def _does(act: Callable[[], object]) -> bool:
    with suppress(PyjobsError):
        act()
        return True
    return False
