"""Load on a cluster, and what was seen of it: producers and workers in threads, each job noted."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pyjobs
from pyjobs.engine import Keys, fetch
from pyjobs.errors import PyjobsError
from pyjobs.testing import running
from pyjobs.transport import connect, run

LEASE = 5.0
WORKERS = 2
BATCH = 5
PAUSE = 0.02
TICK = 0.01
DELAY = 0.03
GRACE = 60.0
# A job whose lease has to run out comes back within so many seconds.
STANDSTILL = 3 * LEASE
PART = 500


class Load:
    """Producers, one for the queues of each node, and workers of all queues.

    Attributes:
        acked: (queue, id) of the jobs whose submit has returned.
        starts: when handlers began, by queue.
        sent: when submits returned, by queue.
        began: when each job began for the first time.
        at: when the submit of each job returned.
        runs: how often each job began.
        attempts: (queue, id) of runs that were not the first by the number of the attempt.
        errors: what submits raised.
        slowest: seconds of the slowest submit.
        stalls: when this process stood still, and for how many seconds: what the machine adds.
    """

    def __init__(self, url: str, groups: list[list[str]], durable: str = "no") -> None:
        self.queues = [
            *dict.fromkeys(name for names in zip(*groups, strict=True) for name in names)
        ]
        self.acked: list[tuple[str, str]] = []
        self.starts: dict[str, list[float]] = defaultdict(list)
        self.began: dict[tuple[str, str], float] = {}
        self.at: dict[tuple[str, str], float] = {}
        self.sent: dict[str, list[float]] = defaultdict(list)
        self.runs: Counter[tuple[str, str]] = Counter()
        self.attempts: set[tuple[str, str]] = set()
        self.errors: list[PyjobsError] = []
        self.slowest = 0.0
        self.stalls: list[tuple[float, float]] = []
        self._url, self._groups, self._durable = url, groups, durable
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Put load on until the block ends, and let the workers go on with what is left."""
        producers = [
            threading.Thread(target=self._produce, args=(number, group))
            for number, group in enumerate(self._groups)
        ]
        with ExitStack() as stack:
            for _ in range(WORKERS):
                worker = pyjobs.Worker(
                    self._url, queues=self.queues, concurrency=20, lease=LEASE, grace=GRACE
                )
                worker.handler(self._handle)
                stack.enter_context(running(worker))
            watch = threading.Thread(target=self._watch)
            for thread in [watch, *producers]:
                thread.start()
            try:
                yield
            finally:
                self._stopped.set()
                for thread in [watch, *producers]:
                    thread.join()
            self._drain()

    def _watch(self) -> None:
        before = time.monotonic()
        while not self._stopped.wait(TICK):
            now = time.monotonic()
            self.stalls.append((now, now - before - TICK))
            before = now

    def _handle(self, job: pyjobs.ClaimedJob) -> Any:
        key = (job.queue, job.id)
        with self._lock:
            self.runs[key] += 1
            self.starts[job.queue].append(time.monotonic())
            self.began.setdefault(key, time.monotonic())
            if job.attempt > 1:
                self.attempts.add(key)
        return job.data

    def _produce(self, number: int, queues: list[str]) -> None:
        at = 0
        with pyjobs.Client(self._url, results=False, durable=self._durable) as client:
            while not self._stopped.is_set():
                queue = queues[at % len(queues)]
                ids = [f"{number}-{at}-{n}" for n in range(BATCH)]
                self._submit(client, queue, ids)
                at += 1
                time.sleep(PAUSE)

    def _submit(self, client: pyjobs.Client, queue: str, ids: list[str]) -> None:
        began = time.monotonic()
        # As a program does: again by the same ids, until Redis has them.
        while True:
            try:
                client.submit_many(range(BATCH), queue=queue, ids=ids)
            except PyjobsError as error:
                self.errors.append(error)
                if self._stopped.is_set():
                    return
            else:
                self.sent[queue].append(time.monotonic())
                self.acked += [(queue, id) for id in ids]
                self.at |= {(queue, id): time.monotonic() for id in ids}
                self.slowest = max(self.slowest, time.monotonic() - began)
                return

    def _drain(self) -> None:
        """Let the workers go on until every job has ended or is gone, as long as some do end."""
        left, ends = len(self.acked), time.monotonic() + STANDSTILL
        while left and time.monotonic() < ends:
            time.sleep(0.2)
            with suppress(PyjobsError):
                before, left = (
                    left,
                    sum(state not in {"", "done"} for state in self.states().values()),
                )
                if left != before:
                    ends = time.monotonic() + STANDSTILL

    def states(self) -> dict[tuple[str, str], str]:
        """Return the state of each acknowledged job, '' where Redis does not know it."""
        found: dict[tuple[str, str], str] = {}
        by_queue: dict[str, list[str]] = {}
        for queue, id in self.acked:
            by_queue.setdefault(queue, []).append(id)
        with connect(self._url) as server:
            for queue, ids in by_queue.items():
                for at in range(0, len(ids), PART):
                    part = ids[at : at + PART]
                    stored: list[Any] = run(server, fetch(Keys("jobs").queue(queue), part))
                    found |= {(queue, id): one.state for id, one in zip(part, stored, strict=True)}
        return found

    def longest_wait(self, queues: list[str], since: float, until: float) -> float:
        """Return the longest time that a job of one of these queues waited for a worker, from the
        answer to its submit to its start."""
        waits = [0.0]
        for name in queues:
            starts = self.starts[name]
            for at in self.sent[name]:
                if since <= at <= until:
                    waits.append(next((one for one in starts if one >= at), until) - at)
        return max(waits)

    def stalled(self, since: float, until: float) -> float:
        """Return the seconds for which this process stood still in a time: in its worst second, or
        in all of it by delays that are longer than a machine with a free core has."""
        meant = [(at, by) for at, by in self.stalls if since <= at <= until]
        found = [sum(by for _, by in meant if by > DELAY)]
        for at, _ in meant:
            found.append(sum(by for when, by in self.stalls if at - 1 <= when <= at))
        return max(found)

    def has_begun(self, queues: list[str], since: float) -> bool:
        """Return whether a job of each of these queues has begun since then."""
        return all(any(at > since for at in self.starts[name]) for name in queues)

    def again(self, queues: list[str], promoted: float) -> float:
        """Return when a job of each of these queues had begun again after this moment."""
        return max(min(at for at in self.starts[name] if at > promoted) for name in queues)
