"""How far ahead of its running jobs a worker claims. Nothing else may live here. Pure.

Short jobs are claimed ahead, so that none of them waits for a round trip. Long jobs are not, since
another worker could run them.
"""

from __future__ import annotations

AHEAD_SECONDS = 0.01
MOST_AHEAD = 400
STUCK_SECONDS = 0.25
WEIGHT = 0.1
SHORTEST = 1e-6


class Prefetch:
    """Measures how long the jobs of one worker run, and fits the number of prefetched jobs to it.

    Attributes:
        ahead: how many jobs to claim beyond those that run.

    Args:
        concurrency: how many jobs run at once.
        ahead: a fixed number; None fits the number to the length of the runs.
    """

    __slots__ = ("_concurrency", "_fixed", "_last_start", "_mean", "ahead")

    def __init__(self, concurrency: int, ahead: int | None) -> None:
        self.ahead = ahead or 0
        self._concurrency = concurrency
        self._fixed = ahead is not None
        self._mean = -1.0
        self._last_start = 0.0

    @property
    def room(self) -> int:
        """How many jobs may be held, running and prefetched together."""
        return self._concurrency + self.ahead

    @property
    def share(self) -> int:
        """Most jobs of one claim: one half of `room` runs while the other half is on its way."""
        return max(1, self.room // 2)

    def started(self, now: float) -> None:
        """Note that a run has started.

        Args:
            now: seconds of the monotonic clock.
        """
        self._last_start = now

    def ran(self, seconds: float) -> None:
        """Note that a run has ended, and how long it took; fits `ahead` to it."""
        if self._fixed:
            return
        self._mean += (seconds - self._mean) * (WEIGHT if self._mean >= 0 else 1)
        soon = self._concurrency * AHEAD_SECONDS / max(self._mean, SHORTEST)
        self.ahead = int(min(soon, MOST_AHEAD))

    def stuck(self, now: float) -> bool:
        """Return whether nothing has started for so long that prefetched jobs should be released;
        if so, nothing is prefetched until runs are short again.

        Args:
            now: seconds of the monotonic clock.
        """
        if self._fixed or now - self._last_start < STUCK_SECONDS:
            return False
        self._mean = max(self._mean, now - self._last_start)
        self.ahead = 0
        return True
