"""The pull style: the jobs of `Worker.jobs`, and the stop at the end of its block.

Only this may live here. How a pulled job ends lives in job.py.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Self

from pyjobs.worker.job import ClaimedJob
from pyjobs.worker.process import StopSignals


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
