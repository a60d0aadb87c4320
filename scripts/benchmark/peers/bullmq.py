"""BullMQ's port to Python. It has no call that waits for a result: the client hears its events."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from bullmq import Job, Queue, QueueEvents, Worker

from benchmark.case import SMALL
from benchmark.driver import ANSWER_SECONDS, AsyncDriver, main
from benchmark.tally import CASE, URL, add

NAME = "bench"
OPTIONS = {"connection": URL}
SUBSCRIBE_SECONDS = 0.3


async def process(job: Job, _: str) -> int:
    return add(**job.data)


class BullMQ(AsyncDriver):
    async def connect(self) -> None:
        self._queue = Queue(NAME, OPTIONS)
        if CASE.answers:
            loop = asyncio.get_running_loop()
            self._ended: dict[str, asyncio.Future[Any]] = defaultdict(loop.create_future)
            self._events = QueueEvents(NAME, OPTIONS)
            self._events.on("completed", self._completed)
            await asyncio.sleep(SUBSCRIBE_SECONDS)

    def _completed(self, event: dict[str, Any], *_: Any) -> None:
        self._ended[event["jobId"]].set_result(event["returnvalue"])

    async def enqueue_one(self) -> Job:
        return await self._queue.add("add", SMALL)

    async def enqueue_bulk(self, jobs: int) -> Sequence[Job]:
        return await self._queue.addBulk([{"name": "add", "data": SMALL} for _ in range(jobs)])

    async def result(self, handle: Job) -> Any:
        if not CASE.answers:
            return (await Job.fromId(self._queue, handle.id)).returnvalue
        value = await asyncio.wait_for(self._ended[handle.id], ANSWER_SECONDS)
        del self._ended[handle.id]
        return value

    async def work(self) -> None:
        self._worker = Worker(NAME, process, {**OPTIONS, "concurrency": CASE.concurrency})
        await asyncio.Event().wait()


if __name__ == "__main__":
    main(BullMQ())
