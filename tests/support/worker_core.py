"""A WorkerCore under test: made, given claimed jobs, and asked for its requests. No assertion about
pyjobs may live here, but that a claim brings what it is given.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from pyjobs.engine.modes import MODES
from pyjobs.engine.outcome import Outcome
from pyjobs.engine.replies import Claimed, ClaimReply
from pyjobs.errors import PyjobsError
from pyjobs.worker import Worker
from pyjobs.worker.claiming.core import WorkerCore
from pyjobs.worker.claiming.lanes import Lane
from pyjobs.worker.claiming.outbox import Request
from pyjobs.worker.outcomes import success
from pyjobs.worker.run import Run

EVERY = pytest.mark.parametrize("mode", list(MODES))
REPEATABLE = pytest.mark.parametrize("mode", ["recoverable", "reliable"])
NUMBER = itertools.count()
NOW = 1000.0


class OneLaneCore(WorkerCore):
    """Is asked about its only lane where none is named."""

    def idle_ms(self, now: float, lane: Lane | None = None) -> int | None:
        return super().idle_ms(now, lane or self.lanes[0])

    def woken(self, now: float = NOW, lane: Lane | None = None) -> bool:
        return super().woken(now, lane or self.lanes[0])

    def requests(self, now: float, lane: Lane | None = None) -> list[Request]:
        return super().requests(now, lane or self.lanes[0])

    def answered(
        self,
        requests: Sequence[Request],
        answers: Sequence[Any],
        now: float,
        lane: Lane | None = None,
    ) -> list[tuple[Run, str]]:
        return super().answered(requests, answers, now, lane or self.lanes[0])

    def unanswered(
        self, requests: Sequence[Request], error: PyjobsError, lane: Lane | None = None
    ) -> None:
        super().unanswered(requests, error, lane or self.lanes[0])


def make(
    mode: str = "reliable",
    room: int = 10,
    timeout: float | None = None,
    prefetch: int | None = 0,
    **policy: Any,
) -> OneLaneCore:
    """A core of the queues a and b, whose nonces are counted."""
    nonces = (f"nonce{n}" for n in itertools.count(1))
    worker = Worker(
        mode=mode,  # type: ignore[arg-type]
        queues=["a", "b"],
        concurrency=room,
        timeout=timeout,
        prefetch=prefetch,
        **policy,
    )
    return OneLaneCore(worker.settings, nonce=lambda: next(nonces))


def claimed(queue: int = 0, timeout: int = 0) -> Claimed:
    n = next(NUMBER)
    return Claimed(queue, f"id{n}", f"{n}-token", b"1", 1, 1000, timeout)


def verbs(requests: list[Request]) -> list[str]:
    return [request.call.script.name.split("/")[1] for request in requests]


def args(request: Request) -> dict[str, Any]:
    return dict(zip(request.call.script.names, request.call.args, strict=False))


def items(request: Request) -> list[Any]:
    return list(request.call.args[len(request.call.script.names) :])


def ids(request: Request) -> list[str]:
    return [run.id for run, _ in request.ended]


def take(core: OneLaneCore, count: int, *, queue: int = 0, wait: int = -1) -> list[Run]:
    """Let the core claim `count` jobs."""
    core.woken()
    requests = core.requests(NOW)
    assert verbs(requests) == ["claim"]
    batch = ClaimReply(wait, [claimed(queue) for _ in range(count)])
    assert not core.answered(requests, [batch], NOW)
    started = begin(core)
    assert len(started) == count
    return started


def begin(core: OneLaneCore, now: float = NOW) -> list[Run]:
    """Start what the core lets start."""
    runs = list(iter(lambda: core.next_run(now), None))
    for run in runs:
        run.begin(now)
    return runs


def finish(core: OneLaneCore, *runs: Run, outcome: Outcome | None = None) -> None:
    for run in runs:
        core.finished(run, outcome or success("result"), NOW)


def words(requests: list[Request], batch: ClaimReply | None = None) -> list[Any]:
    """Good answers."""
    good = {"complete": "done", "fail": "failed", "release": "pending"}
    return [
        [good[verb]] * len(request.ended) if request.ended else batch or ClaimReply(-1, [])
        for verb, request in zip(verbs(requests), requests, strict=True)
    ]
