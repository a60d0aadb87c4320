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
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from pyjobs import codec
from pyjobs.engine import RELEASE, Outcome
from pyjobs.worker.job import ClaimedJob
from pyjobs.worker.outcomes import failure, outcome_of, too_late
from pyjobs.worker.run import Run

Handler = Callable[[ClaimedJob], Any]
Report = Callable[[Run, Outcome], None]


class Executor(Protocol):
    """Runs the handler, and reports in the event loop how each run ended."""

    @property
    def running(self) -> int:
        """How many runs were started and are not reported yet."""

    def start(self, run: Run) -> None:
        """Start a run. Its outcome is reported later, never from within this call.

        Raises:
            RuntimeError: there is no thread to run it, and none can be had.
        """

    def cancel(self, run: Run) -> None:
        """Stop the run if it is under way; it is reported as released unless it ends otherwise."""

    def cancel_all(self) -> None:
        """Stop every run; each is reported as released unless it ends otherwise."""

    def close(self) -> None:
        """Start no run any more, and let idle threads end."""


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
    """Runs an `async def` handler in a task for each run."""

    def __init__(self, handler: Handler, report: Report) -> None:
        self._handler = handler
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._tasks: dict[Run, asyncio.Task[None]] = {}

    @property
    def running(self) -> int:
        return len(self._tasks)

    def start(self, run: Run) -> None:
        self._tasks[run] = self._loop.create_task(self._run(run))

    def cancel(self, run: Run) -> None:
        if task := self._tasks.get(run):
            task.cancel()
            task.add_done_callback(functools.partial(self._never_began, run))

    def cancel_all(self) -> None:
        for run in list(self._tasks):
            self.cancel(run)

    def close(self) -> None:
        pass

    async def _run(self, run: Run) -> None:
        if run not in self._tasks:
            # A loop that makes eager tasks runs this from within `start`.
            await asyncio.sleep(0)
        outcome = await self._outcome(run)
        del self._tasks[run]
        self._report(run, outcome)

    def _never_began(self, run: Run, _: asyncio.Task[None]) -> None:
        # A task that is cancelled before its first step never runs `_run`.
        if self._tasks.pop(run, None):
            self._report(run, RELEASE)

    async def _outcome(self, run: Run) -> Outcome:
        job = decoded(run)
        if isinstance(job, Outcome):
            return job
        limit = None
        try:
            if run.timeout is None:
                return outcome_of(await self._handler(job))
            async with asyncio.timeout(run.timeout) as limit:
                result = await self._handler(job)
            return outcome_of(result)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            return RELEASE if task is None or task.cancelling() else failure(error)
        except BaseException as error:
            late = limit is not None and limit.expired() and isinstance(error, TimeoutError)
            return too_late(run) if late else failure(error)


class ThreadExecutor:
    """Runs a plain handler in a pool of threads. They are daemons: a thread that hangs can't keep
    the process from ending.

    A thread can't be stopped. A run that is cancelled or late is reported at once, and until its
    thread ends by itself another thread may take its place.
    """

    def __init__(self, handler: Handler, size: int, report: Report) -> None:
        self._handler = handler
        self._size = size
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._work: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
        self._ended: deque[tuple[Run, Outcome]] = deque()
        self._collect_is_scheduled = False
        self._threads: list[threading.Thread] = []
        self._busy = 0
        self._timers: dict[Run, asyncio.TimerHandle | None] = {}

    @property
    def running(self) -> int:
        return len(self._timers)

    def start(self, run: Run) -> None:
        late = run.timeout is not None and self._loop.call_later(run.timeout, self._late, run)
        self._timers[run] = late or None
        self._work.put(run)
        self._busy += 1
        if self._busy > len(self._threads) < self._size:
            self._add_thread()

    def cancel(self, run: Run) -> None:
        self._give_up(run, RELEASE)

    def cancel_all(self) -> None:
        for run in list(self._timers):
            # Reported after this call, as a cancelled task is.
            self._loop.call_soon(self._give_up, run, RELEASE)

    def close(self) -> None:
        for _ in self._threads:
            self._work.put(None)

    def _add_thread(self) -> None:
        thread = threading.Thread(target=self._serve, name="pyjobs-handler", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # The process may have reached its limit of threads: the existing ones take the run in
            # turn.
            if not self._threads:
                raise
        else:
            self._threads.append(thread)

    def _late(self, run: Run) -> None:
        self._give_up(run, too_late(run))

    def _give_up(self, run: Run, outcome: Outcome) -> None:
        """Report a run without waiting for its thread, and let another thread take its place."""
        if self._stop_timer(run):
            self._size += 1
            self._report(run, outcome)

    def _stop_timer(self, run: Run) -> bool:
        """Return whether this run was not reported yet."""
        if run not in self._timers:
            return False
        if timer := self._timers.pop(run):
            timer.cancel()
        return True

    def _serve(self) -> None:
        while (run := self._work.get()) is not None:
            # A run that was given up before it began is skipped.
            outcome = self._outcome(run) if run in self._timers else RELEASE
            self._ended.append((run, outcome))
            # A call into the loop from a thread is expensive: one serves all runs that end before
            # the loop handles it.
            if not self._collect_is_scheduled:
                self._collect_is_scheduled = True
                with contextlib.suppress(RuntimeError):  # the loop may be closed
                    self._loop.call_soon_threadsafe(self._collect)

    def _outcome(self, run: Run) -> Outcome:
        job = decoded(run)
        if isinstance(job, Outcome):
            return job
        try:
            return outcome_of(self._context.copy().run(self._handler, job))
        except BaseException as error:
            return failure(error)

    def _collect(self) -> None:
        self._collect_is_scheduled = False
        while self._ended:
            run, outcome = self._ended.popleft()
            self._busy -= 1
            if self._stop_timer(run):
                self._report(run, outcome)
            else:
                self._size -= 1


def decoded(run: Run) -> ClaimedJob | Outcome:
    """Return the job for the handler, or the outcome that rejects a payload that is no JSON."""
    try:
        return ClaimedJob(run, codec.decode(run.data))
    except Exception as error:
        return failure(error, "reject")
