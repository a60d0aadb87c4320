"""Commands over one connection: a few are written ahead, and their replies are read in order.

Redis then works while the next command is made, small commands share a write, and redis-py's cost
a command is left out. What is sent, and what a reply means, is decided in retry.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from redis import exceptions

from pyjobs.transport.connection import Connection, open_connection, pack
from pyjobs.transport.sync_connection import SyncConnection, open_sync

# So many commands may be written before the reply to the first of them is read.
WINDOW = 4


class CommandStream(Protocol):
    """Gives out the commands that `exchange` and `aexchange` send, and takes their replies."""

    @property
    def ahead(self) -> int:
        """How many of the commands that were given have no reply yet."""

    def packed(self) -> Iterator[bytes]:
        """Yield the commands as they go over the wire, one or more at a time."""

    def take(self, reply: Any) -> None:
        """Take the reply to the first command that has none: a value or an error of redis-py."""


class SpareConnection:
    """Keeps one connection of a pool between two exchanges.

    To return a connection to its pool and to take it again costs about as much as a command. A
    forked child does not get the connection of its parent.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: list[tuple[Any, int]] = []

    def take(self) -> Any:
        """Return the connection, or None. The other side may have closed it in the meantime."""
        try:
            connection, pid = self._kept.pop()
        except IndexError:
            return None
        return connection if pid == os.getpid() else None

    def keep(self, connection: Any) -> bool:
        """Keep a connection. Returns False, and keeps nothing, when there is one already."""
        if self._kept:
            return False
        self._kept.append((connection, os.getpid()))
        return True


_spares: WeakKeyDictionary[Any, SpareConnection] = WeakKeyDictionary()


def _spare_of(pool: Any) -> SpareConnection:
    spare = _spares.get(pool)
    return _spares.setdefault(pool, SpareConnection()) if spare is None else spare


def _open(pool: Any, spare: SpareConnection) -> SyncConnection:
    kept: SyncConnection | None = spare.take()
    if kept is not None:
        if kept.quiet():
            return kept
        kept.close(pool)
    return open_sync(pool)


async def _aopen(pool: Any, spare: SpareConnection) -> Connection:
    kept: Connection | None = spare.take()
    if kept is not None:
        if await kept.quiet():
            return kept
        await kept.close(pool)
    return await open_connection(pool)


def exchange(pool: Any, stream: CommandStream) -> None:
    """Send all of `stream` over one connection of `pool`, and hand it the replies.

    Raises:
        RedisError: the connection broke or could not be made. The stream knows how far it came.
    """
    spare = _spare_of(pool)
    used = _open(pool, spare)
    try:
        for commands in stream.packed():
            used.send(commands)
            while stream.ahead > WINDOW:
                stream.take(used.reply())
        while stream.ahead:
            stream.take(used.reply())
    except BaseException:
        # A reply that comes late must not be taken for the reply to another command.
        used.close(pool)
        raise
    if not spare.keep(used):
        used.release(pool)


async def aexchange(pool: Any, stream: CommandStream) -> None:
    """Send all of `stream` over one asyncio connection of `pool`, and hand it the replies.

    Raises:
        RedisError: the connection broke or could not be made. The stream knows how far it came.
    """
    spare = _spare_of(pool)
    used = await _aopen(pool, spare)
    try:
        for commands in stream.packed():
            await used.send(commands)
            while stream.ahead > WINDOW:
                stream.take(await used.reply())
        while stream.ahead:
            stream.take(await used.reply())
    except BaseException:
        await used.close(pool)
        raise
    if not spare.keep(used):
        await used.release(pool)


def command(pool: Any, *words: str | float) -> Any:
    """Send one command that is not a Call, and return its reply.

    Raises:
        RedisError: Redis refused the command, or the connection broke.
    """
    one = _OneCommand(words)
    exchange(pool, one)
    return one.reply()


async def acommand(pool: Any, *words: str | float) -> Any:
    """Send one command that is not a Call by asyncio, and return its reply.

    Raises:
        RedisError: Redis refused the command, or the connection broke.
    """
    one = _OneCommand(words)
    await aexchange(pool, one)
    return one.reply()


class _OneCommand:
    """A stream of one command."""

    def __init__(self, words: tuple[str | float, ...]) -> None:
        self._words = words
        self._reply: Any = None
        self.ahead = 0

    def packed(self) -> Iterator[bytes]:
        self.ahead = 1
        yield pack(*self._words)

    def take(self, reply: Any) -> None:
        self.ahead, self._reply = 0, reply

    def reply(self) -> Any:
        if isinstance(self._reply, exceptions.RedisError):
            raise self._reply
        return self._reply
