"""The methods of `AsyncAdmin` that read counters and events, and switch them.

No operation may live here: a plan makes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from pyjobs.admin import counters as counting
from pyjobs.admin import events as happenings
from pyjobs.admin.base import Base
from pyjobs.admin.plan import adrive
from pyjobs.engine import Counters, Event, EventPage
from pyjobs.errors import PyjobsError
from pyjobs.transport import AsyncServer


class AsyncHistory(Base[AsyncServer]):
    """Responsible for what an operator does with the counters and events of queues, by asyncio."""

    async def counters(
        self, queue: str, *, minutes: int = 5, skip: int = 0, each: bool = False
    ) -> Counters:
        """Return what happened in a queue in some minutes, by task (queue/counters).

        Args:
            queue: the queue's name.
            minutes: how many minutes, 1 to 4320. The present one, which has only begun, is one.
            skip: how many minutes to pass over, 0 to 4320; 0 begins with the present one.
            each: whether each minute comes by itself; else they are added up.

        Raises:
            BadArgument: a name is malformed, a number is out of its bounds, or nothing was ever
                submitted to the queue.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return await adrive(
                self._server, counting.counters(self._keys, queue, minutes, skip, each)
            )

    async def all_counters(self, *, minutes: int = 5) -> dict[str, Counters | PyjobsError]:
        """Return what happened in each queue of the registry in the last minutes (queue/counters).

        A queue that could not be read has its error. Where a queue has many tasks, fewer minutes
        are read: `Counters.minutes` says how many.

        Args:
            minutes: how many minutes, 1 to 60. The present one, which has only begun, is one.

        Raises:
            BadArgument: the number is out of its bounds.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return await adrive(self._server, counting.all_counters(self._keys, minutes))

    async def set_counting(self, queue: str, on: bool) -> bool:
        """Switch the counters of a queue on or off, and return whether that changed anything
        (queue/counting).

        What was counted stays for its three days.

        Args:
            queue: the queue's name.
            on: whether the queue counts.

        Raises:
            BadArgument: a name is malformed, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return await adrive(self._server, counting.switch(self._keys, queue, on))

    async def events(
        self, queue: str, *, after: str = "", limit: int = 1000, newest: bool = False
    ) -> EventPage:
        """Return what happened to the jobs of a queue that keeps events, in that order
        (queue/events).

        Args:
            queue: the queue's name.
            after: the name of the event behind which to go on; '' begins with the oldest.
            limit: most events, 1 to 1000.
            newest: whether to return the latest events behind `after`, in place of the first.

        Raises:
            BadArgument: a name is malformed, a number is out of its bounds, or nothing was ever
                submitted to the queue.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            plan = happenings.events(self._keys, queue, after, limit, newest)
            return await adrive(self._server, plan)

    async def follow_events(
        self, queue: str, *, after: str | None = None, every: float = 0.25
    ) -> AsyncIterator[Event]:
        """Yield what happens to the jobs of a queue that keeps events, without an end
        (queue/events).

        While Redis can't be reached nothing is yielded; then the iteration goes on behind the event
        that was yielded last. An event `lost` says that events in between are gone.

        Args:
            queue: the queue's name.
            after: the name of the event behind which to begin. None begins with what happens from
                now on, and '' with the oldest event that is kept.
            every: seconds between two looks, 0.001 or more.

        Raises:
            BadArgument: a name is malformed, or the number is out of its bounds.
            Forbidden: Redis's access rules forbid the call.
        """
        tail = happenings.Tail(self._keys, queue, after, every, self._errors)
        while True:
            found: list[Event] = []
            with tail.looking():
                found = await adrive(self._server, tail.read())
            for event in found:
                yield event
            if not found:
                await asyncio.sleep(tail.pause)

    async def keep_events(self, queue: str, number: int) -> bool:
        """Say how many of its latest events a queue keeps; return whether that changed anything
        (queue/keep).

        A queue keeps none at first. Each event takes about 100 bytes, and a call some microseconds
        more for each of its jobs. There may be a hundred events more than were asked for.

        Args:
            queue: the queue's name.
            number: how many, 0 to 1,000,000; 0 keeps none, and forgets those that are there.

        Raises:
            BadArgument: a name is malformed, the number is out of its bounds, or nothing was ever
                submitted to the queue.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return await adrive(self._server, happenings.keep(self._keys, queue, number))
