"""A subscription of channels on several nodes of a cluster, in tasks: one connection a node.

Only how messages arrive may live here. Where a channel is placed is decided in shards.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Collection, Iterable

from redis import exceptions

from pyjobs.asyncutil import cancel_and_wait
from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.log import logger
from pyjobs.transport.aio_subscription import AsyncSubscription
from pyjobs.transport.backoff import Backoff
from pyjobs.transport.cluster import AsyncCluster
from pyjobs.transport.server import REPLY_SECONDS, AsyncServer
from pyjobs.transport.shards import ANY_NODE, FIRST_PAUSE, QUIET_SECONDS, BaseShards
from pyjobs.transport.slots import Address
from pyjobs.transport.subscription import Message

log = logger(__name__)


class AsyncShards(BaseShards[AsyncSubscription]):
    """Hears channels on the nodes that serve them, with a connection for each node. Channels of a
    node that breaks, or that gives a slot away, are placed anew by themselves.

    `open` and `close` are for one task, and so is `get`. Any task of the event loop may call `add`
    and `remove`.

    Args:
        cluster: the nodes.
        channels: the channels' names.
        needed: whether an error is raised where Redis's access rules forbid a channel.
        classic: whether the classic channels of the same names are heard too, on one more
            connection.
    """

    def __init__(
        self,
        cluster: AsyncCluster,
        channels: Collection[str] = (),
        needed: bool = True,
        *,
        classic: bool = False,
    ) -> None:
        super().__init__(cluster.table, needed, classic)
        self._cluster = cluster
        self._first = list(channels)
        self._tasks: dict[Address, asyncio.Task[None]] = {}
        self._placing: asyncio.Task[None] | None = None
        self._to_place = asyncio.Event()
        # Exists while `get` waits.
        self._waiting: asyncio.Future[None] | None = None
        self._waiters: list[asyncio.Future[None]] = []

    async def open(self, seconds: float) -> None:
        """Begin, unless it has begun, and hear the first channels; after a `close` all of them, in
        a while.

        Args:
            seconds: how long to wait for the answers.

        Raises:
            Forbidden: Redis's access rules forbid a channel.
            Unavailable: a node can't be reached, or has not answered in time.
        """
        if self._placing is None:
            self._placing = asyncio.create_task(self._place_always(), name="pyjobs-shards")
            first, self._first = self._first, []
            try:
                await self.add(first, seconds)
            except BaseException:
                await self.close()
                raise

    async def get(self, seconds: float = 0.0) -> Message | None:
        """Return the next message; None when none comes in time, or when `missed` is set.

        Args:
            seconds: how long to wait. With 0 only a message that is there is returned.
        """
        if not (self._messages or self.missed):
            # Cheaper than an Event and asyncio.timeout, which counts for each message.
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            timer = loop.call_later(seconds, self._news)
            try:
                await self._waiting
            finally:
                self._waiting = None
                timer.cancel()
        return self._messages.popleft() if self._messages else None

    async def add(self, channels: Collection[str], seconds: float) -> None:
        """Hear these channels too, from now on.

        Args:
            channels: the channels' names. Those that are heard already cost nothing.
            seconds: how long to wait until Redis confirms the channels.

        Raises:
            Forbidden: Redis's access rules forbid a channel.
            Unavailable: a node can't be reached, or has not answered in time.
        """
        names = [name.encode() for name in channels]
        for name in names:
            part = self._part_of(name)
            if part is not None and part.refused(name) is not None:
                part.ask_again()
                await part.send()
        self._channels.update(dict.fromkeys(names))
        self._to_place.set()
        loop = asyncio.get_running_loop()
        began = time.monotonic()
        while left := self._left(names, began, seconds):
            waiter = loop.create_future()
            self._waiters.append(waiter)
            await asyncio.wait([waiter], timeout=left)
        if self._ended:
            raise Unavailable("the subscription was ended")
        self._raise_refusal(names)

    def enter(self, channels: Collection[str]) -> None:
        """Hear these channels too, as soon as their nodes allow. Nothing is waited for."""
        self._channels.update(dict.fromkeys(name.encode() for name in channels))
        self._to_place.set()

    async def remove(self, channels: Iterable[str]) -> None:
        """Hear these channels no longer. A message may still be on its way."""
        for name in (one.encode() for one in channels):
            self._channels.pop(name, None)
            self._lost.discard(name)
            self._lacking.discard(name)
            part = self._part_of(name)
            self._where.pop(name, None)
            if part is not None:
                # A connection that broke hears nothing any more.
                with contextlib.suppress(PyjobsError):
                    await part.leave(name)

    def ask_again(self) -> None:
        """Send SUBSCRIBE again for the channels that were refused."""
        for part in self._parts.values():
            part.ask_again()
        self._to_place.set()

    def end(self) -> None:
        """End every `add` that waits, now and from now on."""
        self._ended = True
        self._wake()

    async def close(self) -> None:
        """Close every connection. `open` opens them again, unless `end` was called."""
        tasks = [*self._tasks.values(), *([self._placing] if self._placing else [])]
        self._placing = None
        await cancel_and_wait(*tasks)
        for part in self._lose_all():
            await part.close()

    async def _place_always(self) -> None:
        while True:
            self._to_place.clear()
            try:
                await self._place()
            except Exception as error:
                self._later(Unavailable(str(error)))
                log.debug("channels are not placed: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._due_in()):
                    await self._to_place.wait()

    async def _place(self) -> None:
        if self._wants_classic():
            self._begin(ANY_NODE)
        if (classic := self._parts.get(ANY_NODE)) is not None:
            classic.enter(list(self._channels))
        for part in list(self._parts.values()):
            await self._send(part)
        if not (names := self._unplaced()):
            return
        await self._cluster.refresh()
        for node, found in self._owners(names).items():
            part = self._parts.get(node) or self._begin(node)
            part.enter(found)
            self._where.update(dict.fromkeys(found, node))
            await self._send(part)

    def _begin(self, node: Address) -> AsyncSubscription:
        """Begin to hear channels of a node."""
        part = self._parts[node] = AsyncSubscription(
            self._cluster if node is ANY_NODE else self._cluster.client_of(node),
            (),
            Backoff(FIRST_PAUSE, FIRST_PAUSE),
            False,
            sharded=self._table.sharded and node is not ANY_NODE,
            changed=functools.partial(self._changed, node),
            heard=self._heard,
        )
        self._tasks[node] = asyncio.create_task(self._read(node, part), name="pyjobs-shard")
        return part

    async def _send(self, part: AsyncSubscription) -> None:
        if part.is_open:
            # The task that reads meets the same error.
            with contextlib.suppress(PyjobsError):
                await part.send()

    async def _read(self, node: Address, part: AsyncSubscription) -> None:
        """Take the messages of a node until its connection breaks."""
        try:
            await part.open(REPLY_SECONDS)
            probed: bytes | None = None
            while True:
                message = await part.get(REPLY_SECONDS if probed else QUIET_SECONDS)
                if message is not None:
                    self._heard(message)
                elif probed and part.is_asked(probed):
                    raise Unavailable(f"no answer to SUBSCRIBE in {REPLY_SECONDS:g} s")
                probed = part.probe() if message is None and not probed else None
        except (PyjobsError, exceptions.RedisError, OSError) as error:
            if self._parts.get(node) is part:
                self._broke(node, error)
            self._wake()
        finally:
            if self._tasks.get(node) is asyncio.current_task():
                del self._tasks[node]
            await part.close()

    def _heard(self, message: Message) -> None:
        self._messages.append(message)
        self._news()

    def _news(self) -> None:
        """End the wait of `get`."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _changed(self, node: Address) -> None:
        if (part := self._parts.get(node)) is not None:
            self._answered_by(part)
        self._wake()

    def _wake(self) -> None:
        self._to_place.set()
        if self.missed:
            self._news()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


async def aresults_subscription(
    server: AsyncServer, channels: Collection[str], pause: float, needed: bool
) -> AsyncSubscription | AsyncShards:
    """Return what hears channels of queues: where their node alone has the messages, on each node.

    Args:
        server: where the queues are.
        channels: the channels' names.
        pause: seconds between two connections to one server.
        needed: whether an error is raised where Redis's access rules forbid a channel.

    Raises:
        Unavailable: no node of a cluster says which node owns which slot.
    """
    if isinstance(server, AsyncCluster):
        await server.primaries()
        if server.table.sharded:
            return AsyncShards(server, channels, needed, classic=True)
    return AsyncSubscription(server, channels, Backoff(pause, pause), needed)
