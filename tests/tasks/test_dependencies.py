"""Tasks whose functions have dependencies, which uncalled-for resolves."""

# ruff: noqa: B008
from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from uncalled_for import CallArgument, Depends, Shared, SharedContext

from pyjobs import BadArgument, ClaimedJob, Client, JobFailed, Worker, task
from pyjobs.testing import Jobs, running
from pyjobs.testing.jobs import end_memory, memory_url

SOON = 30.0
NOTES: list[str] = []


@pytest.fixture
def url() -> Iterator[str]:
    NOTES.clear()
    found = memory_url()
    yield found
    end_memory(found)


@contextlib.asynccontextmanager
async def database() -> AsyncIterator[str]:
    await asyncio.sleep(0)
    NOTES.append("open")
    try:
        yield "db"
    except Exception as error:
        NOTES.append(type(error).__name__)
        raise
    finally:
        await asyncio.sleep(0)
        NOTES.append("close")


@contextlib.contextmanager
def session(job: ClaimedJob = CallArgument("job")) -> Iterator[str]:
    NOTES.append(f"open in {threading.current_thread().name}")
    yield f"session of attempt {job.attempt}"
    NOTES.append("close")


def pool(job: ClaimedJob = CallArgument("job")) -> Any:
    return job.context


@task(name="deps.count", queue="q")
async def count(word: str, times: int = 1, db: str = Depends(database)) -> str:
    if word == "bad":
        raise KeyError(word)
    return f"{db}: {word * times}"


@task(name="deps.plain", queue="q")
def plain(word: str, db: str = Depends(session), lent: Any = Depends(pool)) -> str:
    return f"{db}: {word} {lent}"


@task(name="deps.awaits", queue="q")
def awaits(db: str = Depends(database)) -> str:
    return db


def test_an_async_task_gets_its_dependencies_and_they_are_left_afterwards(url: str) -> None:
    with running(Worker(url, tasks=[count])), Client(url) as client:
        assert client.submit(count, "ab", times=2).result(SOON) == "db: abab"
    assert NOTES == ["open", "close"]


def test_a_dependency_sees_what_its_task_raises(url: str) -> None:
    with running(Worker(url, tasks=[count])), Client(url) as client:
        error = client.submit(count.using(max_attempts=1), "bad").exception(SOON)
    assert isinstance(error, JobFailed)
    assert error.type == "KeyError"
    assert NOTES == ["open", "KeyError", "close"]


def test_a_plain_task_gets_its_dependencies_in_its_own_thread(url: str) -> None:
    @contextlib.contextmanager
    def span(worker: Worker) -> Iterator[str]:
        yield "pool"

    worker = Worker(url, tasks=[plain], lifespan=span)
    with running(worker), Client(url) as client:
        assert client.submit(plain, "ab").result(SOON) == "session of attempt 1: ab pool"
    assert NOTES == ["open in pyjobs-handler", "close"]


def test_a_plain_task_whose_dependency_awaits_fails_with_its_name(url: str) -> None:
    with running(Worker(url, tasks=[awaits])), Client(url) as client:
        error = client.submit(awaits.using(max_attempts=1)).exception(SOON)
    assert isinstance(error, JobFailed)
    assert "task deps.awaits: a dependency awaits something" in error.message


def test_a_dependency_that_raises_fails_the_job_with_its_own_error(url: str) -> None:
    def broken() -> str:
        raise ConnectionError("no database")

    @task(name="deps.broken", queue="q")
    async def use(db: str = Depends(broken)) -> str:
        return db

    with contextlib.closing(Jobs(url)) as jobs:
        jobs.client.submit(use)
        with pytest.raises(ConnectionError, match="no database"):
            jobs.run_all(tasks=[use])


def test_dependencies_are_no_arguments_and_are_refused_in_a_submit(url: str) -> None:
    assert set(count.parameters) == {"word", "times"}
    assert "db" not in str(count.schema())
    with (
        Client(url) as client,
        pytest.raises(BadArgument, match="keyword argument 'db'"),
    ):
        client.submit(count, "ab", db="mine")


def test_a_function_with_dependencies_is_called_as_before() -> None:
    assert asyncio.run(count("ab", db="mine")) == "mine: ab"


def test_a_shared_dependency_lives_as_long_as_the_lifespan(url: str) -> None:
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return len(made)

    @task(name="deps.shared", queue="q")
    async def use(number: int = Shared(make)) -> int:
        return number

    @contextlib.asynccontextmanager
    async def span(worker: Worker) -> AsyncIterator[None]:
        async with SharedContext():
            yield

    worker = Worker(url, tasks=[use], lifespan=span)
    with running(worker), Client(url) as client:
        assert [job.result(SOON) for job in client.submit_many(use, [(), ()])] == [1, 1]


def test_a_plain_call_without_a_dependency_names_it_and_with_one_runs() -> None:
    @task(name="plain-call")
    def plain(to: int, db: str = Depends(lambda: "db")) -> str:
        return f"{to} {db}"

    with pytest.raises(BadArgument, match=r"resolves no dependencies; give db, or submit a job"):
        plain(7)
    assert plain(7, db="mine") == "7 mine"
    with pytest.raises(TypeError, match="nonsense"):
        plain(7, nonsense=1)  # type: ignore[call-arg]
