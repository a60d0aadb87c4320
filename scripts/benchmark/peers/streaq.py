"""streaq: streams and functions of Redis, by coredis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streaq import Worker

from benchmark.case import SMALL
from benchmark.driver import ANSWER_SECONDS, AsyncDriver, main
from benchmark.tally import CASE, URL
from benchmark.tally import add as added

worker = Worker(redis_url=URL, queue_name="bench", concurrency=CASE.concurrency)


@worker.task(name="add")
async def add(first: int, second: int) -> int:
    return added(first, second)


class Streaq(AsyncDriver):
    async def connect(self) -> None:
        await worker.__aenter__()

    async def enqueue_one(self) -> Any:
        return await add.enqueue(**SMALL)

    async def enqueue_bulk(self, jobs: int) -> Sequence[Any]:
        tasks = [add.enqueue(**SMALL) for _ in range(jobs)]
        await worker.enqueue_many(tasks)
        return tasks

    async def result(self, handle: Any) -> Any:
        return (await handle.result(ANSWER_SECONDS)).result

    async def work(self) -> None:
        await worker.run_async()


if __name__ == "__main__":
    main(Streaq())
