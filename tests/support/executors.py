"""An executor without a server, and what it has reported."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pyjobs.engine.outcome import Outcome
from pyjobs.engine.replies import Claimed
from pyjobs.worker.run import Run
from pyjobs.worker.running.executors import Executor, executor_for
from pyjobs.worker.running.invocation import CLEANUP_SECONDS
from pyjobs.worker.running.job import ClaimedJob, Handler
from pyjobs.worker.settings import Children

SOON = 30.0
BOTH = pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])


def a_run(id: str, data: bytes = b"1", timeout: float | None = None) -> Run:
    return Run(Claimed(0, id, "1-n", data, 1, 0, 0), "q", timeout)


class Bench:
    """An executor, and what it has reported."""

    def __init__(
        self,
        handler: Handler,
        concurrency: int = 10,
        children: Children | None = None,
        cleanup: float = CLEANUP_SECONDS,
    ) -> None:
        self.reports: dict[str, Outcome] = {}
        self.executor: Executor = executor_for(
            handler, concurrency, self._report, children, cleanup=cleanup
        )

    def _report(self, run: Run, outcome: Outcome) -> None:
        assert run.id not in self.reports, "reported twice"
        self.reports[run.id] = outcome

    async def until(self, count: int) -> None:
        async with asyncio.timeout(SOON):
            while len(self.reports) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


def run(body: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(body())  # type: ignore[arg-type]


def made(plain: bool, function: Callable[[ClaimedJob], Any]) -> Handler:
    async def asynchronous(job: ClaimedJob) -> Any:
        return function(job)

    return function if plain else asynchronous
