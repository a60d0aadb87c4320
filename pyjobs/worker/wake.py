"""Waiting for jobs: a wake token in Redis, or the time when something is due.

Only this wait may live here; a connection of its own is parked in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import random
from collections.abc import Callable

import redis

from pyjobs.engine import wake
from pyjobs.errors import PyjobsError
from pyjobs.transport import (
    CLOSE_SECONDS,
    Async,
    aclose,
    acommand,
    aconnect,
    arun,
    arun_many,
    shown,
)
from pyjobs.worker.core import WorkerCore
from pyjobs.worker.settings import WorkerSettings

log = logging.getLogger("pyjobs")
IDLE_SECONDS = 30.0
REPLY_MARGIN = 5.0


class WakeWaiter:
    """Wakes a worker that is idle.

    Args:
        settings: the worker's settings; no wait is longer than their lease.
        server: a connection pool that is free to send on.
        core: says for how long the worker is idle, and is woken.
        rung: called after each wait.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        server: Async,
        core: WorkerCore,
        rung: Callable[[], None],
    ) -> None:
        self._waiting = aconnect(settings.url, reply_seconds=IDLE_SECONDS + REPLY_MARGIN)
        self._where = shown(settings.url)
        self._server = server
        self._keys = [settings.keys.wake(name) for name in settings.queues]
        self._core = core
        self._longest = min(IDLE_SECONDS, settings.lease)
        self._rung = rung
        self._idle = asyncio.Event()
        self._parked = False

    def listen(self) -> None:
        """The worker may be idle now."""
        self._idle.set()

    async def run(self) -> None:
        """Wait for ever, whenever the worker is idle."""
        try:
            while True:
                await self._idle.wait()
                self._idle.clear()
                wait = self._core.idle_ms()
                if wait is not None:
                    await self._one(self._longest if wait < 0 else min(wait / 1000, self._longest))
                    self._rung()
        finally:
            await aclose(self._waiting)
            if self._parked:
                await self._pass_on()

    async def _one(self, seconds: float) -> None:
        try:
            self._parked = True
            token = await acommand(self._waiting.connection_pool, "BLPOP", *self._keys, seconds)
            # A token that came too late for this worker is another's.
            if not self._core.woken() and token is not None:
                await arun(self._server, wake(token[0].decode().removesuffix(":wake")))
            self._parked = False
        except (redis.RedisError, PyjobsError) as error:
            self._parked = False
            if isinstance(error, redis.exceptions.NoPermissionError):
                note_polling(f"{self._where}: {error}")
            await asyncio.sleep(random.uniform(0.1, 0.5))
            self._core.woken()

    async def _pass_on(self) -> None:
        """Redis may just have given a token to the wait that was cut off: let others look."""
        with contextlib.suppress(redis.RedisError, PyjobsError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                # When this is answered, Redis has seen that wait end, and gives it nothing more.
                await acommand(self._server.connection_pool, "PING")
                queues = [key.removesuffix(":wake") for key in self._keys]
                await arun_many(self._server, [wake(queue) for queue in queues])


@functools.cache
def note_polling(why: str) -> None:
    """Without the right to wait, an idle worker claims a few times a second; say so once."""
    log.warning("%s; idle workers poll instead", why)
