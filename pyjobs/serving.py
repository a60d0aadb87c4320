"""One run of a worker: its round trips, its tasks and its stop.

Only what waits may live here. What is decided lives in shift.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import redis

from pyjobs import crash
from pyjobs.claimed import ClaimedJob, Ending
from pyjobs.connect import aconnect, shown
from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.handlers import execute
from pyjobs.heartbeat import Heartbeat
from pyjobs.keys import Keys
from pyjobs.outage import Outage
from pyjobs.reliable import Reliable
from pyjobs.run import arun, arun_many
from pyjobs.shift import Letter, Shift
from pyjobs.tasks import end
from pyjobs.verbs import wake

log = logging.getLogger("pyjobs")
IDLE_SECONDS = 30.0
REPLY_MARGIN = 5.0
FLUSH_SECONDS = 5.0


class Serving:
    """Serves until it is stopped.

    Args:
        url: where Redis is.
        keys: the names under the prefix.
        queues: the queues' names, most urgent first.
        shift: decides what to do.
        run: runs one job to its result.
        lease: seconds.
        grace: seconds that running jobs get after a stop.
    """

    def __init__(
        self,
        url: str,
        keys: Keys,
        queues: Sequence[str],
        shift: Shift,
        run: Callable[[ClaimedJob], Awaitable[Any]],
        *,
        lease: float,
        grace: float,
    ) -> None:
        self._url = url
        self._keys = keys
        self._queues = queues
        self._shift = shift
        self._run = run
        self._lease = lease
        self._grace = grace
        self._loop = asyncio.get_running_loop()
        self._server = aconnect(url)
        self._waiting = aconnect(url, reply_seconds=IDLE_SECONDS + REPLY_MARGIN)
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._tasks: dict[ClaimedJob, asyncio.Task[Ending]] = {}
        self._working: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._outage = Outage(shown(url))
        self._registered = False
        self._handed_back = False

    async def serve(self) -> None:
        """Claim, run and record until the stop is over.

        Raises:
            Unavailable: Redis can't be reached at the start; later that is waited for.
            WrongMode: a queue works in another mode.
        """
        heartbeat = self._heartbeat()
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._begin()
            if heartbeat is not None:
                heartbeat.start()
            self._working = asyncio.create_task(self._work(), name="pyjobs-work")
            tasks = [self._working, asyncio.create_task(self._watch(), name="pyjobs-wake")]
            try:
                await asyncio.wait({self._working})
            except asyncio.CancelledError:
                self._stop_now()
                await asyncio.wait({self._working})
                raise
        finally:
            for timer in self._timers:
                timer.cancel()
            if heartbeat is not None:
                heartbeat.stop()
            for task in tasks:
                await end(task)
            await self._server.aclose()
            await self._waiting.aclose()
        if self._shift.fatal is not None:
            raise self._shift.fatal
        if not self._working.cancelled():
            self._working.result()

    def stop(self) -> None:
        """Claim no more; let running jobs finish for the grace, then hand them back. A second call
        hands them back at once."""
        if self._shift.stopping:
            self._stop_now()
            return
        log.info(
            "stopping; jobs in hand: %d, with %g s to finish", len(self._shift.held), self._grace
        )
        self._shift.stopping = True
        self._timers.append(self._loop.call_later(self._grace, self._stop_now))
        self._changed.set()

    async def _begin(self) -> None:
        try:
            await self._server.ping()
        except redis.RedisError as error:
            raise Unavailable(f"{shown(self._url)}: {error}") from error

    async def _register(self) -> None:
        """Enter the queues in the registry, once they are known to be of this mode."""
        self._registered = True
        names: dict[Any, Any] = dict.fromkeys(self._queues, self._shift.mode.name)
        # The registry can be rebuilt: that it is full or forbidden must not stop a worker.
        with contextlib.suppress(redis.RedisError):
            await self._server.hset(self._keys.queues, mapping=names)

    async def _work(self) -> None:
        while not self._shift.over:
            letters = self._shift.letters()
            if not letters:
                await self._until_changed()
                continue
            try:
                crash.at("send")
                answers = await arun_many(self._server, [letter.call for letter in letters])
                crash.at("answered")
                self._take(letters, answers)
                await self._heed(answers)
            except Unavailable as error:
                self._shift.unanswered(letters, error)
                await asyncio.sleep(self._outage.pause(error))

    async def _heed(self, answers: list[Any]) -> None:
        """Wait when Redis refuses to work now; end when it refuses for good."""
        refusal = next((one for one in answers if isinstance(one, Unavailable)), None)
        if refusal is not None:
            await asyncio.sleep(self._outage.pause(refusal))
            return
        self._outage.over()
        if self._shift.fatal is not None:
            self._stop_now()
        elif not self._registered:
            await self._register()

    def _take(self, letters: list[Letter], answers: list[Any]) -> None:
        started, refused = self._shift.answered(letters, answers)
        for job in started:
            if self._handed_back or (self._shift.stopping and self._shift.mode.leases):
                self._shift.finished(job, Ending("release"))
            else:
                self._start(job)
        for job, word in refused:
            log.warning("job %s on queue %s: its outcome was refused: %s", job.id, job.queue, word)

    def _start(self, job: ClaimedJob) -> None:
        crash.at("start")
        job.began = self._loop.time()
        task = self._tasks[job] = asyncio.create_task(execute(self._run, job))
        task.add_done_callback(functools.partial(self._ended, job))

    def _ended(self, job: ClaimedJob, task: asyncio.Task[Ending]) -> None:
        """Also for a task that was cancelled before its first step."""
        crash.at("ended")
        del self._tasks[job]
        ending = Ending("release") if task.cancelled() else task.result()
        if ending.verb == "fail":
            log.warning("job %s on queue %s failed: %s", job.id, job.queue, ending.why)
        self._shift.finished(job, ending)
        # A thread can't be stopped: this is how a handler that goes on in one may learn of it.
        if ending.verb != "complete" and not job.lost:
            job.lost = job.over = True
        self._changed.set()

    async def _until_changed(self) -> None:
        if self._shift.idle_ms() is not None:
            self._idle.set()
        await self._changed.wait()
        self._changed.clear()

    async def _watch(self) -> None:
        """Wait for a wake token, or for the time when something is due."""
        keys = [self._keys.wake(name) for name in self._queues]
        longest = min(IDLE_SECONDS, self._lease)
        while True:
            await self._idle.wait()
            self._idle.clear()
            wait = self._shift.idle_ms()
            if wait is None:
                continue
            seconds = longest if wait < 0 else min(wait / 1000, longest)
            try:
                token = await self._waiting.blpop(keys, timeout=seconds)
                if not self._shift.woken() and token is not None:
                    woken: Any = token[0]
                    await arun(self._server, wake(woken.decode().removesuffix(":wake")))
            except (redis.RedisError, PyjobsError):
                await asyncio.sleep(random.uniform(0.1, 0.5))
                self._shift.woken()
            self._changed.set()

    def _stop_now(self) -> None:
        """Hand back what is in hand; give up when that can't be recorded either."""
        self._shift.stopping = self._handed_back = True
        if self._tasks:
            log.info("handing back; jobs in hand: %d", len(self._tasks))
        for task in list(self._tasks.values()):
            task.cancel()
        self._changed.set()
        self._timers.append(self._loop.call_later(FLUSH_SECONDS, self._give_up))

    def _give_up(self) -> None:
        if self._working is not None and not self._working.done():
            log.error("stopping with %d outcomes that were not recorded", len(self._shift.held))
            self._working.cancel()

    def _heartbeat(self) -> Heartbeat | None:
        mode = self._shift.mode
        if not isinstance(mode, Reliable):
            return None
        keys = [self._keys.queue(name) for name in self._queues]
        return Heartbeat(self._url, mode, keys, self._lease, self._held, self._lost_elsewhere)

    def _held(self) -> list[ClaimedJob]:
        return list(self._shift.held)

    def _lost_elsewhere(self, job: ClaimedJob, why: str) -> None:
        job.lost = True
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._lost, job, why)

    def _lost(self, job: ClaimedJob, why: str) -> None:
        log.warning("job %s on queue %s is lost: %s", job.id, job.queue, why)
        if task := self._tasks.get(job):
            task.cancel()
