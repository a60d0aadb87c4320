"""Round trips that break off by an error that is not about Redis: of a library, or of pyjobs.

Only how often such a round trip is sent again may live here.
"""

from __future__ import annotations

from pyjobs.errors import PyjobsError
from pyjobs.log import logger

log = logger(__name__)
# A worker that can record nothing must end, so that other workers run its jobs.
MOST_IN_A_ROW = 5
PAUSE_SECONDS = 0.1


class Faults:
    """Counts the round trips in a row that broke off."""

    def __init__(self) -> None:
        self._count = 0

    def pause(self, error: BaseException) -> float:
        """Count and log one more. Returns the seconds until the round trip is sent again.

        Args:
            error: what broke it off.

        Raises:
            BaseException: the error itself: it is of pyjobs, is no Exception, or is one too many.
        """
        self._count += 1
        known = isinstance(error, PyjobsError) or not isinstance(error, Exception)
        if known or self._count > MOST_IN_A_ROW:
            raise error
        log.error("a round trip broke off, and is sent again", exc_info=error)
        return self._count * PAUSE_SECONDS

    def over(self) -> None:
        """Note that a round trip was answered."""
        self._count = 0
