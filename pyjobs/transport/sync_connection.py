"""A connection of a thread whose replies are parsed as soon as their bytes arrive.

redis-py opens the connection: address, TLS, login. From then on hiredis parses here what arrives,
because redis-py's own layers take long: each message that comes is three polls and two reads there.
A connection with TLS or of an unknown kind (memory://, a sentinel's, another redis-py) is read by
redis-py's own means, which is slower.

What to send, and what a reply means, may not live here.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator
from typing import Any, Protocol

import hiredis
from redis import exceptions
from redis.connection import AbstractConnection

from pyjobs.transport.connection import ENDED, REPLIES, can_read, checked_reply

READ_BYTES = 65_536


class SyncConnection(Protocol):
    """Sends commands over one open connection of a pool, and gives their replies in order. It
    belongs to one thread."""

    @property
    def source(self) -> socket.socket | None:
        """The socket, which becomes readable when something comes; None for memory://."""

    def send(self, data: bytes) -> None:
        """Write packed commands.

        Raises:
            RedisError: the connection broke.
        """

    def reply(self) -> Any:
        """Return the next reply: a value, or one of REPLIES when Redis refuses the command.

        Raises:
            RedisError: the connection broke, or no reply came for as long as the pool was made for.
        """

    def come(self) -> Iterator[Any]:
        """Yield the replies that have come, without waiting for more.

        Raises:
            RedisError: the connection broke.
        """

    def is_readable(self, seconds: float = 0.0) -> bool:
        """Return whether something comes in time, or the connection ends. To be called when `come`
        has yielded all.

        Raises:
            RedisError: the connection broke.
        """

    def quiet(self) -> bool:
        """Return whether the connection is open and has no reply that nobody waits for."""

    def release(self, pool: Any) -> None:
        """Give the connection back to its pool, open."""

    def close(self, pool: Any) -> None:
        """Close the connection and give it back to its pool. Replies to come are dropped."""


def open_sync(pool: Any) -> SyncConnection:
    """Take a connection from a pool, for the caller alone; it is connected.

    Raises:
        RedisError: Redis can't be reached, or refuses the login.
    """
    connection = pool.get_connection()
    source = getattr(connection, "_sock", None)
    known = type(connection).read_response is AbstractConnection.read_response
    # What a socket of TLS has decrypted is not seen by a poll.
    if known and type(source) is socket.socket and source.gettimeout():
        try:
            return DirectConnection(connection, source)
        except ValueError as error:
            # Another thread has closed it meanwhile: its number is -1.
            LayeredConnection(connection).close(pool)
            raise exceptions.ConnectionError(ENDED) from error
    return LayeredConnection(connection)


class LayeredConnection:
    """Uses a connection of any kind by redis-py's own means."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @property
    def source(self) -> socket.socket | None:
        source = getattr(self._connection, "_sock", None)
        return source if isinstance(source, socket.socket) else None

    def send(self, data: bytes) -> None:
        self._connection.send_packed_command([data])

    def reply(self) -> Any:
        try:
            return self._connection.read_response(disconnect_on_error=False)
        except REPLIES as error:
            return checked_reply(error)

    def come(self) -> Iterator[Any]:
        while can_read(self._connection):
            yield self.reply()

    def is_readable(self, seconds: float = 0.0) -> bool:
        return can_read(self._connection, seconds)

    def quiet(self) -> bool:
        try:
            return not can_read(self._connection)
        except (exceptions.RedisError, OSError):
            return False

    def release(self, pool: Any) -> None:
        pool.release(self._connection)

    def close(self, pool: Any) -> None:
        self._connection.disconnect()
        pool.release(self._connection)


class DirectConnection(LayeredConnection):
    """Reads and writes a connection's socket, below the layers of redis-py."""

    def __init__(self, connection: Any, source: socket.socket) -> None:
        super().__init__(connection)
        self._socket = source
        self._reader = hiredis.Reader(
            protocolError=exceptions.InvalidResponse,
            replyError=connection._parser.parse_error,
        )
        self._poll = select.poll()
        self._poll.register(source, select.POLLIN)

    def send(self, data: bytes) -> None:
        try:
            # The system does not block on a socket that has a timeout in Python. `sendall` would
            # poll the socket first, which is a system call more.
            sent = os.write(self._socket.fileno(), data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise self._broken(error) from error
        if sent < len(data):
            self._send_rest(memoryview(data)[sent:])

    def _send_rest(self, data: memoryview) -> None:
        """Write what the socket has had no room for."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise self._broken(error) from error

    def reply(self) -> Any:
        while (reply := self._reader.gets()) is False:
            self._read()
        return self._checked(reply) if isinstance(reply, exceptions.RedisError) else reply

    def come(self) -> Iterator[Any]:
        # As in `send`: `recv` would poll the socket first.
        try:
            self._feed(os.read(self._socket.fileno(), READ_BYTES))
        except BlockingIOError:
            pass
        except OSError as error:
            raise self._broken(error) from error
        while (reply := self._reader.gets()) is not False:
            yield self._checked(reply) if isinstance(reply, exceptions.RedisError) else reply

    def is_readable(self, seconds: float = 0.0) -> bool:
        # What the reader holds is the begin of a reply, for `come` has yielded every whole one.
        return bool(self._poll.poll(1000 * seconds))

    def quiet(self) -> bool:
        # Another thread may have closed it, and its number may be that of another file by now.
        is_open = self._connection._sock is self._socket
        return is_open and not self._reader.has_data() and not self._poll.poll(0)

    def _read(self) -> None:
        try:
            self._feed(self._socket.recv(READ_BYTES))
        except OSError as error:
            raise self._broken(error) from error

    def _feed(self, data: bytes) -> None:
        if not data:
            raise exceptions.ConnectionError(ENDED)
        self._reader.feed(data)

    @staticmethod
    def _checked(error: exceptions.RedisError) -> exceptions.RedisError:
        if isinstance(error, exceptions.ConnectionError) and not isinstance(error, REPLIES):
            raise error
        return checked_reply(error)

    def _broken(self, error: OSError) -> exceptions.RedisError:
        """Return an error of the socket as redis-py's."""
        if isinstance(error, TimeoutError):
            return exceptions.TimeoutError(f"no reply in {self._connection.socket_timeout:g} s")
        return exceptions.ConnectionError(str(error))
