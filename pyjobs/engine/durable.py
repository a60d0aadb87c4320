"""Durable submits: what they wait for, in words and as a command, and what a reply says of it.

Nothing here sends or waits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from pyjobs.errors import BadArgument, NotDurable

# So long is waited for replicas and for the disk, in ms: `appendfsync everysec` takes up to 2 s,
# and the reply must come before a connection is given up.
WAIT_MS = 3000
MOST_REPLICAS = 100
REPLICAS = re.compile(r"replicas:([0-9]{1,3})")
GRAMMAR = "'replicas:N' with N from 1 to 100, 'aof' or 'no'"
STANDS = "the job may be there, and may be lost in a failover"


class Reached(NamedTuple):
    """Holds where the jobs of a durable submit are.

    Attributes:
        replicas: how many replicas have the submit: in memory after 'replicas:N', on disk after
            'aof'.
        aof: whether the submit is on the primary's disk; False after 'replicas:N', which does not
            ask.
    """

    replicas: int
    aof: bool


class Kept(NamedTuple):
    """Holds the answer to a call that was durable.

    Attributes:
        answer: the parsed reply.
        reached: where the writes of the call are.
    """

    answer: Any
    reached: Reached


class Durable(NamedTuple):
    """Names what a submit waits for before it is acknowledged.

    Attributes:
        replicas: so many replicas have the submit in memory; 0 asks for none.
        aof: the submit is in the append-only file, on the primary's disk.
    """

    replicas: int
    aof: bool

    @property
    def command(self) -> str:
        """The Redis command that waits."""
        return "WAITAOF" if self.aof else "WAIT"

    def words(self) -> tuple[str | int, ...]:
        """Return the command that follows the calls on their connection."""
        return self._words(WAIT_MS, self.replicas)

    def probe(self) -> tuple[str | int, ...]:
        """Return the command that waits for no replica. Its reply comes at once, and shows whether
        the server has the command."""
        return self._words(1, 0)

    def _words(self, ms: int, replicas: int) -> tuple[str | int, ...]:
        return ("WAITAOF", 1, replicas, ms) if self.aof else ("WAIT", replicas, ms)

    def judged(self, answer: Any, reply: int | Sequence[int]) -> Kept | NotDurable:
        """Return the answer to a call that was carried out, or NotDurable in its place.

        Args:
            answer: the parsed reply to the call.
            reply: the reply to `words`.
        """
        reached = reached_by(reply)
        if reached.replicas >= self.replicas and reached.aof >= self.aof:
            return Kept(answer, reached)
        had = f"{reached.replicas} of {self.replicas} replicas had it"
        if self.aof:
            had = "it was not on the primary's disk"
        found = NotDurable(f"{had} within {WAIT_MS / 1000:g} s; {STANDS}")
        found.reached = reached
        return found


def reached_by(reply: int | Sequence[int]) -> Reached:
    """Return what a reply to WAIT or WAITAOF says."""
    if isinstance(reply, int):
        return Reached(reply, aof=False)
    local, replicas = reply
    return Reached(replicas, aof=local > 0)


def durable_of(text: str) -> Durable | None:
    """Return what 'replicas:N' or 'aof' names; None for 'no'.

    Raises:
        BadArgument: the text is another one.
    """
    if text == "no":
        return None
    if text == "aof":
        return Durable(0, aof=True)
    found = REPLICAS.fullmatch(text) if isinstance(text, str) else None
    if found is None or not 1 <= int(found[1]) <= MOST_REPLICAS:
        raise BadArgument(f"durable: {text!r} is not {GRAMMAR}")
    return Durable(int(found[1]), aof=False)
