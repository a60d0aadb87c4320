"""A SUBSCRIBE that is held on a connection of its own, in a thread or in a task, and made anew.

Only how messages arrive may live here, not what they mean. The connection is read directly, for
redis-py's PubSub costs several times what a message does.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from redis import exceptions

from pyjobs.errors import Unavailable
from pyjobs.transport.backoff import Backoff
from pyjobs.transport.connection import Connection, can_read, open_connection, pack
from pyjobs.transport.errors import raise_translated, translated
from pyjobs.transport.server import AsyncServer, Server


class BaseSubscription:
    """Knows what Redis has confirmed, which messages have come, and when to connect anew. It sends
    and reads nothing.

    Args:
        server: the redis-py client whose pool the connection is taken from.
        channels: the channels' names.
        backoff: computes the pauses between connections.
    """

    def __init__(
        self, server: Server | AsyncServer, channels: Sequence[str], backoff: Backoff
    ) -> None:
        self._pool: Any = server.connection_pool
        self._channels = channels
        self._backoff = backoff
        self._connection: Any = None
        self._messages: deque[bytes] = deque()
        self._ready = False
        self._due = 0.0

    @property
    def is_open(self) -> bool:
        """Whether there is a connection. Redis may have confirmed the channels or not."""
        return self._connection is not None

    @property
    def ready(self) -> bool:
        """Whether Redis has confirmed every channel, so that no message is missed from now on."""
        return self._ready

    @property
    def pause(self) -> float:
        """Seconds until the next attempt to connect is due after an error; 0 when it is."""
        return max(0.0, self._due - time.monotonic())

    def _take(self, reply: Any) -> None:
        """Take what Redis sends on a subscribed connection."""
        if isinstance(reply, exceptions.RedisError):
            raise translated(reply)
        try:
            kind, _, content = reply
        except (TypeError, ValueError):
            raise Unavailable(f"this is no message of a channel: {reply!r:.100}") from None
        self._backoff.reset()
        if kind == b"message":
            self._messages.append(content)
        elif content == len(self._channels):
            # Redis confirms each channel; the last confirmation carries the total.
            self._ready = True

    def _forget(self) -> Any:
        """Return the connection to be closed, if any. The next attempt is due after a pause."""
        self._messages.clear()
        self._ready = False
        self._due = time.monotonic() + self._backoff.pause()
        connection, self._connection = self._connection, None
        return connection


class Subscription(BaseSubscription):
    """Holds a SUBSCRIBE on a connection of its own and gives the messages of its channels.

    It belongs to one thread. An error closes it. `open` opens it again, and `pause` tells when that
    is due.

    Args:
        server: the redis-py client whose pool the connection is taken from.
        channels: the channels' names.
        backoff: computes the pauses between connections.
    """

    def __init__(self, server: Server, channels: Sequence[str], backoff: Backoff) -> None:
        super().__init__(server, channels, backoff)

    @property
    def source(self) -> socket.socket | None:
        """The socket that becomes readable when something comes, once `get` has returned None. None
        for memory://, which has no socket, and while there is no connection."""
        source = getattr(self._connection, "_sock", None)
        return source if isinstance(source, socket.socket) else None

    def open(self, seconds: float = 0.0) -> None:
        """Connect and send SUBSCRIBE, unless there is a connection.

        Args:
            seconds: how long to wait until Redis confirms every channel. With 0 nothing is waited
                for, and `get` raises a refusal.

        Raises:
            Forbidden: Redis's access rules forbid a channel.
            Unavailable: Redis can't be reached, or has not confirmed the channels in time.
        """
        if self.is_open:
            return
        until = time.monotonic() + seconds
        try:
            self._connection = self._pool.get_connection()
            self._connection.send_command("SUBSCRIBE", *self._channels)
            while seconds and not self._ready:
                if not self._read(until):
                    raise Unavailable(f"no answer to SUBSCRIBE in {seconds:g} s")
        except BaseException as error:
            self._break()
            raise_translated(error)

    def get(self, seconds: float = 0.0) -> bytes | None:
        """Return the content of the next message; None when none comes in time.

        Args:
            seconds: how long to wait. With 0 only a message that is there is returned.

        Raises:
            Forbidden: Redis's access rules forbid a channel.
            Unavailable: the connection broke, or there is none.
        """
        until = time.monotonic() + seconds
        try:
            while not self._messages:
                if not self._read(until):
                    return None
        except BaseException as error:
            self._break()
            raise_translated(error)
        return self._messages.popleft()

    def close(self) -> None:
        """Close the connection and give it back to its pool, if there is one."""
        if self.is_open:
            self._break()

    def _read(self, until: float) -> bool:
        """Take what comes next; False when nothing comes before the moment `until`."""
        if self._connection is None:
            raise Unavailable("the subscription is closed")
        if not can_read(self._connection, max(0.0, until - time.monotonic())):
            return False
        self._take(self._connection.read_response(disconnect_on_error=False))
        return True

    def _break(self) -> None:
        connection = self._forget()
        if connection is not None:
            connection.disconnect()
            self._pool.release(connection)


class AsyncSubscription(BaseSubscription):
    """Holds a SUBSCRIBE on an asyncio connection of its own and gives the messages of its channels.

    It belongs to one task. An error closes it. `open` opens it again, and `pause` tells when that
    is due.

    Args:
        server: the redis-py client whose pool the connection is taken from.
        channels: the channels' names.
        backoff: computes the pauses between connections.
    """

    _connection: Connection | None

    def __init__(self, server: AsyncServer, channels: Sequence[str], backoff: Backoff) -> None:
        super().__init__(server, channels, backoff)

    async def open(self, seconds: float) -> None:
        """Connect, send SUBSCRIBE and wait until Redis confirms every channel, unless there is a
        connection.

        Args:
            seconds: how long to wait for the confirmation.

        Raises:
            Forbidden: Redis's access rules forbid a channel.
            Unavailable: Redis can't be reached, or has not confirmed the channels in time.
        """
        if self.is_open:
            return
        until = time.monotonic() + seconds
        try:
            self._connection = await open_connection(self._pool)
            await self._connection.send(pack("SUBSCRIBE", *self._channels))
            while not self._ready:
                if not await self._read(until):
                    raise Unavailable(f"no answer to SUBSCRIBE in {seconds:g} s")
        except BaseException as error:
            await self._break()
            raise_translated(error)

    async def get(self, seconds: float = 0.0) -> bytes | None:
        """Return the content of the next message; None when none comes in time.

        Args:
            seconds: how long to wait. With 0 only a message that is there is returned.

        Raises:
            Forbidden: Redis's access rules forbid a channel.
            Unavailable: the connection broke, or there is none.
        """
        until = time.monotonic() + seconds
        try:
            while not self._messages:
                if not await self._read(until):
                    return None
        except BaseException as error:
            await self._break()
            raise_translated(error)
        return self._messages.popleft()

    async def close(self) -> None:
        """Close the connection and give it back to its pool, if there is one."""
        if self.is_open:
            await self._break()

    async def _read(self, until: float) -> bool:
        """Take what comes next; False when nothing comes before the moment `until`."""
        if self._connection is None:
            raise Unavailable("the subscription is closed")
        try:
            reply = await self._connection.reply(max(0.0, until - time.monotonic()))
        except exceptions.TimeoutError:
            return False
        self._take(reply)
        return True

    async def _break(self) -> None:
        connection: Connection | None = self._forget()
        if connection is not None:
            await connection.close(self._pool)
