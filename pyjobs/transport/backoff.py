"""How long to wait between attempts, and what to log of an outage. Nothing here waits."""

from __future__ import annotations

from redis.backoff import EqualJitterBackoff

from pyjobs.log import logger

log = logger(__name__)
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 2.0
# Doubled that often, every first pause is past every bound; more would overflow a float one day.
DOUBLINGS = 16


class Backoff:
    """Computes the pauses between attempts that fail.

    Each pause is twice as long as the one before it, up to a bound. Up to half of a pause is taken
    away at random, so that processes which failed together do not try again together.

    Args:
        first: seconds of the first pause, at most.
        longest: seconds of any pause, at most. Equal to `first`, the pauses do not grow.
    """

    def __init__(self, first: float, longest: float) -> None:
        self._jitter = EqualJitterBackoff(cap=longest, base=first)
        self._failures = 0

    def pause(self) -> float:
        """Count one more failure. Returns the seconds until the next attempt."""
        pause: float = self._jitter.compute(self._failures)
        self._failures = min(self._failures + 1, DOUBLINGS)
        return pause

    def reset(self) -> None:
        """Note that an attempt succeeded: the next pause is a first one again."""
        self._failures = 0


class Outage:
    """Logs once that a server is away and once that it is back, and computes the pauses between.

    Args:
        where: the server's URL without its password, for the log.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._away = False
        self._backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)

    def pause(self, error: Exception) -> float:
        """Count a failed attempt. Returns the seconds until the next one.

        Args:
            error: why it failed; the first of an outage is logged.
        """
        if not self._away:
            why = str(error).removeprefix(f"{self._where}: ").rstrip(".")
            log.warning("%s is unavailable (%s); trying again", self._where, why)
        self._away = True
        return self._backoff.pause()

    def over(self) -> None:
        """Count a successful attempt; the first after an outage is logged."""
        if self._away:
            log.warning("%s is available again", self._where)
        self._away = False
        self._backoff.reset()
