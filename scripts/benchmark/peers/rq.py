"""rq with the worker that runs jobs in its own process; its other one forks for each job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis import Redis
from rq import Queue, SimpleWorker

from benchmark.case import SMALL
from benchmark.driver import ANSWER_SECONDS, SyncDriver, main
from benchmark.tally import URL, add


class RQ(SyncDriver):
    def __init__(self) -> None:
        self._redis = Redis.from_url(URL)
        self._queue = Queue("bench", connection=self._redis)

    def enqueue_one(self) -> Any:
        return self._queue.enqueue(add, **SMALL)

    def enqueue_bulk(self, jobs: int) -> Sequence[Any]:
        return self._queue.enqueue_many([Queue.prepare_data(add, kwargs=SMALL)] * jobs)

    def result(self, handle: Any) -> Any:
        return handle.latest_result(timeout=int(ANSWER_SECONDS)).return_value

    def work(self) -> None:
        SimpleWorker([self._queue], connection=self._redis).work(logging_level="WARNING")


if __name__ == "__main__":
    main(RQ())
