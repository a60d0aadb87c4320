"""Running handlers, without a server: tasks, threads, and what becomes of a run."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import sys
import threading
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

import pytest

from pyjobs.engine.outcome import Outcome
from pyjobs.engine.replies import Claimed
from pyjobs.errors import BadArgument
from pyjobs.worker import task_executor, thread_executor
from pyjobs.worker.executors import Executor, check_handler, executor_for
from pyjobs.worker.invocation import Handler
from pyjobs.worker.job import ClaimedJob, pulled_outcome
from pyjobs.worker.run import Run
from pyjobs.worker.thread_executor import HandlerThread, ThreadExecutor
from pyjobs.worker.verdicts import Reject

SOON = 10.0
BOTH = pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="clean")


def a_run(id: str, data: bytes = b"1", timeout: float | None = None) -> Run:
    return Run(Claimed(0, id, "1-n", data, 1, 0, 0), "q", timeout)


class Bench:
    """An executor, and what it has reported."""

    def __init__(self, handler: Handler, concurrency: int = 10) -> None:
        self.reports: dict[str, Outcome] = {}
        self.executor: Executor = executor_for(handler, concurrency, self._report)

    def _report(self, run: Run, outcome: Outcome) -> None:
        assert run.id not in self.reports, "reported twice"
        self.reports[run.id] = outcome

    async def until(self, count: int) -> None:
        async with asyncio.timeout(SOON):
            while len(self.reports) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


def run(body: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(body())  # type: ignore[arg-type]


def made(plain: bool, function: Callable[[ClaimedJob], Any]) -> Handler:
    async def asynchronous(job: ClaimedJob) -> Any:
        return function(job)

    return function if plain else asynchronous


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
        assert calls == 1

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


def test_a_job_in_a_loop_with_eager_tasks_is_reported_after_start_returned() -> None:
    def eager(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> Any:
        # What asyncio's own does from Python 3.12 on: the first step is run within create_task.
        try:
            coro.send(None)
        except StopIteration as end:
            done = loop.create_future()
            done.set_result(end.value)
            return done
        return asyncio.Task(coro, loop=loop, **kwargs)

    async def body() -> None:
        bench = Bench(made(False, lambda job: job.data))
        asyncio.get_running_loop().set_task_factory(eager)
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


# --- cancellations: who asked for them ---


async def one(bench: Bench, timeout: float | None = None) -> Run:
    """Start a run and let its handler begin."""
    run = a_run("a", timeout=timeout)
    bench.executor.start(run)
    while run.started_at is None:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    return run


def test_a_handler_that_cancels_itself_has_failed() -> None:
    async def cancel_itself(job: ClaimedJob) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(SOON)

    async def body() -> None:
        bench = Bench(cancel_itself)
        bench.executor.start(a_run("a"))
        await bench.until(1)
        assert bench.reports["a"].verb == "fail"
        assert bench.reports["a"].why.startswith("CancelledError")

    run(body)


def test_a_check_finds_a_run_that_somebody_else_cancelled_before_it_began() -> None:
    async def body() -> None:
        bench = Bench(made(False, lambda job: job.data))
        before = asyncio.all_tasks()
        bench.executor.start(a_run("a"))
        for task in asyncio.all_tasks() - before:
            task.cancel()
        await asyncio.sleep(0)
        bench.executor.check()
        await bench.until(1)
        assert bench.reports["a"].verb == "fail"
        assert bench.executor.running == 0

    run(body)


@pytest.mark.parametrize(
    "error",
    [ValueError("cleanup"), ExceptionGroup("group", [ValueError("cleanup")]), Reject("no")],
    ids=lambda error: type(error).__name__,
)
def test_a_cancelled_run_is_released_whatever_its_handler_raises(error: Exception) -> None:
    async def handle(job: ClaimedJob) -> None:
        try:
            await asyncio.sleep(SOON)
        finally:
            raise error

    async def body() -> None:
        bench = Bench(handle)
        bench.executor.cancel(await one(bench))
        await bench.until(1)
        assert bench.reports["a"] == Outcome("release")

    run(body)


def test_a_result_that_a_cancelled_handler_returns_counts() -> None:
    async def handle(job: ClaimedJob) -> str:
        try:
            await asyncio.sleep(SOON)
        except asyncio.CancelledError:
            return "done all the same"
        return ""

    async def body() -> None:
        bench = Bench(handle)
        bench.executor.cancel(await one(bench))
        await bench.until(1)
        assert bench.reports["a"] == Outcome("complete", b'"done all the same"')

    run(body)


@pytest.mark.parametrize("kind", ["cancel", "timeout"])
def test_a_task_that_swallows_its_cancellation_is_abandoned(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(task_executor, "CLEANUP_SECONDS", 0.02)

    async def body() -> None:
        left = asyncio.Event()

        async def stubborn(job: ClaimedJob) -> None:
            while not left.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await left.wait()

        bench = Bench(stubborn)
        stuck = await one(bench, timeout=0.01 if kind == "timeout" else None)
        if kind == "cancel":
            bench.executor.cancel(stuck)
        await bench.until(1)
        assert bench.reports["a"].verb == ("fail" if kind == "timeout" else "release")
        assert (bench.executor.running, bench.executor.abandoned) == (0, 1)
        left.set()
        while bench.executor.abandoned:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    run(body)


# --- time limits ---


def test_a_run_that_waits_for_a_thread_is_not_late() -> None:
    gate = threading.Event()

    def handle(job: ClaimedJob) -> str:
        if job.id == "first":
            assert gate.wait(SOON)
        return job.id

    async def body() -> None:
        bench = Bench(handle, concurrency=1)
        bench.executor.start(a_run("first"))
        bench.executor.start(a_run("second", timeout=0.01))
        await asyncio.sleep(0.05)
        assert not bench.reports
        gate.set()
        await bench.until(2)
        assert bench.reports["second"].verb == "complete"
        bench.executor.close()

    run(body)


def test_a_task_that_could_not_begin_while_the_loop_was_blocked_is_not_late() -> None:
    async def handle(job: ClaimedJob) -> str:
        if job.id == "blocks":
            threading.Event().wait(0.05)
        await asyncio.sleep(0)
        return job.id

    async def body() -> None:
        bench = Bench(handle)
        bench.executor.start(a_run("blocks"))
        bench.executor.start(a_run("waits", timeout=0.03))
        await bench.until(2)
        assert bench.reports["waits"].verb == "complete"

    run(body)


def test_hung_threads_are_replaced_and_counted_until_they_end() -> None:
    gate = threading.Event()

    def handle(job: ClaimedJob) -> str:
        if job.id.startswith("hangs"):
            assert gate.wait(SOON)
        return job.id

    async def body() -> None:
        bench = Bench(handle, concurrency=1)
        for n in range(3):
            bench.executor.start(a_run(f"hangs{n}", timeout=0.01))
            await bench.until(n + 1)
        assert bench.executor.abandoned == 3
        bench.executor.start(a_run("next"))
        await bench.until(4)
        assert bench.reports["next"].verb == "complete"
        gate.set()
        while bench.executor.abandoned:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        bench.executor.close()

    run(body)


def test_no_thread_to_be_had_behind_a_hung_one_is_an_error_and_no_run_is_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = threading.Event()
    start = HandlerThread.start

    def first_only(thread: HandlerThread) -> None:
        monkeypatch.setattr(HandlerThread, "start", no_thread)
        start(thread)

    def no_thread(_: HandlerThread) -> None:
        raise RuntimeError("can't start new thread")

    async def body() -> None:
        monkeypatch.setattr(HandlerThread, "start", first_only)
        bench = Bench(lambda job: gate.wait(SOON), concurrency=2)
        bench.executor.start(a_run("hangs", timeout=0.02))
        bench.executor.start(a_run("waits", timeout=0.02))
        await bench.until(1)
        await asyncio.sleep(0.05)
        assert set(bench.reports) == {"hangs"}
        with pytest.raises(RuntimeError, match="can't start"):
            bench.executor.check()
        gate.set()
        bench.executor.close()

    run(body)


# --- threads that something outside ends ---


def raise_at(line: int, error: type[BaseException]) -> None:
    """Raise an error in this thread when it reaches its n-th line of the executor from now on, as
    a debugger or a watchdog may do it from outside."""
    left = iter(range(line))

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != thread_executor.__file__:
            return None
        if event == "line" and next(left, None) is None:
            raise error
        return trace

    sys.settrace(trace)
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == thread_executor.__file__:
            frame.f_trace = trace
        frame = frame.f_back


async def checked_until(bench: Bench, id: str) -> None:
    """Check the executor, as a worker does, until a run is reported."""
    async with asyncio.timeout(SOON):
        while id not in bench.reports:
            await asyncio.sleep(0.005)
            bench.executor.check()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, ValueError])
def test_an_exception_raised_into_a_thread_from_outside_loses_no_run_and_no_place(
    error: type[BaseException],
) -> None:
    def handle(job: ClaimedJob) -> Any:
        if job.data == 1:
            raise_at(int(job.id), error)
        return job.data

    async def body() -> None:
        bench = Bench(handle, concurrency=1)
        for n in range(30):
            bench.executor.start(a_run(str(n)))
            await checked_until(bench, str(n))
            # An error behind the report hits the wait for the next run.
            bench.executor.start(a_run(f"{n}00", b"2"))
            await checked_until(bench, f"{n}00")
        bench.executor.start(a_run("last", b"2"))
        await checked_until(bench, "last")
        assert bench.reports["last"].verb == "complete"
        assert bench.executor.running == 0
        bench.executor.close()

    run(body)


def test_a_dead_thread_is_replaced_and_the_run_it_had_taken_is_released() -> None:
    async def body() -> None:
        bench = Bench(lambda job: job.data, concurrency=1)
        executor = bench.executor
        assert isinstance(executor, ThreadExecutor)
        serve = executor._serve
        executor._serve = lambda thread: executor._work.get()  # type: ignore
        executor.start(a_run("taken"))
        executor._serve = serve  # type: ignore[method-assign]
        await checked_until(bench, "taken")
        assert bench.reports["taken"].verb == "release"
        executor.start(a_run("next"))
        await bench.until(2)
        assert bench.reports["next"].verb == "complete"
        executor.close()

    run(body)


# --- what is awaitable ---


def plainly(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that knows nothing of coroutines."""

    @functools.wraps(function)
    def inner(*args: Any) -> Any:
        return function(*args)

    return inner


def in_a_coroutine(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that forgets to await."""

    async def inner(*args: Any) -> Any:
        return function(*args)

    return inner


@pytest.mark.parametrize("decorator", [plainly, in_a_coroutine])
def test_an_awaitable_that_a_handler_returns_is_awaited_in_the_loop(
    decorator: Callable[..., Any],
) -> None:
    async def body() -> None:
        loop = asyncio.get_running_loop()

        @decorator
        async def handle(job: ClaimedJob) -> Any:
            assert asyncio.get_running_loop() is loop
            await asyncio.sleep(0)
            if job.data == 2:
                raise ValueError("no")
            return job.data

        bench = Bench(handle)
        bench.executor.start(a_run("a"))
        bench.executor.start(a_run("b", b"2"))
        await bench.until(2)
        bench.executor.close()
        assert bench.reports["a"] == Outcome("complete", b"1")
        assert bench.reports["b"].why == "ValueError: no"
        assert bench.executor.running == 0

    run(body)


def test_a_returned_awaitable_is_late_and_cancelled_like_a_task() -> None:
    async def sleep(job: ClaimedJob) -> None:
        await asyncio.sleep(SOON)

    async def body() -> None:
        bench = Bench(plainly(sleep))
        bench.executor.start(a_run("late", timeout=0.05))
        cancelled = a_run("cancelled")
        bench.executor.start(cancelled)
        await bench.until(1)
        bench.executor.cancel(cancelled)
        await bench.until(2)
        bench.executor.close()
        assert bench.reports["late"].why.startswith("TimeoutError: took longer than 0.05 s")
        assert bench.reports["cancelled"] == Outcome("release")

    run(body)


def generates(job: ClaimedJob) -> Any:
    yield job.data


async def generates_async(job: ClaimedJob) -> Any:
    yield job.data


class Generates:
    def __call__(self, job: ClaimedJob) -> Any:
        yield job.data


@pytest.mark.parametrize(
    "handler",
    [generates, generates_async, Generates(), functools.partial(generates), Generates().__call__],
    ids=["function", "async", "object", "partial", "method"],
)
def test_a_generator_function_is_refused_as_handler(handler: Any) -> None:
    with pytest.raises(BadArgument, match="generator"):
        check_handler(handler)
