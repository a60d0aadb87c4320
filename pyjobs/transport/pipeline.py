"""Commands over one connection: written ahead, a few at a time, and their replies as they come.

So Redis works while the next command is made, small ones go in one write, and redis-py's cost per
command is left out. What to send, and what a reply means, lives in run.py.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from redis import exceptions

from pyjobs.transport.connection import REPLIES, Connection, open_connection, pack

WINDOW = 4


class Stream(Protocol):
    """Commands to send, and who takes their replies."""

    @property
    def ahead(self) -> int:
        """How many of the commands that were given have no reply yet."""

    def packed(self) -> Iterator[bytes]:
        """The commands, as they go over the wire; one or more at a time."""

    def take(self, reply: Any) -> None:
        """The reply to the next of them: a value, or an error of redis-py."""


class SpareConnection:
    """One connection of a pool (a link, for asyncio) that is kept at hand: to give it back and take
    it again costs about as much as a command. A forked child has none."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: list[tuple[Any, int]] = []

    def take(self) -> Any:
        """The connection, or None. It may have been closed in the meantime."""
        try:
            connection, pid = self._kept.pop()
        except IndexError:
            return None
        return connection if pid == os.getpid() else None

    def keep(self, connection: Any) -> bool:
        """False when there is one already."""
        if self._kept:
            return False
        self._kept.append((connection, os.getpid()))
        return True


_spares: WeakKeyDictionary[Any, SpareConnection] = WeakKeyDictionary()


def _spare_of(pool: Any) -> SpareConnection:
    spare = _spares.get(pool)
    return _spares.setdefault(pool, SpareConnection()) if spare is None else spare


def _open(pool: Any, spare: SpareConnection) -> Any:
    connection = spare.take()
    if connection is not None:
        # What can be read before anything was asked is the end, or a reply to somebody else.
        with contextlib.suppress(exceptions.RedisError, OSError):
            if not connection.can_read():
                return connection
        connection.disconnect()
        pool.release(connection)
    return pool.get_connection()


async def _aopen(pool: Any, spare: SpareConnection) -> Connection:
    kept: Connection | None = spare.take()
    if kept is not None:
        if await kept.quiet():
            return kept
        await kept.close(pool)
    return await open_connection(pool)


def exchange(pool: Any, stream: Stream) -> None:
    """Send all of `stream` over a connection of `pool`.

    Raises:
        RedisError: the connection broke, or could not be made.
    """
    spare = _spare_of(pool)
    connection = _open(pool, spare)
    try:
        for commands in stream.packed():
            connection.send_packed_command([commands])
            while stream.ahead > WINDOW:
                stream.take(_reply(connection))
        while stream.ahead:
            stream.take(_reply(connection))
    except BaseException:
        # A reply that is still to come must not be taken for that to another command.
        connection.disconnect()
        pool.release(connection)
        raise
    if not spare.keep(connection):
        pool.release(connection)


async def aexchange(pool: Any, stream: Stream) -> None:
    """The same for asyncio."""
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
    """Send one command that is no script, and return its reply.

    Raises:
        RedisError: Redis refuses it, or the connection broke.
    """
    one = _One(words)
    exchange(pool, one)
    return one.told()


async def acommand(pool: Any, *words: str | float) -> Any:
    """The same for asyncio."""
    one = _One(words)
    await aexchange(pool, one)
    return one.told()


class _One:
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

    def told(self) -> Any:
        if isinstance(self._reply, exceptions.RedisError):
            raise self._reply
        return self._reply


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response(disconnect_on_error=False)
    except REPLIES as error:
        return error
