"""huey on Redis, threads. A result is waited for in Redis only with notify_result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from huey import RedisHuey
from huey.api import group
from huey.consumer_options import ConsumerConfig

from benchmark.case import SMALL
from benchmark.driver import ANSWER_SECONDS, SyncDriver, main
from benchmark.tally import CASE, URL
from benchmark.tally import add as added

queue = RedisHuey("bench", url=URL, notify_result=CASE.answers)


@queue.task(name="add")
def add(first: int, second: int) -> int:
    return added(first, second)


class Huey(SyncDriver):
    def enqueue_one(self) -> Any:
        return add(**SMALL)

    def enqueue_bulk(self, jobs: int) -> Sequence[Any]:
        return list(queue.enqueue(group([add.s(**SMALL) for _ in range(jobs)])))

    def result(self, handle: Any) -> Any:
        return handle.get(blocking=True, timeout=ANSWER_SECONDS)

    def work(self) -> None:
        settings = ConsumerConfig(workers=CASE.concurrency, verbose=False)
        settings.setup_logger()
        queue.create_consumer(**settings.values).run()


if __name__ == "__main__":
    main(Huey())
