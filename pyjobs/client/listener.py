"""How a client hears its results: messages on its channels, and from time to time a sweep over the
stored results, in a thread or in a task.

Only what waits may live here. What a message or a stored result means is decided by the core.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Collection, Hashable, Iterable
from typing import Generic

from pyjobs.asyncutil import cancel_and_wait
from pyjobs.client.batch import JobsCall
from pyjobs.client.core import ClientCore
from pyjobs.client.job import J
from pyjobs.client.lookups import Turns, alook, by_node, look
from pyjobs.client.part_channels import PartChannels
from pyjobs.client.sweep import Pace
from pyjobs.errors import PyjobsError
from pyjobs.log import logger
from pyjobs.transport import (
    REPLY_SECONDS,
    AsyncServer,
    AsyncShards,
    AsyncSubscription,
    Server,
    aclose,
    aresults_subscription,
    is_cluster,
    known_parts_of,
    results_subscription,
)

log = logger(__name__)
# It does not grow: results of simple mode that are published meanwhile are lost.
RECONNECT_SECONDS = 0.5
END_SECONDS = 2.0
# A message that Redis sent before it answered a sweep may still be on its own connection. This
# bounds the time to wait for it, for messages of other jobs may come without end.
ARRIVAL_SECONDS = 0.01
WITHOUT = "a client made with results=False submits without a thread"


class Listener(Generic[J]):
    """Responsible for hearing the results of a synchronous client, in a thread of its own.

    It is subscribed to the channels of its first queues when it has been made. A connection that
    breaks is replaced, and the stored results are read at once then, for messages in between are
    lost.

    Args:
        server: where the queues are.
        core: gets the messages and the stored results.
        queues: the names of the first queues, which `add` must be given too: one of them may be
            forbidden.

    Attributes:
        queues: the names of the queues whose results are heard, as `add` has entered them.
        abandoned: set it to end the listener, and to close the server's connections, as soon as
            the program has no job left that waits for its outcome.

    Raises:
        Forbidden: Redis's access rules forbid every channel, and the mode stores no results that
            could be looked up.
        PyjobsError: no thread can be started: from Python 3.12 on, none can when Python exits.
        Unavailable: Redis can't be reached.
    """

    def __init__(self, server: Server, core: ClientCore[J], queues: Collection[str]) -> None:
        self.queues: set[str] = set()
        self.abandoned = False
        self._server = server
        self._core = core
        self._stopped = threading.Event()
        self._subscription = results_subscription(
            server, core.channels(queues), RECONNECT_SECONDS, needed=not core.mode.stores
        )
        self._pace = Pace(core.sweep.every, time.monotonic())
        self._turns = Turns[J]()
        self._parts = PartChannels(known_parts_of(server), core)
        try:
            self._subscription.open(REPLY_SECONDS)
        except BaseException:
            self._subscription.close()
            raise
        self._thread = threading.Thread(target=self._listen, name="pyjobs-results", daemon=True)
        try:
            self._thread.start()
        except BaseException as error:
            self._subscription.close()
            if isinstance(error, RuntimeError):
                raise PyjobsError(f"results can't be heard: {error}; {WITHOUT}") from error
            raise

    def add(self, queues: Collection[str]) -> None:
        """Hear the results of these queues too; any thread may call this.

        Raises:
            Forbidden: Redis's access rules forbid a channel, and the mode stores no results.
            Unavailable: Redis can't be reached.
        """
        self._subscription.add(self._core.channels(queues), REPLY_SECONDS)
        self.queues.update(queues)

    def close(self) -> None:
        """Stop listening. The thread has ended then, unless Redis does not answer."""
        self._stopped.set()
        self._subscription.end()
        self._thread.join(END_SECONDS)

    def _listen(self) -> None:
        while not self._is_over():
            try:
                self._subscription.open(REPLY_SECONDS)
                self._follow()
            except Exception as error:
                # Messages of the meantime are lost.
                self._pace.at_once()
                note(error)
                self._subscription.close()
                self._stopped.wait(self._subscription.pause)
        self._subscription.close()
        if self.abandoned:
            self._server.close()

    def _is_over(self) -> bool:
        return self._stopped.is_set() or (self.abandoned and not self._core.is_awaited())

    def _follow(self) -> None:
        """Take messages, and sweep from time to time, until an error or the end."""
        while not self._stopped.is_set():
            self._parts.hear(self._subscription, self.queues)
            if left := self._left():
                self._hear(left)
                continue
            if self._is_over():
                return
            began = time.monotonic()
            self._sweep(began)
            self._pace.swept(began, time.monotonic())

    def _left(self) -> float:
        return self._pace.left(time.monotonic(), self._subscription.refusal)

    def _hear(self, seconds: float) -> None:
        message = self._subscription.get(seconds)
        if message is not None:
            self._core.hear(*message)
        elif self._subscription.missed:
            self._subscription.missed = False
            self._pace.at_once()

    def _sweep(self, began: float) -> None:
        if self._pace.asks(began):
            self._subscription.ask_again()
        lookups = self._core.sweep.calls()
        if is_cluster(self._server):
            self._sweep_nodes(lookups, began)
            return
        missing = look(self._server, self._core, lookups)
        until = time.monotonic() + ARRIVAL_SECONDS
        while missing and (left := until - time.monotonic()) > 0:
            self._hear(left)
        self._core.sweep.settle_gone(missing)

    def _sweep_nodes(self, lookups: list[JobsCall[J]], began: float) -> None:
        """Ask each node of a cluster in a thread of its own: one that says nothing must not hold up
        the messages of others. A node that is being asked is asked again afterwards where messages
        may have been missed meanwhile."""
        for node, found in by_node(self._server, self._core, lookups).items():
            if not self._turns.begin(node, found, missed=self._pace.missed):
                continue
            try:
                threading.Thread(
                    target=self._ask, args=(node, found, began), name="pyjobs-sweep", daemon=True
                ).start()
            except RuntimeError:
                # The process may have no thread left.
                self._ask(node, found, began)

    def _ask(self, node: Hashable, lookups: list[JobsCall[J]], began: float) -> None:
        later: list[JobsCall[J]] | None = []
        while later is not None:
            try:
                missing = look(self._server, self._core, lookups)
                if missing:
                    # The thread of the listener hears what has arrived.
                    time.sleep(ARRIVAL_SECONDS)
                    self._core.sweep.settle_gone(missing)
            except Exception as error:
                note(error)
            self._pace.took(time.monotonic() - began)
            later = self._turns.end(node)
            lookups, began = self._core.sweep.still(later or ()), time.monotonic()
        if self._stopped.is_set():
            # What was connected anew since the close.
            self._server.close()


def note(error: Exception) -> None:
    """Log an error that is not about Redis. The listener goes on after every error: its end would
    be the end of all results."""
    if not isinstance(error, PyjobsError):
        log.warning("the listener for results failed and begins anew", exc_info=error)


class AsyncListener(Generic[J]):
    """Responsible for hearing the results of an asyncio client, in a task of its own.

    The first `hear` starts it. A connection that breaks is replaced, and the stored results are
    read at once then, for messages in between are lost.

    Args:
        server: where the queues are.
        core: gets the messages and the stored results.

    Attributes:
        queues: the names of the queues whose results are heard, as `hear` has entered them.
        abandoned: set it to end the listener, and to close the server's connections, as soon as
            the program has no job left that waits for its outcome.
    """

    def __init__(self, server: AsyncServer, core: ClientCore[J]) -> None:
        self.abandoned = False
        self._server = server
        self._core = core
        self.queues: set[str] = set()
        self._pace = Pace(core.sweep.every, time.monotonic())
        self._parts = PartChannels(known_parts_of(server), core)
        self._starting = asyncio.Lock()
        self._subscription: AsyncSubscription | AsyncShards | None = None
        self._task: asyncio.Task[None] | None = None
        self._turns = Turns[J]()
        # The tasks that ask nodes of a cluster for stored results.
        self._asking: set[asyncio.Task[None]] = set()

    @property
    def started(self) -> bool:
        """Whether there is a subscription, and a task that reads it."""
        return self._subscription is not None

    async def hear(self, queues: Iterable[str]) -> None:
        """Hear the results of these queues from now on. Any task of the event loop may call this.

        Raises:
            Forbidden: Redis's access rules forbid a channel, and the mode stores no results.
            Unavailable: Redis can't be reached.
        """
        if not (new := [name for name in queues if name not in self.queues]):
            return
        channels = self._core.channels(new)
        async with self._starting:
            if self._subscription is None:
                needed = not self._core.mode.stores
                subscription = await aresults_subscription(
                    self._server, channels, RECONNECT_SECONDS, needed
                )
                await subscription.open(REPLY_SECONDS)
                self._subscription = subscription
                reading = self._listen(subscription)
                self._task = asyncio.create_task(reading, name="pyjobs-results")
        await self._subscription.add(channels, REPLY_SECONDS)
        self.queues.update(new)

    async def close(self) -> None:
        """Stop listening. The task has ended then."""
        # A task that is being started is waited for, and ended too.
        async with self._starting:
            if self._subscription is not None and self._task is not None:
                self._subscription.end()
                for task in [self._task, *self._asking]:
                    await cancel_and_wait(task)
                await self._subscription.close()

    async def _listen(self, subscription: AsyncSubscription | AsyncShards) -> None:
        while not self._is_over():
            try:
                await subscription.open(REPLY_SECONDS)
                await self._follow(subscription)
            except Exception as error:
                # Messages of the meantime are lost.
                self._pace.at_once()
                note(error)
                await subscription.close()
                await asyncio.sleep(subscription.pause)
        for task in list(self._asking):
            await cancel_and_wait(task)
        await subscription.close()
        await aclose(self._server)

    def _is_over(self) -> bool:
        return self.abandoned and not self._core.is_awaited()

    async def _follow(self, subscription: AsyncSubscription | AsyncShards) -> None:
        """Take messages, and sweep from time to time, until an error or the end."""
        while True:
            self._parts.hear(subscription, self.queues)
            if left := self._left(subscription):
                await self._hear(subscription, left)
                continue
            if self._is_over():
                return
            began = time.monotonic()
            await self._sweep(subscription, began)
            self._pace.swept(began, time.monotonic())

    def _left(self, subscription: AsyncSubscription | AsyncShards) -> float:
        return self._pace.left(time.monotonic(), subscription.refusal)

    async def _hear(self, subscription: AsyncSubscription | AsyncShards, seconds: float) -> None:
        message = await subscription.get(seconds)
        if message is not None:
            self._core.hear(*message)
        elif subscription.missed:
            subscription.missed = False
            self._pace.at_once()

    async def _sweep(self, subscription: AsyncSubscription | AsyncShards, began: float) -> None:
        if self._pace.asks(began):
            subscription.ask_again()
        lookups = self._core.sweep.calls()
        if is_cluster(self._server):
            self._sweep_nodes(lookups, began)
            return
        missing = await alook(self._server, self._core, lookups)
        until = time.monotonic() + ARRIVAL_SECONDS
        while missing and (left := until - time.monotonic()) > 0:
            await self._hear(subscription, left)
        self._core.sweep.settle_gone(missing)

    def _sweep_nodes(self, lookups: list[JobsCall[J]], began: float) -> None:
        """Ask each node of a cluster in a task of its own: one that says nothing must not hold up
        the messages of others. A node that is being asked is asked again afterwards where messages
        may have been missed meanwhile."""
        for node, found in by_node(self._server, self._core, lookups).items():
            if not self._turns.begin(node, found, missed=self._pace.missed):
                continue
            task = asyncio.create_task(self._ask(node, found, began), name="pyjobs-sweep")
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _ask(self, node: Hashable, lookups: list[JobsCall[J]], began: float) -> None:
        later: list[JobsCall[J]] | None = []
        while later is not None:
            try:
                missing = await alook(self._server, self._core, lookups)
                if missing:
                    # The task of the listener hears what has arrived.
                    await asyncio.sleep(ARRIVAL_SECONDS)
                    self._core.sweep.settle_gone(missing)
            except Exception as error:
                note(error)
            self._pace.took(time.monotonic() - began)
            later = self._turns.end(node)
            lookups, began = self._core.sweep.still(later or ()), time.monotonic()
