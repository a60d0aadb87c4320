"""What every driver shares: the loops of a client, and the two roles.

A driver is one system behind one face. It is started as `... client`, which answers each line of
its input, or as `... worker`, which runs jobs until it is killed. Both tell what they have to on a
pipe (tally.py). Only the standard library may be used here, and uvloop where it is installed:
drivers run in environments of their own.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import json
import os
import sys
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any

from benchmark.tally import CASE, TALLY, cpu, tell

ANSWER_SECONDS = 20.0
TOGETHER = 1000
GATHERED = 100
SAMPLE = 100


class Asked:
    """One line of a client's input, and what answering it takes."""

    def __init__(self, line: str) -> None:
        values = json.loads(line)
        self.method = f"do_{values.pop('do')}"
        self.values = values
        self._wrong: list[str] = []
        self._begun, self._cpu = time.perf_counter(), cpu()

    def judge(self, got: Any) -> None:
        """A result; those that are not what they must be are reported."""
        if got != CASE.answer:
            self._wrong.append(repr(got)[:80])

    def answer(self, told: dict[str, Any]) -> None:
        seconds, used = time.perf_counter() - self._begun, cpu() - self._cpu
        tell(**told, seconds=seconds, cpu=used, wrong=self._wrong)


class SyncDriver:
    """A system with blocking calls."""

    asked: Asked
    handles: Sequence[Any] = ()

    def connect(self) -> None:
        """Get ready to enqueue."""

    def enqueue_one(self) -> Any:
        """Enqueue a job; returns what `result` takes."""
        raise NotImplementedError

    def enqueue_bulk(self, jobs: int) -> Sequence[Any]:
        """Enqueue jobs by the system's own bulk call, or the nearest that it has."""
        raise NotImplementedError

    def result(self, handle: Any) -> Any:
        """Wait for a job's result."""
        raise NotImplementedError

    def work(self) -> None:
        """Run jobs until this process is killed."""
        raise NotImplementedError

    def run(self) -> None:
        """Serve as a client."""
        self.connect()
        tell(ready=True)
        for line in sys.stdin:
            self.asked = Asked(line)
            self.asked.answer(getattr(self, self.asked.method)(**self.asked.values))

    def do_one(self, jobs: int) -> dict[str, Any]:
        enqueue = self.enqueue_one
        self.handles = [enqueue() for _ in range(jobs)]
        return {"jobs": len(self.handles)}

    def do_bulk(self, jobs: int) -> dict[str, Any]:
        handles: list[Any] = []
        while len(handles) < jobs:
            handles += self.enqueue_bulk(min(CASE.batch, jobs - len(handles)))
        self.handles = handles
        return {"jobs": len(handles)}

    def do_check(self) -> dict[str, Any]:
        for handle in sample(self.handles):
            self.asked.judge(self._got(handle))
        return {}

    def _got(self, handle: Any) -> Any:
        try:
            return self.result(handle)
        except Exception as error:
            return error

    def do_alone(self, jobs: int, seconds: float) -> dict[str, Any]:
        took: list[float] = []
        until = time.perf_counter() + seconds
        while len(took) < jobs and (begun := time.perf_counter()) < until:
            self.asked.judge(self.result(self.enqueue_one()))
            took.append(time.perf_counter() - begun)
        return latencies(took)

    def do_outstanding(self, jobs: int, at_once: int, seconds: float) -> dict[str, Any]:
        window: deque[Any] = deque()
        until = time.perf_counter() + seconds
        for done in itertools.count():
            while done + len(window) < jobs and len(window) < at_once:
                window.append(self.enqueue_one())
            if not window or time.perf_counter() > until:
                return {"jobs": done}
            self.asked.judge(self.result(window.popleft()))
        raise AssertionError


class AsyncDriver:
    """A system for asyncio; the same with `await`. Where there is no bulk call, the nearest is
    some calls at once."""

    asked: Asked
    handles: Sequence[Any] = ()

    async def connect(self) -> None:
        """As SyncDriver's."""

    async def enqueue_one(self) -> Any:
        raise NotImplementedError

    async def enqueue_bulk(self, jobs: int) -> Sequence[Any]:
        return await self.gathered(jobs, GATHERED)

    async def result(self, handle: Any) -> Any:
        raise NotImplementedError

    async def work(self) -> None:
        raise NotImplementedError

    async def run(self) -> None:
        """Serve as a client. The loop goes on while the next line is waited for, since the
        system may have something to do meanwhile."""
        await self.connect()
        tell(ready=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            self.asked = Asked(line)
            self.asked.answer(await getattr(self, self.asked.method)(**self.asked.values))

    async def do_one(self, jobs: int) -> dict[str, Any]:
        enqueue = self.enqueue_one
        self.handles = [await enqueue() for _ in range(jobs)]
        return {"jobs": len(self.handles)}

    async def do_bulk(self, jobs: int) -> dict[str, Any]:
        handles: list[Any] = []
        while len(handles) < jobs:
            handles += await self.enqueue_bulk(min(CASE.batch, jobs - len(handles)))
        self.handles = handles
        return {"jobs": len(handles)}

    async def do_together(self, jobs: int) -> dict[str, Any]:
        self.handles = await self.gathered(jobs, TOGETHER)
        return {"jobs": len(self.handles)}

    async def gathered(self, jobs: int, most: int) -> list[Any]:
        """So many jobs, each enqueued by a call of its own, `most` calls at once."""
        handles: list[Any] = []
        while len(handles) < jobs:
            calls = (self.enqueue_one() for _ in range(min(most, jobs - len(handles))))
            handles += await asyncio.gather(*calls)
        return handles

    async def do_check(self) -> dict[str, Any]:
        for handle in sample(self.handles):
            self.asked.judge(await self._got(handle))
        return {}

    async def _got(self, handle: Any) -> Any:
        try:
            return await self.result(handle)
        except Exception as error:
            return error

    async def do_alone(self, jobs: int, seconds: float) -> dict[str, Any]:
        took: list[float] = []
        until = time.perf_counter() + seconds
        while len(took) < jobs and (begun := time.perf_counter()) < until:
            self.asked.judge(await self.result(await self.enqueue_one()))
            took.append(time.perf_counter() - begun)
        return latencies(took)

    async def do_outstanding(self, jobs: int, at_once: int, seconds: float) -> dict[str, Any]:
        left = iter(range(jobs))
        until = time.perf_counter() + seconds

        async def lane() -> int:
            done = 0
            while time.perf_counter() < until and next(left, None) is not None:
                self.asked.judge(await self.result(await self.enqueue_one()))
                done += 1
            return done

        return {"jobs": sum(await asyncio.gather(*(lane() for _ in range(at_once))))}


def sample(handles: Sequence[Any]) -> Sequence[Any]:
    """Some of them, evenly spread."""
    return handles[:: max(1, len(handles) // SAMPLE)]


def latencies(took: list[float]) -> dict[str, Any]:
    """Seconds: median and 99th percentile."""
    took = sorted(took)
    return {"jobs": len(took), "p50": took[len(took) // 2], "p99": took[len(took) * 99 // 100]}


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run with uvloop where it is installed, for every system alike."""
    try:
        factory = importlib.import_module("uvloop").new_event_loop
    except ImportError:
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)


def main(driver: SyncDriver | AsyncDriver) -> None:
    """The entry point of a driver's module; its last argument is the role."""
    if working := sys.argv[-1] == "worker":
        TALLY.report()
    if isinstance(driver, SyncDriver):
        (driver.work if working else driver.run)()
    else:
        run_loop(driver.work() if working else driver.run())
    os._exit(0)
