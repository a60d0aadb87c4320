"""How far ahead of its running jobs a worker claims. Nothing else may live here.

Short jobs are claimed ahead, so that none of them waits for a round trip; long ones are not, since
another worker could run them.
"""

from __future__ import annotations

AHEAD_SECONDS = 0.01
MOST_AHEAD = 400
STUCK_SECONDS = 0.25
WEIGHT = 0.1
SHORTEST = 1e-6


class Prefetch:
    """The pace of one worker's jobs.

    Attributes:
        ahead: how many jobs to claim beyond those that run.

    Args:
        concurrency: how many run at once.
        ahead: a fixed number; None fits it to the pace.
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
        """How many jobs there may be, those that run and those that wait to."""
        return self._concurrency + self.ahead

    @property
    def share(self) -> int:
        """Most jobs of one claim: when half of them all are on their way, the other half runs."""
        return max(1, self.room // 2)

    def started(self, now: float) -> None:
        """A job has found its place."""
        self._last_start = now

    def took(self, seconds: float) -> None:
        """A run has ended after so long."""
        if self._fixed:
            return
        self._mean += (seconds - self._mean) * (WEIGHT if self._mean >= 0 else 1)
        soon = self._concurrency * AHEAD_SECONDS / max(self._mean, SHORTEST)
        self.ahead = int(min(soon, MOST_AHEAD))

    def stuck(self, now: float) -> bool:
        """Whether nothing has started for so long that what waits had better be handed back."""
        if self._fixed or now - self._last_start < STUCK_SECONDS:
            return False
        self._mean = max(self._mean, now - self._last_start)
        self.ahead = 0
        return True
