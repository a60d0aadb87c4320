"""A subscription that is held on a connection of its own in a task, and made anew.

Only how messages arrive may live here. The connection is read directly, for redis-py's PubSub costs
several times what a message does.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Collection
from typing import Any

from redis import exceptions

from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.transport.backoff import Backoff
from pyjobs.transport.connection import Connection, open_connection, pack
from pyjobs.transport.errors import raise_translated
from pyjobs.transport.pipeline import spare_of
from pyjobs.transport.server import AsyncServer
from pyjobs.transport.subscription import LENGTH, MESSAGES, BaseSubscription, Message


class AsyncSubscription(BaseSubscription):
    """Holds a SUBSCRIBE on an asyncio connection of its own and gives the messages of its channels.

    It belongs to one task. Only `add` is for other tasks. An error closes it. `open` opens it
    again, with all channels, and `pause` says when that is due.

    Args:
        server: the redis-py client whose pool the connection is taken from.
        channels: the channels' names.
        backoff: computes the pauses between connections.
        needed: whether an error is raised where Redis's access rules forbid a channel.
        sharded: whether the channels are sharded: only the node of their slot has their messages.
        changed: called when Redis has answered for a channel, or has dropped it.
        heard: called with each message as soon as it comes, which `get` does not return then. A
            connection that redis-py reads has all its messages returned by `get`.
    """

    _connection: Connection | None

    def __init__(
        self,
        server: AsyncServer,
        channels: Collection[str],
        backoff: Backoff,
        needed: bool = True,
        *,
        sharded: bool = False,
        changed: Callable[[], None] = lambda: None,
        heard: Callable[[Message], None] | None = None,
    ) -> None:
        super().__init__(server, channels, backoff, needed, sharded=sharded, changed=changed)
        self._hear = heard
        self._waiters: list[asyncio.Future[None]] = []

    async def open(self, seconds: float) -> None:
        """Connect, send SUBSCRIBE for every channel and wait until Redis has answered, unless there
        is a connection.

        Args:
            seconds: how long to wait for the answers.

        Raises:
            Forbidden: Redis's access rules forbid every channel.
            Unavailable: Redis can't be reached, or has not answered in time.
        """
        if self.is_open:
            return
        until = time.monotonic() + seconds
        try:
            spare_of(self._pool).forget_ended_loop(self._pool)
            self._connection = await open_connection(self._pool)
            if self._hear is not None:
                self._connection.offer(functools.partial(_pass_on, self._hear))
            await self._send()
            while self._asked:
                if not await self._read(until):
                    raise Unavailable(f"no answer to SUBSCRIBE in {seconds:g} s")
        except BaseException as error:
            await self._break()
            self._failed(error)
            raise_translated(error)

    async def get(self, seconds: float = 0.0) -> Message | None:
        """Return the next message; None when none comes in time, and when a channel is refused.

        Args:
            seconds: how long to wait. With 0 only a message that is there is returned.

        Raises:
            Forbidden: Redis's access rules forbid every channel.
            Unavailable: the connection broke, or there is none.
        """
        until, refused = time.monotonic() + seconds, len(self._refused)
        try:
            await self._send()
            while not self._messages:
                if not await self._read(until) or len(self._refused) != refused:
                    return None
        except BaseException as error:
            await self._break()
            raise_translated(error)
        return self._messages.popleft()

    async def add(self, channels: Collection[str], seconds: float) -> None:
        """Hear these channels too, from now on and after each `open`. Any task of the event loop
        may call this, while the task of the subscription calls `open` and `get`.

        Args:
            channels: the channels' names. Those that are heard already cost nothing.
            seconds: how long to wait until Redis confirms the channels.

        Raises:
            Forbidden: Redis's access rules forbid a channel.
            Unavailable: Redis can't be reached, or has not answered in time.
        """
        missing, new = self._wanted(channels)
        if not missing:
            return
        failures = self._failures
        # The task that reads finds out about a connection that broke, and opens another one.
        with contextlib.suppress(exceptions.RedisError, PyjobsError):
            await self._send()
        try:
            async with asyncio.timeout(seconds):
                while not (self._ended or self._are_answered(missing)):
                    self._raise_failure(failures)
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiters.append(waiter)
                    await waiter
        except TimeoutError:
            raise Unavailable(f"no answer to SUBSCRIBE in {seconds:g} s") from None
        if self._ended:
            raise Unavailable("the subscription was ended")
        self._raise_refusal(missing, new)

    def ask_again(self) -> None:
        """Send SUBSCRIBE again for the channels that were refused."""
        self._sent -= self._refused.keys()

    def end(self) -> None:
        """End every `add` that waits, now and from now on."""
        self._ended = True
        self._answered()

    async def close(self) -> None:
        """Close the connection and give it back to its pool, if there is one."""
        if self.is_open:
            await self._break()

    async def _send(self) -> None:
        if self._connection is None:
            raise Unavailable("the subscription is closed")
        if names := self._unsent():
            word = self._words[0]
            await self._connection.send(b"".join(pack(word, name) for name in names))

    async def send(self) -> None:
        """Send SUBSCRIBE for the channels that were entered, without waiting for the answer.

        Raises:
            Unavailable: the connection broke, or there is none. The task that reads closes it.
        """
        try:
            await self._send()
        except exceptions.RedisError as error:
            raise_translated(error)

    async def leave(self, channel: bytes) -> None:
        """Hear a channel no longer. A message may still be on its way.

        Raises:
            Unavailable: the connection broke. The task that reads closes it.
        """
        was_sent = channel in self._sent
        self._forget_channel(channel)
        if was_sent and self._connection is not None:
            self._left.append(channel)
            try:
                await self._connection.send(pack(self._words[1], channel))
            except exceptions.RedisError as error:
                raise_translated(error)

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

    def _answered(self) -> None:
        super()._answered()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _break(self) -> None:
        connection: Connection | None = self._forget()
        if connection is not None:
            await connection.close(self._pool)


def _pass_on(heard: Callable[[Message], None], reply: Any) -> bool:
    """Pass a message on. Returns False for all else."""
    is_message = type(reply) is list and len(reply) == LENGTH and reply[0] in MESSAGES
    if is_message:
        heard(Message(reply[1], reply[2]))
    return is_message
