"""An asyncio connection of redis-py, with nothing between its bytes and whoever waits for a reply.

redis-py makes it: address, TLS, login. From then on what comes is parsed here at once, for the
layers that redis-py has above that take longer than Redis does. A connection of a kind that is not
known (memory://, a sentinel's, another redis-py) is used as redis-py means it: slower, and the
same. What to send, and what a reply means, lives elsewhere.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Protocol

import hiredis
from redis import exceptions
from redis.asyncio.connection import AbstractConnection

# What Redis may say to a command; any other error is the connection's own.
REPLIES = (exceptions.ResponseError, exceptions.BusyLoadingError)
ENDED = "Connection closed by server."
CLOSED = ("the handler is closed", "'NoneType' object has no attribute")
HELD_UP_SECONDS = 0.1


def pack(*words: str | bytes | float) -> bytes:
    """A command, as it goes over the wire."""
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]
    return packed


class Connection(Protocol):
    """One connection of a pool, open."""

    async def send(self, data: bytes) -> None:
        """Write commands. Raises RedisError when the connection breaks."""

    async def reply(self, seconds: float | None = None) -> Any:
        """The next reply: a value, or what Redis says against a command, which is one of REPLIES.

        Args:
            seconds: how long it is waited for; None is the time that the pool was made with. Who
                gives a time waits for anything but a null.

        Raises:
            TimeoutError: of redis-py: it took longer. It may be waited for again.
            RedisError: the connection broke, or Redis says that it is not to be used.
        """

    async def quiet(self) -> bool:
        """Whether it is open, and nothing has come that was not asked for."""

    async def release(self, pool: Any) -> None:
        """Give it back to its pool."""

    async def close(self, pool: Any) -> None:
        """The same, closed: nobody will take what is still to come for a reply of his own."""


async def open_connection(pool: Any) -> Connection:
    """A connection of this pool, for the caller alone.

    Raises:
        RedisError: it can't be made.
    """
    try:
        connection = await pool.get_connection()
        if was_reset(connection):
            await _again(pool, connection)
    except (RuntimeError, AttributeError) as error:
        # uvloop's word for a connection that Redis closes while redis-py says hello, and redis-py's
        # for one that its pool closes then.
        if not any(word in str(error) for word in CLOSED):
            raise
        raise exceptions.ConnectionError(ENDED) from error
    writer = getattr(connection, "_writer", None)
    known = type(connection).read_response is AbstractConnection.read_response
    if known and isinstance(writer, asyncio.StreamWriter):
        return RawConnection(connection, writer.transport)
    return PooledConnection(connection)


def was_reset(connection: Any) -> bool:
    """Whether it came to an end while nobody used it; redis-py takes such a one for a good one."""
    writer = getattr(connection, "_writer", None)
    return isinstance(writer, asyncio.StreamWriter) and writer.is_closing()


async def _again(pool: Any, connection: Any) -> None:
    """Connect anew."""
    try:
        await connection.disconnect(nowait=True)
        await connection.connect()
    except BaseException:
        await pool.release(connection)
        raise


class PooledConnection:
    """By redis-py's own means."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def send(self, data: bytes) -> None:
        await self._connection.send_packed_command(data)

    async def reply(self, seconds: float | None = None) -> Any:
        try:
            if seconds is None:
                return await self._connection.read_response(disconnect_on_error=False)
            told = await self._connection.read_response(timeout=seconds, disconnect_on_error=False)
        except REPLIES as error:
            return error
        # So it tells that it took longer.
        if told is None:
            raise exceptions.TimeoutError(f"no reply in {seconds:g} s")
        return told

    async def quiet(self) -> bool:
        try:
            unasked = not self._connection.is_connected or await self._connection.can_read()
        except (exceptions.RedisError, OSError):
            return False
        return not (unasked or was_reset(self._connection))

    async def release(self, pool: Any) -> None:
        await pool.release(self._connection)

    async def close(self, pool: Any) -> None:
        await self._connection.disconnect(nowait=True)
        await pool.release(self._connection)


class RawConnection(PooledConnection, asyncio.Protocol):
    """On the connection's transport, below the layers of redis-py."""

    def __init__(self, connection: Any, transport: Any) -> None:
        super().__init__(connection)
        self._transport = transport
        self._seconds: float = connection.socket_timeout
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(
            protocolError=exceptions.InvalidResponse,
            replyError=connection._parser.parse_error,
        )
        self._replies: deque[Any] = deque()
        self._waiter: asyncio.Future[None] | None = None
        # While the transport takes no more: done when it does again.
        self._room: asyncio.Future[None] | None = None
        self._broken: Exception | None = None
        # redis-py's own, which gets the transport back.
        self._before = transport.get_protocol()
        transport.set_protocol(self)

    async def send(self, data: bytes) -> None:
        if self._transport.is_closing():
            raise self._broken or exceptions.ConnectionError(ENDED)
        self._transport.write(data)
        if self._room is not None:
            await self._wait(self._room, self._seconds)

    async def reply(self, seconds: float | None = None) -> Any:
        if not self._replies:
            if self._broken is not None:
                raise self._broken
            self._waiter = self._loop.create_future()
            try:
                await self._wait(self._waiter, self._seconds if seconds is None else seconds)
            finally:
                self._waiter = None
        told = self._replies.popleft()
        if isinstance(told, exceptions.ConnectionError) and not isinstance(told, REPLIES):
            raise told
        return told

    async def quiet(self) -> bool:
        unasked = self._replies or self._reader.has_data()
        return not (self._broken or unasked or self._transport.is_closing())

    async def release(self, pool: Any) -> None:
        self._transport.set_protocol(self._before)
        await super().release(pool)

    async def close(self, pool: Any) -> None:
        # Not by and by: a peer that does not read would keep what was written for ever.
        self._transport.abort()
        await super().close(pool)

    async def _wait(self, until: asyncio.Future[None], seconds: float) -> None:
        self._heard = self._loop.time()
        self._look_again(seconds, until, seconds)
        try:
            await until
        finally:
            self._timer.cancel()

    def _look_again(self, after: float, until: asyncio.Future[None], seconds: float) -> None:
        self._due = self._loop.time() + after
        self._timer = self._loop.call_later(after, self._late, until, seconds)

    def _late(self, until: asyncio.Future[None], seconds: float) -> None:
        # A loop that was held up has not read yet what came in the meantime.
        now = self._loop.time()
        left = self._heard + seconds - now
        if now - self._due > HELD_UP_SECONDS:
            left = max(left, HELD_UP_SECONDS)
        if left > 0:
            self._look_again(left, until, seconds)
        elif not until.done():
            until.set_exception(exceptions.TimeoutError(f"no reply in {seconds:g} s"))

    # --- what the transport calls ---

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        self._reader.feed(data)
        try:
            while (told := self._reader.gets()) is not False:
                self._replies.append(told)
        except exceptions.InvalidResponse as error:
            self._break(error)
        if self._replies:
            self._wake(self._waiter)

    def connection_lost(self, error: Exception | None) -> None:
        self._break(exceptions.ConnectionError(str(error) if error else ENDED))
        # redis-py waits for this when it closes the connection.
        self._before.connection_lost(error)

    def pause_writing(self) -> None:
        self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        self._wake(self._room)
        self._room = None

    def _break(self, error: Exception) -> None:
        self._broken = self._broken or error
        for waiter in (self._waiter, self._room):
            if waiter is not None and not waiter.done():
                waiter.set_exception(self._broken)

    @staticmethod
    def _wake(waiter: asyncio.Future[None] | None) -> None:
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
