"""One run of a worker: its round trips, its handlers and its stop.

Only what waits may live here. What is decided lives in core.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Sequence
from typing import Any

from pyjobs.asyncutil import cancel_and_wait
from pyjobs.engine import REGISTER_SECONDS, Keys, Outcome, Reliable
from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.transport import Outage, aclose, acommand, aconnect, aload, aregister, arun_many, shown
from pyjobs.worker import failpoints
from pyjobs.worker.core import WorkerCore
from pyjobs.worker.executors import Handler, runner
from pyjobs.worker.heartbeat import Heartbeat
from pyjobs.worker.job import ClaimedJob, in_words
from pyjobs.worker.outbox import Request
from pyjobs.worker.prefetch import STUCK_SECONDS
from pyjobs.worker.preflight import check
from pyjobs.worker.shutdown import Shutdown
from pyjobs.worker.wake import WakeWaiter

log = logging.getLogger("pyjobs")


class Processor:
    """Serves until it is stopped.

    Args:
        url: where Redis is.
        keys: the names under the prefix.
        queues: the queues' names, most urgent first.
        core: decides what to do.
        handler: runs one job to its result.
        concurrency: how many of them run at once.
        lease: seconds.
        grace: seconds that running jobs get after a stop.
    """

    def __init__(
        self,
        url: str,
        keys: Keys,
        queues: Sequence[str],
        core: WorkerCore,
        handler: Handler,
        *,
        concurrency: int,
        lease: float,
        grace: float,
    ) -> None:
        self._url = url
        self._keys = keys
        self._queues = queues
        self._core = core
        self._lease = lease
        self._loop = asyncio.get_running_loop()
        self._runner = runner(handler, concurrency, self._ended)
        self._server = aconnect(url)
        self._changed = asyncio.Event()
        self._wake_waiter = WakeWaiter(
            url, self._server, keys, queues, core, lease, self._changed.set
        )
        self._working: asyncio.Task[None] | None = None
        self._shutdown = Shutdown(core, self._runner, grace, self._changed.set)
        self._watching_prefetched = False
        self._outage = Outage(shown(url))
        self._registered = -math.inf

    async def serve(self) -> None:
        """Claim, run and record until the stop is over.

        Raises:
            Unavailable: Redis can't be reached at the start; later that is waited for.
            WrongMode: a queue works in another mode.
        """
        heartbeat = self._heartbeat()
        tasks: list[asyncio.Task[None]] = []
        try:
            if not await self._begun():
                return
            if heartbeat is not None:
                heartbeat.start()
            working = asyncio.create_task(self._work(), name="pyjobs-work")
            self._working = self._shutdown.task = working
            tasks = [working, asyncio.create_task(self._wake_waiter.run(), name="pyjobs-bell")]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                self._shutdown.now()
                await asyncio.wait({working})
                raise
        finally:
            self._shutdown.close()
            if heartbeat is not None:
                heartbeat.stop()
            for task in tasks:
                await cancel_and_wait(task)
            self._core.give_up()
            self._runner.cancel_all()
            self._runner.close()
            await aclose(self._server)
        if self._core.fatal is not None:
            raise self._core.fatal
        for task in tasks:
            if not task.cancelled():
                task.result()

    def stop(self) -> None:
        """As `Shutdown.begin`; before the first claim there is nothing to wait for."""
        self._shutdown.begin()
        if self._working is None:
            self._shutdown.end_task()

    async def _begun(self) -> bool:
        """Whether all is well, and no stop came meanwhile."""
        if self._core.stopping:
            return False
        beginning = self._shutdown.task = asyncio.create_task(self._begin(), name="pyjobs-begin")
        try:
            await asyncio.wait({beginning})
        finally:
            await cancel_and_wait(beginning)
        if not self._core.stopping:
            beginning.result()
        return not self._core.stopping

    async def _begin(self) -> None:
        try:
            await acommand(self._server, "PING")
        except PyjobsError as error:
            raise Unavailable(f"{shown(self._url)}: {error}") from error
        await aload(self._server, self._core.mode.name)
        await check(self._server, self._core.mode.name, self._keys, self._queues)

    async def _work(self) -> None:
        while not self._core.over:
            requests = self._core.requests(time.monotonic())
            if not requests:
                await self._until_changed()
                continue
            try:
                failpoints.at("send")
                answers = await arun_many(self._server, [request.call for request in requests])
                failpoints.at("answered")
                self._take(requests, answers)
                await self._heed(answers)
            except Unavailable as error:
                self._core.unanswered(requests, error)
                await asyncio.sleep(self._outage.pause(error))

    async def _heed(self, answers: list[Any]) -> None:
        """Wait when Redis refuses to work now; end when it refuses for good."""
        refusal = next((one for one in answers if isinstance(one, Unavailable)), None)
        if refusal is not None:
            await asyncio.sleep(self._outage.pause(refusal))
            return
        self._outage.over()
        if self._core.fatal is not None:
            self._shutdown.now()
        elif time.monotonic() - self._registered > REGISTER_SECONDS:
            self._registered = time.monotonic()
            mode = self._core.mode.name
            await aregister(self._server, self._keys, dict.fromkeys(self._queues, mode))

    async def _until_changed(self) -> None:
        self._wake_waiter.listen()
        await self._changed.wait()
        self._changed.clear()

    def _take(self, requests: list[Request], answers: list[Any]) -> None:
        for job, why in self._core.answered(requests, answers, time.monotonic()):
            log.warning(
                "job %s on queue %s: nothing was recorded: %s", job.id, job.queue, in_words(why)
            )
            self._runner.cancel(job)
        self._start_jobs()

    def _start_jobs(self) -> None:
        now = time.monotonic()
        while job := self._core.next_job(now):
            failpoints.at("start")
            try:
                self._runner.start(job)
            except RuntimeError as error:
                self._core.fatal = self._core.fatal or PyjobsError(f"no job can run: {error}")
                # Handed back: leases of jobs that nobody runs would count as crashes.
                self._shutdown.now()
                return
        if self._core.waiting and not self._watching_prefetched:
            self._watching_prefetched = True
            self._loop.call_later(STUCK_SECONDS, self._look_at_prefetched)

    def _look_at_prefetched(self) -> None:
        self._watching_prefetched = False
        if self._core.hand_back_prefetched(time.monotonic()):
            self._changed.set()
        self._start_jobs()

    def _ended(self, job: ClaimedJob, outcome: Outcome) -> None:
        failpoints.at("ended")
        if outcome.verb == "fail":
            put_off = outcome.verdict.startswith("snooze")
            how = "was put off" if put_off else f"failed at attempt {job.attempt}"
            level = logging.INFO if put_off else logging.WARNING
            log.log(level, "job %s on queue %s %s: %s", job.id, job.queue, how, outcome.why)
        self._core.finished(job, outcome, time.monotonic())
        # A thread can't be stopped: this is how a handler that goes on in one may learn of it.
        if outcome.verb != "complete" and not job.lost:
            job.lost = job.over = True
        self._start_jobs()
        self._changed.set()

    def _heartbeat(self) -> Heartbeat | None:
        mode = self._core.mode
        if not isinstance(mode, Reliable):
            return None
        keys = [self._keys.queue(name) for name in self._queues]
        return Heartbeat(self._url, mode, keys, self._lease, self._held, self._lost_elsewhere)

    def _held(self) -> list[ClaimedJob]:
        return list(self._core.held)

    def _lost_elsewhere(self, job: ClaimedJob, why: str) -> None:
        job.lose(why)
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._lost, job, why)

    def _lost(self, job: ClaimedJob, why: str) -> None:
        if why == "cancelled":
            log.info("job %s on queue %s was cancelled", job.id, job.queue)
        else:
            log.warning("job %s on queue %s is lost: %s", job.id, job.queue, in_words(why))
        self._runner.cancel(job)
