"""One run of a worker: its round trips, the starts and ends of handlers, and what is logged of
them.

Only what waits may live here. What is decided lives in claiming/core.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from pyjobs.asyncutil import cancel_and_wait, ended
from pyjobs.definition import BaseTask
from pyjobs.engine import RELEASE, Outcome, StoredVerbs
from pyjobs.errors import NoJob, PyjobsError
from pyjobs.log import logger
from pyjobs.transport import aclose, aconnect
from pyjobs.worker import failpoints
from pyjobs.worker.claiming import (
    STUCK_SECONDS,
    Lane,
    PartsReader,
    Request,
    RoundTrips,
    WorkerCore,
    hand_back,
    hand_back_rest,
    listener_of,
    unknown_tasks,
)
from pyjobs.worker.dead import DeadHooks, HookCalls
from pyjobs.worker.joblog import (
    log_lost,
    log_not_recorded,
    log_recorded,
    log_start,
    starts_are_logged,
)
from pyjobs.worker.lifespan import LifespanValue
from pyjobs.worker.liveness import Announcer, Heartbeat, LoopWatch, Probes, Watched, metrics_of
from pyjobs.worker.preflight import prepare
from pyjobs.worker.run import Run, RunState
from pyjobs.worker.running import Handler, Updates, executor_of
from pyjobs.worker.settings import WorkerSettings
from pyjobs.worker.shutdown import Shutdown
from pyjobs.worker.vitals import Vitals
from pyjobs.worker.workerlog import log_handled

log = logger(__name__)
# How often the loop looks for runs that nothing runs any more.
TURN_SECONDS = 1.0
FASTEST_TURN = 0.05


class Processor:
    """Claims, runs and records the jobs of one worker, from its connection to the end of its stop.

    Args:
        settings: the worker's settings.
        handler: runs one job to its result; None where there are tasks and no handler.
        tasks: the worker's tasks, by name; None where a handler gets every job.
        lifespan_value: what the lifespan has yielded; None where there is no lifespan.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        handler: Handler | None,
        tasks: Mapping[str, BaseTask[..., Any]] | None = None,
        lifespan_value: LifespanValue | None = None,
    ) -> None:
        self._settings, self._lifespan_value = settings, lifespan_value
        unknown = unknown_tasks(
            tasks or (), bare=handler is not None, hands_back=settings.mode.leases
        )
        self._server = aconnect(settings.url)
        self._listener = listener_of(self._server)
        self._core = WorkerCore(settings, apart=self._listener is not None, unknown=unknown)
        self._loop = asyncio.get_running_loop()
        self._turn_seconds = min(TURN_SECONDS, max(FASTEST_TURN, settings.lease / 10))
        self._loop_watch, self._vitals = LoopWatch(self._turn_seconds), Vitals(settings.lease)
        self._executor = executor_of(settings, handler, tasks, self._ended)
        self._dead = DeadHooks(settings, tasks, self._core)
        self._dead_calls = HookCalls(settings, self._server)
        self._updates: Updates | None = None
        if isinstance(settings.mode, StoredVerbs):
            self._updates = Updates(self._server, self._core.keys, settings.mode)
        self._lanes = [self._round_trips_of(lane) for lane in self._core.lanes]
        self._shutdown = Shutdown(
            self._core, self._executor, grace=settings.grace, changed=self._changed
        )
        watched = Watched(self._core, self._executor, self._loop_watch, self._vitals)
        self._announcer = Announcer(settings, tasks or (), watched)
        self._heartbeat = self._make_heartbeat()
        self._metrics = metrics_of(settings, tasks, watched, self._heartbeat)
        # The tasks of jobs that a handler gets which knows no tasks; '' is none.
        self._met = None if tasks else {""}
        self._running = self._ending = self._watches_prefetched = False
        self._logs_starts = starts_are_logged()
        self._next_turn: asyncio.TimerHandle | None = None
        self.abandoned = 0  # handlers that still run although their jobs were given up

    async def process(self) -> None:
        """Claim, run and record until the stop is over.

        Raises:
            Unavailable: Redis can't be reached at the start; a later outage is waited for.
            WrongMode, BadLayout, WrongType: every queue has another mode, a layout that this
                version does not know, or a key of another type.
            Forbidden: the Redis user lacks a right that the worker needs.
        """
        tasks: list[asyncio.Task[None]] = []
        probes: Probes | None = None
        try:
            probes = Probes(self._settings, self._vitals, self._metrics)
            if not await self._prepared():
                return
            parts = PartsReader(self._core, self._server, self._settings.queue_keys)
            for lane in await parts.read(time.monotonic()):
                self._lanes.append(self._round_trips_of(lane))
            self._turn()
            self._start_heartbeat()
            trips = [self._task(lane.run, "pyjobs-round-trips") for lane in self._lanes]
            # New parts add their round trips here.
            self._shutdown.tasks = trips
            self._running = True
            tasks += trips
            tasks += [self._task(lane.wake.run, "pyjobs-wake") for lane in self._lanes]
            tasks.append(self._task(lambda: self._watch_parts(parts, tasks), "pyjobs-parts"))
            try:
                await ended(trips, tasks)
            except asyncio.CancelledError:
                self._shutdown.now()
                await asyncio.wait(trips)
                raise
        finally:
            self._ending = True
            self._shutdown.close()
            if self._next_turn is not None:
                self._next_turn.cancel()
            if self._heartbeat is not None:
                self._heartbeat.stop()
            self._announcer.end()
            self._loop_watch.end()
            if probes is not None:
                probes.close()
            for task in tasks:
                await cancel_and_wait(task)
            await hand_back_rest(self._core, self._server)
            await self._announcer.leave(self._server)
            self._core.give_up()
            self._executor.cancel_all()
            self._executor.close()
            await self._executor.wait_closed()
            await self._dead_calls.end()
            if self._updates is not None:
                await self._updates.close()
            await aclose(self._server)
        if self._core.fatal is not None:
            raise self._core.fatal
        for task in tasks:
            if not task.cancelled():
                task.result()

    def stop(self) -> None:
        """Stop claiming, let held runs finish for the grace, then release them. A second call
        releases them at once. Before the first claim there is nothing to wait for."""
        self._vitals.stopping = True
        self._shutdown.begin()
        if not self._running:
            self._shutdown.cancel_tasks()

    def hand_back(self) -> list[str]:
        """Release all held runs by a connection of the calling thread, which need not be that of
        the event loop. Returns the runs in words."""
        return hand_back(self._core, self._settings.url)

    # --- the start ---

    async def _prepared(self) -> bool:
        """Prepare for the first claim. Returns False when a stop came before that."""
        if self._core.stopping:
            return False
        preparing = asyncio.create_task(
            prepare(self._server, self._settings), name="pyjobs-prepare"
        )
        self._shutdown.tasks = [preparing]
        try:
            await asyncio.wait({preparing})
        finally:
            await cancel_and_wait(preparing)
        if not self._core.stopping:
            preparing.result()
        return not self._core.stopping

    async def _watch_parts(self, parts: PartsReader, tasks: list[asyncio.Task[None]]) -> None:
        """Serve the parts that queues get while this worker runs, and those that could not be read
        before."""
        while True:
            await asyncio.sleep(parts.pause(time.monotonic()))
            for lane in await parts.read(time.monotonic()):
                trips = self._round_trips_of(lane)
                self._lanes.append(trips)
                new = self._task(trips.run, "pyjobs-round-trips")
                self._shutdown.tasks.append(new)
                tasks += [new, self._task(trips.wake.run, "pyjobs-wake")]
            self._changed()

    def _task(self, work: Callable[[], Awaitable[None]], name: str) -> asyncio.Task[None]:
        return asyncio.create_task(self._until_ended(work), name=name)

    async def _until_ended(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do work of this worker, and begin it anew when it is cancelled by anybody else: a handler
        can reach every task of the loop, and so does `asyncio.run` at its end."""
        while True:
            try:
                return await work()
            except asyncio.CancelledError:
                if self._ending or self._shutdown.gives_up:
                    raise
                log.warning("a task of the worker was cancelled from outside, and goes on")

    # --- round trips ---

    def _round_trips_of(self, lane: Lane) -> RoundTrips:
        return RoundTrips(
            lane,
            self._settings,
            self._server,
            self._core,
            self._vitals,
            self._listener,
            renewals_first=self._renewals_first,
            answered=self._answered,
            freed=self._freed,
        )

    def _renewals_first(self, lane: Lane) -> bool:
        return self._heartbeat is not None and self._heartbeat.is_away(lane.queues)

    def _answered(self, lane: Lane, requests: list[Request], answers: list[Any]) -> None:
        self._logs_starts = starts_are_logged()
        failpoints.at("answered")
        refused = self._core.answered(requests, answers, time.monotonic(), lane)
        if self._metrics is not None:
            self._metrics.answered(requests, answers)
        self._start_runs()
        log_recorded(requests, answers)
        if self._dead:
            for death in self._dead.of(requests, answers, self._core.lanes.deaths()):
                self._dead_calls.start(death)
        self._cancel_refused(refused)
        if self._core.fatal is not None:
            self._shutdown.now()

    def _freed(self) -> None:
        if len(self._lanes) > 1:
            self._changed()

    def _changed(self) -> None:
        """Let every lane look again what there is to send."""
        for lane in self._lanes:
            lane.go_on()

    def _cancel_refused(self, refused: Iterable[tuple[Run, str]]) -> None:
        for run, why in refused:
            self._executor.cancel(run)
            log_not_recorded(run, why)

    # --- runs ---

    def _start_runs(self) -> None:
        now = time.monotonic()
        while run := self._core.next_run(now):
            failpoints.at("start")
            run.updates = self._updates
            if self._met is not None and run.task not in self._met:
                self._met.add(run.task)
                log_handled(run)
            if self._lifespan_value is not None:
                run.lifespan_value = self._lifespan_value
            try:
                self._executor.start(run)
            except Exception as error:
                self._no_job_can_run(error)
                return
            if self._metrics is not None:
                self._metrics.started(run)
            if self._logs_starts:
                log_start(run)
        if self._core.waiting and not self._watches_prefetched:
            self._watches_prefetched = True
            self._loop.call_later(STUCK_SECONDS, self._check_prefetched)

    def _check_prefetched(self) -> None:
        self._watches_prefetched = False
        if self._core.release_stuck(time.monotonic()):
            self._changed()
        self._start_runs()

    def _ended(self, run: Run, outcome: Outcome) -> None:
        failpoints.at("ended")
        now = time.monotonic()
        if self._metrics is not None:
            self._metrics.ended(run, now)
        self._core.finished(run, outcome, now)
        self._changed()
        self._start_runs()

    def _no_job_can_run(self, error: Exception) -> None:
        """End the worker. Its jobs are released: a lease that ends without a run counts as a
        crash."""
        self._core.fatal = self._core.fatal or PyjobsError(f"no job can run: {error}")
        self._shutdown.now()

    def _turn(self) -> None:
        """Look for what no callback has reported, now and every `_turn_seconds`."""
        self._loop_watch.turned()
        # Without a heartbeat, a worker whose slots are all busy asks Redis nothing.
        if not (self._heartbeat or self._core.free or any(one.outbox for one in self._core.lanes)):
            self._vitals.answered()
        self._next_turn = self._loop.call_later(self._turn_seconds, self._turn)
        try:
            self._executor.check()
        except RuntimeError as error:
            self._no_job_can_run(error)
        if self._heartbeat is not None and self._heartbeat.died:
            self._no_job_can_run(RuntimeError("the thread that renews leases has ended"))
        strays = self._core.strays(self._executor.__contains__)
        for run in strays:
            self._core.finished(run, RELEASE, time.monotonic())
        if strays:
            self._changed()
            log.error("jobs that nothing runs any more, and that are released: %d", len(strays))
        if (abandoned := self._executor.abandoned) > self.abandoned:
            log.warning("handlers that still run although their jobs were given up: %d", abandoned)
        self.abandoned = abandoned

    # --- leases ---

    def _start_heartbeat(self) -> None:
        if self._heartbeat is None:
            self._loop_watch.log_from_a_thread(self._settings.lease)
            self._announcer.start()
            return
        try:
            self._heartbeat.start()
        except RuntimeError as error:
            raise PyjobsError(f"no lease can be renewed: {error}") from error

    def _make_heartbeat(self) -> Heartbeat | None:
        if not self._core.mode.leases:
            return None
        return Heartbeat(
            self._settings,
            held=lambda: list(self._core.held),
            lost=self._lost_in_thread,
            renewed=self._renewed_in_thread,
            answered=self._vitals.answered,
            loop=self._loop_watch,
            announcer=self._announcer,
            keys=self._core.keys,
        )

    def _renewed_in_thread(self) -> None:
        """Let claims go on, from the heartbeat's thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._changed)

    def _lost_in_thread(self, run: Run, why: str) -> None:
        """Mark a run as lost, from the heartbeat's thread: the event loop may be blocked."""
        if run.state is RunState.STOPPED or (why == NoJob.code and self._core.has_ended(run)):
            # A renewal has crossed the end of the run, whose job may be claimed again by now, or
            # gone where its result is not kept: the answer to the outcome says so.
            return
        run.lose(why)
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._lost, run, why)

    def _lost(self, run: Run, why: str) -> None:
        if self._metrics is not None:
            self._metrics.lost(run, why)
        self._executor.cancel(run)
        log_lost(run, why)
