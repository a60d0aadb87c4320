"""Whether a worker is healthy and ready, by what Redis has answered it. Only this may live here. No
I/O."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

# Longer than the longest wait of an idle worker, and than some pauses after failures.
LEAST_SECONDS = 60.0


class Probed(NamedTuple):
    """Holds what a probe is answered.

    Attributes:
        good: whether the worker is what the probe asks.
        why: the reason in words, one line.
    """

    good: bool
    why: str


class Vitals:
    """Keeps when a claim, a heartbeat or a wait of a worker has last ended with an answer, and
    judges its health by that. Any thread may call its methods.

    A server that answers PING may refuse every script, and a worker whose slots are all busy claims
    nothing; so neither counts.

    Attributes:
        stopping: whether the worker makes no new claim.

    Args:
        lease: the worker's lease in seconds; a heartbeat is three times as frequent.
        clock: seconds of a monotonic clock.
    """

    def __init__(self, lease: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._longest = max(LEAST_SECONDS, lease)
        self._last = clock()
        self._claimed = False
        self.stopping = False

    def answered(self) -> None:
        """Note that Redis has answered a heartbeat or a wait, or that nothing is to be asked since
        all slots are busy in a mode without heartbeats."""
        self._last = self._clock()

    def claimed(self) -> bool:
        """Note that Redis has carried out a round trip of the worker's claims. Returns whether it
        was the first one."""
        first, self._claimed = not self._claimed, True
        self.answered()
        return first

    def still(self) -> float:
        """Return for how many seconds nothing has ended with an answer."""
        return self._clock() - self._last

    def health(self) -> Probed:
        """Return whether a claim, a heartbeat or a wait has ended in time."""
        still = self.still()
        good = still <= self._longest
        what = "the last one ended" if good else "none has ended for"
        ago = " ago" if good else f", more than {self._longest:g} s"
        return Probed(good, f"claim, heartbeat or wait: {what} {still:.0f} s{ago}")

    def readiness(self) -> Probed:
        """Return whether the worker claims jobs: it is healthy, Redis has carried out its first
        claim, and no stop has begun."""
        if self.stopping:
            return Probed(False, "the worker stops, and claims nothing")
        if not self._claimed:
            return Probed(False, "Redis has carried out no claim yet")
        return self.health()
