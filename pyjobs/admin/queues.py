"""Which queue was meant. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from pyjobs.errors import BadArgument


def no_queue(queue: str, known: Iterable[str]) -> BadArgument:
    """Return the error about a queue to which nothing was ever submitted.

    Args:
        queue: the queue's name.
        known: the names of other queues; the message has the nearest.
    """
    near = get_close_matches(queue, [name for name in known if name != queue], n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return BadArgument(f"queue {queue}: nothing was ever submitted to it{hint}")
