"""How a client hears of its results: messages on its channel as they come, and a look at what is
stored now and then, in a thread or in a task. What an answer means is decided by the core.

A connection that is subscribed is read directly: redis-py's PubSub costs several times what a
message does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
import time
from typing import Any, Generic

import redis
import redis.asyncio

from pyjobs.asyncutil import cancel_and_wait
from pyjobs.client.batch import Chunk
from pyjobs.client.core import ClientCore
from pyjobs.client.pending import J
from pyjobs.errors import PyjobsError
from pyjobs.transport import REPLY_SECONDS, Connection, arun, open_connection, pack, run

log = logging.getLogger("pyjobs")
RECONNECT_SECONDS = 0.5
END_SECONDS = 2.0
# For a message that Redis has sent before an answer, on its other way. No longer: where messages
# come all the time, none of them must keep the lost jobs from being told.
ARRIVAL_SECONDS = 0.01
NO_ANSWER = f"no answer to SUBSCRIBE in {REPLY_SECONDS} s"
SyncConnection = Any


class Listener(Generic[J]):
    """The listener of a synchronous client, a thread.

    Args:
        server: where the channel is.
        core: is told what is heard.

    Raises:
        RedisError: Redis can't be reached, or forbids the channel.
    """

    def __init__(self, server: redis.Redis, core: ClientCore[J]) -> None:
        self._server = server
        self._pool: Any = server.connection_pool
        self._core = core
        self._stopped = threading.Event()
        subscribed = self._subscribe()
        self._thread = threading.Thread(
            target=self._listen, args=(subscribed,), name="pyjobs-results", daemon=True
        )
        try:
            self._thread.start()
        except BaseException:
            self._leave(subscribed)
            raise

    def close(self) -> None:
        """Stop listening."""
        self._stopped.set()
        with contextlib.suppress(redis.RedisError):
            self._server.publish(self._core.channel, b"")
        self._thread.join(END_SECONDS)

    def _listen(self, subscribed: SyncConnection | None) -> None:
        due = time.monotonic() + self._core.sweep.every
        while subscribed is not None:
            try:
                self._follow(subscribed, due)
            except Exception as error:
                # What was published in the meantime is lost: look at what is stored at once.
                due = 0.0
                note(error)
            finally:
                self._leave(subscribed)
            subscribed = self._subscribe_again()

    def _follow(self, subscribed: SyncConnection, due: float) -> None:
        """Hear, and look from the moment `due` on, until the connection breaks or `close`."""
        while not self._stopped.is_set():
            self._hear(subscribed, max(0.0, due - time.monotonic()))
            if time.monotonic() >= due:
                self._look(subscribed)
                due = time.monotonic() + self._core.sweep.every

    def _hear(self, subscribed: SyncConnection, seconds: float) -> bool:
        """Whether there was a message, or anything else that Redis says here."""
        if not subscribed.can_read(seconds):
            return False
        kind, *_, body = subscribed.read_response(disconnect_on_error=False)
        if kind == b"message":
            self._core.hear(body)
        return True

    def _look(self, subscribed: SyncConnection) -> None:
        missing = look(self._server, self._core, self._core.sweep.calls())
        until = time.monotonic() + ARRIVAL_SECONDS
        while missing and (left := until - time.monotonic()) > 0:
            self._hear(subscribed, left)
        self._core.sweep.settle_gone(missing)

    def _subscribe(self) -> SyncConnection:
        connection = self._pool.get_connection()
        try:
            connection.send_command("SUBSCRIBE", self._core.channel)
            if not connection.can_read(REPLY_SECONDS):
                raise redis.TimeoutError(NO_ANSWER)
            connection.read_response()
        except BaseException:
            self._leave(connection)
            raise
        return connection

    def _subscribe_again(self) -> SyncConnection | None:
        """None after `close`."""
        while not self._stopped.wait(RECONNECT_SECONDS * random.uniform(0.5, 1.0)):
            try:
                return self._subscribe()
            except Exception as error:
                note(error)
        return None

    def _leave(self, connection: SyncConnection) -> None:
        connection.disconnect()
        self._pool.release(connection)


def note(error: Exception) -> None:
    """An end of the listener would be the end of all results: whatever goes wrong, it goes on."""
    if not isinstance(error, redis.RedisError):
        log.warning("the listener for results failed and begins anew", exc_info=error)


def look(server: redis.Redis, core: ClientCore[J], chunks: list[Chunk[J]]) -> list[J]:
    """Look at what is stored; returns the jobs that are missing. What can't be read now is left to
    the next sweep."""
    missing: list[J] = []
    for chunk in chunks:
        try:
            missing += core.sweep.take(chunk, run(server, chunk.call))
        except PyjobsError as error:
            if core.sweep.blind(chunk, error):
                break
    return missing


class AsyncListener(Generic[J]):
    """The same in a task; `open` subscribes and starts it."""

    def __init__(self, server: redis.asyncio.Redis, core: ClientCore[J]) -> None:
        self._server = server
        self._pool = server.connection_pool
        self._core = core
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises RedisError as `Listener` does."""
        subscribed = await self._subscribe()
        self._task = asyncio.create_task(self._listen(subscribed), name="pyjobs-results")

    async def close(self) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task)

    async def _listen(self, subscribed: Connection) -> None:
        due = time.monotonic() + self._core.sweep.every
        while True:
            try:
                await self._follow(subscribed, due)
            except Exception as error:
                due = 0.0
                note(error)
            finally:
                await subscribed.close(self._pool)
            subscribed = await self._subscribe_again()

    async def _follow(self, subscribed: Connection, due: float) -> None:
        while True:
            await self._hear(subscribed, max(0.0, due - time.monotonic()))
            if time.monotonic() >= due:
                await self._look(subscribed)
                due = time.monotonic() + self._core.sweep.every

    async def _hear(self, subscribed: Connection, seconds: float) -> bool:
        try:
            kind, *_, body = self._value(await subscribed.reply(seconds))
        except redis.TimeoutError:
            return False
        if kind == b"message":
            self._core.hear(body)
        return True

    @staticmethod
    def _value(told: Any) -> Any:
        if isinstance(told, redis.RedisError):
            raise told
        return told

    async def _look(self, subscribed: Connection) -> None:
        missing = await alook(self._server, self._core, self._core.sweep.calls())
        until = time.monotonic() + ARRIVAL_SECONDS
        while missing and (left := until - time.monotonic()) > 0:
            await self._hear(subscribed, left)
        self._core.sweep.settle_gone(missing)

    async def _subscribe(self) -> Connection:
        subscribed = await open_connection(self._pool)
        try:
            await subscribed.send(pack("SUBSCRIBE", self._core.channel))
            self._value(await subscribed.reply(REPLY_SECONDS))
        except BaseException:
            await subscribed.close(self._pool)
            raise
        return subscribed

    async def _subscribe_again(self) -> Connection:
        while True:
            await asyncio.sleep(RECONNECT_SECONDS * random.uniform(0.5, 1.0))
            try:
                return await self._subscribe()
            except Exception as error:
                note(error)


async def alook(
    server: redis.asyncio.Redis, core: ClientCore[J], chunks: list[Chunk[J]]
) -> list[J]:
    """As `look`."""
    missing: list[J] = []
    for chunk in chunks:
        try:
            missing += core.sweep.take(chunk, await arun(server, chunk.call))
        except PyjobsError as error:
            if core.sweep.blind(chunk, error):
                break
    return missing
