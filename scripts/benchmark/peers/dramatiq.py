"""dramatiq: its Redis broker, results in Redis, its usual middleware, threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from benchmark.case import SMALL
from benchmark.driver import ANSWER_SECONDS, SyncDriver, main
from benchmark.tally import CASE, URL
from benchmark.tally import add as added

broker = RedisBroker(url=URL)
broker.add_middleware(Results(backend=RedisBackend(url=URL)))
dramatiq.set_broker(broker)


@dramatiq.actor(actor_name="add", store_results=True)
def add(first: int, second: int) -> int:
    return added(first, second)


class Dramatiq(SyncDriver):
    def enqueue_one(self) -> Any:
        return add.send(**SMALL)

    def enqueue_bulk(self, jobs: int) -> Sequence[Any]:
        messages = (add.message(**SMALL) for _ in range(jobs))
        return list(dramatiq.group(messages).run().children)

    def result(self, handle: Any) -> Any:
        return handle.get_result(block=True, timeout=int(ANSWER_SECONDS * 1000))

    def work(self) -> None:
        # What its command runs in each of its processes.
        dramatiq.Worker(broker, worker_threads=CASE.concurrency).start()
        threading.Event().wait()


if __name__ == "__main__":
    main(Dramatiq())
