"""What a task costs a worker beside a bare handler, counted: calls of Python functions."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

import pytest

import pyjobs
from pyjobs.definition import BaseTask
from pyjobs.engine.outcome import Outcome
from pyjobs.engine.replies import Claimed
from pyjobs.worker.run import Run
from pyjobs.worker.running.executors import executor_of
from pyjobs.worker.running.job import Handler

COUNT = 50
DATA = b'{"number":7,"word":"ab"}'
# Python calls of a job of a task, more than those of a bare job: its run, the conversions, and the
# choice by its name.
MORE_CALLS = 6


@pyjobs.task(name="cost.async")
async def in_loop(number: int, word: str) -> int:
    return number


async def bare_async(job: pyjobs.ClaimedJob) -> int:
    number: int = job.data["number"]
    return number


def calls(handler: Handler | None, tasks: Mapping[str, BaseTask[..., Any]], name: str) -> float:
    """How many Python functions are called for a job, from its start to its outcome."""
    settings = pyjobs.Worker("memory://cost", tasks=tasks.values()).settings
    counted, outcomes = 0, []

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal counted
        counted += event == "call"

    def report(run: Run, outcome: Outcome) -> None:
        outcomes.append(outcome.body)

    async def main() -> None:
        executor = executor_of(settings, handler, tasks, report)
        runs = [
            Run(Claimed(0, str(n), "1-n", DATA, 1, 0, 0, name), "q", None) for n in range(COUNT)
        ]
        sys.setprofile(note)
        try:
            for run in runs:
                executor.start(run)
            while len(outcomes) < COUNT:  # noqa: ASYNC110
                await asyncio.sleep(0)
        finally:
            sys.setprofile(None)

    asyncio.run(main())
    assert outcomes == [b"7"] * COUNT
    return counted / COUNT


def test_an_async_task_costs_few_calls_more_than_a_bare_handler() -> None:
    pytest.importorskip("msgspec")
    tasks: dict[str, Any] = {in_loop.name: in_loop}
    bare = calls(bare_async, {}, "")
    assert calls(None, tasks, in_loop.name) - bare <= MORE_CALLS
