"""A job of the synchronous client: how a thread waits for it. Nothing else may live here."""

from __future__ import annotations

import threading
from typing import Any

from pyjobs.client.fork import one_waiter
from pyjobs.client.job import BaseJob
from pyjobs.errors import PyjobsError


class Job(BaseJob):
    """Holds a submitted job, and waits for its result. Threads may share it.

    A job can't be copied. It is pickled as a JobRef, its id and queue, which `client.job` takes.

    Attributes:
        id: the job's id.
        queue: the name of the job's queue.
        created: False when the latest submit of this id found the job in Redis already.
    """

    __slots__ = ()
    _waiter: threading.Event | None

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the result and return it.

        Args:
            timeout: seconds to wait; None waits without a limit.

        Raises:
            TimeoutError: no result came in time. The job goes on, and may be waited for again.
            JobFailed: the handler failed for good; the error carries what the handler raised.
            JobCancelled: the job was cancelled.
            JobExpired: the job was not started before its `expires`.
            ResultGone: the result's retention is over, or there never was such a job.
            ClientClosed: the client was closed before the result came.
            NoResults: the client was made with `results=False`.
            Undecodable: the worker wrote a result that is not JSON.
        """
        self._wait(timeout)
        return self._value()

    def exception(self, timeout: float | None = None) -> PyjobsError | None:
        """Wait for the result and return the error that `result` would raise, or None.

        Args:
            timeout: seconds to wait; None waits without a limit.

        Raises:
            TimeoutError: no result came in time. The job goes on, and may be waited for again.
            NoResults: the client was made with `results=False`.
        """
        self._wait(timeout)
        return self._error()

    def _wait(self, timeout: float | None) -> None:
        if self._end is not None:
            return
        with one_waiter:
            waiter = self._waiter = self._waiter or threading.Event()
        # The outcome may have come before the waiter was in place: `settle` wakes only afterwards.
        seconds = None if timeout is None else min(timeout, threading.TIMEOUT_MAX)
        if self._end is None and not waiter.wait(seconds):
            raise self._no_result(timeout)

    def _wake(self) -> None:
        if self._waiter is not None:
            self._waiter.set()


class UnheardJob(Job):
    """A job of a client without results: a wait for its outcome raises NoResults at once."""

    __slots__ = ()

    def _wait(self, timeout: float | None) -> None:
        if self._end is None:
            raise self._no_results()
