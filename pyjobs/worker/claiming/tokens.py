"""How an idle worker gets a wake token: by BLPOP on one server, by listening in a cluster.

What a token means for the worker is decided in wake.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
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
LOOK_SPREAD = (0.8, 1.2)
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


class WakeChannel:
    """Holds what a worker knows of its wake channel of one queue.

    Attributes:
        number: the channel's number; 0 before Redis has named one. It stays when the channel is
            left, so that a worker which comes back asks for none.
        is_heard: whether the channel is subscribed to.
        reported: set when a token was reported.
        is_awaited: whether a lane waits for the token.
        late: called when a token was taken that no lane waits for.
    """

    __slots__ = ("is_awaited", "is_heard", "late", "number", "reported")

    def __init__(self) -> None:
        self.number = 0
        self.is_heard = False
        self.reported = asyncio.Event()
        self.is_awaited = False
        self.late: Callable[[], bool] = lambda: False


class WakeListener:
    """Responsible for hearing of the wake tokens of all queues of a worker, on one connection for
    each node of a cluster (queue/listen).

    A queue reports its token on one of a few channels, the first on which a worker listens. So a
    token wakes a few of many idle workers, and the worker that takes the token claims.

    Args:
        server: the worker's connections.
        look: seconds after which a worker that hears nothing looks for a token itself.
    """

    def __init__(self, server: AsyncCluster, look: float = LOOK_SECONDS) -> None:
        self._server = server
        self._look = look
        self._shards = AsyncShards(server)
        self._channels: dict[str, WakeChannel] = {}
        self._queues: dict[bytes, str] = {}
        self._hearing: asyncio.Task[None] | None = None
        # Reports to lanes at work that are being looked at, by queue.
        self._looking: dict[str, asyncio.Task[None]] = {}

    def of(self, queues: Sequence[str], late: Callable[[], bool]) -> ReportedTokens:
        """Return the waits of one lane.

        Args:
            queues: the keys of its queues.
            late: called when a token was taken that the lane does not wait for; returns whether the
                lane claims now.
        """
        for queue in queues:
            channel = self._channels.setdefault(queue, WakeChannel())
            channel.late = late
        return ReportedTokens(self)

    async def _hear(self) -> None:
        """Take reports until this is cancelled."""
        while True:
            message = await self._shards.get(IDLE_SECONDS)
            if self._shards.missed:
                # A token may have been reported meanwhile: those who wait look for it now.
                self._shards.missed = False
                for channel in self._channels.values():
                    channel.reported.set()
            queue = message and self._queues.get(message.channel)
            if queue:
                self._reported(queue)

    async def close(self) -> None:
        """End all waits, and close the connections. A wait after that begins anew: a handler may
        have cancelled the tasks of the worker."""
        tasks = [*self._looking.values(), *([self._hearing] if self._hearing else [])]
        self._looking.clear()
        self._hearing = None
        for channel in self._channels.values():
            channel.is_heard = False
        shards, self._shards = self._shards, AsyncShards(self._server)
        shards.end()
        try:
            await cancel_and_wait(*tasks)
        finally:
            await shards.close()

    async def take(self, queue: str, seconds: float) -> bool:
        """Wait for the token of a queue. Returns whether it came in time."""
        await self._begin()
        channel, until = self._channels[queue], time.monotonic() + seconds
        channel.is_awaited = True
        try:
            while True:
                channel.reported.clear()
                # Also right after the subscription: the token may have been left before it.
                found = await arun(self._server, listen(queue, channel.number))
                if found.taken:
                    return True
                if not channel.is_heard:
                    channel.number = channel.number or found.channel
                    await self._subscribe(queue, channel)
                    continue
                # Workers that have started together do not look together.
                look = self._look * random.uniform(*LOOK_SPREAD)
                left = min(look, until - time.monotonic())
                if left <= 0:
                    return False
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await channel.reported.wait()
        finally:
            channel.is_awaited = False

    async def leave(self, queue: str) -> None:
        """Hear of the tokens of a queue no longer, until the next `take`."""
        channel = self._channels[queue]
        if channel.is_heard:
            channel.is_heard = False
            # A report that was under way still finds its queue, and is passed on.
            await self._shards.remove([Keys.wake_channel(queue, channel.number)])

    async def pass_on(self, queues: Sequence[str]) -> None:
        """Leave the tokens to other workers."""
        calls: list[Call[Any]] = []
        for queue in queues:
            # A token that was reported here is taken first: only a new one is reported again.
            calls += [listen(queue, self._channels[queue].number or ANY_CHANNEL), wake(queue)]
            await self.leave(queue)
        await arun_many(self._server, calls)

    async def _begin(self) -> None:
        """Begin to take reports, unless that has begun. The first wait does, and the next one where
        a handler has cancelled the task."""
        if self._hearing is None or self._hearing.done():
            self._hearing = asyncio.create_task(self._hear(), name="pyjobs-wake-channels")
            await self._shards.open(REPLY_SECONDS)

    async def _subscribe(self, queue: str, channel: WakeChannel) -> None:
        name = Keys.wake_channel(queue, channel.number)
        self._queues[name.encode()] = queue
        channel.is_heard = True
        try:
            await self._shards.add([name], REPLY_SECONDS)
        except BaseException:
            # A worker that stays on the channel would hear of tokens in place of others, also at
            # work.
            await self.leave(queue)
            raise

    def _reported(self, queue: str) -> None:
        """Take a report. A node that does not answer holds up the reports of no other."""
        channel = self._channels[queue]
        channel.reported.set()
        if not channel.is_awaited and queue not in self._looking:
            self._looking[queue] = asyncio.create_task(
                self._look_at_work(queue, channel), name="pyjobs-report"
            )

    async def _look_at_work(self, queue: str, channel: WakeChannel) -> None:
        """Leave a token that was reported to a lane at work to workers that have room, which must
        hear of it, and not this one."""
        try:
            # A report that comes meanwhile may be of another token.
            while channel.reported.is_set() and not channel.is_awaited:
                channel.reported.clear()
                found = await arun(self._server, listen(queue, channel.number or ANY_CHANNEL))
                if found.taken and not channel.late():
                    await self.pass_on([queue])
                elif not found.taken and not channel.is_awaited:
                    await self.leave(queue)
            if channel.is_awaited:
                # The lane waits since then, and its channel may have been left.
                channel.reported.set()
        except PyjobsError as error:
            log.debug("a reported token was not looked at: %s", error)
        finally:
            self._looking.pop(queue, None)


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
