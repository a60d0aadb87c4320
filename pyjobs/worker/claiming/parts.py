"""The parts of a worker's queues: read at the start, and again while the worker runs."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence

from pyjobs.asyncutil import cancel_and_wait
from pyjobs.engine import REGISTER_SECONDS
from pyjobs.errors import PyjobsError
from pyjobs.transport import (
    REPLY_SECONDS,
    AsyncServer,
    Backoff,
    Server,
    alearn_parts,
    learn_parts,
    owner_of,
)
from pyjobs.worker.claiming.core import WorkerCore
from pyjobs.worker.claiming.lanes import Lane

# So many queues of a node are asked at once.
AT_ONCE = 8
# Seconds until a queue that could not be asked is asked again, at most; doubled each time.
FIRST_PAUSE = 1.0
# How long queues may take to say their parts before the first claim. Those that said nothing are
# asked again while the worker runs, and are claimed from as if they had no parts until then.
START_SECONDS = 2.0


def learn(core: WorkerCore, server: Server, keys: Sequence[str]) -> None:
    """Let a core claim from all parts of its queues, as far as Redis says them.

    Args:
        core: the core.
        server: a connection.
        keys: the keys of its queues.
    """
    for index, key in enumerate(keys):
        with contextlib.suppress(PyjobsError):
            for _ in added(core, index, learn_parts(server, key).keys(key)):
                pass


class PartsReader:
    """Responsible for asking, again and again, in how many parts a worker's queues are split.

    Every queue is asked at the start and each minute. A queue that could not be asked is asked
    again after a pause that grows, by itself: one command, and no other queue waits for the answer.

    Args:
        core: claims from the parts.
        server: the worker's connections.
        keys: the keys of its queues.
    """

    def __init__(self, core: WorkerCore, server: AsyncServer, keys: Sequence[str]) -> None:
        self._core, self._server, self._keys = core, server, keys
        self._backoff = Backoff(FIRST_PAUSE, REGISTER_SECONDS)
        self._unread: list[str] = []
        self._due = self._all_due = -math.inf
        self._has_begun = False

    def pause(self, now: float) -> float:
        """Return the seconds until queues are to be asked again.

        Args:
            now: seconds, monotonic.
        """
        return max(0.0, min(self._due, self._all_due) - now)

    async def read(self, now: float) -> list[Lane]:
        """Ask the queues that are due, and let the core claim from all parts that they say; return
        new lanes.

        Args:
            now: seconds, monotonic.
        """
        seconds, self._has_begun = REPLY_SECONDS if self._has_begun else START_SECONDS, True
        asked = self._unread
        if now >= self._all_due:
            asked, self._all_due = list(self._keys), now + REGISTER_SECONDS
        found = await self._ask(asked, seconds)
        self._unread = [key for key in asked if key not in found]
        if not self._unread:
            self._backoff.reset()
        self._due = now + self._backoff.pause() if self._unread else math.inf
        lanes: list[Lane] = []
        for index, key in enumerate(self._keys):
            lanes += added(self._core, index, found.get(key, ()))
        return lanes

    async def _ask(self, keys: Sequence[str], seconds: float) -> dict[str, Sequence[str]]:
        """Return the parts of the queues that have answered."""
        owner, found = owner_of(self._server), dict[str, Sequence[str]]()
        # A node that says nothing must not hold up the queues of other nodes, however many it has.
        turns = defaultdict[Hashable, asyncio.Semaphore](lambda: asyncio.Semaphore(AT_ONCE))

        async def read(key: str) -> None:
            with contextlib.suppress(PyjobsError):
                async with turns[owner(key)]:
                    found[key] = (await alearn_parts(self._server, key)).keys(key)

        reading = [asyncio.create_task(read(key)) for key in keys]
        try:
            if reading:
                await asyncio.wait(reading, timeout=seconds)
        finally:
            await cancel_and_wait(*reading)
        return found


def added(core: WorkerCore, index: int, parts: Sequence[str]) -> Iterator[Lane]:
    """Add the parts that the core does not know; yield the lanes that are new."""
    for part in parts:
        if part not in core.keys:
            lane = core.add_part(index, part)
            if lane is not None:
                yield lane
