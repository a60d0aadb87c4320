"""Running handlers: `async def` in the event loop, a plain `def` in a thread.

How a run is started, stopped and reported may live here; nothing is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import inspect
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from pyjobs import codec
from pyjobs.engine import RELEASE, Outcome
from pyjobs.errors import BadArgument
from pyjobs.worker.job import ClaimedJob
from pyjobs.worker.outcomes import failure, outcome_of, too_late
from pyjobs.worker.run import Run
from pyjobs.worker.verdicts import verdict_of

Handler = Callable[[ClaimedJob], Any]
Report = Callable[[Run, Outcome], None]
# A task that goes on so long after it was cancelled is reported without waiting for its end.
CLEANUP_SECONDS = 4.0


class Executor(Protocol):
    """Runs the handler, and reports in the event loop how each run ended."""

    @property
    def running(self) -> int:
        """How many runs were started and are not reported yet."""

    @property
    def abandoned(self) -> int:
        """How many handlers still run although their run was reported."""

    def __contains__(self, run: Run) -> bool:
        """Whether the run was started and is not reported yet."""

    def start(self, run: Run) -> None:
        """Start a run. Its outcome is reported later, never from within this call.

        Raises:
            RuntimeError: there is no thread to run it, and none can be had.
        """

    def cancel(self, run: Run) -> None:
        """Stop the run if it is under way. It is reported as released, whatever its handler raises
        then; a result that its handler returns counts."""

    def cancel_all(self) -> None:
        """Stop every run, as `cancel` does."""

    def check(self) -> None:
        """Replace threads that have died, and report runs that nothing runs any more.

        Raises:
            RuntimeError: runs wait for a thread, and none can be had.
        """

    def close(self) -> None:
        """Start no run any more, and let idle threads end."""


def check_handler(handler: Any) -> None:
    """Check that this can be a handler.

    Raises:
        BadArgument: it can't be called, or calling it makes a generator, which returns no result.
    """
    if not callable(handler):
        raise BadArgument(f"handler: a {type(handler).__name__} can't be called")
    for function in (handler, type(handler).__call__):
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise BadArgument("handler: a generator function, which returns no result")


def executor_for(handler: Handler, concurrency: int, report: Report) -> Executor:
    """Return a TaskExecutor for an `async def` handler, a ThreadExecutor for any other.

    Args:
        handler: a function, or an object with `__call__`.
        concurrency: most threads, save for those whose run was given up.
        report: called in the event loop with each run and its outcome.
    """
    as_object = type(handler).__call__
    if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(as_object):
        return TaskExecutor(handler, report)
    return ThreadExecutor(handler, concurrency, report)


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


class HandlerThread(threading.Thread):
    """Calls the handler for one run after the other. It is a daemon: a thread that hangs can't keep
    the process from ending.

    Attributes:
        run_taken: the run whose handler it calls; None between two runs.
        abandoned: whether another thread has its place, so that it ends after this run.
    """

    def __init__(self, serve: Callable[[HandlerThread], None]) -> None:
        super().__init__(name="pyjobs-handler", daemon=True)
        self.run_taken: Run | None = None
        self.abandoned = False
        self._serve = serve

    def run(self) -> None:
        """Serve until the work is over."""
        self._serve(self)


class Returned:
    """Holds an awaitable that a plain handler returned, which the event loop is to await."""

    def __init__(self, awaitable: Any, context: contextvars.Context) -> None:
        self.awaitable = awaitable
        self.context = context

    def close(self) -> None:
        """Drop the awaitable, so that Python does not warn of a coroutine that nobody awaits."""
        with contextlib.suppress(BaseException):
            self.awaitable.close()


class ThreadExecutor:
    """Runs a plain handler in a pool of threads. An awaitable that the handler returns is awaited
    in the event loop.

    A thread can't be stopped. A run that is cancelled or late is reported at once, and another
    thread takes the place of its thread. The time limit begins when a thread takes the run.
    """

    def __init__(self, handler: Handler, size: int, report: Report) -> None:
        self._handler = handler
        self._size = size
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._work: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
        self._ended: deque[tuple[Run, Outcome | Returned]] = deque()
        self._collect_is_scheduled = False
        self._threads: set[HandlerThread] = set()
        self._abandoned: set[HandlerThread] = set()
        self._timers: dict[Run, asyncio.TimerHandle | None] = {}
        self._missing: set[Run] = set()
        self._tasks = TaskExecutor(handler, report)

    @property
    def running(self) -> int:
        return len(self._timers) + self._tasks.running

    @property
    def abandoned(self) -> int:
        self._abandoned = {thread for thread in self._abandoned if thread.is_alive()}
        return len(self._abandoned) + self._tasks.abandoned

    def __contains__(self, run: Run) -> bool:
        return run in self._timers or run in self._tasks

    def start(self, run: Run) -> None:
        limit = run.timeout
        late = limit is not None and self._loop.call_later(limit, self._late, run)
        self._timers[run] = late or None
        self._work.put(run)
        self._add_threads()

    def cancel(self, run: Run) -> None:
        self._give_up(run, RELEASE)
        self._tasks.cancel(run)

    def cancel_all(self) -> None:
        for run in list(self._timers):
            # Reported after this call, as a cancelled task is.
            self._loop.call_soon(self._give_up, run, RELEASE)
        self._tasks.cancel_all()

    def check(self) -> None:
        self._collect()
        self._threads = {thread for thread in self._threads if thread.is_alive()}
        self._add_threads()
        missing = self._nowhere()
        # A run that moves from the queue to its thread is for a moment in neither place.
        for run in missing & self._missing:
            begun = run.started_at is not None
            self._end(run, failure(RuntimeError("its thread ended")) if begun else RELEASE)
        self._missing = missing

    def close(self) -> None:
        for _ in self._threads | self._abandoned:
            self._work.put(None)

    def _nowhere(self) -> set[Run]:
        """Return the runs that were started, and are in no queue and no thread."""
        if not self._work.empty():
            return set()
        taken = {thread.run_taken for thread in list(self._threads)}
        ended = {run for run, _ in list(self._ended)}
        return set(self._timers) - taken - ended

    def _add_threads(self) -> None:
        """Start threads until there is one for each run.

        Raises:
            RuntimeError: there is no thread, and none can be started.
        """
        while len(self._threads) < min(self._size, len(self._timers)):
            thread = HandlerThread(self._serve)
            try:
                thread.start()
            except RuntimeError:
                # The process may have reached its limit of threads: the existing ones take the
                # runs in turn.
                if not self._threads:
                    raise
                return
            self._threads.add(thread)

    def _late(self, run: Run) -> None:
        left = seconds_left(run) or 0.0
        if left > 0:
            self._timers[run] = self._loop.call_later(left, self._late, run)
        else:
            self._give_up(run, too_late(run))

    def _give_up(self, run: Run, outcome: Outcome) -> None:
        """Report a run without waiting for its thread, and let another thread take its place."""
        if run not in self._timers:
            return
        thread = next((one for one in self._threads if one.run_taken is run), None)
        if thread is not None:
            thread.abandoned = True
            self._threads.discard(thread)
            self._abandoned.add(thread)
        self._end(run, outcome)

    def _end(self, run: Run, outcome: Outcome) -> None:
        self._stop_timer(run)
        self._report(run, outcome)

    def _stop_timer(self, run: Run) -> None:
        if timer := self._timers.pop(run):
            timer.cancel()

    def _serve(self, thread: HandlerThread) -> None:
        """Run what is started until `close`. An exception that is raised from outside into this
        thread ends it at most between two runs, and `check` replaces it."""
        while not thread.abandoned and (run := self._work.get()) is not None:
            thread.run_taken = run
            ended: Outcome | Returned = RELEASE
            try:
                # A run that was given up before it began is skipped.
                if run in self._timers and run.begin(time.monotonic()):
                    ended = self._outcome(run)
            except BaseException as error:
                ended = failure(error)
            finally:
                self._ended.append((run, ended))
                thread.run_taken = None
                self._schedule_collect()

    def _schedule_collect(self) -> None:
        # A call into the loop from a thread is expensive: one serves all runs that end before the
        # loop handles it.
        if not self._collect_is_scheduled:
            self._collect_is_scheduled = True
            with contextlib.suppress(RuntimeError):  # the loop may be closed
                self._loop.call_soon_threadsafe(self._collect)

    def _outcome(self, run: Run) -> Outcome | Returned:
        job = decoded(run)
        if isinstance(job, Outcome):
            return job
        context = self._context.copy()
        try:
            result = context.run(self._handler, job)
            return Returned(result, context) if is_awaitable(result) else outcome_of(result)
        except BaseException as error:
            return failure(error)

    def _collect(self) -> None:
        self._collect_is_scheduled = False
        while self._ended:
            run, ended = self._ended.popleft()
            if run not in self._timers:
                if isinstance(ended, Returned):
                    ended.close()
            elif isinstance(ended, Returned):
                self._resume(run, ended)
            else:
                self._end(run, ended)

    def _resume(self, run: Run, returned: Returned) -> None:
        self._stop_timer(run)
        self._tasks.resume(run, returned)


def decoded(run: Run) -> ClaimedJob | Outcome:
    """Return the job for the handler, or the outcome that rejects a payload that is no JSON."""
    try:
        return ClaimedJob(run, codec.decode(run.data))
    except Exception as error:
        return failure(error, "reject")


def seconds_left(run: Run) -> float | None:
    """Return the seconds that are left of a run's timeout, all of them before the handler begins;
    None for no limit."""
    if run.timeout is None or run.started_at is None:
        return run.timeout
    return run.started_at + run.timeout - time.monotonic()


def is_awaitable(result: Any) -> bool:
    """Return whether a handler's result is to be awaited."""
    return hasattr(type(result), "__await__")
