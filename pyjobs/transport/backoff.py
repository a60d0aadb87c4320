"""How long to wait while Redis is away, and what to say of it: once when it goes, once when it is
back. Nothing here waits.
"""

from __future__ import annotations

import logging
import random

log = logging.getLogger("pyjobs")
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 2.0


class Outage:
    """The state of one connection's luck.

    Args:
        where: which Redis, as it may be shown.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._failures = 0

    def pause(self, error: Exception) -> float:
        """Seconds until the next attempt: doubled each time up to a bound, and never the same."""
        if self._failures == 0:
            log.warning("%s is unavailable (%s); trying again", self._where, error)
        pause: float = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 16)
        return pause * random.uniform(0.5, 1.0)

    def over(self) -> None:
        """An attempt went well."""
        if self._failures:
            log.warning("%s is available again", self._where)
        self._failures = 0
