"""How many elements the scripts of a server touch, call by call, as MONITOR shows them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis

from pyjobs.engine import everything

LINE = re.compile(rb"\[\d+ (\S+)\] (.*)")
WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"')
END = b"the end of this question"
NAMES = {script.sha1.encode(): script.name for script in everything()}
# Elements that one call may touch, however many jobs there are: of most scripts 150, and a dozen
# fields of each of the 1,000 entries that a page looks at, or 40 of each of the 400 jobs that an
# edit changes.
BOUNDS = {
    "queue/workers": 1_020,
    "queue/outbox": 1_040,
    "queue/events": 1_040,
    "schedule/list": 1_040,
    "reliable/reap": 1_100,
    **dict.fromkeys(("queue/list", "queue/find", "queue/check"), 13_200),
    **dict.fromkeys(("reliable/requeue", "queue/purge", "queue/delete", "queue/send"), 18_000),
}
OTHERS = 150


def elements(words: Sequence[bytes]) -> int:
    """How many elements a command of a script touches: those between the ends of its range, or one
    for each word behind its key."""
    name = words[0].upper()
    if name in (b"LRANGE", b"ZRANGE", b"ZREVRANGE"):
        return int(words[3]) - int(words[2]) + 1
    if b"LIMIT" in words:
        return int(words[words.index(b"LIMIT") + 2])
    if name in (b"XRANGE", b"XREVRANGE"):
        return int(words[-1])
    return max(1, len(words) - 2)


@contextmanager
def touching(server: redis.Redis) -> Iterator[list[tuple[str, int]]]:
    """Yield a list that has, at the end of the block, the script of each call and its elements."""
    found: list[tuple[str, int]] = []
    with server.monitor() as monitor:
        reader = threading.Thread(target=read, args=(monitor, found))
        reader.start()
        try:
            yield found
        finally:
            server.echo(END)
            reader.join()


def read(monitor: Any, found: list[tuple[str, int]]) -> None:
    """Add up until the end is met."""
    while END not in (line := monitor.connection.read_response(disable_decoding=True)):
        if not (parts := LINE.search(line)):
            continue
        words = WORD.findall(parts[2])
        if parts[1] == b"lua" and found:
            script, sum = found[-1]
            found[-1] = script, sum + elements(words)
        elif words and words[0].upper() == b"EVALSHA":
            found.append((NAMES.get(words[1], "?"), 0))
