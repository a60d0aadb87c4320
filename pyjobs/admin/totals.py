"""Counters of minutes, added up to totals that only grow, as Prometheus wants them. Nothing is sent
here, and no clock is read."""

from __future__ import annotations

from collections.abc import Mapping

from pyjobs.engine import MOST_MINUTES, Counters

MINUTE = 60_000
# A counter of a task: the task, and the counter's name.
Key = tuple[str, str]


class Totals:
    """Responsible for the totals of one queue since the first look at it.

    The present minute is counted anew at each look, until it is over.
    """

    def __init__(self) -> None:
        self._over: dict[Key, int] = {}
        self._present = 0
        self._looked: float | None = None

    def minutes(self, now: float) -> int:
        """Return how many minutes the next look must read: all since the latest look.

        Args:
            now: seconds of the monotonic clock.
        """
        if self._looked is None:
            return 1
        return min(MOST_MINUTES, int((now - self._looked) // 60) + 2)

    def take(self, counters: Counters, now: float) -> Mapping[Key, int]:
        """Take what a look has read, each minute by itself, and return the totals.

        Args:
            counters: the counters.
            now: seconds of the monotonic clock, from before the look.
        """
        present = counters.now - counters.now % MINUTE
        first = present if self._looked is None else self._present
        self._looked, self._present = now, max(present, first)
        growing: dict[Key, int] = {}
        for row in counters.rows:
            if row.minute >= first:
                sums = growing if row.minute >= present else self._over
                key = (row.task, row.name)
                sums[key] = sums.get(key, 0) + row.value
        return {
            key: self._over.get(key, 0) + growing.get(key, 0) for key in {**self._over, **growing}
        }
