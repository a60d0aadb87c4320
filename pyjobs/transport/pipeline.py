"""Commands over one connection: a few are written ahead, and their replies are read in order.

Redis then works while the next command is made, small commands share a write, and redis-py's cost
a command is left out. What is sent, and what a reply means, is decided in retry.py.
"""

from __future__ import annotations

import asyncio
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
    """Gives out the commands that an exchange sends, and takes their replies."""

    @property
    def ahead(self) -> int:
        """How many of the commands that were given have no reply yet."""

    def packed(self) -> Iterator[bytes]:
        """Yield the commands as they go over the wire, one or more at a time."""

    def take(self, reply: Any) -> None:
        """Take the reply to the first command that has none: a value or an error of redis-py."""


class Spare:
    """Responsible for the exchanges over the connections of one pool, and for the connection that
    is kept between two of them.

    To return a connection to its pool and to take it again costs about as much as a command. A
    forked child does not get the connection of its parent, nor does an event loop get those of one
    that has ended. The pool is an argument each time: what is kept for a pool must not keep the
    pool.
    """

    __slots__ = ("_kept", "_loop", "_pid")

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kept: list[Any] = []

    def open(self, pool: Any) -> SyncConnection:
        """Return a connection for the caller alone, which is open.

        Raises:
            RedisError: no connection could be made.
        """
        kept: SyncConnection | None = self._take()
        if kept is not None:
            if kept.quiet():
                return kept
            kept.close(pool)
        return open_sync(pool)

    async def aopen(self, pool: Any) -> Connection:
        """Return an asyncio connection for the caller alone, which is open.

        Raises:
            RedisError: no connection could be made.
        """
        self.forget_ended_loop(pool)
        kept: Connection | None = self._take()
        if kept is not None:
            if await kept.quiet():
                return kept
            await kept.close(pool)
        return await open_connection(pool)

    def ask(self, pool: Any, used: SyncConnection, data: bytes) -> Any:
        """Send one packed command over a connection of `open`, and return its reply: a value, or
        the error of redis-py with which Redis refuses the command.

        Raises:
            RedisError: the connection broke.
        """
        try:
            used.send(data)
            reply = used.reply()
        except BaseException:
            # A reply that comes late must not be taken for the reply to another command.
            used.close(pool)
            raise
        if not self._keep(used):
            used.release(pool)
        return reply

    async def aask(self, pool: Any, used: Connection, data: bytes) -> Any:
        """Send one packed command over a connection of `aopen`, and return its reply: a value, or
        the error of redis-py with which Redis refuses the command.

        Raises:
            RedisError: the connection broke.
        """
        try:
            await used.send(data)
            reply = await used.reply()
        except BaseException:
            await used.close(pool)
            raise
        if not self._keep(used):
            await used.release(pool)
        return reply

    def exchange(self, pool: Any, stream: CommandStream) -> None:
        """Send all of `stream` over one connection, and hand it the replies.

        Raises:
            RedisError: the connection broke or could not be made. The stream knows how far it came.
        """
        used = self.open(pool)
        try:
            for commands in stream.packed():
                used.send(commands)
                while stream.ahead > WINDOW:
                    stream.take(used.reply())
            while stream.ahead:
                stream.take(used.reply())
        except BaseException:
            used.close(pool)
            raise
        if not self._keep(used):
            used.release(pool)

    async def aexchange(self, pool: Any, stream: CommandStream) -> None:
        """Send all of `stream` over one asyncio connection, and hand it the replies.

        Raises:
            RedisError: the connection broke or could not be made. The stream knows how far it came.
        """
        used = await self.aopen(pool)
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
        if not self._keep(used):
            await used.release(pool)

    def forget_ended_loop(self, pool: Any) -> None:
        """Drop the asyncio connections of a pool where their event loop has ended: nothing can be
        done with them, and none can be closed."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        if self._loop is not None and self._loop.is_closed():
            self._kept = []
            pool.reset()
        self._loop = loop

    def _take(self) -> Any:
        """Return the kept connection, or None. The other side may have closed it meanwhile."""
        if self._pid != (pid := os.getpid()):
            self._pid, self._kept = pid, []
        try:
            return self._kept.pop() if self._kept else None
        except IndexError:  # another thread has taken it
            return None

    def _keep(self, connection: Any) -> bool:
        """Keep a connection. Returns False, and keeps nothing, when there is one already."""
        if self._kept:
            return False
        self._kept.append(connection)
        return True


_spares: WeakKeyDictionary[Any, Spare] = WeakKeyDictionary()


def spare_of(pool: Any) -> Spare:
    """Return the `Spare` of a pool, which is made at its first use."""
    found = _spares.get(pool)
    return _spares.setdefault(pool, Spare()) if found is None else found


def execute(pool: Any, *words: str | float) -> Any:
    """Send one command that is not a Call, and return its reply.

    Raises:
        RedisError: Redis refused the command, or the connection broke.
    """
    data, spare = pack(*words), spare_of(pool)
    return value_of(spare.ask(pool, spare.open(pool), data))


async def aexecute(pool: Any, *words: str | float) -> Any:
    """Send one command that is not a Call by asyncio, and return its reply.

    Raises:
        RedisError: Redis refused the command, or the connection broke.
    """
    data, spare = pack(*words), spare_of(pool)
    return value_of(await spare.aask(pool, await spare.aopen(pool), data))


def value_of(reply: Any) -> Any:
    """Return a reply that is a value.

    Raises:
        RedisError: the reply is this error.
    """
    if isinstance(reply, exceptions.RedisError):
        raise reply
    return reply
