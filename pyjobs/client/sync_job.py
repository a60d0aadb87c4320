"""A job of the synchronous client: how a thread waits for it. Nothing else may live here."""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic

from pyjobs.client.fork import one_waiter
from pyjobs.client.job import BaseJob
from pyjobs.errors import PyjobsError
from pyjobs.validate import wait_seconds

if TYPE_CHECKING:
    # A type checker knows defaults of type variables before Python does.
    from typing_extensions import TypeVar

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")


class Job(BaseJob, Generic[T]):
    """Holds a submitted job, and waits for its result. Threads may share it.

    A job can't be copied. It is pickled as a JobRef, its id and queue, which `client.job` takes.

    Attributes:
        id: the job's id.
        queue: the name of the job's queue.
        created: whether the submit that returned this object has created the job; False when the
            submit found the job in Redis.
    """

    __slots__ = ()
    _waiter: list[threading.Lock] | None

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

    def _wait(self, timeout: float | timedelta | None) -> None:
        seconds = wait_seconds("timeout", timeout)
        if self._end is not None:
            return
        # A lock for each call that waits, which is released to wake it. An Event has a lock of its
        # own, for which a signal handler amid a wait would wait for ever.
        waiter = threading.Lock()
        waiter.acquire()
        with one_waiter:
            waiters = self._waiter = [] if self._waiter is None else self._waiter
        waiters.append(waiter)
        # The outcome may have come before the waiter was in place: `settle` wakes only afterwards.
        woken = self._end is not None or waiter.acquire(timeout=-1 if seconds is None else seconds)
        with contextlib.suppress(ValueError):
            waiters.remove(waiter)
        if not woken and self._end is None:
            raise self._no_result(seconds)

    def _wake(self) -> None:
        while self._waiter:
            with contextlib.suppress(IndexError):
                self._waiter.pop().release()


class UnheardJob(Job):
    """A job of a client without results: a wait for its outcome raises NoResults at once."""

    __slots__ = ()

    def _wait(self, timeout: float | timedelta | None) -> None:
        if self._end is None:
            raise self._no_results()
