"""pyjobs behind the driver's face: `own sync` and `own async`, and the worker of both.

Only that may live here; it is written as a user of pyjobs would write it.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Sequence
from typing import Any

import pyjobs
import pyjobs.aio
from benchmark.case import answer, compute
from benchmark.driver import ANSWER_SECONDS, AsyncDriver, SyncDriver, main
from benchmark.tally import CASE, TALLY, URL

QUEUE = "bench"
# A client connects and subscribes with its first submit, which is not what is measured.
WARM_UP = "bench-warm-up"
DATA = CASE.data


def tasks() -> list[pyjobs.Task[[int, int], int]]:
    """The tasks that the case asks for, each of which does what the handler does."""

    async def add(first: int, second: int) -> int:
        TALLY.tick()
        return first + second

    return [pyjobs.task(name=f"add-{n}", queue=QUEUE)(add) for n in range(CASE.tasks)]


class Sync(SyncDriver):
    """pyjobs.Client."""

    def connect(self) -> None:
        self._client = pyjobs.Client(URL, mode=CASE.mode, queue=QUEUE)
        self._client.submit(DATA, queue=WARM_UP)

    def enqueue_one(self) -> pyjobs.Job:
        return self._client.submit(DATA)

    def enqueue_bulk(self, jobs: int) -> Sequence[pyjobs.Job]:
        return self._client.submit_many([DATA] * jobs)

    def result(self, handle: pyjobs.Job) -> Any:
        return handle.result(ANSWER_SECONDS)

    def work(self) -> None:
        worker().run()


class Async(AsyncDriver):
    """pyjobs.aio.Client."""

    async def connect(self) -> None:
        self._client = pyjobs.aio.Client(URL, mode=CASE.mode, queue=QUEUE)
        self._tasks = tasks()
        self._turns = itertools.cycle(self._tasks)
        await self._client.submit(DATA, queue=WARM_UP)

    async def enqueue_one(self) -> pyjobs.aio.Job:
        return await self._client.submit(DATA)

    async def enqueue_bulk(self, jobs: int) -> Sequence[pyjobs.aio.Job]:
        if self._tasks:
            calls = [tuple(DATA.values())] * jobs
            return await self._client.submit_many(next(self._turns), calls)
        return await self._client.submit_many([DATA] * jobs)

    async def result(self, handle: pyjobs.aio.Job) -> Any:
        return await handle.result(ANSWER_SECONDS)


async def in_the_loop(job: pyjobs.ClaimedJob) -> int:
    """The handler `async`."""
    TALLY.tick()
    if CASE.seconds:
        await asyncio.sleep(CASE.seconds)
    if CASE.computes:
        compute(CASE.computes)
    return answer(job.data)


def plain(job: pyjobs.ClaimedJob) -> int:
    """The handlers `def` and `process`."""
    TALLY.tick()
    if CASE.seconds:
        time.sleep(CASE.seconds)
    if CASE.computes:
        compute(CASE.computes)
    return answer(job.data)


def worker() -> pyjobs.Worker:
    """A worker with the handler that the case asks for."""
    made = pyjobs.Worker(
        URL,
        mode=CASE.mode,
        tasks=tasks(),
        queues=[QUEUE],
        concurrency=CASE.concurrency,
        prefetch=CASE.prefetch,
        executor="process" if CASE.handler == "process" else "thread",
    )
    if not CASE.tasks:
        made.handler(in_the_loop if CASE.handler == "async" else plain)
    return made


if __name__ == "__main__":
    # The worker starts its own event loop, whichever client it goes with.
    flavour, role = sys.argv[1:]
    main(Async() if flavour == "async" and role == "client" else Sync())
