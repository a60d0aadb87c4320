"""Renewing leases from a thread with connections of its own, whatever the event loop does.

Only what waits and sends, and whom to tell of a loss, may live here; when is decided in leases.py.
A job that hangs, or that can't be renewed before its lease ends, is given up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

from pyjobs.engine import MAX_ITEMS, Call, Keys, Reliable
from pyjobs.errors import PyjobsError
from pyjobs.transport import REPLY_SECONDS, connect, run_many
from pyjobs.worker import failpoints
from pyjobs.worker.cancellation import CancellationListener
from pyjobs.worker.job import ClaimedJob
from pyjobs.worker.leases import Leases

log = logging.getLogger("pyjobs")


class Heartbeat(threading.Thread):
    """Extends the leases of all held jobs, three times per lease. A job of which it is heard that
    it was cancelled is asked for at once.

    Args:
        url: where Redis is.
        mode: whose extend to call.
        keys: the queues' keys, as the jobs' `queue_index` counts them.
        lease: seconds.
        held: gives the jobs in hand; called from this thread.
        lost: is told of a job that is not in hand any more, and why: the word of the script, or
            anything else. Called from this thread.
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
        # A beat that is not answered must leave time for others within the lease.
        reply_seconds = min(REPLY_SECONDS, max(0.1, lease / 6))
        self._server = connect(url, reply_seconds=reply_seconds)
        self._mode = mode
        self._keys = keys
        self._lease = lease
        self._held = held
        self._lost = lost
        self._leases = Leases(lease, reply_seconds, time.monotonic())
        self._error: Exception | None = None
        self._cancellations = CancellationListener(self._server, [Keys.cancel(key) for key in keys])

    def stop(self) -> None:
        """End the thread, from any other; it begins no beat after this."""
        self._cancellations.end()
        if self.ident is None:
            self._close()

    def run(self) -> None:
        while not self._cancellations.ended:
            # Whatever goes wrong here, an end of this thread would be the end of every lease.
            try:
                self._turn()
            except Exception as error:
                self._told(error)
                self._cancellations.sleep(self._lease / 10)
        self._close()

    def _close(self) -> None:
        self._cancellations.close()
        self._server.close()

    def _turn(self) -> None:
        """Wait for the next beat, then what follows from it."""
        # Where beats fail, nothing else may take the time that they have left.
        if self._error is None or not self._held():
            self._cancellations.subscribe()
        heard = self._cancellations.wait(self._leases.due - time.monotonic())
        # What was published before is not heard: then all jobs are asked for.
        fresh = self._cancellations.confirmed()
        if self._cancellations.ended or not (
            heard or fresh or time.monotonic() >= self._leases.due
        ):
            return
        try:
            error = self._renew_heard(heard) if heard and not fresh else self.beat()
        except Exception as raised:
            error = raised
        if error is not None:
            # Whoever can reach Redis may have the jobs soon: to go on would run them twice.
            for job in self._leases.missed(self._held(), time.monotonic()):
                self._lost(job, f"not renewed in time: {error}")
        self._told(error)

    def beat(self) -> Exception | None:
        """Renew all jobs (reliable/extend) but those that hang.

        Returns:
            Why the jobs of some queue could not be renewed, None when all of them were asked for;
            when there was none to ask for, what it was the last time.

        Raises:
            Unavailable: Redis can't be reached.
        """
        sent = time.monotonic()
        held = list(self._held())
        for job in held:
            if not job.lost and self._leases.hangs(job, sent):
                self._lost(job, "its handler ran a lease longer than its timeout")
        error = self._renew(held, sent)
        if error is None:
            self._leases.beaten(held, sent)
        return error

    def _renew_heard(self, heard: set[bytes]) -> Exception | None:
        """The same, now, for the jobs with these ids only: the answer tells which are cancelled."""
        return self._renew(
            [job for job in self._held() if job.id.encode() in heard], time.monotonic()
        )

    def _renew(self, jobs: list[ClaimedJob], sent: float) -> Exception | None:
        error = None
        parts = self._parts([job for job in jobs if job.over or not job.lost])
        if not parts:
            return self._error
        failpoints.at("beat")
        answers = run_many(self._server, [self._extend(part) for part in parts], tries=0)
        failpoints.at("beaten")
        for part, words in zip(parts, answers, strict=True):
            if isinstance(words, PyjobsError):
                error = words
                continue
            found = dict(zip(part, words, strict=True))
            self._leases.renewed((job for job in part if found[job] == "inflight"), sent)
            for job, word in found.items():
                if word not in {"inflight", "repeat"}:
                    self._lost(job, word)
        return error

    def _parts(self, jobs: list[ClaimedJob]) -> list[list[ClaimedJob]]:
        """The jobs by queue, as many as go into a call."""
        queues: dict[int, list[ClaimedJob]] = defaultdict(list)
        for job in jobs:
            queues[job.queue_index].append(job)
        return [
            queue[at : at + MAX_ITEMS]
            for queue in queues.values()
            for at in range(0, len(queue), MAX_ITEMS)
        ]

    def _extend(self, part: list[ClaimedJob]) -> Call[list[str]]:
        pairs = [(job.id, job.token) for job in part]
        return self._mode.extend(
            self._keys[part[0].queue_index], pairs, lease=round(self._lease * 1000)
        )

    def _told(self, error: Exception | None) -> None:
        """Log the first failure and the first success after it: an outage is no flood."""
        if error is None and self._error is not None:
            log.warning("leases are renewed again")
        elif error is not None and self._error is None:
            trace = None if isinstance(error, PyjobsError) else error
            log.warning("leases are not renewed (%s); trying again", error, exc_info=trace)
        self._error = error
