"""Running an `async def` handler: a task of the event loop for each run."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import time
from collections.abc import Coroutine
from inspect import isasyncgen
from typing import Any

from pyjobs.engine import RELEASE, Outcome
from pyjobs.worker.outcomes import failure, outcome_of
from pyjobs.worker.process import Forks, end_process
from pyjobs.worker.run import Run
from pyjobs.worker.running.invocation import (
    CLEANUP_SECONDS,
    Report,
    ReturnedAwaitable,
    decoded,
    is_awaitable,
)
from pyjobs.worker.running.job import Handler
from pyjobs.worker.running.streaming import awritten
from pyjobs.worker.running.time_limits import TimeLimits
from pyjobs.worker.verdicts import Continue, verdict_of


class TaskExecutor:
    """Runs an `async def` handler in a task for each run, and each task in a copy of the context in
    which the executor was made.

    A task can refuse to end. A run that was cancelled or is late is reported `cleanup` seconds
    later, even if its task goes on.
    """

    def __init__(self, handler: Handler, report: Report, cleanup: float = CLEANUP_SECONDS) -> None:
        self._handler = handler
        self._report = report
        self._cleanup = cleanup
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._tasks: dict[Run, asyncio.Task[None]] = {}
        # The outcomes of runs that this executor cancels, unless their handler returns a result.
        # Any other cancellation is the handler's own, and a failure.
        self._cancelled: dict[Run, Outcome] = {}
        # What gives up waiting for the task of a run that was cancelled.
        self._abandon_timers: dict[Run, asyncio.TimerHandle] = {}
        self._limits = TimeLimits(self._cancel)
        self._abandoned: set[asyncio.Task[None]] = set()
        self._forks = Forks.count

    @property
    def running(self) -> int:
        return len(self._tasks)

    @property
    def abandoned(self) -> int:
        return len(self._abandoned)

    def __contains__(self, run: Run) -> bool:
        return run in self._tasks

    def start(self, run: Run) -> None:
        self._start(run, self._run(run), self._context)

    def resume(self, run: Run, returned: ReturnedAwaitable) -> None:
        """Start a run whose handler was called in a thread and has returned an awaitable."""
        self._start(run, self._run(run, returned), returned.context)

    def cancel(self, run: Run) -> None:
        self._cancel(run, RELEASE)

    def cancel_all(self) -> None:
        for run in list(self._tasks):
            self.cancel(run)
        for task in self._abandoned:
            task.cancel()

    def check(self) -> None:
        for run, task in list(self._tasks.items()):
            if task.done():
                self._never_began(run, task)

    def close(self) -> None:
        pass

    async def wait_closed(self) -> None:
        pass

    def _start(
        self, run: Run, work: Coroutine[Any, Any, None], context: contextvars.Context
    ) -> None:
        # A task copies the context in which it is made.
        self._tasks[run] = context.run(self._loop.create_task, work)
        self._limits.start(run)

    async def _run(self, run: Run, returned: ReturnedAwaitable | None = None) -> None:
        if run not in self._tasks:
            # A loop that makes eager tasks runs this from within `start`.
            await asyncio.sleep(0)
        # A child that another handler has forked starts no handler.
        Forks.end_child(self._forks)
        try:
            if returned is not None:
                outcome = outcome_of(await returned.awaitable)
            elif not run.begin(time.monotonic()):
                outcome = RELEASE
            elif isinstance(job := decoded(run), Outcome):
                outcome = job
            else:
                result = await self._handler(job)
                outcome = outcome_of(result)
                # A decorator of the program may be an `async def` that does not await the handler.
                # No awaitable has JSON, so that other results are not looked at for that.
                if outcome.verb == "fail":
                    rest = awritten(result, job.append) if isasyncgen(result) else result
                    if is_awaitable(rest):
                        outcome = outcome_of(await rest)
            if Forks.count != self._forks:
                end_process(None)
        except BaseException as error:
            if Forks.count != self._forks:
                end_process(error)
            outcome = self._failure(run, error)
        if run in self._tasks:
            self._end(run, outcome)

    def _failure(self, run: Run, error: BaseException) -> Outcome:
        cancelled = self._cancelled.get(run)
        verdict = verdict_of(error)
        # A handler that is stopped may hand its job back with a state.
        if cancelled is None or isinstance(verdict, Continue):
            return failure(error)
        if verdict is not None and cancelled is not RELEASE:
            return failure(error)
        return cancelled

    def _never_began(self, run: Run, task: asyncio.Task[None]) -> None:
        """Report a run whose task was cancelled before its first step."""
        if self._tasks.get(run) is task:
            self._end(run, self._failure(run, asyncio.CancelledError()))

    def _end(self, run: Run, outcome: Outcome) -> None:
        del self._tasks[run]
        self._limits.stop(run)
        if self._cancelled.pop(run, None):
            self._abandon_timers.pop(run).cancel()
        self._report(run, outcome)

    def _cancel(self, run: Run, outcome: Outcome) -> None:
        if run not in self._tasks:
            return
        first = run not in self._cancelled
        # A run that is lost or handed back is released, even if its timeout came first.
        if first or outcome is RELEASE:
            self._cancelled[run] = outcome
        task = self._tasks[run]
        task.cancel()
        if first:
            task.add_done_callback(functools.partial(self._never_began, run))
            self._limits.stop(run)
            self._abandon_timers[run] = self._loop.call_later(self._cleanup, self._abandon, run)

    def _abandon(self, run: Run) -> None:
        """Report a run whose task goes on although it was cancelled."""
        task = self._tasks[run]
        self._abandoned.add(task)
        task.add_done_callback(self._abandoned.discard)
        self._end(run, self._cancelled[run])
