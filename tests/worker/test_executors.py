"""Running handlers, without a server: how runs are reported, by tasks and by threads."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest
from support.executors import BOTH, SOON, Bench, a_run, made, run

from pyjobs.engine.outcome import Outcome
from pyjobs.worker.running.job import ClaimedJob, pulled_outcome
from pyjobs.worker.running.thread_executor import ThreadExecutor

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="clean")


@BOTH
def test_a_run_is_reported_as_result_error_unencodable_or_undecodable(plain: bool) -> None:
    def handle(job: ClaimedJob) -> Any:
        return {"value": job.data, "set": {1}}[job.data]

    async def body() -> None:
        bench = Bench(made(plain, handle))
        for id, data in (("a", b'"value"'), ("b", b'"no"'), ("c", b'"set"'), ("d", b"{half")):
            bench.executor.start(a_run(id, data))
        await bench.until(4)
        bench.executor.close()
        assert bench.reports["a"] == Outcome("complete", b'"value"')
        whys = {id: (end.verdict, end.why.split(":")[0]) for id, end in bench.reports.items()}
        assert whys == {
            "a": ("", ""),
            "b": ("retry", "KeyError"),
            "c": ("reject", "Unencodable"),
            "d": ("reject", "Undecodable"),
        }
        assert bench.executor.running == 0

    run(body)


@BOTH
def test_context_variables_of_a_job_are_not_seen_by_the_next(plain: bool) -> None:
    def handle(job: ClaimedJob) -> str:
        before = VARIABLE.get()
        VARIABLE.set(job.id)
        return before

    async def body() -> None:
        VARIABLE.set("the worker's")
        bench = Bench(made(plain, handle), concurrency=1)
        for id in "abc":
            bench.executor.start(a_run(id))
        await bench.until(3)
        bench.executor.close()
        assert {end.body for end in bench.reports.values()} == {b'"the worker\'s"'}

    run(body)


@BOTH
def test_a_job_cancelled_before_it_began_is_released_and_never_begins(plain: bool) -> None:
    began: list[str] = []
    gate = threading.Event()

    def handle(job: ClaimedJob) -> None:
        began.append(job.id)
        assert gate.wait(SOON)

    async def body() -> None:
        bench = Bench(made(plain, handle), concurrency=1)
        first, second = a_run("first"), a_run("second")
        if plain:
            bench.executor.start(first)
            while not began:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        bench.executor.start(second)
        bench.executor.cancel(second)
        await bench.until(1)
        gate.set()
        if plain:
            await bench.until(2)
        bench.executor.close()
        assert bench.reports["second"].verb == "release"

    run(body)
    assert "second" not in began


def test_a_thread_past_its_timeout_is_reported_and_leaves_its_place() -> None:
    gate = threading.Event()

    def handle(job: ClaimedJob) -> str:
        if job.id == "slow":
            assert gate.wait(SOON)
        return job.id

    async def body() -> None:
        bench = Bench(handle, concurrency=1)
        bench.executor.start(a_run("slow", timeout=0.01))
        await bench.until(1)
        assert bench.reports["slow"].why.startswith("TimeoutError: took longer than 0.01 s")
        bench.executor.start(a_run("next"))
        await bench.until(2)
        gate.set()
        bench.executor.start(a_run("last"))
        await bench.until(3)
        bench.executor.close()
        assert [end.verb for end in bench.reports.values()] == ["fail", "complete", "complete"]

    run(body)


@BOTH
def test_cancel_all_releases_every_running_job(plain: bool) -> None:
    gate = threading.Event()

    async def patient(job: ClaimedJob) -> None:
        await asyncio.sleep(SOON)

    def stubborn(job: ClaimedJob) -> None:
        assert gate.wait(SOON)

    async def body() -> None:
        bench = Bench(stubborn if plain else patient)
        for id in "abc":
            bench.executor.start(a_run(id))
        await asyncio.sleep(0)
        bench.executor.cancel_all()
        await bench.until(3)
        gate.set()
        bench.executor.close()
        assert {end.verb for end in bench.reports.values()} == {"release"}
        assert bench.executor.running == 0

    run(body)


def test_many_plain_jobs_are_reported_in_few_calls_of_the_loop() -> None:
    """Each call from a thread into the loop is dear: one tells of all that have ended."""

    async def body() -> None:
        loop = asyncio.get_running_loop()
        calls = 0
        through = loop.call_soon_threadsafe

        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            return through(*args, **kwargs)

        loop.call_soon_threadsafe = counted  # type: ignore[method-assign]
        bench = Bench(lambda job: job.id, concurrency=1)
        for n in range(500):
            bench.executor.start(a_run(str(n)))
        # The loop is held up until all have run: whatever ended meanwhile is one call.
        assert isinstance(bench.executor, ThreadExecutor)
        while len(bench.executor._ended) < 500:
            threading.Event().wait(0.001)
        await bench.until(500)
        bench.executor.close()
        # The thread of the last one may call after the loop has collected it.
        assert calls <= 2

    run(body)


class Wordless(Exception):
    def __str__(self) -> str:
        raise SystemExit


@BOTH
@pytest.mark.parametrize(
    "error", [SyntaxError("m", ("file", 1, "not a number", "text")), Wordless()], ids=repr
)
def test_an_error_that_can_not_be_shown_fails_its_job(plain: bool, error: Exception) -> None:
    def handle(job: ClaimedJob) -> None:
        if job.data == 1:
            raise error

    async def body() -> None:
        bench = Bench(made(plain, handle), concurrency=1)
        bench.executor.start(a_run("a"))
        await bench.until(1)
        bench.executor.start(a_run("b", b"2"))
        await bench.until(2)
        assert (bench.reports["a"].verb, bench.reports["b"].verb) == ("fail", "complete")
        assert type(error).__name__ in bench.reports["a"].body.decode()
        assert "in handle" in bench.reports["a"].body.decode()
        bench.executor.close()

    run(body)


def eager(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> Any:
    """Stands for `asyncio.eager_task_factory` of Python 3.12: the first step is run within
    create_task."""
    try:
        coro.send(None)
    except StopIteration as end:
        done = loop.create_future()
        done.set_result(end.value)
        return done
    return asyncio.Task(coro, loop=loop, **kwargs)


def test_a_job_in_a_loop_with_eager_tasks_is_reported_after_start_returned() -> None:
    async def body() -> None:
        bench = Bench(made(False, lambda job: job.data))
        asyncio.get_running_loop().set_task_factory(getattr(asyncio, "eager_task_factory", eager))
        bench.executor.start(a_run("a"))
        assert not bench.reports, "reported from within the call"
        await bench.until(1)
        assert bench.reports["a"].verb == "complete"

    run(body)


def test_jobs_run_in_the_threads_that_could_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def first_only(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    async def body() -> None:
        bench = Bench(lambda job: job.data, concurrency=4)
        monkeypatch.setattr(threading.Thread, "start", first_only)
        for id in "abcd":
            bench.executor.start(a_run(id))
        await bench.until(4)
        assert {outcome.verb for outcome in bench.reports.values()} == {"complete"}
        bench.executor.close()

    run(body)


def test_an_end_given_before_the_cancel_is_what_is_reported() -> None:
    async def body() -> None:
        jobs: list[ClaimedJob] = []

        async def offer(job: ClaimedJob) -> Outcome:
            jobs.append(job)
            return await pulled_outcome(job)

        bench = Bench(offer)
        run = a_run("a")
        bench.executor.start(run)
        await asyncio.sleep(0)
        waits = asyncio.ensure_future(jobs[0].done("result"))
        await asyncio.sleep(0)
        bench.executor.cancel_all()
        await bench.until(1)
        assert bench.reports["a"].verb == "complete"
        run.recorded("done")
        await waits

    run(body)
