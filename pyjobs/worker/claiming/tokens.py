"""How an idle worker gets a wake token: by BLPOP on one server, by listening in a cluster.

What a token means for the worker is decided in wake.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pyjobs.asyncutil import cancel_and_wait
from pyjobs.engine import Call, Keys, listen, wake
from pyjobs.errors import PyjobsError
from pyjobs.log import logger
from pyjobs.transport import (
    CLOSE_SECONDS,
    REPLY_SECONDS,
    AsyncCluster,
    AsyncServer,
    AsyncShards,
    aclose,
    acommand,
    aconnect,
    arun,
    arun_many,
)

log = logger(__name__)
IDLE_SECONDS = 30.0
REPLY_MARGIN = 5.0
# A report may be lost, with the worker that heard it: so often a worker that listens looks itself.
LOOK_SECONDS = 10.0
# The number of a wake channel, for a call that takes a token, asks for no channel and has none.
ANY_CHANNEL = 1


class Tokens(Protocol):
    """Waits for the wake tokens of the queues of one lane."""

    async def take(self, queues: Sequence[str], seconds: float) -> str | None:
        """Wait for a wake token of these queues. Returns the key of its queue, None when none came
        in time.

        Raises:
            PyjobsError: Redis can't be reached, or its access rules forbid the wait.
        """

    async def pass_on(self, queues: Sequence[str]) -> None:
        """Wake other workers of these queues."""

    async def close(self) -> None:
        """End the waits. When this has returned, none of them takes a token."""


class BlockedTokens:
    """Waits by BLPOP, on a connection that is held for as long as a wait.

    Args:
        url: the server's URL.
        server: a client whose connections are free to send on.
    """

    def __init__(self, url: str, server: AsyncServer) -> None:
        self._waiting = aconnect(url, reply_seconds=IDLE_SECONDS + REPLY_MARGIN)
        self._server = server
        self._last = ""

    async def take(self, queues: Sequence[str], seconds: float) -> str | None:
        keys = [Keys.wake_of(queue) for queue in queues]
        self._last = keys[0]
        token = await acommand(self._waiting, "BLPOP", *keys, seconds)
        return None if token is None else Keys.queue_of_wake(token[0].decode())

    async def pass_on(self, queues: Sequence[str]) -> None:
        await arun_many(self._server, [wake(queue) for queue in queues])

    async def close(self) -> None:
        await aclose(self._waiting)
        if self._last:
            # When this is answered, Redis has seen the wait end.
            with contextlib.suppress(PyjobsError, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await acommand(self._server, "LLEN", self._last)


class Ear:
    """Holds what a worker knows of the wake channel of one queue.

    Attributes:
        channel: the number of the channel that is subscribed to; 0: none.
        reported: set when a token was reported.
        waits: whether a lane waits for the token.
        late: called when a token was taken that no lane waits for.
    """

    __slots__ = ("channel", "late", "reported", "waits")

    def __init__(self) -> None:
        self.channel = 0
        self.reported = asyncio.Event()
        self.waits = False
        self.late: Callable[[], bool] = lambda: False


class WakeListener:
    """Responsible for hearing of the wake tokens of all queues of a worker, on one connection for
    each node of a cluster (queue/listen).

    A queue reports its token on one of a few channels, the first on which somebody listens. So a
    token wakes a few of many idle workers, and who takes it claims.

    Args:
        server: the worker's connections.
        look: seconds after which a worker that hears nothing looks for a token itself.
    """

    def __init__(self, server: AsyncCluster, look: float = LOOK_SECONDS) -> None:
        self._server = server
        self._look = look
        self._shards = AsyncShards(server)
        self._ears: dict[str, Ear] = {}
        self._queues: dict[bytes, str] = {}
        self._hearing: asyncio.Task[None] | None = None

    def of(self, queues: Sequence[str], late: Callable[[], bool]) -> ReportedTokens:
        """Return the waits of one lane.

        Args:
            queues: the keys of its queues.
            late: called when a token was taken that the lane does not wait for; returns whether the
                lane claims now.
        """
        for queue in queues:
            ear = self._ears.setdefault(queue, Ear())
            ear.late = late
        return ReportedTokens(self)

    async def _hear(self) -> None:
        """Take reports until this is cancelled."""
        while True:
            message = await self._shards.get(IDLE_SECONDS)
            if self._shards.missed:
                # A token may have been reported meanwhile: those who wait look for it now.
                self._shards.missed = False
                for ear in self._ears.values():
                    ear.reported.set()
            queue = message and self._queues.get(message.channel)
            if queue:
                await self._reported(queue)

    async def close(self) -> None:
        """End all waits, and close the connections."""
        if self._hearing is not None:
            await cancel_and_wait(self._hearing)
        self._shards.end()
        await self._shards.close()

    async def take(self, queue: str, seconds: float) -> bool:
        """Wait for the token of a queue. Returns whether it came in time."""
        await self._begin()
        ear, until = self._ears[queue], time.monotonic() + seconds
        ear.waits = True
        try:
            while True:
                ear.reported.clear()
                # Also right after the subscription: the token may have been left before it.
                found = await arun(self._server, listen(queue, ear.channel))
                if found.taken:
                    return True
                if not ear.channel:
                    await self._subscribe(queue, ear, found.channel)
                    continue
                left = min(self._look, until - time.monotonic())
                if left <= 0:
                    return False
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await ear.reported.wait()
        finally:
            ear.waits = False

    async def leave(self, queue: str) -> None:
        """Hear of the tokens of a queue no longer, until the next `take`."""
        ear = self._ears[queue]
        if ear.channel:
            channel = Keys.wake_channel(queue, ear.channel)
            ear.channel = 0
            # A report that was under way still finds its queue, and is passed on.
            await self._shards.remove([channel])

    async def pass_on(self, queues: Sequence[str]) -> None:
        """Leave the tokens to other workers."""
        calls: list[Call[Any]] = []
        for queue in queues:
            # A token that was reported here is taken first: only a new one is reported again.
            calls += [listen(queue, self._ears[queue].channel or ANY_CHANNEL), wake(queue)]
            await self.leave(queue)
        await arun_many(self._server, calls)

    async def _begin(self) -> None:
        """Begin to take reports, unless that has begun. The first wait does, and the next one where
        a handler has cancelled the task."""
        if self._hearing is None or self._hearing.done():
            self._hearing = asyncio.create_task(self._hear(), name="pyjobs-wake-channels")
            await self._shards.open(REPLY_SECONDS)

    async def _subscribe(self, queue: str, ear: Ear, number: int) -> None:
        channel = Keys.wake_channel(queue, number)
        self._queues[channel.encode()] = queue
        ear.channel = number
        try:
            await self._shards.add([channel], REPLY_SECONDS)
        except BaseException:
            # The next wait may be on another channel. Who stays on this one would hear of tokens in
            # place of others, also at work.
            await self.leave(queue)
            raise

    async def _reported(self, queue: str) -> None:
        ear = self._ears[queue]
        if ear.waits:
            ear.reported.set()
            return
        # The lane is at work. Workers that have room must hear of the token, and not this one.
        with contextlib.suppress(PyjobsError):
            found = await arun(self._server, listen(queue, ear.channel or ANY_CHANNEL))
            if found.taken and not ear.late():
                await self.pass_on([queue])
            elif not found.taken and not ear.waits:
                await self.leave(queue)
            if ear.waits:
                # The lane waits since then, and its channel may have been left.
                ear.reported.set()


class ReportedTokens:
    """Waits for the reports of a `WakeListener`, for one lane.

    Args:
        listener: hears the reports.
    """

    def __init__(self, listener: WakeListener) -> None:
        self._listener = listener

    async def take(self, queues: Sequence[str], seconds: float) -> str | None:
        # In a cluster each queue is a lane of its own.
        [queue] = queues
        return queue if await self._listener.take(queue, seconds) else None

    async def pass_on(self, queues: Sequence[str]) -> None:
        await self._listener.pass_on(queues)

    async def close(self) -> None:
        # The lanes of a worker end together.
        await self._listener.close()


def listener_of(server: AsyncServer) -> WakeListener | None:
    """Return what hears of the wake tokens of a cluster; None on one server."""
    return WakeListener(server) if isinstance(server, AsyncCluster) else None
