"""Waiting for jobs: until a wake token comes, or until something is due (queue/wake).

Only this wait may live here. A connection of its own is blocked in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable

from pyjobs.engine import Keys, wake
from pyjobs.errors import Forbidden, PyjobsError
from pyjobs.log import logger
from pyjobs.transport import (
    CLOSE_SECONDS,
    AsyncServer,
    Backoff,
    aclose,
    acommand,
    aconnect,
    arun,
    arun_many,
    shown,
)
from pyjobs.worker.core import WorkerCore
from pyjobs.worker.lanes import Lane
from pyjobs.worker.settings import WorkerSettings

log = logger(__name__)
IDLE_SECONDS = 30.0
REPLY_MARGIN = 5.0
# Redis 6.2 takes a millisecond and less for 0, and then waits for ever.
SHORTEST_SECONDS = 0.01
# Without the right to wait, an idle worker claims that often; so the pause does not grow.
POLL_SECONDS = 0.4


class WakeWaiter:
    """Responsible for waking a lane of an idle worker (BLPOP on the wake keys of its queues). It
    holds one connection while the lane is idle.

    Args:
        settings: the worker's settings; no wait is longer than their lease.
        server: a client whose connections are free to send on.
        core: decides for how long the lane is idle, and learns that a wait is over.
        lane: the queues that are waited for.
        woken: called after each wait.
        answered: called after each wait that Redis has ended.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        server: AsyncServer,
        core: WorkerCore,
        lane: Lane,
        woken: Callable[[], None],
        answered: Callable[[], None],
    ) -> None:
        self._waiting = aconnect(settings.url, reply_seconds=IDLE_SECONDS + REPLY_MARGIN)
        self._where = shown(settings.url)
        self._server = server
        self._keys = {index: settings.keys.wake(settings.queues[index]) for index in lane.queues}
        self._core = core
        self._lane = lane
        self._longest = min(IDLE_SECONDS, settings.lease)
        self._woken, self._answered = woken, answered
        self._idle = asyncio.Event()
        self._parked = False
        self._backoff = Backoff(POLL_SECONDS, POLL_SECONDS)

    def listen(self) -> None:
        """Begin a wait, if the lane is idle now."""
        self._idle.set()

    async def run(self) -> None:
        """Wait whenever the lane is idle, until this is cancelled."""
        try:
            while True:
                await self._idle.wait()
                self._idle.clear()
                wait = self._core.idle_ms(time.monotonic(), self._lane)
                if wait is not None:
                    await self._one(wait_seconds(wait, self._longest))
                    self._woken()
        finally:
            await aclose(self._waiting)
            if self._parked:
                await self._pass_on()

    async def _one(self, seconds: float) -> None:
        # The wake tokens of a queue that is set aside are for workers that can serve it.
        keys = [self._keys[index] for index in self._lane.claims.served]
        if not keys:
            await asyncio.sleep(seconds)
            self._core.woken(self._lane)
            return
        try:
            self._parked = True
            token = await acommand(self._waiting, "BLPOP", *keys, seconds)
            self._answered()
            # A token that came too late for this worker is another's.
            if not self._core.woken(self._lane) and token is not None:
                await arun(self._server, wake(Keys.queue_of_wake(token[0].decode())))
            self._parked = False
        except Exception as error:
            # Also an error of a library: without a wait the worker polls, and its jobs run.
            self._parked = False
            if isinstance(error, Forbidden):
                note_polling(f"{self._where}: {error}")
            await asyncio.sleep(self._backoff.pause())
            self._core.woken(self._lane)

    async def _pass_on(self) -> None:
        """Wake other workers: Redis may have given a token to the wait that was cut off."""
        with contextlib.suppress(PyjobsError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                keys = list(self._keys.values())
                # When this is answered, Redis has seen that wait end, and gives it nothing more.
                await acommand(self._server, "LLEN", keys[0])
                queues = [Keys.queue_of_wake(key) for key in keys]
                await arun_many(self._server, [wake(queue) for queue in queues])


def wait_seconds(wait: int, longest: float) -> float:
    """Return for how long an idle worker waits, in seconds.

    Args:
        wait: ms until something is due; -1 when nothing is.
        longest: seconds that a wait may take.
    """
    return longest if wait < 0 else min(max(wait / 1000, SHORTEST_SECONDS), longest)


@functools.cache
def note_polling(why: str) -> None:
    """Log, once for each reason, that idle workers claim again and again in place of waiting."""
    log.warning("%s; idle workers poll instead", why)
