"""Many jobs of one task: submit_many and map."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from support.servers import MEMORY_PLACES, SERVER_PLACES, at
from support.store import Store

import pyjobs
import pyjobs.aio
from pyjobs import BadArgument, JobFailed, task
from pyjobs.testing import running


@task(name="half", max_attempts=1)
def half(of: int, plus: int = 0) -> int:
    if of % 2:
        raise ValueError(f"{of} is odd")
    return of // 2 + plus


@pytest.fixture
def client(store: Store) -> Iterator[pyjobs.Client]:
    with pyjobs.Client(store.url) as client:
        yield client


@contextlib.contextmanager
def worker(store: Store) -> Iterator[None]:
    with running(pyjobs.Worker(store.url, tasks=[half])):
        yield


@at(SERVER_PLACES)
def test_submit_many_of_a_task_takes_tuples_and_dicts(store: Store, client: pyjobs.Client) -> None:
    jobs = client.submit_many(half, [(2,), {"of": 4, "plus": 1}, (6, 2)], ids=list("abc"))
    with worker(store):
        assert [job.result(30) for job in jobs] == [1, 3, 5]
    assert [job.id for job in jobs] == ["a", "b", "c"]


@at(MEMORY_PLACES)
def test_submit_many_of_a_task_sends_a_generator_in_parts(
    store: Store, client: pyjobs.Client
) -> None:
    def numbers() -> Iterator[tuple[int]]:
        for n in range(2001):
            yield (2 * n,)
        assert store.redis.llen("jobs:{default}:pending") == 2000

    assert len(client.submit_many(half.using(queue="default"), numbers())) == 2001


@at(MEMORY_PLACES)
@pytest.mark.parametrize(
    ("items", "more", "why"),
    [
        ([(2,), ("x",)], {}, r"arguments\[1\]: task half: Expected `int`, got `str` - at `\$.of`"),
        ([(2,), 4], {}, r"arguments\[1\]: an int, neither a tuple of arguments nor a dict"),
        ([(2,), (4,)], {"ids": ["a"]}, "ids: 1, and there are more jobs than that"),
        ([(2,)], {"ids": ["a", "b"]}, "ids: more than there are jobs"),
        ([(2,), (4,)], {"unique": "k"}, "unique: a key is for one job"),
        ({"of": 2}, {}, "arguments: a dict, not a list of jobs' arguments"),
        ([(2,)], {"delay": "x"}, "delay"),
    ],
)
def test_a_list_of_arguments_is_checked_before_anything_is_written(
    store: Store, client: pyjobs.Client, items: Any, more: Any, why: str
) -> None:
    with pytest.raises(BadArgument, match=why):
        client.submit_many(half, items, **more)
    if why != "ids: more than there are jobs":
        assert not store.redis.keys("*:job:*")


@at(MEMORY_PLACES)
def test_the_options_of_a_submit_come_before_those_of_the_task(
    store: Store, client: pyjobs.Client
) -> None:
    client.submit_many(half, [(2,)], ids=["a"], queue="other", max_attempts=7)
    fields = store.redis.hgetall("jobs:{other}:job:a")
    assert (fields[b"max_attempts"], fields[b"task"]) == (b"7", b"half")


def test_an_id_of_using_is_for_one_job() -> None:
    with pyjobs.Client("memory://") as client, pytest.raises(BadArgument, match="id: is for one"):
        client.submit_many(half.using(id="a"), [(2,), (4,)])


@at(SERVER_PLACES)
def test_map_yields_results_in_order_with_a_window_of_jobs(
    store: Store, client: pyjobs.Client
) -> None:
    taken: list[int] = []
    items = (taken.append(n) or (2 * n,) for n in range(60))  # type: ignore[func-returns-value]
    with worker(store):
        results = client.map(half, items, window=10, timeout=30)
        assert (next(results), len(taken)) == (0, 10)
        assert [*results] == [*range(1, 60)]


@at(MEMORY_PLACES)
def test_map_raises_the_error_of_a_job_in_its_place(store: Store, client: pyjobs.Client) -> None:
    with worker(store):
        results = client.map(half, [(2,), (4,), (3,), (6,)])
        assert [next(results), next(results)] == [1, 2]
        with pytest.raises(JobFailed, match="3 is odd"):
            next(results)


@at(MEMORY_PLACES)
def test_map_that_keeps_errors_yields_the_error_of_a_job_in_its_place_and_goes_on(
    store: Store, client: pyjobs.Client
) -> None:
    with worker(store):
        one, error, three = client.map(half, [(2,), (3,), (6,)], errors="keep", timeout=30)
    assert (one, three) == (1, 3)
    assert isinstance(error, JobFailed)
    assert str(error) == "ValueError: 3 is odd"


@at(MEMORY_PLACES)
def test_map_that_keeps_errors_raises_when_no_result_comes_in_time(client: pyjobs.Client) -> None:
    with pytest.raises(TimeoutError):
        next(client.map(half, [(2,)], errors="keep", timeout=0.01))


@at(MEMORY_PLACES)
def test_map_refuses_a_word_for_errors_that_is_none(client: pyjobs.Client) -> None:
    with pytest.raises(BadArgument, match="errors: 'drop' is not one of raise, keep"):
        client.map(half, [], errors="drop")  # type: ignore[call-overload]


@at(MEMORY_PLACES)
def test_map_refuses_what_is_no_task(client: pyjobs.Client) -> None:
    with pytest.raises(BadArgument, match=r"^task: .* is no task; decorate it by @task"):
        client.map(print, [(1,)])  # type: ignore[call-overload]


def test_a_worker_refuses_one_task_in_place_of_a_list() -> None:
    with pytest.raises(BadArgument, match=r"^tasks: must be a list, such as \[<Task half>\]"):
        pyjobs.Worker(tasks=half)  # type: ignore[arg-type]


@at(MEMORY_PLACES)
@pytest.mark.parametrize("window", [0, None, 100_001])
def test_map_refuses_a_window_that_is_none(client: pyjobs.Client, window: Any) -> None:
    with pytest.raises(BadArgument, match="window"):
        client.map(half, [], window=window)


@at(SERVER_PLACES)
def test_the_asyncio_client_maps_lists_and_async_generators(store: Store) -> None:
    async def numbers() -> AsyncIterator[tuple[int]]:
        for n in range(25):
            yield (2 * n,)

    async def halves() -> tuple[list[int], list[int], list[str]]:
        async with pyjobs.aio.Client(store.url) as client:
            jobs = await client.submit_many(half, numbers())
            first = [await job for job in jobs]
            second = [one async for one in client.map(half, numbers(), window=4, timeout=30)]
            kept = [one async for one in client.map(half, [(2,), (3,), {"of": 4}], errors="keep")]
            third = [str(one) for one in kept]
            return first, second, third

    with worker(store):
        assert asyncio.run(halves()) == (
            [*range(25)],
            [*range(25)],
            ["1", "ValueError: 3 is odd", "2"],
        )
