"""When the leases in hand are to be renewed, and which of them can't be in time.

Pure: nothing is sent, and the time is passed in, as seconds of the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyjobs.worker.job import ClaimedJob


class Leases:
    """What one worker knows of its leases.

    A lease is counted from before the call was sent that gave or renewed it: from Redis's clock it
    may have begun at any time after that, and must never be believed to last longer than it does.

    Attributes:
        due: when the next beat is to be sent.

    Args:
        lease: seconds.
        reply_seconds: how long the answer to a beat is waited for.
        now: the time.
    """

    def __init__(self, lease: float, reply_seconds: float, now: float) -> None:
        self.due = now + lease / 3
        self._lease = lease
        self._reply_seconds = reply_seconds
        self._renewed: dict[ClaimedJob, float] = {}

    def renewed(self, jobs: Iterable[ClaimedJob], sent: float) -> None:
        """These were renewed by a beat that was sent at this time."""
        self._renewed.update(dict.fromkeys(jobs, sent))

    def beaten(self, held: Iterable[ClaimedJob], sent: float) -> None:
        """The beat that was sent at this time got all its answers."""
        self.due = sent + self._lease / 3
        self._renewed = {job: self._renewed[job] for job in held if job in self._renewed}

    def missed(self, held: Iterable[ClaimedJob], now: float) -> list[ClaimedJob]:
        """The latest beat failed, for some or all. Returns the jobs to give up: those whose lease
        ends before the next beat must have been answered."""
        self.due = now + self._lease / 10
        latest = self.due + self._reply_seconds
        return [job for job in held if not job.lost and latest > self._ends(job)]

    def hangs(self, job: ClaimedJob, now: float) -> bool:
        """Whether its handler is a lease over its limit: nothing has stopped it, nor ever will."""
        # One that waits for a place to run has not begun yet.
        ran = now - job.began if job.began > job.since else 0.0
        return job.timeout is not None and ran > job.timeout + self._lease

    def _ends(self, job: ClaimedJob) -> float:
        return self._renewed.get(job, job.since) + self._lease
