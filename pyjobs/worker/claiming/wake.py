"""Waiting for jobs: until a wake token comes, or until something is due.

Only this wait may live here. How a token comes is the matter of tokens.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable

from pyjobs.errors import Forbidden, PyjobsError
from pyjobs.log import logger
from pyjobs.transport import CLOSE_SECONDS, Backoff, shown
from pyjobs.worker.claiming.core import WorkerCore
from pyjobs.worker.claiming.lanes import Lane
from pyjobs.worker.claiming.tokens import IDLE_SECONDS, Tokens
from pyjobs.worker.settings import WorkerSettings

log = logger(__name__)
# Redis 6.2 takes a millisecond and less for 0, and then waits for ever.
SHORTEST_SECONDS = 0.01
# Without the right to wait, an idle worker claims that often; so the pause does not grow.
POLL_SECONDS = 0.4


class WakeWaiter:
    """Responsible for waking a lane of an idle worker.

    Args:
        settings: the worker's settings; no wait is longer than their lease.
        tokens: gives the wake tokens of the lane's queues.
        core: decides for how long the lane is idle, and learns that a wait is over.
        lane: the queues that are waited for.
        woken: called after each wait.
        answered: called after each wait that Redis has ended.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        tokens: Tokens,
        core: WorkerCore,
        lane: Lane,
        woken: Callable[[], None],
        answered: Callable[[], None],
    ) -> None:
        self._tokens = tokens
        self._where = shown(settings.url)
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
                    await self._one(idle_seconds(wait, self._longest))
                    self._woken()
        finally:
            await self._tokens.close()
            if self._parked:
                # Redis may have given a token to the wait that was cut off.
                with contextlib.suppress(PyjobsError, TimeoutError):
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await self._tokens.pass_on(
                            [self._core.keys[at] for at in self._lane.queues]
                        )

    async def _one(self, seconds: float) -> None:
        # The wake tokens of a queue that is set aside are for workers that can serve it.
        queues = [self._core.keys[index] for index in self._lane.claims.served]
        if not queues:
            await asyncio.sleep(seconds)
            self._core.woken(time.monotonic(), self._lane)
            return
        try:
            self._parked = True
            queue = await self._tokens.take(queues, seconds)
            self._answered()
            # A token that came too late for this worker is another's.
            if not self._core.woken(time.monotonic(), self._lane) and queue is not None:
                await self._tokens.pass_on([queue])
            self._parked = False
        except Exception as error:
            # Also an error of a library: without a wait the worker polls, and its jobs run.
            self._parked = False
            if isinstance(error, Forbidden):
                note_polling(f"{self._where}: {error}")
            await asyncio.sleep(self._backoff.pause())
            self._core.woken(time.monotonic(), self._lane)


def idle_seconds(wait: int, longest: float) -> float:
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
