"""What the scripts publish to a client, taken apart: the other end of lua/lib/tell.lua."""

from __future__ import annotations

from collections.abc import Iterator

from pyjobs.verbs import Stored


def read(message: bytes) -> Iterator[tuple[str, str, Stored]]:
    """(queue, id, outcome) of each result in one message."""
    at = 0
    while at < len(message):
        end = message.index(b"\n", at)
        queue, id, state, reason, queued, started, processed, size = (
            message[at:end].decode().split()
        )
        at = end + 1 + int(size)
        body = message[end + 1 : at]
        at += 1
        outcome = Stored(state, reason, int(queued), int(started), int(processed), body)
        yield queue, id, outcome
