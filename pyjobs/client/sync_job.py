"""Jobs of the synchronous client: how a thread waits for them and asks about them. Nothing else may
live here.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import warnings
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic

from pyjobs.asyncutil import running_loop
from pyjobs.client.arrivals import Arrival, Arrivals
from pyjobs.client.core import ClientCore
from pyjobs.client.following import Following
from pyjobs.client.fork import one_waiter
from pyjobs.client.info import JobInfo, info_of
from pyjobs.client.job import BaseJob, key_of
from pyjobs.client.reading import Reading
from pyjobs.engine import OutputPage
from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.output import Chunk
from pyjobs.progress import Progress
from pyjobs.transport import ErrorTranslation, Server, run
from pyjobs.validate import wait_seconds

if TYPE_CHECKING:
    # A type checker knows defaults of type variables before Python does.
    from typing_extensions import TypeVar

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")


def warn_of_loop(depth: int) -> None:
    """Warn where this thread runs an event loop, which stands still while the thread waits.

    Args:
        depth: how many calls lie between the program and this function.
    """
    if running_loop() is None:
        return
    what = (
        "a wait for a job of pyjobs.Client holds up the event loop of this thread; a coroutine "
        "awaits the jobs of pyjobs.aio.Client"
    )
    warnings.warn(what, RuntimeWarning, stacklevel=depth + 2)


class Source:
    """Asks Redis about the jobs of one client."""

    core: ClientCore[Job]
    server: Server
    translating: ErrorTranslation

    def ask(self, job: Job) -> JobInfo | None:
        """Return what is known of a job now (queue/show)."""
        self.core.check_open()
        with self.translating:
            return info_of(run(self.server, self.core.show(job)))

    def read(self, job: Job, reading: Reading[Any]) -> OutputPage | None:
        """Return the next part of a job's output (queue/output); None where Redis can't be asked
        now, and the job has not ended."""
        self.core.check_open()
        try:
            with self.translating:
                return run(self.server, reading.call(key_of(job, self.core.keys)))
        except Unavailable:
            if reading.goes_on:
                return None
            raise


class Job(BaseJob, Generic[T]):
    """Holds a submitted job, and waits for its result. Threads may share it.

    A job can't be copied. It is pickled as a JobRef, its id and queue, which `client.job` takes.

    Attributes:
        id: the job's id.
        queue: the name of the job's queue.
        created: whether the submit that returned this object has created the job; False when the
            submit found the job in Redis.
        reached: where the job was when its submit returned, as `Reached`; None when the submit was
            not durable.
    """

    __slots__ = ()
    # Each has `release`.
    _waiter: list[Any] | None

    def result(self, timeout: float | timedelta | None = None) -> T:
        """Wait for the result and return it.

        Args:
            timeout: how long to wait, in seconds or as a timedelta; None waits without a limit.

        Raises:
            BadArgument: the timeout is not a duration.
            TimeoutError: no result came in time. The job goes on, and may be waited for again.
            JobFailed: the handler failed for good; the error carries what the handler raised.
            JobCancelled: the job was cancelled.
            JobExpired: the job was not started before its `expires`.
            ResultGone: the result's retention is over, or there never was such a job.
            ClientClosed: the client was closed before the result came.
            BadLayout: the queue has a layout that this version does not know.
            NoResults: the client was made with `results=False`.
            Undecodable: the worker wrote a result that is not JSON.
        """
        self._wait(timeout)
        value: T = self._value()
        return value

    def exception(self, timeout: float | timedelta | None = None) -> PyjobsError | None:
        """Wait for the result and return the error that `result` would raise, or None.

        Args:
            timeout: how long to wait, in seconds or as a timedelta; None waits without a limit.

        Raises:
            BadArgument: the timeout is not a duration.
            TimeoutError: no result came in time. The job goes on, and may be waited for again.
            NoResults: the client was made with `results=False`.
        """
        self._wait(timeout)
        return self._error()

    def info(self) -> JobInfo | None:
        """Return what Redis knows of the job now (queue/show).

        That is its state, its attempt, its moments and its last error. None when there is no such
        job, or its retention is over; simple mode stores no jobs.

        Raises:
            Unavailable: Redis can't be reached.
            ClientClosed: the client is closed.
            Forbidden: Redis's access rules forbid queue/show.
        """
        found: JobInfo | None = self._source.ask(self)
        return found

    def updates(self, timeout: float | timedelta | None = None) -> Iterator[Progress]:
        """Yield how far the job is, each time that its handler reports it, until the job has ended.

        The first value is what was reported before the call, if anything was (queue/show). Of
        reports that come faster than ten a second some are left out. The last report before the end
        of the job may be left out.

        Args:
            timeout: how long the iteration may take, in seconds or as a timedelta; None: no limit.

        Raises:
            BadArgument: the timeout is not a duration.
            TimeoutError: the job has not ended in time.
            NoResults: the client was made with `results=False`.
            ClientClosed: the client is closed.
            Forbidden: Redis's access rules forbid queue/show.
        """
        warn_of_loop(depth=1)
        following = Following(self, timeout, self._source.core.sweep.every)
        # Its `put` may be called by a signal handler in the midst of itself.
        heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
        try:
            following.begin(heard.put)
            yield from following.take_info(self._asked())
            while following.goes_on:
                try:
                    found = following.take(heard.get(timeout=following.seconds()))
                except queue.Empty:
                    following.check_time()
                    found = following.take_info(self._asked())
                yield from found
        finally:
            following.close()

    def output(self, timeout: float | timedelta | None = None) -> Iterator[Chunk]:
        """Yield what the runs of the job have written and write, until the job has ended.

        The first chunk is the first that was written, however late the call is, while the job is
        kept (queue/output). A run that fails keeps what it has written, and what the next run
        writes follows. Each chunk has its attempt and its number in its run.

        Args:
            timeout: how long the iteration may take, in seconds or as a timedelta; None: no limit.

        Raises:
            BadArgument: the timeout is not a duration, or a value does not fit the annotation of
                the task that has written it.
            TimeoutError: the job has not ended in time.
            NoResults: the client was made with `results=False`.
            ClientClosed: the client is closed.
            Unavailable: the job has ended, and Redis can't be asked for its last output.
            Forbidden: Redis's access rules forbid queue/output.
            Undecodable: another program has written what is not JSON.
        """
        warn_of_loop(depth=1)
        reading = Reading(self, timeout, self._source.core.sweep.every)
        heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
        try:
            reading.begin(heard.put)
            while reading.asks:
                yield from reading.take_page(self._source.read(self, reading))
                while reading.waits:
                    try:
                        found = reading.take(heard.get(timeout=reading.seconds()))
                    except queue.Empty:
                        reading.heard_nothing()
                    else:
                        yield from found
        finally:
            reading.close()

    def _asked(self) -> JobInfo | None:
        """Return what Redis knows of the job; None also where it can't be asked now."""
        try:
            return self.info()
        except Unavailable:
            return None

    def _wait(self, timeout: float | timedelta | None) -> None:
        seconds = wait_seconds("timeout", timeout)
        if self._end is not None:
            return
        self._check_heard()
        if seconds != 0:
            warn_of_loop(depth=2)
        # A lock for each call that waits, which is released to wake it. An Event has a lock of its
        # own, for which a signal handler amid a wait would wait for ever.
        waiter = threading.Lock()
        waiter.acquire()
        self._add_waiter(waiter)
        # The outcome may have come before the waiter was in place: `settle` wakes only afterwards.
        woken = self._end is not None or waiter.acquire(timeout=-1 if seconds is None else seconds)
        self._drop_waiter(waiter)
        if not woken and self._end is None:
            raise self._no_result(seconds)

    def _add_waiter(self, waiter: Any) -> None:
        with one_waiter:
            waiters = self._waiter = [] if self._waiter is None else self._waiter
        waiters.append(waiter)

    def _drop_waiter(self, waiter: Any) -> None:
        with contextlib.suppress(ValueError):
            (self._waiter or []).remove(waiter)

    def _wake(self) -> None:
        while self._waiter:
            with contextlib.suppress(IndexError):
                self._waiter.pop().release()


class UnheardJob(Job):
    """A job of a client without results: a wait for its outcome raises NoResults at once."""

    __slots__ = ()

    def _check_heard(self) -> None:
        if self._end is None:
            raise self._no_results()


def as_ended(arrivals: Arrivals[Job[T]]) -> Iterator[Job[T]]:
    """Yield jobs as they end.

    Raises:
        TimeoutError: not all have ended in time.
    """
    warn_of_loop(depth=1)
    # Its `put` may be called by a signal handler in the midst of itself.
    ended: queue.SimpleQueue[Arrival[Job[T]]] = queue.SimpleQueue()
    arrivals.begin()
    try:
        arrivals.watch(ended.put)
        while arrivals.left:
            yield from arrivals.take(ended.get(timeout=arrivals.seconds()))
    except queue.Empty:
        raise arrivals.timed_out(arrivals.left) from None
    finally:
        arrivals.close()


def in_order(arrivals: Arrivals[Job[T]]) -> Iterator[Job[T]]:
    """Yield each job in its turn, when it has ended.

    Raises:
        TimeoutError: not all have ended in time.
    """
    arrivals.begin()
    for place, job in enumerate(arrivals.jobs):
        try:
            job._wait(arrivals.seconds())
        except TimeoutError:
            raise arrivals.timed_out(len(arrivals.jobs) - place) from None
        yield job
