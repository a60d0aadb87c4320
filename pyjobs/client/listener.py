"""How a client hears its results: messages on its channel, and from time to time a sweep over the
stored results, in a thread or in a task.

Only what waits may live here. What a message or a stored result means is decided by the core.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from typing import Generic

from pyjobs.asyncutil import cancel_and_wait
from pyjobs.client.batch import Chunk
from pyjobs.client.core import ClientCore
from pyjobs.client.pending import J
from pyjobs.errors import PyjobsError
from pyjobs.transport import (
    REPLY_SECONDS,
    AsyncServer,
    AsyncSubscription,
    Backoff,
    Server,
    Subscription,
    arun,
    command,
    run,
)

log = logging.getLogger(__name__)
# It does not grow: results of simple mode that are published meanwhile are lost.
RECONNECT_SECONDS = 0.5
END_SECONDS = 2.0
# A message that Redis sent before it answered a sweep may still be on its own connection. This
# bounds the time to wait for it, for messages of other jobs may come without end.
ARRIVAL_SECONDS = 0.01


class Listener(Generic[J]):
    """Responsible for hearing the results of a synchronous client, in a thread of its own.

    It is subscribed when it has been made. A connection that breaks is replaced, and the stored
    results are read at once then, for messages in between are lost.

    Args:
        server: where the client's channel is.
        core: gets the messages and the stored results.

    Raises:
        Forbidden: Redis's access rules forbid the channel.
        Unavailable: Redis can't be reached.
    """

    def __init__(self, server: Server, core: ClientCore[J]) -> None:
        self._server = server
        self._core = core
        self._stopped = threading.Event()
        self._subscription = Subscription(
            server, [core.channel], Backoff(RECONNECT_SECONDS, RECONNECT_SECONDS)
        )
        self._subscription.open(REPLY_SECONDS)
        self._thread = threading.Thread(target=self._listen, name="pyjobs-results", daemon=True)
        try:
            self._thread.start()
        except BaseException:
            self._subscription.close()
            raise

    def close(self) -> None:
        """Stop listening. The thread has ended then, unless Redis does not answer."""
        self._stopped.set()
        # A message ends the wait for one.
        with contextlib.suppress(PyjobsError):
            command(self._server, "PUBLISH", self._core.channel, "")
        self._thread.join(END_SECONDS)

    def _listen(self) -> None:
        due = time.monotonic() + self._core.sweep.every
        while not self._stopped.is_set():
            try:
                self._subscription.open(REPLY_SECONDS)
                self._follow(due)
            except Exception as error:
                # Messages of the meantime are lost: the next sweep is due at once.
                due = 0.0
                note(error)
                self._subscription.close()
                self._stopped.wait(self._subscription.pause)
        self._subscription.close()

    def _follow(self, due: float) -> None:
        """Take messages, and sweep from the moment `due` on, until an error or `close`."""
        while not self._stopped.is_set():
            self._hear(max(0.0, due - time.monotonic()))
            if time.monotonic() >= due:
                self._sweep()
                due = time.monotonic() + self._core.sweep.every

    def _hear(self, seconds: float) -> None:
        message = self._subscription.get(seconds)
        if message is not None:
            self._core.hear(message)

    def _sweep(self) -> None:
        missing = look(self._server, self._core, self._core.sweep.calls())
        until = time.monotonic() + ARRIVAL_SECONDS
        while missing and (left := until - time.monotonic()) > 0:
            self._hear(left)
        self._core.sweep.settle_gone(missing)


def note(error: Exception) -> None:
    """Log an error that is not about Redis. The listener goes on after every error: its end would
    be the end of all results."""
    if not isinstance(error, PyjobsError):
        log.warning("the listener for results failed and begins anew", exc_info=error)


def look(server: Server, core: ClientCore[J], chunks: list[Chunk[J]]) -> list[J]:
    """Read stored results (queue/result) and settle their jobs.

    What can't be read now is logged and left to the next sweep.

    Args:
        server: where the queues are.
        core: the client's.
        chunks: the calls, and the jobs that each asks for.

    Returns:
        The jobs that are not stored.
    """
    missing: list[J] = []
    for chunk in chunks:
        try:
            missing += core.sweep.take(chunk, run(server, chunk.call))
        except PyjobsError as error:
            if core.sweep.unreadable(chunk, error):
                break
    return missing


class AsyncListener(Generic[J]):
    """Responsible for hearing the results of an asyncio client, in a task of its own.

    It is subscribed after `open`. A connection that breaks is replaced, and the stored results are
    read at once then, for messages in between are lost.

    Args:
        server: where the client's channel is.
        core: gets the messages and the stored results.
    """

    def __init__(self, server: AsyncServer, core: ClientCore[J]) -> None:
        self._server = server
        self._core = core
        self._subscription = AsyncSubscription(
            server, [core.channel], Backoff(RECONNECT_SECONDS, RECONNECT_SECONDS)
        )
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Subscribe and start the task.

        Raises:
            Forbidden: Redis's access rules forbid the channel.
            Unavailable: Redis can't be reached.
        """
        await self._subscription.open(REPLY_SECONDS)
        self._task = asyncio.create_task(self._listen(), name="pyjobs-results")

    async def close(self) -> None:
        """Stop listening. The task has ended then."""
        if self._task is not None:
            await cancel_and_wait(self._task)
        await self._subscription.close()

    async def _listen(self) -> None:
        due = time.monotonic() + self._core.sweep.every
        while True:
            try:
                await self._subscription.open(REPLY_SECONDS)
                await self._follow(due)
            except Exception as error:
                # Messages of the meantime are lost: the next sweep is due at once.
                due = 0.0
                note(error)
                await self._subscription.close()
                await asyncio.sleep(self._subscription.pause)

    async def _follow(self, due: float) -> None:
        """Take messages, and sweep from the moment `due` on, until an error."""
        while True:
            await self._hear(max(0.0, due - time.monotonic()))
            if time.monotonic() >= due:
                await self._sweep()
                due = time.monotonic() + self._core.sweep.every

    async def _hear(self, seconds: float) -> None:
        message = await self._subscription.get(seconds)
        if message is not None:
            self._core.hear(message)

    async def _sweep(self) -> None:
        missing = await alook(self._server, self._core, self._core.sweep.calls())
        until = time.monotonic() + ARRIVAL_SECONDS
        while missing and (left := until - time.monotonic()) > 0:
            await self._hear(left)
        self._core.sweep.settle_gone(missing)


async def alook(server: AsyncServer, core: ClientCore[J], chunks: list[Chunk[J]]) -> list[J]:
    """Read stored results (queue/result) over asyncio connections and settle their jobs.

    What can't be read now is logged and left to the next sweep.

    Args:
        server: where the queues are.
        core: the client's.
        chunks: the calls, and the jobs that each asks for.

    Returns:
        The jobs that are not stored.
    """
    missing: list[J] = []
    for chunk in chunks:
        try:
            missing += core.sweep.take(chunk, await arun(server, chunk.call))
        except PyjobsError as error:
            if core.sweep.unreadable(chunk, error):
                break
    return missing
