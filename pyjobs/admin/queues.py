"""Which mode a queue has, and which queue was meant. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import cast

from pyjobs.engine import Keys, ModeName
from pyjobs.errors import BadArgument, Forbidden
from pyjobs.transport import Server, modes_of, registered


def queue_mode(server: Server, keys: Keys, queue: str) -> ModeName:
    """Return the mode of a queue, which its first submit has set.

    Args:
        server: a connection from `pyjobs.transport.server`.
        keys: the names under the prefix.
        queue: the queue's name.

    Raises:
        BadArgument: the name is not a name, or nothing was ever submitted to the queue; the message
            has the registered name that is nearest.
        Forbidden: Redis's access rules forbid it.
        Unavailable: Redis can't be reached.
    """
    [mode] = modes_of(server, keys, [queue])
    if not mode:
        try:
            raise no_queue(queue, registered(server, keys))
        except Forbidden:
            # A producer need not have the right to read the registry.
            raise no_queue(queue, ()) from None
    return cast(ModeName, mode)


def no_queue(queue: str, known: Iterable[str]) -> BadArgument:
    """Return the error about a queue to which nothing was ever submitted.

    Args:
        queue: the queue's name.
        known: the names of other queues; the message has the nearest.
    """
    near = get_close_matches(queue, [name for name in known if name != queue], n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return BadArgument(f"queue {queue}: nothing was ever submitted to it{hint}")
