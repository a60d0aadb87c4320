"""saq. `Job.refresh` hears of a job's end by a message; `Queue.apply` polls instead."""

from __future__ import annotations

from typing import Any

from saq import Job, Queue, Worker

from benchmark.case import SMALL
from benchmark.driver import ANSWER_SECONDS, AsyncDriver, main
from benchmark.tally import CASE, URL
from benchmark.tally import add as added

ASK_AGAIN_SECONDS = 1.0


async def add(_: dict[str, Any], *, first: int, second: int) -> int:
    return added(first, second)


class Saq(AsyncDriver):
    async def connect(self) -> None:
        self._queue = Queue.from_url(URL, name="bench")
        await self._queue.connect()

    async def enqueue_one(self) -> Job | None:
        return await self._queue.enqueue("add", **SMALL)

    async def result(self, handle: Job) -> Any:
        # It looks at the job and then subscribes, so it misses an end in between: ask again.
        for _ in range(int(ANSWER_SECONDS / ASK_AGAIN_SECONDS)):
            try:
                await handle.refresh(ASK_AGAIN_SECONDS)
            except TimeoutError:
                continue
            return handle.result
        return f"{handle.status} {handle.error}"

    async def work(self) -> None:
        queue = Queue.from_url(URL, name="bench")
        await queue.connect()
        await Worker(queue, functions=[add], concurrency=CASE.concurrency).start()


if __name__ == "__main__":
    main(Saq())
