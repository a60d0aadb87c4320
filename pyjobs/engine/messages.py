"""What a channel of a queue carries to a client, parsed. Nothing else may live here.

The scripts publish to the channel; lua/README.md specifies the format of a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pyjobs.engine.replies import Stored, Written

LINE = re.compile(
    rb"([A-Za-z0-9_.:-]{1,128}) (done|failed|dead|cancelled|expired|inflight) "
    rb"([a-z-]{1,20}) (\d{1,15}) (\d{1,15}) (\d{1,15}) (?:(\d{1,7}) )?\d{1,10}\n"
)
# A chunk of output: its place in the output, its attempt, its number in its run, its bytes.
CHUNK = re.compile(rb"(\d{1,7}) (\d{1,7}) (\d{1,7}) (.*)", re.DOTALL)
# Whatever a line holds, its last word is the size of the body that follows.
SIZED = re.compile(rb"[^\n]{0,1000} (\d{1,10})\n")


def parse_results(message: bytes) -> Iterator[tuple[str, Stored]]:
    """Yield the job's id and the outcome of each result in one message, and each progress: its
    state is 'inflight', and its body the progress.

    Any program that may publish to the channel chooses the bytes. An item that is no result is
    left out. The items behind it are read from where its size says that they begin.

    Args:
        message: the bytes that were published.
    """
    at = 0
    while sized := SIZED.match(message, at):
        line = LINE.match(message, at)
        begin = sized.end()
        at = begin + int(sized[1]) + 1
        if message[at - 1 : at] != b"\n":
            return
        if line is not None:
            id, state, reason, queued, started, processed, attempts = line.groups()
            times = int(queued), int(started), int(processed)
            body = message[begin : at - 1]
            yield (
                id.decode(),
                Stored(state.decode(), reason.decode(), *times, body, int(attempts or 0)),
            )


def parse_chunk(body: bytes) -> tuple[int, Written] | None:
    """Return the place of a chunk in a job's output, from 1, and the chunk; None for other bytes.

    Args:
        body: the body of an item with the state 'inflight' and the reason 'output'.
    """
    found = CHUNK.fullmatch(body)
    if found is None:
        return None
    place, attempt, number, chunk = found.groups()
    return int(place), Written(int(attempt), int(number), chunk)
