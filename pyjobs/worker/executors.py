"""Running handlers: `async def` in the event loop, a plain `def` in a thread.

How a run turns into an Outcome may live here; nothing is sent.
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
from pyjobs.worker.job import ClaimedJob, failure, success

Handler = Callable[[ClaimedJob], Any]
Report = Callable[[ClaimedJob, Outcome], None]


class Runner(Protocol):
    """Runs jobs, and reports in the event loop how each of them ended."""

    @property
    def running(self) -> int:
        """How many jobs were started and have not been reported."""

    def start(self, job: ClaimedJob) -> None:
        """Run the job; its outcome is reported later, never from within this call."""

    def cancel(self, job: ClaimedJob) -> None:
        """Stop the job if it runs; it is reported as released unless it ends otherwise."""

    def cancel_all(self) -> None:
        """The same for every job."""

    def close(self) -> None:
        """No job is started any more."""


def runner(handler: Handler, concurrency: int, report: Report) -> Runner:
    """What runs this handler."""
    as_object = type(handler).__call__
    if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(as_object):
        return Tasks(handler, report)
    return Threads(handler, concurrency, report)


class Tasks:
    """A task for each job."""

    def __init__(self, handler: Handler, report: Report) -> None:
        self._handler = handler
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._tasks: dict[ClaimedJob, asyncio.Task[None]] = {}

    @property
    def running(self) -> int:
        return len(self._tasks)

    def start(self, job: ClaimedJob) -> None:
        self._tasks[job] = self._loop.create_task(self._run(job))

    def cancel(self, job: ClaimedJob) -> None:
        if task := self._tasks.get(job):
            task.cancel()
            task.add_done_callback(functools.partial(self._ended_unbegun, job))

    def cancel_all(self) -> None:
        for job in list(self._tasks):
            self.cancel(job)

    def close(self) -> None:
        pass

    async def _run(self, job: ClaimedJob) -> None:
        if job not in self._tasks:
            # A loop that makes eager tasks runs this from within `start`.
            await asyncio.sleep(0)
        outcome = await self._outcome(job)
        del self._tasks[job]
        self._report(job, outcome)

    def _ended_unbegun(self, job: ClaimedJob, _: asyncio.Task[None]) -> None:
        # A task that is cancelled before its first step never gets to report.
        if self._tasks.pop(job, None):
            self._report(job, RELEASE)

    async def _outcome(self, job: ClaimedJob) -> Outcome:
        if bad := decode_data(job):
            return bad
        limit = None
        try:
            if job.timeout is None:
                return outcome_of(await self._handler(job))
            async with asyncio.timeout(job.timeout) as limit:
                result = await self._handler(job)
            return outcome_of(result)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            return RELEASE if task is None or task.cancelling() else failure(error)
        except BaseException as error:
            late = limit is not None and limit.expired() and isinstance(error, TimeoutError)
            return too_late(job) if late else failure(error)


class Threads:
    """Threads for plain handlers. They are daemons: one that hangs can't hold up the exit.

    A thread can't be stopped: a job that is cancelled or late is reported at once, and until its
    thread ends by itself another may take its place.
    """

    def __init__(self, handler: Handler, size: int, report: Report) -> None:
        self._handler = handler
        self._size = size
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._work: queue.SimpleQueue[ClaimedJob | None] = queue.SimpleQueue()
        self._ended: deque[tuple[ClaimedJob, Outcome]] = deque()
        self._told = False
        self._threads: list[threading.Thread] = []
        self._busy = 0
        self._timers: dict[ClaimedJob, asyncio.TimerHandle | None] = {}

    @property
    def running(self) -> int:
        return len(self._timers)

    def start(self, job: ClaimedJob) -> None:
        late = job.timeout is not None and self._loop.call_later(job.timeout, self._late, job)
        self._timers[job] = late or None
        self._work.put(job)
        self._busy += 1
        if self._busy > len(self._threads) < self._size:
            self._add_thread()

    def cancel(self, job: ClaimedJob) -> None:
        self._abandon(job, RELEASE)

    def cancel_all(self) -> None:
        for job in list(self._timers):
            # Not from within the call, as a task would not either.
            self._loop.call_soon(self._abandon, job, RELEASE)

    def close(self) -> None:
        for _ in self._threads:
            self._work.put(None)

    def _add_thread(self) -> None:
        thread = threading.Thread(target=self._serve, name="pyjobs-handler", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # The process may have no more of them: those that are here take the job in turn.
            if not self._threads:
                raise
        else:
            self._threads.append(thread)

    def _late(self, job: ClaimedJob) -> None:
        self._abandon(job, too_late(job))

    def _abandon(self, job: ClaimedJob, outcome: Outcome) -> None:
        if self._stop_timer(job):
            self._size += 1
            self._report(job, outcome)

    def _stop_timer(self, job: ClaimedJob) -> bool:
        """Whether this was still to be reported."""
        if job not in self._timers:
            return False
        if timer := self._timers.pop(job):
            timer.cancel()
        return True

    def _serve(self) -> None:
        while (job := self._work.get()) is not None:
            # One that was abandoned before it began is not begun.
            outcome = self._outcome(job) if job in self._timers else RELEASE
            self._ended.append((job, outcome))
            # One call into the loop for all that end until it runs.
            if not self._told:
                self._told = True
                with contextlib.suppress(RuntimeError):  # the loop may be gone
                    self._loop.call_soon_threadsafe(self._collect)

    def _outcome(self, job: ClaimedJob) -> Outcome:
        if bad := decode_data(job):
            return bad
        try:
            return outcome_of(self._context.copy().run(self._handler, job))
        except BaseException as error:
            return failure(error)

    def _collect(self) -> None:
        self._told = False
        while self._ended:
            job, outcome = self._ended.popleft()
            self._busy -= 1
            if self._stop_timer(job):
                self._report(job, outcome)
            else:
                self._size -= 1


def decode_data(job: ClaimedJob) -> Outcome | None:
    """Give the job its data; what is no JSON fails it."""
    try:
        job.data = codec.decode(job.raw)
    except Exception as error:
        return failure(error, "reject")
    return None


def outcome_of(result: Any) -> Outcome:
    """The outcome that a handler's result is; one that can't be stored fails its job."""
    if isinstance(result, Outcome):
        return result
    try:
        return success(result)
    except Exception as error:
        return failure(error, "reject")


def too_late(job: ClaimedJob) -> Outcome:
    return failure(TimeoutError(f"took longer than {job.timeout:g} s"))
