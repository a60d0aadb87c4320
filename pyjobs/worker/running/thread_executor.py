"""Running a plain handler: in threads, which are replaced when a handler keeps one for itself."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
import time
from collections import deque
from collections.abc import Callable

from pyjobs.engine import RELEASE, Outcome
from pyjobs.worker.outcomes import failure
from pyjobs.worker.process import Forks
from pyjobs.worker.run import Run
from pyjobs.worker.running.invocation import (
    CLEANUP_SECONDS,
    Report,
    ReturnedAwaitable,
    called,
)
from pyjobs.worker.running.job import Handler
from pyjobs.worker.running.task_executor import TaskExecutor
from pyjobs.worker.running.time_limits import TimeLimits


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


class ThreadExecutor:
    """Runs a plain handler in a pool of threads. An awaitable that the handler returns is awaited
    in the event loop.

    A thread can't be stopped. A run that is cancelled or late is reported at once, and another
    thread takes the place of its thread. The time limit begins when a thread takes the run.
    """

    def __init__(
        self, handler: Handler, size: int, report: Report, cleanup: float = CLEANUP_SECONDS
    ) -> None:
        self._handler = handler
        self._size = size
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._work: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
        self._ended: deque[tuple[Run, Outcome | ReturnedAwaitable]] = deque()
        self._collect_is_scheduled = False
        self._threads: set[HandlerThread] = set()
        self._abandoned: set[HandlerThread] = set()
        # The runs that are not reported. Kept in order; the value is not used.
        self._runs: dict[Run, None] = {}
        self._limits = TimeLimits(self._give_up)
        self._missing: set[Run] = set()
        self._tasks = TaskExecutor(handler, report, cleanup)
        self._forks = Forks.count

    @property
    def running(self) -> int:
        return len(self._runs) + self._tasks.running

    @property
    def abandoned(self) -> int:
        self._abandoned = {thread for thread in self._abandoned if thread.is_alive()}
        return len(self._abandoned) + self._tasks.abandoned

    def __contains__(self, run: Run) -> bool:
        return run in self._runs or run in self._tasks

    def start(self, run: Run) -> None:
        self._runs[run] = None
        self._limits.start(run)
        self._work.put(run)
        self._add_threads()

    def cancel(self, run: Run) -> None:
        self._give_up(run, RELEASE)
        self._tasks.cancel(run)

    def cancel_all(self) -> None:
        for run in list(self._runs):
            # Reported after this call, as a cancelled task is.
            self._loop.call_soon(self._give_up, run, RELEASE)
        self._tasks.cancel_all()

    def check(self) -> None:
        self._tasks.check()
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

    async def wait_closed(self) -> None:
        pass

    def _nowhere(self) -> set[Run]:
        """Return the runs that were started, and are in no queue and no thread."""
        if not self._work.empty():
            return set()
        taken = {thread.run_taken for thread in list(self._threads)}
        ended = {run for run, _ in list(self._ended)}
        return set(self._runs) - taken - ended

    def _add_threads(self) -> None:
        """Start threads until there is one for each run.

        Raises:
            RuntimeError: there is no thread, and none can be started.
        """
        while len(self._threads) < min(self._size, len(self._runs)):
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

    def _give_up(self, run: Run, outcome: Outcome) -> None:
        """Report a run without waiting for its thread, and let another thread take its place."""
        if run not in self._runs:
            return
        thread = next((one for one in self._threads if one.run_taken is run), None)
        if thread is not None:
            thread.abandoned = True
            self._threads.discard(thread)
            self._abandoned.add(thread)
        self._end(run, outcome)

    def _end(self, run: Run, outcome: Outcome) -> None:
        self._forget(run)
        self._report(run, outcome)

    def _forget(self, run: Run) -> None:
        del self._runs[run]
        self._limits.stop(run)

    def _serve(self, thread: HandlerThread) -> None:
        """Run what is started until `close`. An exception that is raised from outside into this
        thread ends it at most between two runs, and `check` replaces it."""
        while not thread.abandoned and (run := self._work.get()) is not None:
            thread.run_taken = run
            ended: Outcome | ReturnedAwaitable = RELEASE
            try:
                # A run that was given up before it began is skipped.
                if run in self._runs and run.begin(time.monotonic()):
                    ended = called(self._handler, run, self._context.copy(), self._forks)
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

    def _collect(self) -> None:
        self._collect_is_scheduled = False
        while self._ended:
            run, ended = self._ended.popleft()
            if run not in self._runs:
                if isinstance(ended, ReturnedAwaitable):
                    ended.close()
            elif isinstance(ended, ReturnedAwaitable):
                self._resume(run, ended)
            else:
                self._end(run, ended)

    def _resume(self, run: Run, returned: ReturnedAwaitable) -> None:
        self._forget(run)
        self._tasks.resume(run, returned)
