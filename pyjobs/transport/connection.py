"""An asyncio connection of redis-py whose replies are parsed as soon as their bytes arrive.

redis-py opens the connection: address, TLS, login. From then on hiredis parses here what arrives,
because redis-py's own layers take longer than Redis does. A connection of an unknown kind
(memory://, a sentinel's, another redis-py) is read by redis-py's own means, which is slower.

What to send, and what a reply means, may not live here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import hiredis
from redis import exceptions
from redis.asyncio.connection import AbstractConnection

# Errors that are replies to a command. Every other error is about the connection.
REPLIES = (exceptions.ResponseError, exceptions.BusyLoadingError)
ENDED = "Connection closed by server."
# Redis closed the connection while redis-py logged in: the message of uvloop's RuntimeError, and of
# redis-py's AttributeError.
CLOSED = ("the handler is closed", "'NoneType' object has no attribute")
HELD_UP_SECONDS = 0.1
# The most that is read at once. asyncio would allocate four times as much for each reply.
READ_BYTES = 65_536
# Redis lets a connection without a password send short commands only. It answers a longer one so,
# in place of NOAUTH, and closes the connection.
UNAUTHENTICATED = "Protocol error: unauthenticated"
NO_PASSWORD = "Authentication required."


def checked_reply(error: exceptions.RedisError) -> exceptions.RedisError:
    """Return an error that is the reply to one command.

    Raises:
        AuthenticationError: the reply is about the connection, which has no password.
    """
    if UNAUTHENTICATED in str(error):
        raise exceptions.AuthenticationError(NO_PASSWORD) from error
    return error


def can_read(connection: Any, seconds: float = 0.0) -> bool:
    """Return whether something comes on a connection of redis-py in time.

    Raises:
        ConnectionError: redis-py's: the connection has ended.
    """
    try:
        found: bool = connection.can_read(seconds)
    except (TypeError, AttributeError, ValueError) as error:
        # Another thread has closed it meanwhile: redis-py then polls a socket that is None or -1.
        raise exceptions.ConnectionError(ENDED) from error
    return found


def pack(*words: str | bytes | float) -> bytes:
    """Return a command as bytes of the Redis protocol."""
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]
    return packed


class Connection(Protocol):
    """Sends commands over one open connection of a pool, and gives their replies in order."""

    async def send(self, data: bytes) -> None:
        """Write packed commands.

        Raises:
            RedisError: the connection broke.
        """

    async def reply(self, seconds: float | None = None) -> Any:
        """Return the next reply: a value, or one of REPLIES when Redis refuses the command.

        Args:
            seconds: how long to wait; None: as long as the pool was made for. A null reply looks
                like no reply to some connections, so seconds may be given only where no null comes.

        Raises:
            TimeoutError: redis-py's: no reply came in time. This may be called again for it.
            RedisError: the connection broke, or Redis refuses the connection.
        """

    def offer(self, take: Callable[[Any], bool]) -> None:
        """Give each reply to `take` as soon as it comes. `reply` gives those for which it returns
        False; and all of them, where redis-py reads the connection."""

    async def quiet(self) -> bool:
        """Return whether the connection is open and has no reply that nobody waits for."""

    async def release(self, pool: Any) -> None:
        """Give the connection back to its pool, open."""

    async def close(self, pool: Any) -> None:
        """Close the connection and give it back to its pool. Replies to come are dropped."""


async def open_connection(pool: Any) -> Connection:
    """Take a connection from a pool, for the caller alone; it is connected.

    Raises:
        RedisError: Redis can't be reached, or refuses the login.
    """
    try:
        connection = await pool.get_connection()
        if was_reset(connection):
            await _reconnect(pool, connection)
    except (RuntimeError, AttributeError) as error:
        if not any(word in str(error) for word in CLOSED):
            raise
        raise exceptions.ConnectionError(ENDED) from error
    writer = getattr(connection, "_writer", None)
    known = type(connection).read_response is AbstractConnection.read_response
    if known and isinstance(writer, asyncio.StreamWriter):
        return RawConnection(connection, writer.transport)
    return PooledConnection(connection)


def was_reset(connection: Any) -> bool:
    """Return whether a connection was reset while it was idle, which redis-py does not notice."""
    writer = getattr(connection, "_writer", None)
    return isinstance(writer, asyncio.StreamWriter) and writer.is_closing()


async def _reconnect(pool: Any, connection: Any) -> None:
    """Connect a pool's connection anew; on an error give it back."""
    try:
        await connection.disconnect(nowait=True)
        await connection.connect()
    except BaseException:
        await pool.release(connection)
        raise


class PooledConnection:
    """Uses a connection of any kind by redis-py's own means."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def send(self, data: bytes) -> None:
        await self._connection.send_packed_command(data)
        # The reply of memory:// is there at once. Other tasks run here as they do while a server
        # works: a loop of calls alone would keep them waiting for ever, and would share no call.
        await asyncio.sleep(0)

    async def reply(self, seconds: float | None = None) -> Any:
        try:
            if seconds is None:
                return await self._connection.read_response(disconnect_on_error=False)
            reply = await self._connection.read_response(timeout=seconds, disconnect_on_error=False)
        except REPLIES as error:
            return checked_reply(error)
        # redis-py returns None when a timeout that was given to it is over.
        if reply is None:
            raise exceptions.TimeoutError(f"no reply in {seconds:g} s")
        return reply

    def offer(self, take: Callable[[Any], bool]) -> None:
        pass

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


class RawConnection(PooledConnection, asyncio.BufferedProtocol):
    """Reads and writes a connection's transport, below the layers of redis-py.

    One timer serves all waits, one after the other: most waits end long before it is due, and to
    start and cancel a timer costs as much as to parse a reply.
    """

    def __init__(self, connection: Any, transport: Any) -> None:
        super().__init__(connection)
        self._transport = transport
        self._seconds: float = connection.socket_timeout
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(
            protocolError=exceptions.InvalidResponse,
            replyError=connection._parser.parse_error,
        )
        # A view, for asyncio's TLS reads into slices of it.
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._replies: deque[Any] = deque()
        self._take: Callable[[Any], bool] = lambda reply: False
        self._waiter: asyncio.Future[None] | None = None
        # Exists while the transport's buffer is full; done when there is room again.
        self._room: asyncio.Future[None] | None = None
        # The latest wait, which may be over: for what, and how many seconds after the last bytes.
        self._until: asyncio.Future[None] | None = None
        self._patience = self._seconds
        self._heard = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._broken: Exception | None = None
        # redis-py's protocol, which `release` puts back in place.
        self._before = transport.get_protocol()
        _switch(transport, self)

    async def send(self, data: bytes) -> None:
        if self._transport.is_closing():
            raise self._broken or exceptions.ConnectionError(ENDED)
        self._transport.write(data)
        if self._room is not None:
            await self._bounded(self._room, self._seconds)

    async def reply(self, seconds: float | None = None) -> Any:
        if not self._replies:
            if self._broken is not None:
                raise self._broken
            self._waiter = self._loop.create_future()
            try:
                await self._bounded(self._waiter, self._seconds if seconds is None else seconds)
            finally:
                self._waiter = None
        reply = self._replies.popleft()
        if isinstance(reply, exceptions.ConnectionError) and not isinstance(reply, REPLIES):
            raise reply
        return checked_reply(reply) if isinstance(reply, exceptions.RedisError) else reply

    def offer(self, take: Callable[[Any], bool]) -> None:
        self._take = take

    async def quiet(self) -> bool:
        unasked = self._replies or self._reader.has_data()
        return not (self._broken or unasked or self._transport.is_closing())

    async def release(self, pool: Any) -> None:
        self._end_timer()
        _switch(self._transport, self._before)
        await super().release(pool)

    async def close(self, pool: Any) -> None:
        self._end_timer()
        # A plain close keeps what was written until the peer reads it, which may be never.
        self._transport.abort()
        await super().close(pool)

    def _bounded(self, until: asyncio.Future[None], seconds: float) -> asyncio.Future[None]:
        """Return `until`, which raises TimeoutError when so many seconds bring no bytes."""
        self._until, self._patience, self._heard = until, seconds, self._loop.time()
        due = self._heard + seconds
        if self._timer is None or due < self._due:
            self._end_timer()
            self._look_at(due)
        return until

    def _look_at(self, due: float) -> None:
        self._due = due
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        until = self._until
        if until is None or until.done():
            return
        # After a handler has blocked the loop, bytes that came in the meantime are not read yet.
        now = self._loop.time()
        left = self._heard + self._patience - now
        if now - self._due > HELD_UP_SECONDS:
            left = max(left, HELD_UP_SECONDS)
        if left > 0:
            self._look_at(now + left)
        else:
            until.set_exception(exceptions.TimeoutError(f"no reply in {self._patience:g} s"))

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- what the transport calls ---

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._heard = self._loop.time()
        self._reader.feed(self._buffer, 0, nbytes)  # type: ignore[arg-type]
        try:
            while (reply := self._reader.gets()) is not False:
                if not self._take(reply):
                    self._replies.append(reply)
        except exceptions.InvalidResponse as error:
            self._break(error)
        if self._replies:
            self._wake(self._waiter)

    def connection_lost(self, error: Exception | None) -> None:
        self._break(exceptions.ConnectionError(str(error) if error else ENDED))
        # redis-py waits for this call when it closes a connection.
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


def _switch(transport: Any, protocol: asyncio.BaseProtocol) -> None:
    """Have a transport call another protocol. uvloop looks at the kind of a protocol only when
    reading begins."""
    if transport.is_closing():
        transport.set_protocol(protocol)
        return
    transport.pause_reading()
    transport.set_protocol(protocol)
    transport.resume_reading()
