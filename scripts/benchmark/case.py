"""What one measurement is of. Only the standard library may be used here, as in driver.py."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import Any, Literal

SMALL = {"first": 3, "second": 4}
SMALL_ANSWER = 7


@dataclass(frozen=True)
class Case:
    """The settings of one measurement.

    Attributes:
        jobs: how many.
        mode: pyjobs' mode.
        enqueue: how they get there: `one` call after the other, in `bulk`, or `together`, which
            is many concurrent calls in one event loop.
        batch: jobs in one call of a bulk API.
        concurrency: jobs at once in a worker.
        prefetch: jobs that pyjobs claims beyond those that run; None is its default.
        handler: `async`, `def`, or `process`, which is a `def` in child processes, whose runs only
            the client sees.
        tasks: how many tasks the worker has, in place of the handler, among which the jobs are
            shared out; 0 is the handler. For pyjobs in bulk alone.
        payload: bytes of a job's JSON; 0 is the two small numbers of SMALL.
        seconds: how long a job takes, waiting.
        computes: seconds of processor time that it takes besides.
        workers: worker processes.
        everysec: whether Redis appends to its log and syncs it each second.
        drain: whether workers run the jobs, or they are only enqueued.
        answers: whether the client will wait for results. Some systems must be set up for it.
    """

    jobs: int = 20_000
    mode: Literal["simple", "recoverable", "reliable"] = "reliable"
    enqueue: str = "bulk"
    batch: int = 1000
    concurrency: int = 100
    prefetch: int | None = None
    handler: str = "async"
    tasks: int = 0
    payload: int = 0
    seconds: float = 0.0
    computes: float = 0.0
    workers: int = 1
    everysec: bool = False
    drain: bool = True
    answers: bool = False

    @property
    def data(self) -> Any:
        """What a job carries."""
        return "x" * (self.payload - 2) if self.payload else SMALL

    @property
    def answer(self) -> int:
        """What its handler must return."""
        return self.payload - 2 if self.payload else SMALL_ANSWER

    def dumps(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Case:
        return cls(**json.loads(text))


def answer(data: Any) -> int:
    """What the handler of every job returns."""
    return len(data) if isinstance(data, str) else data["first"] + data["second"]


def compute(seconds: float) -> None:
    """Use the processor for so long."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
