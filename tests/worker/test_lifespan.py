"""What a program puts around a worker's run, a job's run and a submit: lifespan and middleware."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from support.running import wait_until

import pyjobs
from pyjobs import ClaimedJob, Client, JobFailed, Worker, task
from pyjobs.errors import BadArgument
from pyjobs.testing import Jobs, Running, running
from pyjobs.testing.jobs import end_memory, memory_url

SOON = 30.0
WHERE: contextvars.ContextVar[str] = contextvars.ContextVar("WHERE", default="outside")


@pytest.fixture
def url() -> Iterator[str]:
    found = memory_url()
    yield found
    end_memory(found)


class Span:
    """A lifespan, plain or async, that notes what happens."""

    def __init__(self, *, plain: bool = False) -> None:
        self.notes: list[str] = []
        self.plain = plain

    def __call__(self, worker: Worker) -> Any:
        return self._plain() if self.plain else self._async()

    @contextlib.contextmanager
    def _plain(self) -> Iterator[str]:
        self.notes.append("begin")
        WHERE.set("inside")
        try:
            yield "pool"
        except BaseException as error:
            self.notes.append(type(error).__name__)
            raise
        finally:
            self.notes.append("end")

    @contextlib.asynccontextmanager
    async def _async(self) -> AsyncIterator[str]:
        with self._plain() as pool:
            yield pool
            await asyncio.sleep(0)


def handler_of(plain: bool) -> Any:
    def handle(job: ClaimedJob) -> list[str]:
        return [job.context, WHERE.get()]

    async def handle_async(job: ClaimedJob) -> list[str]:
        return handle(job)

    return handle if plain else handle_async


@pytest.mark.parametrize("plain", [False, True], ids=["async def", "def"])
@pytest.mark.parametrize("plain_span", [False, True], ids=["async span", "plain span"])
def test_a_handler_reaches_what_the_lifespan_yields_and_its_context_variables(
    url: str, plain: bool, plain_span: bool
) -> None:
    span = Span(plain=plain_span)
    worker = Worker(url, queues=["q"], lifespan=span)
    worker.handler(handler_of(plain))
    with running(worker), Client(url, queue="q") as client:
        assert client.submit(1).result(SOON) == ["pool", "inside"]
        assert span.notes == ["begin"]
    assert span.notes == ["begin", "end"]


def test_the_lifespan_ends_after_the_last_handler(url: str) -> None:
    span = Span()
    worker = Worker(url, queues=["q"], lifespan=span)
    began = threading.Event()

    @worker.handler
    async def handle(job: ClaimedJob) -> None:
        began.set()
        await asyncio.sleep(0.2)
        span.notes.append("handled")

    with running(worker), Client(url, queue="q") as client:
        client.submit(1)
        assert began.wait(SOON)
    assert span.notes == ["begin", "handled", "end"]


def test_a_lifespan_that_fails_at_the_start_ends_the_run_with_its_error(url: str) -> None:
    @contextlib.asynccontextmanager
    async def span(worker: Worker) -> AsyncIterator[None]:
        raise ConnectionError("no database")
        yield

    worker = Worker(url, queues=["q"], lifespan=span)
    worker.handler(handler_of(True))
    with pytest.raises(ConnectionError, match="no database"):
        worker.run(signals=False)


def test_a_lifespan_that_is_no_context_manager_is_refused_with_a_hint(url: str) -> None:
    async def span(worker: Worker) -> AsyncIterator[None]:
        yield

    worker = Worker(url, queues=["q"], lifespan=span)
    worker.handler(handler_of(True))
    with pytest.raises(BadArgument, match=r"contextlib\.asynccontextmanager"):
        worker.run(signals=False)
    with pytest.raises(BadArgument, match="lifespan: an int can't be called"):
        Worker(url, lifespan=1)  # type: ignore[arg-type]


def test_a_stop_ends_a_lifespan_that_hangs_at_the_start(url: str) -> None:
    began = threading.Event()

    @contextlib.asynccontextmanager
    async def span(worker: Worker) -> AsyncIterator[None]:
        began.set()
        await asyncio.sleep(3600)
        yield

    worker = Worker(url, queues=["q"], lifespan=span)
    worker.handler(handler_of(True))
    run = Running(worker)
    assert began.wait(SOON)
    worker.stop()
    assert run.ended(SOON) is None


def test_a_second_stop_breaks_off_a_lifespan_that_hangs_at_the_end(url: str) -> None:
    hangs = threading.Event()

    @contextlib.asynccontextmanager
    async def span(worker: Worker) -> AsyncIterator[None]:
        yield
        hangs.set()
        await asyncio.sleep(3600)

    worker = Worker(url, queues=["q"], lifespan=span)
    worker.handler(handler_of(True))
    run = Running(worker)
    wait_until(lambda: worker._processor is not None)
    worker.stop()
    assert hangs.wait(SOON)
    worker.stop()
    assert run.ended(SOON) is None


def test_a_background_task_of_the_lifespan_that_fails_ends_the_run(url: str) -> None:
    @contextlib.asynccontextmanager
    async def span(worker: Worker) -> AsyncIterator[None]:
        async def fail() -> None:
            raise OSError("lost")

        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            yield

    worker = Worker(url, queues=["q"], lifespan=span, grace=0.1)
    worker.handler(handler_of(True))
    error = Running(worker).ended(SOON)
    assert isinstance(error, ExceptionGroup)


def test_a_job_of_a_worker_without_a_lifespan_has_no_context(url: str) -> None:
    worker = Worker(url, queues=["q"])
    worker.handler(lambda job: job.context)
    with running(worker), Client(url, queue="q") as client:
        assert client.submit(1).result(SOON) is None


# --- middleware ---

NOTES: list[str] = []


@contextlib.contextmanager
def plain_one(job: ClaimedJob) -> Iterator[None]:
    NOTES.append(f"plain {job.data} in {threading.current_thread().name}")
    token = WHERE.set("in middleware")
    try:
        yield
    except Exception as error:
        NOTES.append(type(error).__name__)
        raise
    finally:
        WHERE.reset(token)
        NOTES.append("plain ends")


@contextlib.asynccontextmanager
async def async_one(job: ClaimedJob) -> AsyncIterator[None]:
    await asyncio.sleep(0)
    NOTES.append(f"async {job.data} in {threading.current_thread().name}")
    try:
        yield
    finally:
        await asyncio.sleep(0)
        NOTES.append("async ends")


@pytest.fixture(autouse=True)
def _no_notes() -> None:
    NOTES.clear()


@pytest.mark.parametrize("plain", [False, True], ids=["async def", "def"])
def test_plain_middleware_surrounds_a_handler_where_it_runs(url: str, plain: bool) -> None:
    worker = Worker(url, queues=["q"], middleware=[plain_one])
    worker.handler(handler_of(plain))
    with running(worker), Client(url, queue="q") as client:
        assert client.submit(1).result(SOON) == [None, "in middleware"]
    thread = "pyjobs-handler" if plain else "pyjobs-worker"
    assert [f"plain 1 in {thread}", "plain ends"] == NOTES


@pytest.mark.parametrize("plain", [False, True], ids=["async def", "def"])
def test_async_middleware_surrounds_a_handler_and_runs_in_the_event_loop(
    url: str, plain: bool
) -> None:
    worker = Worker(url, queues=["q"], middleware=[async_one, plain_one])
    worker.handler(handler_of(plain))
    with running(worker), Client(url, queue="q") as client:
        assert client.submit(1).result(SOON) == [None, "in middleware"]
    assert NOTES[0] == "async 1 in pyjobs-worker"
    assert NOTES[-2:] == ["plain ends", "async ends"]


@pytest.mark.parametrize("kind", [pyjobs.Client, pyjobs.aio.Client])
def test_a_client_of_either_kind_may_be_the_lifespan(url: str, kind: Any) -> None:
    worker = Worker(url, queues=["q"], lifespan=lambda _: kind(url, queue="other"))

    @worker.handler
    async def handle(job: ClaimedJob) -> bool:
        return isinstance(job.context, kind)

    with running(worker), Client(url, queue="q") as client:
        assert client.submit(1).result(SOON)


@pytest.mark.parametrize("plain", [False, True], ids=["async def", "def"])
@pytest.mark.parametrize("kind", [pyjobs.Client, pyjobs.aio.Client])
def test_a_client_of_either_kind_may_be_middleware(url: str, kind: Any, plain: bool) -> None:
    worker = Worker(url, queues=["q"], middleware=[lambda _: kind(url, queue="other")])
    worker.handler(handler_of(plain))
    with running(worker), Client(url, queue="q") as client:
        assert client.submit(1).result(SOON) == [None, "outside"]


@pytest.mark.parametrize("plain", [False, True], ids=["async def", "def"])
def test_middleware_sees_what_a_handler_raises(url: str, plain: bool) -> None:
    worker = Worker(url, queues=["q"], middleware=[plain_one])

    def fail(job: ClaimedJob) -> None:
        raise ValueError("no")

    async def fail_async(job: ClaimedJob) -> None:
        fail(job)

    worker.handler(fail if plain else fail_async)
    with running(worker), Client(url, queue="q") as client:
        error = client.submit(1, max_attempts=1).exception(SOON)
    assert isinstance(error, JobFailed)
    assert (error.type, error.message) == ("ValueError", "no")
    assert "ValueError" in NOTES


@task(name="plain.add", queue="q")
def add(a: int, b: int = 1) -> int:
    return a + b


@task(name="async.add", queue="q")
async def add_async(a: int, b: int = 1) -> int:
    return a + b


def test_middleware_surrounds_tasks_and_the_awaitable_of_a_plain_handler(url: str) -> None:
    worker = Worker(url, tasks=[add, add_async], middleware=[plain_one])

    async def later(data: int) -> int:
        NOTES.append("awaited")
        return data

    worker.handler(lambda job: later(job.data))
    with running(worker), Client(url, queue="q") as client:
        assert client.submit(add, 1).result(SOON) == 2
        assert client.submit(add_async, 2).result(SOON) == 3
        NOTES.clear()
        assert client.submit(7).result(SOON) == 7
    assert NOTES[1:] == ["awaited", "plain ends"]


def test_a_run_that_is_too_late_leaves_its_async_middleware(url: str) -> None:
    """The event loop must not go on with what the thread waits for."""
    ended = threading.Event()

    @contextlib.asynccontextmanager
    async def slow(job: ClaimedJob) -> AsyncIterator[None]:
        try:
            await asyncio.sleep(3600)
            yield
        finally:
            ended.set()

    worker = Worker(url, queues=["q"], middleware=[slow], grace=0.1)
    worker.handler(lambda job: 1)
    with running(worker), Client(url, queue="q") as client:
        error = client.submit(1, timeout=0.1, max_attempts=1).exception(SOON)
        assert isinstance(error, JobFailed)
        assert error.type == "TimeoutError"
        assert ended.wait(SOON)


@pytest.mark.parametrize("wrong", [1, [1], "plain"])
def test_middleware_that_is_no_list_of_functions_is_refused(url: str, wrong: Any) -> None:
    with pytest.raises(BadArgument, match="middleware"):
        Worker(url, middleware=wrong)
    with pytest.raises(BadArgument, match="middleware"):
        Client(url, middleware=wrong)


# --- in the tests of a program ---


def test_run_all_has_the_lifespan_and_the_middleware_of_its_worker(url: str) -> None:
    span = Span()
    worker = Worker(url, queues=["q"], lifespan=span, middleware=[async_one, plain_one])
    worker.handler(lambda job: [job.context, WHERE.get()])
    with contextlib.closing(Jobs(url)) as jobs:
        jobs.client.submit(1, queue="q")
        assert jobs.run_all(worker) == [["pool", "in middleware"]]
    assert span.notes == ["begin", "end"]
    assert NOTES[-2:] == ["plain ends", "async ends"]


def test_arun_all_has_the_lifespan_and_the_middleware_of_its_worker(url: str) -> None:
    span = Span()
    worker = Worker(url, queues=["q"], lifespan=span, middleware=[async_one])
    worker.handler(handler_of(False))

    async def main() -> None:
        with contextlib.closing(Jobs(url)) as jobs:
            jobs.client.submit(1, queue="q")
            assert await jobs.arun_all(worker) == [["pool", "inside"]]

    asyncio.run(main())
    assert span.notes == ["begin", "end"]


# --- around a submit ---

CALLS: list[Any] = []


@contextlib.contextmanager
def around_submit(call: pyjobs.SubmitCall) -> Iterator[None]:
    began = time.monotonic()
    error = ""
    try:
        yield
    except Exception as found:
        error = type(found).__name__
        # A middleware can't swallow the error of a submit.
    finally:
        assert time.monotonic() >= began
        CALLS.append((call.queues, call.task, call.count, [job.id for job in call.jobs], error))


def test_middleware_of_a_client_surrounds_its_submits(url: str) -> None:
    CALLS.clear()
    with Client(url, middleware=[around_submit]) as client:
        job = client.submit("a", queue="x", task="t")
        jobs = client.submit_many(add, [(1,), (2,)])
        assert client.submit_many([]) == []
        with pytest.raises(pyjobs.WrongMode):
            Client(url, mode="simple", middleware=[around_submit]).submit("b", queue="x")
    assert [
        (("x",), "t", 1, [job.id], ""),
        (("q",), "plain.add", 2, [one.id for one in jobs], ""),
        (("x",), "", 1, [], "WrongMode"),
    ] == CALLS


def test_middleware_of_an_asyncio_client_may_be_async(url: str) -> None:
    CALLS.clear()

    @contextlib.asynccontextmanager
    async def around(call: pyjobs.SubmitCall) -> AsyncIterator[None]:
        await asyncio.sleep(0)
        with around_submit(call):
            yield

    async def main() -> None:
        async with pyjobs.aio.Client(url, middleware=[around, around_submit]) as client:
            job = await client.submit(add_async, 1)
            jobs = await client.submit_many(["a", "b"], queue="x")
            one = (("q",), "async.add", 1, [job.id], "")
            many = (("x",), "", 2, [found.id for found in jobs], "")
            assert [one, one, many, many] == CALLS

    asyncio.run(main())
