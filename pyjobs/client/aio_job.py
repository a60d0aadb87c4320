"""A job of the asyncio client: how a task waits for it. Nothing else may live here."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic

from pyjobs.client.job import BaseJob
from pyjobs.errors import ClientClosed, PyjobsError
from pyjobs.validate import wait_seconds

if TYPE_CHECKING:
    # A type checker knows defaults of type variables before Python does.
    from typing_extensions import TypeVar

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")


class Job(BaseJob, Generic[T]):
    """Holds a submitted job, and waits for its result: `await job` returns the result.

    A job belongs to the event loop of its client. It can't be copied. It is pickled as a JobRef,
    its id and queue, which `client.job` takes.

    Attributes:
        id: the job's id.
        queue: the name of the job's queue.
        created: whether the submit that returned this object has created the job; False when the
            submit found the job in Redis.
    """

    __slots__ = ("_loop",)
    _waiter: list[asyncio.Future[None]] | None

    def __init__(self, id: str, queue: str) -> None:
        super().__init__(id, queue)
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

    async def _wait(self, timeout: float | timedelta | None) -> None:
        seconds = wait_seconds("timeout", timeout)
        if self._end is not None:
            return
        if self._loop is not None and self._loop is not running_loop():
            raise ClientClosed(
                f"job {self.id} on queue {self.queue} belongs to the event loop of its client; in "
                "this loop, look it up: await client.job(JobRef(job.id, job.queue))"
            )
        # A future for each call that waits: cancelling one call must not affect the others.
        waiter = asyncio.get_running_loop().create_future()
        self._waiter = [*(self._waiter or ()), waiter]
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except TimeoutError:
            raise self._no_result(seconds) from None
        finally:
            self._waiter = [other for other in self._waiter if other is not waiter]

    def _wake(self) -> None:
        for waiter in self._waiter or ():
            if not waiter.done():
                waiter.set_result(None)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread, if any."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class UnheardJob(Job):
    """A job of a client without results: a wait for its outcome raises NoResults at once."""

    __slots__ = ()

    async def _wait(self, timeout: float | timedelta | None) -> None:
        if self._end is None:
            raise self._no_results()
