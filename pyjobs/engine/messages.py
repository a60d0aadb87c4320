"""The results that a client's channel carries, parsed. Nothing else may live here.

The scripts publish to the channel; lua/README.md specifies the format of a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pyjobs.engine.replies import Stored

LINE = re.compile(
    rb"([A-Za-z0-9_.:-]{1,128}) ([A-Za-z0-9_.:-]{1,128}) (done|failed|dead|cancelled|expired) "
    rb"([a-z-]+) (\d{1,15}) (\d{1,15}) (\d{1,15}) (\d{1,10})\n"
)


def parse_results(message: bytes) -> Iterator[tuple[str, str, Stored]]:
    """Yield the queue's name, the job's id and the outcome of each result in one message.

    Args:
        message: the bytes that were published to a client's channel.

    Raises:
        ValueError: the bytes from here on are not a result. The results before them have been
            yielded. Any program may publish to the channel.
    """
    at = 0
    while at < len(message):
        line = LINE.match(message, at)
        if line is None:
            raise ValueError(f"not a result: {message[at : at + 60]!r}")
        queue, id, state, reason, queued, started, processed, size = line.groups()
        begin = line.end()
        at = begin + int(size) + 1
        if message[at - 1 : at] != b"\n":
            raise ValueError(f"not a result: its body is not of {int(size)} bytes and a line end")
        body = message[begin : at - 1]
        times = int(queued), int(started), int(processed)
        yield queue.decode(), id.decode(), Stored(state.decode(), reason.decode(), *times, body)
