"""arq. Its worker and `Job.result` both poll; the worker starts `max_jobs` jobs a poll at most."""

from __future__ import annotations

from typing import Any

from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker

from benchmark.case import SMALL
from benchmark.driver import ANSWER_SECONDS, AsyncDriver, main
from benchmark.tally import CASE, URL
from benchmark.tally import add as added

POLL_SECONDS = 0.005
SETTINGS = RedisSettings.from_dsn(URL)


async def add(_: dict[str, Any], first: int, second: int) -> int:
    return added(first, second)


class Arq(AsyncDriver):
    async def connect(self) -> None:
        self._pool = await create_pool(SETTINGS)

    async def enqueue_one(self) -> Any:
        return await self._pool.enqueue_job("add", **SMALL)

    async def result(self, handle: Any) -> Any:
        return await handle.result(timeout=ANSWER_SECONDS, poll_delay=POLL_SECONDS)

    async def work(self) -> None:
        await Worker(
            [add],
            redis_settings=SETTINGS,
            max_jobs=CASE.concurrency,
            log_results=False,
            poll_delay=POLL_SECONDS,
        ).async_run()


if __name__ == "__main__":
    main(Arq())
