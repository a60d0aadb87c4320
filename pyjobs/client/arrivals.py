"""Many jobs whose ends are waited for together. Nothing here waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Generic

from pyjobs.client.job import BaseJob, J
from pyjobs.errors import BadArgument
from pyjobs.validate import flag, in_order, iterable, kind_of, wait_seconds


class Arrival(Generic[J]):
    """Stands among the waiters of one job, and reports the job's end as often as it is woken. A
    thread wakes by `release`, an event loop by `set_result`.

    Args:
        job: the job.
        put: called with this object at the end of the job.
    """

    __slots__ = ("_put", "job")

    def __init__(self, job: J, put: Callable[[Any], None]) -> None:
        self.job = job
        self._put = put

    def release(self) -> None:
        self._put(self)

    def done(self) -> bool:
        return False

    def set_result(self, _: None) -> None:
        self._put(self)


class Arrivals(Generic[J]):
    """Responsible for the jobs that are waited for together, and for the time that is left.

    Args:
        jobs: the jobs of one client.
        timeout: how long to wait for all of them, in seconds or as a timedelta; None: no limit.
        ordered: whether the jobs must have an order.

    Raises:
        BadArgument: one of them is no job, they have no order, or the timeout is not a duration.
    """

    def __init__(
        self, jobs: Iterable[J], timeout: float | timedelta | None, *, ordered: bool = False
    ) -> None:
        listed = in_order if flag("ordered", ordered) else iterable
        # A dict of what each job is about, by job, is common.
        self.jobs = list(jobs if isinstance(jobs, Mapping) else listed("jobs", jobs, "jobs"))
        self._seconds = wait_seconds("timeout", timeout)
        self._left: set[Arrival[J]] = set()
        self._until: float | None = None
        for place, job in enumerate(self.jobs):
            if not isinstance(job, BaseJob):
                raise BadArgument(f"jobs[{place}]: {kind_of(job)}, and not a job")

    def begin(self) -> None:
        """Let the time limit begin.

        Raises:
            NoResults: the client of a job was made with `results=False`.
            ClientClosed: a job belongs to another event loop.
        """
        for job in self.jobs:
            if not job.done():
                job._check_heard()
        self._until = None if self._seconds is None else time.monotonic() + self._seconds

    def seconds(self) -> float | None:
        """Return how long to wait from now on, None for no limit."""
        return None if self._until is None else max(0.0, self._until - time.monotonic())

    def watch(self, put: Callable[[Any], None]) -> None:
        """Call `put` with an Arrival when a job ends. Jobs that have ended come at once."""
        arrivals = [Arrival(job, put) for job in self.jobs]
        self.jobs = []
        self._left.update(arrivals)
        for arrival in arrivals:
            arrival.job._add_waiter(arrival)
            # The end may have come before the waiter was in place.
            if arrival.job.done():
                put(arrival)

    def take(self, arrival: Arrival[J]) -> Iterator[J]:
        """Yield the job of an arrival, unless it was yielded before."""
        if arrival in self._left:
            self._left.discard(arrival)
            arrival.job._drop_waiter(arrival)
            yield arrival.job

    @property
    def left(self) -> int:
        """How many jobs have not ended."""
        return len(self._left)

    def close(self) -> None:
        """Wait for no job any more."""
        for arrival in self._left:
            arrival.job._drop_waiter(arrival)
        self._left.clear()

    def timed_out(self, left: int) -> TimeoutError:
        """Return the error of jobs that have not ended in time."""
        return TimeoutError(f"{left} jobs have no result in {self._seconds:g} s")
