"""Renewing leases from a thread with a connection of its own, whatever the event loop does.

Only when to renew, and whom to tell of a loss, may live here.
A job that hangs, or that could not be renewed for a whole lease, is given up.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

from pyjobs import crash
from pyjobs.claimed import ClaimedJob
from pyjobs.connect import REPLY_SECONDS, connect
from pyjobs.errors import PyjobsError
from pyjobs.reliable import Reliable
from pyjobs.run import run
from pyjobs.verbs import MAX_ITEMS

REASONS = {
    "LOST": "another claim has it",
    "NOJOB": "there is no such job",
    "cancelled": "cancelled",
}


class Heartbeat(threading.Thread):
    """Extends the leases of all held jobs, three times per lease.

    Args:
        url: where Redis is.
        mode: whose extend to call.
        keys: the queues' keys, as the jobs' `place` counts them.
        lease: seconds.
        held: gives the jobs in hand; called from this thread.
        lost: is told of a job that is not in hand any more, and why; called from this thread.
    """

    def __init__(
        self,
        url: str,
        mode: Reliable,
        keys: list[str],
        lease: float,
        held: Callable[[], Iterable[ClaimedJob]],
        lost: Callable[[ClaimedJob, str], None],
    ) -> None:
        super().__init__(name="pyjobs-heartbeat", daemon=True)
        self._server = connect(url, reply_seconds=min(REPLY_SECONDS, max(0.1, lease / 3)))
        self._mode = mode
        self._keys = keys
        self._lease = lease
        self._held = held
        self._lost = lost
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End the thread; it does not renew anything after this."""
        self._stopped.set()

    def run(self) -> None:
        wait = self._lease / 3
        renewed = time.monotonic()
        while not self._stopped.wait(wait):
            try:
                crash.at("beat")
                self.beat()
                crash.at("beaten")
                wait, renewed = self._lease / 3, time.monotonic()
            except PyjobsError as error:
                wait = self._lease / 10
                if time.monotonic() - renewed > self._lease:
                    self._give_up_all(error)
        self._server.close()

    def beat(self) -> None:
        """Renew once (reliable/extend).

        Raises:
            Unavailable: Redis can't be reached.
        """
        queues: dict[int, list[ClaimedJob]] = defaultdict(list)
        for job in self._held():
            if self._hangs(job):
                self._lost(job, "its handler ran a lease longer than its timeout")
            elif job.over or not job.lost:
                queues[job.place].append(job)
        for place, jobs in queues.items():
            for at in range(0, len(jobs), MAX_ITEMS):
                self._renew(self._keys[place], jobs[at : at + MAX_ITEMS])

    def _renew(self, key: str, jobs: list[ClaimedJob]) -> None:
        pairs = [(job.id, job.token) for job in jobs]
        call = self._mode.extend(key, pairs, lease=round(self._lease * 1000))
        words = run(self._server, call, tries=0)
        for job, word in zip(jobs, words, strict=True):
            if word not in {"inflight", "repeat"}:
                self._lost(job, REASONS[word])

    def _hangs(self, job: ClaimedJob) -> bool:
        # A lease later than the handler's own limit: nothing has stopped it, nor ever will.
        ran = time.monotonic() - job.began
        return job.timeout is not None and ran > job.timeout + self._lease

    def _give_up_all(self, error: PyjobsError) -> None:
        # Whoever can reach Redis may have the jobs by now: to go on would run them twice.
        for job in self._held():
            if not job.lost and time.monotonic() - job.began > self._lease:
                self._lost(job, f"not renewed for a lease: {error}")
