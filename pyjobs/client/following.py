"""What a client has heard of a job before its end, and what an iteration over its progress yields.
Nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Generic
from weakref import WeakKeyDictionary

from pyjobs.client.arrivals import Arrival, Arrivals
from pyjobs.client.info import JobInfo
from pyjobs.client.job import BaseJob, J
from pyjobs.engine import Written
from pyjobs.errors import ClientClosed
from pyjobs.progress import Progress


class Reports:
    """Holds the latest progress of one job that was heard here, and the function that is called
    with the next.

    Attributes:
        latest: the latest progress; None before the first.
        calls: called with each progress.
        readers: called with each chunk of output, behind its place in the output.
    """

    __slots__ = ("calls", "latest", "readers")

    def __init__(self) -> None:
        self.latest: Progress | None = None
        self.calls: list[Callable[[Any], None]] = []
        self.readers: list[Callable[[Any], None]] = []


_made: WeakKeyDictionary[BaseJob, Reports] = WeakKeyDictionary()


def reports_of(job: BaseJob) -> Reports:
    """Return the reports of a job, which has none before somebody asks or one is heard."""
    found: Reports | None = getattr(job, "_reports", None)
    if found is None:
        # There is no lock: a signal handler amid it would wait for the listener, which would wait
        # for the lock. Several objects may stand for one job: they have the reports of the first.
        found = job._reports = _made.setdefault(getattr(job, "_of", job), Reports())
    return found


def advance(job: BaseJob, progress: Progress) -> None:
    """Keep a progress of a job, and wake the iterations that follow the job."""
    reports = reports_of(job)
    reports.latest = progress
    for call in list(reports.calls):
        call(progress)


def hear_chunk(job: BaseJob, place: int, chunk: Written) -> None:
    """Pass a chunk of a job's output on to the iterations that read it."""
    reports: Reports | None = getattr(job, "_reports", None)
    for call in list(reports.readers if reports is not None else ()):
        call((place, chunk))


class Watching(Generic[J]):
    """Responsible for how long one iteration over what is heard of a job goes on: until the job has
    ended, or the time is over.

    Args:
        job: the job.
        timeout: how long the iteration may take, in seconds or as a timedelta; None is no limit.
        every: seconds without a message after which Redis is asked.

    Raises:
        BadArgument: the timeout is not a duration.
    """

    def __init__(self, job: J, timeout: float | timedelta | None, every: float) -> None:
        self._job = job
        self._arrivals = Arrivals([job], timeout)
        self._every = every
        self._put: Callable[[Any], None] | None = None

    @property
    def _calls(self) -> list[Callable[[Any], None]]:
        """Who is called with what is heard."""
        return reports_of(self._job).calls

    def begin(self, put: Callable[[Any], None]) -> None:
        """Begin: `put` is called with what is heard and, at the end of the job, with an arrival.

        Raises:
            NoResults: the client of the job was made with `results=False`.
            ClientClosed: the job belongs to another event loop.
        """
        self._arrivals.begin()
        self._put = put
        self._calls.append(put)
        self._arrivals.watch(put)

    @property
    def goes_on(self) -> bool:
        """Whether the job has not ended, as far as was taken."""
        return self._arrivals.left > 0

    def seconds(self) -> float:
        """Return how long to wait for the next message."""
        left = self._arrivals.seconds()
        return self._every if left is None else min(left, self._every)

    def check_time(self) -> None:
        """Check that there is time left, after a wait in which nothing came.

        Raises:
            TimeoutError: no time is left.
        """
        if self._arrivals.seconds() == 0:
            raise TimeoutError(f"job {self._job.id} on queue {self._job.queue}: it has not ended")

    def close(self) -> None:
        """Watch no more."""
        if self._put is not None:
            self._calls.remove(self._put)
        self._arrivals.close()


class Following(Watching[J]):
    """Responsible for what one iteration over the progress of a job yields: each change once, until
    the job has ended.

    A message may be lost with its connection, so Redis is asked when nothing was heard for a while.
    """

    def __init__(self, job: J, timeout: float | timedelta | None, every: float) -> None:
        super().__init__(job, timeout, every)
        self._last: Progress | None = None

    def take(self, heard: Progress | Arrival[J]) -> Iterator[Progress]:
        """Take what `put` was called with. Yields the progress when it is another than the last."""
        if isinstance(heard, Arrival):
            for job in self._arrivals.take(heard):
                if isinstance(job._end, ClientClosed):
                    raise job._end
        elif heard != self._last:
            self._last = heard
            yield heard

    def take_info(self, info: JobInfo | None) -> Iterator[Progress]:
        """Take what Redis has said. Yields the progress when it is another than the last."""
        if info is not None and info.progress is not None:
            yield from self.take(info.progress)
