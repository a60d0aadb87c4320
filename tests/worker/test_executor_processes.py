"""Running handlers in child processes: outcomes, deaths, ends and replacements."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from support import child_handlers
from support.executors import Bench, a_run, run
from support.running import wait_until

import pyjobs
from pyjobs.engine.outcome import Outcome
from pyjobs.errors import BadArgument
from pyjobs.testing import running
from pyjobs.worker.running.child import ALIVE
from pyjobs.worker.running.executors import executor_for
from pyjobs.worker.running.invocation import CLEANUP_SECONDS
from pyjobs.worker.running.job import Handler
from pyjobs.worker.running.process_executor import ProcessExecutor
from pyjobs.worker.settings import Children

SOON = 60.0


class Pool(Bench):
    """A ProcessExecutor that is checked as a worker checks it, and what it has reported."""

    executor: ProcessExecutor

    def start(self, id: str, *act: Any, timeout: float | None = None) -> None:
        """Start a run of `child_handlers.do`."""
        self.executor.start(a_run(id, json.dumps(act).encode(), timeout))

    async def outcome(self, id: str) -> Outcome:
        """Wait for the outcome of a run."""
        await self.wait_for(lambda: id in self.reports)
        return self.reports[id]

    async def did(self, id: str, *act: Any, timeout: float | None = None) -> Outcome:
        """Start a run, and wait for its outcome."""
        self.start(id, *act, timeout=timeout)
        return await self.outcome(id)

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON):
            while not condition():
                self.executor.check()
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def pool(
    concurrency: int = 1,
    handler: Handler = child_handlers.do,
    cleanup: float = CLEANUP_SECONDS,
    **children: Any,
) -> AsyncIterator[Pool]:
    """An executor with children, all of which end with the block."""
    made = Pool(handler, concurrency, Children(**children), cleanup)
    try:
        made.executor.check()
        yield made
    finally:
        pids = [one.pid for one in ALIVE]
        made.executor.close()
        async with asyncio.timeout(SOON):
            await made.executor.wait_closed()
        assert not any(alive(pid) for pid in pids)


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_run_in_a_child_ends_as_its_handler_says() -> None:
    acts: dict[str, tuple[Any, ...]] = {
        "value": ("return", {"a": [1]}),
        "awaitable": ("later", 7),
        "no JSON": ("set",),
        "error": ("fail",),
        "exit": ("sys.exit", 3),
        "retry": ("retry", 1.5),
        "reject": ("reject",),
        "fork": ("fork",),
    }

    async def body() -> None:
        async with pool() as bench:
            for id, act in acts.items():
                bench.start(id, *act)
            bench.executor.start(a_run("no data", b"{half"))
            ended = {id: await bench.outcome(id) for id in [*acts, "no data"]}
        assert {id: end.body for id, end in ended.items() if end.verb == "complete"} == {
            "value": b'{"a":[1]}',
            "awaitable": b"7",
            "fork": b"0",
        }
        whys = {
            id: (end.verdict, end.why.split(":")[0])
            for id, end in ended.items()
            if end.verb == "fail"
        }
        assert whys == {
            "no JSON": ("reject", "Unencodable"),
            "error": ("retry", "LookupError"),
            "exit": ("retry", "SystemExit"),
            "retry": ("retry=1500", "Retry"),
            "reject": ("reject", "Reject"),
            "no data": ("reject", "Undecodable"),
        }
        assert "in fail" in ended["error"].body.decode()

    run(body)


def test_the_death_of_a_child_fails_its_run_and_no_other(tmp_path: Path) -> None:
    deaths: dict[str, tuple[tuple[Any, ...], str]] = {
        "killed": (("kill", signal.SIGKILL), "was killed by SIGKILL"),
        "fault": (("fault",), "was killed by SIGSEGV"),
        "exit": (("exit", 0), "ended with exit code 0"),
        "no stream": (("close_all",), "was killed by SIGKILL"),
        "stream held": (("leave_a_process",), "was killed by SIGKILL"),
    }
    held = tmp_path / "held"

    async def body() -> None:
        async with pool(2) as bench:
            bench.start("other", "hold", str(held))
            await bench.wait_for(held.exists)
            for id, (act, _) in deaths.items():
                await bench.did(id, *act)
            assert list(bench.reports) == list(deaths)
            held.unlink()
            assert (await bench.outcome("other")).body == b'"done"'
            assert (await bench.did("next", "return", 1)).verb == "complete"
        for id, (_, words) in deaths.items():
            end = bench.reports[id]
            assert (end.verb, end.verdict) == ("fail", "retry"), id
            assert end.why == f"ChildProcessError: its process {words}", id

    run(body)


@pytest.mark.parametrize("text", ["printed", "\0\0\0\5junk!"], ids=["text", "no pickle"])
def test_a_handler_that_writes_into_the_socket_to_its_worker_has_failed_and_no_other(
    text: str,
) -> None:
    async def body() -> None:
        async with pool() as bench:
            end = await bench.did("wrote", "write_to_the_worker", text)
            assert end.verb == "fail"
            assert end.why == (
                "ChildProcessError: its process has written into the socket to its worker, which "
                "is not the handler's"
            )
            assert (await bench.did("after", "return", 1)).verb == "complete"

    run(body)


def test_a_process_that_a_handler_leaves_behind_holds_up_no_end() -> None:
    """Such a process keeps the socket of its parent open."""

    async def body() -> None:
        async with pool() as bench:
            left = int((await bench.did("two", "become_two")).body)
            began = time.monotonic()
        try:
            assert alive(left)
            assert time.monotonic() - began < 10.0
        finally:
            os.kill(left, signal.SIGKILL)

    run(body)


def test_a_run_that_is_given_to_a_child_that_has_just_died_is_released() -> None:
    async def body() -> None:
        async with pool() as bench:
            pid = int((await bench.did("before", "pid")).body)
            os.kill(pid, signal.SIGKILL)
            # The event loop stands still meanwhile, so that the executor does not know.
            wait_until(lambda: not alive(pid))
            assert (await bench.did("given", "pid")).verb == "release"
            assert (await bench.did("after", "pid")).verb == "complete"

    run(body)


@pytest.mark.parametrize("how", ["cancel", "cancel_all", "timeout"])
def test_a_run_that_is_given_up_ends_with_its_child_and_is_reported_then(
    tmp_path: Path, how: str
) -> None:
    held, left = tmp_path / "held", tmp_path / "held.left"

    async def body() -> None:
        async with pool() as bench:
            await bench.did("before", "pid")
            bench.start("held", "hold", str(held), timeout=0.3 if how == "timeout" else None)
            await bench.wait_for(lambda: held.exists() and held.read_text() != "")
            waiting = a_run("waiting")
            bench.executor.start(waiting)
            if how == "cancel":
                bench.executor.cancel(waiting)
                [busy] = set(bench.executor._runs)
                bench.executor.cancel(busy)
            elif how == "cancel_all":
                bench.executor.cancel_all()
            else:
                bench.executor.cancel(waiting)
            assert "held" not in bench.reports
            end = await bench.outcome("held")
            assert not alive(int(held.read_text()))
            assert left.read_text() == "left"
            if how == "timeout":
                assert end.why == "TimeoutError: took longer than 0.3 s"
            else:
                assert end.verb == "release"
            assert (await bench.outcome("waiting")).verb == "release"
            pid = (await bench.did("after", "pid")).body
            assert pid != bench.reports["before"].body

    run(body)


def test_a_result_that_a_handler_returns_when_it_is_given_up_counts(tmp_path: Path) -> None:
    held = tmp_path / "held"

    async def body() -> None:
        async with pool() as bench:
            bench.start("late", "finish_late", str(held))
            await bench.wait_for(held.exists)
            bench.executor.cancel_all()
            assert (await bench.outcome("late")).body == b'"finished"'

    run(body)


def test_a_handler_that_goes_on_after_it_was_given_up_is_killed(tmp_path: Path) -> None:
    held = tmp_path / "held"

    async def body() -> None:
        async with pool(cleanup=0.1) as bench:
            bench.start("held", "hold_on", str(held))
            await bench.wait_for(held.exists)
            bench.executor.cancel_all()
            assert (await bench.outcome("held")).verb == "release"

    run(body)


def test_a_handler_that_goes_on_after_its_timeout_is_killed_before_a_short_lease_counts_a_crash(
    tmp_path: Path,
) -> None:
    held = str(tmp_path / "held")
    worker = pyjobs.Worker(
        "memory://stubborn", queues="q", executor="process", concurrency=1, lease=1, max_attempts=1
    )
    worker.handler(child_handlers.do)
    with running(worker), pyjobs.Client("memory://stubborn", queue="q") as client:
        job = client.submit(["hold_on", held], timeout=0.1)
        with pytest.raises(pyjobs.JobFailed, match=r"took longer than 0\.1 s") as failed:
            job.result(SOON)
        assert (failed.value.type, failed.value.attempts) == ("TimeoutError", 1)


def test_a_child_leaves_signals_of_others_to_its_worker(tmp_path: Path) -> None:
    held = tmp_path / "held"

    async def body() -> None:
        async with pool() as bench:
            bench.start("held", "hold", str(held))
            await bench.wait_for(lambda: held.exists() and held.read_text() != "")
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
                os.kill(int(held.read_text()), number)
            await asyncio.sleep(0.1)
            held.unlink()
            assert (await bench.outcome("held")).body == b'"done"'

    run(body)


def test_a_child_runs_no_more_jobs_than_its_limit() -> None:
    async def body() -> None:
        async with pool(max_jobs=2) as bench:
            pids = [(await bench.did(str(n), "pid")).body for n in range(5)]
        assert max(map(pids.count, pids)) <= 2

    run(body)


def test_a_child_that_has_grown_beyond_its_limit_is_replaced() -> None:
    async def body() -> None:
        async with pool(max_memory=120_000_000) as bench:
            small = [(await bench.did(f"small {n}", "grow", 1000)).body for n in range(3)]
            large = (await bench.did("large", "grow", 120_000_000)).body
            after = (await bench.did("after", "pid")).body
        assert {*small, large} == {large}
        assert after != large

    run(body)


def test_a_child_near_its_limit_is_replaced_when_no_other_is_being_replaced() -> None:
    """By hand: which of two children is due depends on chance and speed otherwise."""

    async def body() -> None:
        async with pool(2, max_jobs=100) as bench:
            await bench.wait_for(lambda: len(bench.executor._idle) == 2)
            first, second = bench.executor._children
            bench.executor._children |= {first: 0.85, second: 0.85}
            first.runs = second.runs = 84
            assert not bench.executor._is_due(first)
            first.runs = second.runs = 85
            assert bench.executor._is_due(first)
            first.ending = True
            assert not bench.executor._is_due(second)
            second.runs = 100
            assert bench.executor._is_due(second)

    run(body)


def broken_set_up() -> None:
    raise LookupError("nothing here")


def test_children_that_can_not_begin_end_the_worker_with_the_reason() -> None:
    async def body() -> None:
        async with pool(set_up=broken_set_up) as bench:
            bench.start("a", "pid")
            with pytest.raises(RuntimeError, match="LookupError: nothing here"):
                await bench.outcome("a")

    run(body)


def test_a_handler_that_no_child_can_run_is_refused_by_name() -> None:
    async def asynchronous(job: Any) -> None:
        pass

    async def body() -> None:
        for handler in (lambda job: 1, asynchronous):
            with pytest.raises(BadArgument, match=r"handler: .*executor='process'"):
                executor_for(handler, 1, lambda run, outcome: None, Children())

    run(body)


def test_a_worker_runs_its_handler_in_children_which_end_with_it() -> None:
    worker = pyjobs.Worker(
        "memory://processes", queues=["q"], concurrency=2, executor="process", max_jobs_per_child=50
    )
    worker.handler(child_handlers.process_id)
    with running(worker), pyjobs.Client("memory://processes", queue="q") as client:
        pids = {job.result(SOON) for job in client.submit_many(range(20))}
    assert os.getpid() not in pids
    assert not any(map(alive, pids))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"executor": "greenlet"}, "executor: 'greenlet' is not one of thread, process"),
        ({"max_jobs_per_child": 5}, "max_jobs_per_child: only executor='process' has child"),
        ({"max_memory_per_child": 5}, "max_memory_per_child: only executor='process' has child"),
        ({"executor": "process", "max_jobs_per_child": 0}, "max_jobs_per_child: "),
    ],
)
def test_wrong_settings_of_child_processes_are_refused_by_name(
    wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadArgument, match=words):
        pyjobs.Worker(**wrong)


def test_a_pull_by_child_processes_is_refused() -> None:
    async def pull() -> None:
        async with pyjobs.Worker("memory://pull", executor="process").jobs() as jobs:
            await anext(jobs)

    with pytest.raises(BadArgument, match="jobs: executor='process' is for a worker with a handl"):
        asyncio.run(pull())


ORPHANS = """
import pyjobs
from support import child_handlers

if __name__ == "__main__":
    worker = pyjobs.Worker("memory://orphans", queues=["q"], executor="process", concurrency=2)
    worker.handler(child_handlers.do)
    with pyjobs.Client("memory://orphans", queue="q") as client:
        client.submit_many([["hold_on", "one"], ["hold_on", "two"]])
        worker.run()
"""


def test_children_end_with_a_worker_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "orphans.py").write_text(ORPHANS)
    tests = Path(__file__).resolve().parent.parent
    environ = {**os.environ, "PYTHONPATH": f"{tests.parent}:{tests}"}
    with subprocess.Popen([sys.executable, "orphans.py"], cwd=tmp_path, env=environ) as parent:
        files = [tmp_path / name for name in ("one", "two")]
        wait_until(lambda: all(file.exists() and file.read_text() for file in files), SOON)
        parent.kill()
    pids = [int(file.read_text()) for file in files]
    wait_until(lambda: not any(alive(pid) for pid in pids))
