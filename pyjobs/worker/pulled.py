"""The pull style: the jobs of `Worker.jobs`, where they come from, and the stop at the end of its
block.

Only this may live here. How a pulled job ends lives in running/job.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from pyjobs.engine import Outcome
from pyjobs.worker.process import StopSignals
from pyjobs.worker.running import ClaimedJob, Handler, pulled_outcome


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


async def pull(
    run: Callable[[Handler], Coroutine[Any, Any, None]], stop: Callable[[], None]
) -> AsyncGenerator[ClaimedJob, None]:
    """Run a worker, and yield the jobs that it claims. The worker stops when this is closed.

    Args:
        run: runs the worker with a handler until it is stopped.
        stop: stops the worker; a second call releases the held jobs at once.

    Raises:
        BadArgument: the worker can't be run with a handler.
    """
    offered: asyncio.Queue[ClaimedJob] = asyncio.Queue()

    async def offer(job: ClaimedJob) -> Outcome:
        offered.put_nowait(job)
        return await pulled_outcome(job)

    processing = asyncio.create_task(run(offer))
    next_job: asyncio.Task[ClaimedJob] | None = None
    try:
        while not processing.done():
            next_job = asyncio.create_task(offered.get())
            await asyncio.wait({processing, next_job}, return_when=asyncio.FIRST_COMPLETED)
            if next_job.done():
                yield next_job.result()
        await processing
    finally:
        if next_job is not None:
            next_job.cancel()
        if not processing.done():
            # The first stop would wait for held jobs, which nobody ends after the loop was left.
            # The second releases them at once.
            stop()
            stop()
            await asyncio.wait({processing})
