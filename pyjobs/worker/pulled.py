"""The pull style: the jobs of `Worker.jobs`, where they come from, and the stop at the end of its
block.

Only this may live here. How a pulled job ends lives in running/job.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pyjobs.engine import Outcome
from pyjobs.errors import BadArgument
from pyjobs.worker.process import StopSignals
from pyjobs.worker.running import ClaimedJob, pulled_outcome

if TYPE_CHECKING:
    from pyjobs.worker.worker import Worker


class PulledJobs:
    """Yields the jobs of `Worker.jobs`, and stops the worker at the end of `async with`.

    Args:
        generator: yields the jobs, and stops the worker when it is closed.
        signals: what is handled in the block.
    """

    def __init__(self, generator: AsyncGenerator[ClaimedJob, None], signals: StopSignals) -> None:
        self._generator = generator
        self._signals = signals

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ClaimedJob:
        return await anext(self._generator)

    async def aclose(self) -> None:
        """Stop the worker, and release the jobs that were not ended."""
        await self._generator.aclose()

    async def __aenter__(self) -> Self:
        self._signals.__enter__()
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        try:
            await self.aclose()
        finally:
            self._signals.__exit__(None, None, None)


async def pull(worker: Worker) -> AsyncGenerator[ClaimedJob, None]:
    """Run a worker, and yield the jobs that it claims. The worker stops when this is closed.

    Raises:
        BadArgument: the worker has a handler, tasks, or another loop over its jobs.
    """
    if worker._tasks:
        raise BadArgument("jobs: a worker with tasks runs them")
    if worker._handler is not None:
        where = "its handler, or another loop over jobs()"
        raise BadArgument(f"jobs: every job of this worker goes to {where}")
    if worker.settings.children is not None:
        raise BadArgument("jobs: executor='process' is for a worker with a handler")
    offered: asyncio.Queue[ClaimedJob] = asyncio.Queue()

    async def offer(job: ClaimedJob) -> Outcome:
        offered.put_nowait(job)
        return await pulled_outcome(job)

    worker._handler = offer
    processing = asyncio.create_task(worker.arun())
    next_job: asyncio.Task[ClaimedJob] | None = None
    try:
        while not processing.done():
            next_job = asyncio.create_task(offered.get())
            await asyncio.wait({processing, next_job}, return_when=asyncio.FIRST_COMPLETED)
            if next_job.done():
                yield next_job.result()
        await processing
    finally:
        worker._handler = None
        if next_job is not None:
            next_job.cancel()
        if not processing.done():
            # The first stop would wait for held jobs, which nobody ends after the loop was left.
            # The second releases them at once.
            worker.stop()
            worker.stop()
            await asyncio.wait({processing})
