"""celery with Redis as its broker and for its results; a pool of threads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from celery import Celery, group

from benchmark.case import SMALL
from benchmark.driver import ANSWER_SECONDS, SyncDriver, main
from benchmark.tally import CASE, URL
from benchmark.tally import add as added

app = Celery("bench", broker=URL, backend=URL)
app.conf.update(
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=128,
    broker_connection_retry_on_startup=True,
)


@app.task(name="add")
def add(first: int, second: int) -> int:
    return added(first, second)


class InCelery(SyncDriver):
    def enqueue_one(self) -> Any:
        return add.delay(**SMALL)

    def enqueue_bulk(self, jobs: int) -> Sequence[Any]:
        return group(add.s(**SMALL) for _ in range(jobs)).apply_async().results

    def result(self, handle: Any) -> Any:
        return handle.get(timeout=ANSWER_SECONDS)

    def work(self) -> None:
        os.environ["C_FORCE_ROOT"] = "1"
        pool = ["-P", "threads", "-c", str(CASE.concurrency)]
        app.worker_main(["worker", "-l", "WARNING", "-n", "bench@localhost", *pool])


if __name__ == "__main__":
    main(InCelery())
