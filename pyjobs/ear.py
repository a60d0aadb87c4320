"""How a client hears of its results: messages on its channel as they come, and a look at what is
stored now and then, in a thread or in a task. What an answer means is decided by the desk.

A connection that is subscribed is read directly: redis-py's PubSub costs several times what a
message does.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from typing import Any, Generic

import redis
import redis.asyncio

from pyjobs.chunks import Chunk
from pyjobs.connect import REPLY_SECONDS
from pyjobs.desk import Desk
from pyjobs.errors import PyjobsError
from pyjobs.pending import J
from pyjobs.run import arun, run
from pyjobs.tasks import end

RECONNECT_SECONDS = 0.5
END_SECONDS = 2.0
NO_ANSWER = f"no answer to SUBSCRIBE in {REPLY_SECONDS} s"
Connection = Any


class Ear(Generic[J]):
    """The listener of a synchronous client, a thread.

    Args:
        server: where the channel is.
        desk: is told what is heard.
        every: seconds between looks at the stored results.

    Raises:
        RedisError: Redis can't be reached, or forbids the channel.
    """

    def __init__(self, server: redis.Redis, desk: Desk[J], every: float) -> None:
        self._server = server
        self._pool: Any = server.connection_pool
        self._desk = desk
        self._every = every
        self._stopped = threading.Event()
        self._connection = self._subscribe()
        self._thread = threading.Thread(target=self._listen, name="pyjobs-results", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._stopped.set()
        with contextlib.suppress(redis.RedisError):
            self._server.publish(self._desk.channel, b"")
        self._thread.join(END_SECONDS)

    def _listen(self) -> None:
        due = time.monotonic() + self._every
        while not self._stopped.is_set():
            try:
                self._hear(max(0.0, due - time.monotonic()))
                if time.monotonic() >= due:
                    self._look()
                    due = time.monotonic() + self._every
            except redis.RedisError:
                # What was published in the meantime is lost: look at what is stored at once.
                due = 0.0
                self._leave(self._connection)
                self._subscribe_again()
        self._leave(self._connection)

    def _hear(self, seconds: float) -> bool:
        """Whether there was a message, or anything else that Redis says here."""
        if not self._connection.can_read(seconds):
            return False
        kind, *_, body = self._connection.read_response(disconnect_on_error=False)
        if kind == b"message":
            self._desk.hear(body)
        return True

    def _look(self) -> None:
        lost = ask(self._server, self._desk, self._desk.sweep.calls())
        while lost and self._hear(0.0):
            pass
        self._desk.sweep.lose(lost)

    def _subscribe(self) -> Connection:
        connection = self._pool.get_connection()
        try:
            connection.send_command("SUBSCRIBE", self._desk.channel)
            if not connection.can_read(REPLY_SECONDS):
                raise redis.TimeoutError(NO_ANSWER)
            connection.read_response()
        except BaseException:
            self._leave(connection)
            raise
        return connection

    def _subscribe_again(self) -> None:
        while not self._stopped.wait(RECONNECT_SECONDS * random.uniform(0.5, 1.0)):
            with contextlib.suppress(redis.RedisError):
                self._connection = self._subscribe()
                return

    def _leave(self, connection: Connection) -> None:
        connection.disconnect()
        self._pool.release(connection)


def ask(server: redis.Redis, desk: Desk[J], chunks: list[Chunk[J]]) -> list[J]:
    """Look at what is stored; returns the jobs that are lost. What can't be read now is looked at
    again by the next sweep."""
    lost: list[J] = []
    for chunk in chunks:
        try:
            lost += desk.sweep.take(chunk, run(server, chunk.call))
        except PyjobsError as error:
            if desk.sweep.blind(chunk, error):
                break
    return lost


class AsyncEar(Generic[J]):
    """The same in a task; `open` subscribes and starts it."""

    def __init__(self, server: redis.asyncio.Redis, desk: Desk[J], every: float) -> None:
        self._server = server
        self._pool: Any = server.connection_pool
        self._desk = desk
        self._every = every
        self._connection: Connection = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises RedisError as `Ear` does."""
        self._connection = await self._subscribe()
        self._task = asyncio.create_task(self._listen(), name="pyjobs-results")

    async def close(self) -> None:
        if self._task is not None:
            await end(self._task)

    async def _listen(self) -> None:
        due = time.monotonic() + self._every
        try:
            while True:
                try:
                    await self._hear(max(0.0, due - time.monotonic()))
                    if time.monotonic() >= due:
                        await self._look()
                        due = time.monotonic() + self._every
                except redis.RedisError:
                    due = 0.0
                    await self._leave(self._connection)
                    await self._subscribe_again()
        finally:
            await self._leave(self._connection)

    async def _hear(self, seconds: float) -> bool:
        told = await self._connection.read_response(timeout=seconds, disconnect_on_error=False)
        if told is None:
            return False
        kind, *_, body = told
        if kind == b"message":
            self._desk.hear(body)
        return True

    async def _look(self) -> None:
        lost = await aask(self._server, self._desk, self._desk.sweep.calls())
        while lost and await self._hear(0.0):
            pass
        self._desk.sweep.lose(lost)

    async def _subscribe(self) -> Connection:
        connection = await self._pool.get_connection()
        try:
            await connection.send_command("SUBSCRIBE", self._desk.channel)
            if await connection.read_response(timeout=REPLY_SECONDS) is None:
                raise redis.TimeoutError(NO_ANSWER)
        except BaseException:
            await self._leave(connection)
            raise
        return connection

    async def _subscribe_again(self) -> None:
        while True:
            await asyncio.sleep(RECONNECT_SECONDS * random.uniform(0.5, 1.0))
            with contextlib.suppress(redis.RedisError):
                self._connection = await self._subscribe()
                return

    async def _leave(self, connection: Connection) -> None:
        await connection.disconnect(nowait=True)
        await self._pool.release(connection)


async def aask(server: redis.asyncio.Redis, desk: Desk[J], chunks: list[Chunk[J]]) -> list[J]:
    """As `ask`."""
    lost: list[J] = []
    for chunk in chunks:
        try:
            lost += desk.sweep.take(chunk, await arun(server, chunk.call))
        except PyjobsError as error:
            if desk.sweep.blind(chunk, error):
                break
    return lost
