"""Running an `async def` handler: a task of the event loop for each run."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import time
from collections.abc import Coroutine
from typing import Any

from pyjobs.engine import RELEASE, Outcome
from pyjobs.worker.invocation import Handler, Report, Returned, decoded, is_awaitable, seconds_left
from pyjobs.worker.outcomes import failure, outcome_of, too_late
from pyjobs.worker.run import Run
from pyjobs.worker.verdicts import verdict_of

# A task that goes on so long after it was cancelled is reported without waiting for its end.
CLEANUP_SECONDS = 4.0


class TaskExecutor:
    """Runs an `async def` handler in a task for each run, and each task in a copy of the context in
    which the executor was made.

    A task can refuse to end. A run that was cancelled or is late is reported CLEANUP_SECONDS later,
    even if its task goes on.
    """

    def __init__(self, handler: Handler, report: Report) -> None:
        self._handler = handler
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._tasks: dict[Run, asyncio.Task[Outcome]] = {}
        # The outcomes of runs that this executor cancels, unless their handler returns a result.
        # Any other cancellation is the handler's own, and a failure.
        self._cancelled: dict[Run, Outcome] = {}
        self._timers: dict[Run, asyncio.TimerHandle] = {}
        self._abandoned: set[asyncio.Task[Outcome]] = set()

    @property
    def running(self) -> int:
        return len(self._tasks)

    @property
    def abandoned(self) -> int:
        return len(self._abandoned)

    def __contains__(self, run: Run) -> bool:
        return run in self._tasks

    def start(self, run: Run) -> None:
        self._start(run, self._outcome(run), self._context)

    def resume(self, run: Run, returned: Returned) -> None:
        """Start a run whose handler was called in a thread and has returned an awaitable."""
        self._start(run, self._outcome(run, returned), returned.context)

    def cancel(self, run: Run) -> None:
        self._cancel(run, RELEASE)

    def cancel_all(self) -> None:
        for run in list(self._tasks):
            self.cancel(run)
        for task in self._abandoned:
            task.cancel()

    def check(self) -> None:
        pass

    def close(self) -> None:
        pass

    def _start(
        self, run: Run, work: Coroutine[Any, Any, Outcome], context: contextvars.Context
    ) -> None:
        # A task copies the context in which it is made.
        task = context.run(self._loop.create_task, work)
        self._tasks[run] = task
        if (left := seconds_left(run)) is not None:
            self._timers[run] = self._loop.call_later(left, self._late, run)
        task.add_done_callback(functools.partial(self._done, run))

    async def _outcome(self, run: Run, returned: Returned | None = None) -> Outcome:
        try:
            if returned is not None:
                return outcome_of(await returned.awaitable)
            if not run.begin(time.monotonic()):
                return RELEASE
            job = decoded(run)
            if isinstance(job, Outcome):
                return job
            result = await self._handler(job)
            # A decorator of the program may be an `async def` that does not await the handler.
            return outcome_of(await result if is_awaitable(result) else result)
        except BaseException as error:
            return self._failure(run, error)

    def _failure(self, run: Run, error: BaseException) -> Outcome:
        cancelled = self._cancelled.get(run)
        if cancelled is None or (cancelled is not RELEASE and verdict_of(error)):
            return failure(error)
        return cancelled

    def _done(self, run: Run, task: asyncio.Task[Outcome]) -> None:
        try:
            # A task that is cancelled before its first step is done without an outcome.
            outcome = task.result()
        except BaseException as error:
            outcome = self._failure(run, error)
        if self._tasks.get(run) is task:
            self._end(run, outcome)

    def _end(self, run: Run, outcome: Outcome) -> None:
        del self._tasks[run]
        self._cancelled.pop(run, None)
        if timer := self._timers.pop(run, None):
            timer.cancel()
        self._report(run, outcome)

    def _late(self, run: Run) -> None:
        left = seconds_left(run) or 0.0
        if left > 0:
            # A handler that blocks the loop takes no time from runs that have not begun.
            self._timers[run] = self._loop.call_later(left, self._late, run)
        else:
            self._cancel(run, too_late(run))

    def _cancel(self, run: Run, outcome: Outcome) -> None:
        if run not in self._tasks:
            return
        first = run not in self._cancelled
        # A run that is lost or handed back is released, even if its timeout came first.
        if first or outcome is RELEASE:
            self._cancelled[run] = outcome
        self._tasks[run].cancel()
        if first:
            if timer := self._timers.pop(run, None):
                timer.cancel()
            self._timers[run] = self._loop.call_later(CLEANUP_SECONDS, self._abandon, run)

    def _abandon(self, run: Run) -> None:
        """Report a run whose task goes on although it was cancelled."""
        task = self._tasks[run]
        self._abandoned.add(task)
        task.add_done_callback(self._abandoned.discard)
        self._end(run, self._cancelled[run])
