"""Tasks that yield: what they yield is the output of their jobs, converted by its annotation."""

from __future__ import annotations

import asyncio
import datetime
import sys
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from typing import Any

import pytest
from support.servers import MEMORY_PLACES, SOCKET_PLACES, at
from support.store import Store
from uncalled_for import Depends

from pyjobs import BadArgument, Chunk, ClaimedJob, Client, JobFailed, Unavailable, Worker, aio, task
from pyjobs.testing import Jobs, claimed_job, running
from pyjobs.testing.jobs import end_memory, memory_url

DAY = datetime.date(2026, 11, 27)
LEFT: list[str] = []


def days(count: int) -> list[datetime.date]:
    return [DAY + datetime.timedelta(days=n) for n in range(count)]


@task(name="plain")
def plain(count: int) -> Generator[datetime.date, None, int]:
    yield from days(count)
    return count


@task(name="loop")
async def in_loop(count: int) -> AsyncIterator[datetime.date]:
    for day in days(count):
        yield day


@task(name="again", backoff=0.01)
def again(job: ClaimedJob, word: str) -> Iterator[str]:
    yield f"{word} {job.attempt}"
    if job.attempt == 1:
        raise ValueError("once")


@task(name="wrong", max_attempts=3)
def wrong() -> Iterator[int]:
    try:
        yield "no number"  # type: ignore[misc]
    finally:
        LEFT.append("wrong")


@task(name="bare")
def bare():  # type: ignore[no-untyped-def]
    yield [1, None]


def database() -> str:
    return "db"


@task(name="needs")
def needs(word: str, db: str = Depends(database)) -> Iterator[str]:
    yield f"{word} {db}"


@task(name="aneeds")
async def aneeds(word: str, db: str = Depends(database)) -> AsyncIterator[str]:
    yield f"{word} {db}"


TASKS = [plain, in_loop, again, wrong, bare, needs, aneeds]


def values(chunks: Iterable[Chunk]) -> list[Any]:
    return [chunk.value for chunk in chunks]


@at(SOCKET_PLACES)
def test_a_task_that_yields_writes_output_that_early_and_late_readers_get(store: Store) -> None:
    with Client(store.url) as client:
        early = client.submit(plain, 3)
        with running(Worker(store.url, tasks=TASKS)):
            assert values(early.output(10)) == days(3)
            assert early.result(30) == 3
            assert values(early.output(10)) == days(3)
            looped = client.submit(in_loop, count=2)
            assert values(looped.output(10)) == days(2)
            assert looped.result(30) is None


@at(SOCKET_PLACES)
def test_each_attempt_of_a_task_that_yields_writes_behind_the_last(store: Store) -> None:
    with (
        Client(store.url) as client,
        running(Worker(store.url, tasks=TASKS)),
    ):
        found = list(client.submit(again.using(delay=0.01), "try").output(10))
    assert found == [Chunk("try 1", 1, 1), Chunk("try 2", 2, 1)]


@at(SOCKET_PLACES)
def test_an_asyncio_client_converts_what_a_task_yields(store: Store) -> None:
    async def read() -> tuple[list[Any], int]:
        async with aio.Client(store.url) as client:
            job = await client.submit(plain, 2)
            return [chunk.value async for chunk in job.output(10)], await job

    with running(Worker(store.url, tasks=TASKS)):
        assert asyncio.run(read()) == (days(2), 2)


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    url = memory_url()
    found = Jobs(url)
    yield found
    found.close()
    end_memory(url)


def output(jobs: Jobs, job: Any) -> list[Any]:
    return values(jobs.client.job(job.id, queue=job.queue).output(5))


def test_a_value_that_does_not_fit_the_annotation_rejects_the_job_and_leaves_the_generator(
    jobs: Jobs,
) -> None:
    job = jobs.client.submit(wrong)
    jobs.run_all(tasks=TASKS, errors="keep")
    error = job.exception(5)
    assert isinstance(error, JobFailed)
    assert (error.reason, error.message) == (
        "rejected",
        "task wrong: output: Expected `int`, got `str`",
    )
    assert (LEFT, output(jobs, job)) == (["wrong"], [])


def test_a_task_that_yields_may_have_no_annotation_and_dependencies(jobs: Jobs) -> None:
    submitted = [
        jobs.client.submit(bare),
        *(jobs.client.submit(one, "a") for one in (needs, aneeds)),
    ]
    assert jobs.run_all(tasks=TASKS) == [None, None, None]
    assert [output(jobs, job) for job in submitted] == [[[1, None]], ["a db"], ["a db"]]


def test_jobs_of_submit_many_and_jobs_that_are_looked_up_have_output(jobs: Jobs) -> None:
    [job] = jobs.client.submit_many(plain, [(1,)])
    jobs.run_all(tasks=TASKS)
    assert values(job.output(5)) == [DAY]
    assert output(jobs, job) == ["2026-11-27"]


def test_output_without_msgspec_is_plain_json(monkeypatch: pytest.MonkeyPatch, jobs: Jobs) -> None:
    monkeypatch.setitem(sys.modules, "msgspec", None)

    @task(name="words")
    def words() -> Iterator[dict[str, int]]:
        yield {"a": 1}

    job = jobs.client.submit(words)
    jobs.run_all(tasks=[words])
    assert values(job.output(5)) == [{"a": 1}]


def test_a_call_of_a_task_that_yields_is_its_generator() -> None:
    assert list(plain(2)) == days(2)


def test_a_policy_says_nothing_about_output_that_redis_has_not_recorded() -> None:
    @task(name="only", retry_on=(ValueError,))
    def only(job: ClaimedJob) -> Iterator[int]:
        yield 1

    class Away:
        def append(self, run: Any, body: bytes) -> None:
            raise Unavailable("away")

    job = claimed_job({}, task="only")
    job._run.updates = Away()
    with pytest.raises(Exception, match="away") as found:
        only.run(job)
    assert (type(found.value).__name__, found.value.verdict) == ("Unwritten", "retry")  # type: ignore[attr-defined]


def numbers() -> int:  # type: ignore[misc]
    yield 1


def iterable() -> Iterable[int]:
    yield 1


def returns() -> Iterator[int]:
    return iter([1])


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (numbers, r"-> Iterator\[T\]"),
        (iterable, r"-> Iterator\[T\]"),
        (returns, "let it yield, or return a list"),
    ],
)
def test_a_function_whose_annotation_contradicts_what_it_yields_is_refused(
    function: Any, why: str
) -> None:
    with pytest.raises(BadArgument, match=why):
        task(name="x")(function)


@at(MEMORY_PLACES)
def test_simple_mode_has_no_tasks_that_yield(store: Store) -> None:
    with pytest.raises(BadArgument, match="plain yields, and simple mode has no output"):
        Worker(store.url, mode="simple", tasks=[plain])
