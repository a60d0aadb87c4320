"""The wall clock as pyjobs reads it. Tests with `memory://` move it; nothing else may live here."""

from __future__ import annotations

import time

_ahead = [0.0]  # seconds


def now() -> float:
    """Return the time, seconds since the epoch."""
    return time.time() + _ahead[0]


def now_ms() -> int:
    """Return the time, whole ms since the epoch."""
    return int(now() * 1000)


def move(seconds: float) -> None:
    """Move the clock of this process's pyjobs, and of its servers of `memory://`.

    Args:
        seconds: how far forward; 0 or more.
    """
    _ahead[0] += seconds


def put_back() -> None:
    """Let the clock show the time of the system again."""
    _ahead[0] = 0.0
