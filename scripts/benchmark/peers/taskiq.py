"""taskiq with the broker that acknowledges, on streams. `wait_result` polls."""

from __future__ import annotations

import sys
from typing import Any

from taskiq.cli.worker.args import WorkerArgs
from taskiq.cli.worker.run import start_listen
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from benchmark.case import SMALL
from benchmark.driver import ANSWER_SECONDS, AsyncDriver, main
from benchmark.tally import CASE, TALLY, URL
from benchmark.tally import add as added

POLL_SECONDS = 0.005
# consumer_id: its group shall read what was queued before the group was there.
broker = RedisStreamBroker(url=URL, consumer_id="0").with_result_backend(
    RedisAsyncResultBackend(redis_url=URL, result_ex_time=1000)
)


@broker.task(task_name="add")
async def add(first: int, second: int) -> int:
    return added(first, second)


class Taskiq(AsyncDriver):
    async def connect(self) -> None:
        await broker.startup()

    async def enqueue_one(self) -> Any:
        return await add.kiq(**SMALL)

    async def result(self, handle: Any) -> Any:
        answer = await handle.wait_result(timeout=ANSWER_SECONDS, check_interval=POLL_SECONDS)
        return answer.return_value


def work() -> None:
    """What its command runs in each of its processes, with an event loop of its own."""
    TALLY.report()
    start_listen(
        WorkerArgs(
            broker=f"{__spec__.name}:broker",
            modules=[],
            log_level="WARNING",
            workers=1,
            max_async_tasks=CASE.concurrency,
        )
    )


if __name__ == "__main__":
    work() if sys.argv[-1] == "worker" else main(Taskiq())
