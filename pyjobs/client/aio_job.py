"""Jobs of the asyncio client: how a task waits for them and asks about them. Nothing else may live
here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic

from pyjobs.asyncutil import running_loop
from pyjobs.client.arrivals import Arrival, Arrivals
from pyjobs.client.core import ClientCore
from pyjobs.client.following import Following
from pyjobs.client.info import JobInfo, info_of
from pyjobs.client.job import BaseJob, key_of
from pyjobs.client.reading import Reading
from pyjobs.engine import OutputPage
from pyjobs.errors import ClientClosed, PyjobsError, Unavailable
from pyjobs.output import Chunk
from pyjobs.progress import Progress
from pyjobs.transport import AsyncServer, ErrorTranslation, arun
from pyjobs.validate import wait_seconds

if TYPE_CHECKING:
    # A type checker knows defaults of type variables before Python does.
    from typing_extensions import TypeVar

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")


class Source:
    """Asks Redis about the jobs of one client."""

    core: ClientCore[Job]
    server: AsyncServer
    translating: ErrorTranslation

    async def ask(self, job: Job) -> JobInfo | None:
        """Return what is known of a job now (queue/show)."""
        self.core.check_open()
        with self.translating:
            return info_of(await arun(self.server, self.core.show(job)))

    async def read(self, job: Job, reading: Reading[Any]) -> OutputPage | None:
        """Return the next part of a job's output (queue/output); None where Redis can't be asked
        now, and the job has not ended."""
        self.core.check_open()
        try:
            with self.translating:
                return await arun(self.server, reading.call(key_of(job, self.core.keys)))
        except Unavailable:
            if reading.goes_on:
                return None
            raise


class Job(BaseJob, Generic[T]):
    """Holds a submitted job, and waits for its result: `await job` returns the result.

    A job belongs to the event loop of its client. It can't be copied. It is pickled as a JobRef,
    its id and queue, which `client.job` takes.

    Attributes:
        id: the job's id.
        queue: the name of the job's queue.
        created: whether the submit that returned this object has created the job; False when the
            submit found the job in Redis.
        reached: where the job was when its submit returned, as `Reached`; None when the submit was
            not durable.
    """

    __slots__ = ("_loop",)
    # Each has `done` and `set_result`.
    _waiter: list[Any] | None

    def __init__(self, id: str, queue: str, source: Any = None) -> None:
        super().__init__(id, queue, source)
        self._loop = running_loop()

    def __await__(self) -> Generator[Any, None, T]:
        """Wait for the result, as `result` does without a timeout, and return it."""
        return self.result().__await__()

    async def result(self, timeout: float | timedelta | None = None) -> T:
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
            ClientClosed: the client was closed before the result came, or belongs to another event
                loop.
            BadLayout: the queue has a layout that this version does not know.
            NoResults: the client was made with `results=False`.
            Undecodable: the worker wrote a result that is not JSON.
        """
        await self._wait(timeout)
        value: T = self._value()
        return value

    async def exception(self, timeout: float | timedelta | None = None) -> PyjobsError | None:
        """Wait for the result and return the error that `result` would raise, or None.

        Args:
            timeout: how long to wait, in seconds or as a timedelta; None waits without a limit.

        Raises:
            BadArgument: the timeout is not a duration.
            TimeoutError: no result came in time. The job goes on, and may be waited for again.
            ClientClosed: the job belongs to another event loop.
            NoResults: the client was made with `results=False`.
        """
        await self._wait(timeout)
        return self._error()

    async def info(self) -> JobInfo | None:
        """Return what Redis knows of the job now (queue/show).

        That is its state, its attempt, its moments and its last error. None when there is no such
        job, or its retention is over; simple mode stores no jobs.

        Raises:
            Unavailable: Redis can't be reached.
            ClientClosed: the client is closed, or belongs to another event loop.
            Forbidden: Redis's access rules forbid queue/show.
        """
        self._check_loop()
        found: JobInfo | None = await self._source.ask(self)
        return found

    async def updates(self, timeout: float | timedelta | None = None) -> AsyncIterator[Progress]:
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
            ClientClosed: the client is closed, or belongs to another event loop.
            Forbidden: Redis's access rules forbid queue/show.
        """
        following = Following(self, timeout, self._source.core.sweep.every)
        heard: asyncio.Queue[Any] = asyncio.Queue()
        try:
            following.begin(heard.put_nowait)
            for progress in following.take_info(await self._asked()):
                yield progress
            while following.goes_on:
                try:
                    async with asyncio.timeout(following.seconds()):
                        found = following.take(await heard.get())
                except TimeoutError:
                    following.check_time()
                    found = following.take_info(await self._asked())
                for progress in found:
                    yield progress
        finally:
            following.close()

    async def output(self, timeout: float | timedelta | None = None) -> AsyncIterator[Chunk]:
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
            ClientClosed: the client is closed, or belongs to another event loop.
            Unavailable: the job has ended, and Redis can't be asked for its last output.
            Forbidden: Redis's access rules forbid queue/output.
            Undecodable: another program has written what is not JSON.
        """
        reading = Reading(self, timeout, self._source.core.sweep.every)
        heard: asyncio.Queue[Any] = asyncio.Queue()
        try:
            reading.begin(heard.put_nowait)
            while reading.asks:
                for chunk in reading.take_page(await self._source.read(self, reading)):
                    yield chunk
                while reading.waits:
                    try:
                        async with asyncio.timeout(reading.seconds()):
                            found = reading.take(await heard.get())
                    except TimeoutError:
                        reading.heard_nothing()
                    else:
                        for chunk in found:
                            yield chunk
        finally:
            reading.close()

    async def _asked(self) -> JobInfo | None:
        """Return what Redis knows of the job; None also where it can't be asked now."""
        try:
            return await self.info()
        except Unavailable:
            return None

    async def _wait(self, timeout: float | timedelta | None) -> None:
        seconds = wait_seconds("timeout", timeout)
        if self._end is not None:
            return
        self._check_heard()
        # A future for each call that waits: cancelling one call must not affect the others.
        waiter = asyncio.get_running_loop().create_future()
        self._add_waiter(waiter)
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except TimeoutError:
            raise self._no_result(seconds) from None
        finally:
            self._drop_waiter(waiter)

    def _check_loop(self) -> None:
        if self._loop is not None and self._loop is not running_loop():
            raise ClientClosed(
                f"job {self.id} on queue {self.queue} belongs to the event loop of its client; in "
                "this loop, look it up: await client.job(JobRef(job.id, job.queue))"
            )

    def _check_heard(self) -> None:
        self._check_loop()

    def _add_waiter(self, waiter: Any) -> None:
        self._waiter = [*(self._waiter or ()), waiter]

    def _drop_waiter(self, waiter: Any) -> None:
        self._waiter = [other for other in self._waiter or () if other is not waiter]

    def _wake(self) -> None:
        for waiter in self._waiter or ():
            if not waiter.done():
                waiter.set_result(None)


class UnheardJob(Job):
    """A job of a client without results: a wait for its outcome raises NoResults at once."""

    __slots__ = ()

    def _check_heard(self) -> None:
        if self._end is None:
            raise self._no_results()


async def as_ended(arrivals: Arrivals[Job[T]]) -> AsyncIterator[Job[T]]:
    """Yield jobs as they end.

    Raises:
        TimeoutError: not all have ended in time.
    """
    ended: asyncio.Queue[Arrival[Job[T]]] = asyncio.Queue()
    arrivals.begin()
    try:
        arrivals.watch(ended.put_nowait)
        while arrivals.left:
            try:
                async with asyncio.timeout(arrivals.seconds()):
                    arrival = await ended.get()
            except TimeoutError:
                raise arrivals.timed_out(arrivals.left) from None
            for job in arrivals.take(arrival):
                yield job
    finally:
        arrivals.close()


async def in_order(arrivals: Arrivals[Job[T]]) -> AsyncIterator[Job[T]]:
    """Yield each job in its turn, when it has ended.

    Raises:
        TimeoutError: not all have ended in time.
    """
    arrivals.begin()
    for place, job in enumerate(arrivals.jobs):
        try:
            await job._wait(arrivals.seconds())
        except TimeoutError:
            raise arrivals.timed_out(len(arrivals.jobs) - place) from None
        yield job
