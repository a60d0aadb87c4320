"""The submit of values that come one after the other: how far ahead they are taken, what is held,
and what is known after an error."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from support.running import AioClient, is_async, opened
from support.servers import CLIENT_CODE_PLACES, CLIENT_PLACES, CLIENT_SOCKET_PLACES, at
from support.store import Q, Store

from pyjobs.client.batch import Batch
from pyjobs.client.job import BaseJob
from pyjobs.client.stream import PART_ITEMS, Stream, is_stream
from pyjobs.engine import CALL_BYTES, MAX_BYTES
from pyjobs.errors import BadArgument, TooLarge, Unencodable

CODE = at(CLIENT_CODE_PLACES)


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    with opened(store.url, aio=is_async(store), queue="q") as client:
        yield client
    store.redis.flushall()  # the check of so many keys would take longer than the test


def pending(store: Store) -> int:
    return int(store.redis.llen(f"{Q}:pending"))


@at(CLIENT_PLACES)
def test_a_generator_is_taken_at_most_a_part_ahead_of_what_was_accepted(
    store: Store, client: Any
) -> None:
    ahead = []

    def values() -> Iterator[int]:
        for n in range(2 * PART_ITEMS + 10):
            if n % 250 == 0:
                ahead.append(n - pending(store))
            yield n

    jobs = client.submit_many(values())
    assert max(ahead) < PART_ITEMS
    assert len({job.id for job in jobs}) == 2 * PART_ITEMS + 10 == pending(store)


@at(CLIENT_SOCKET_PLACES)
def test_the_payloads_of_a_generator_are_not_all_held(store: Store, client: Any) -> None:
    count, size = 10_000, 5_000

    def values() -> Iterator[str]:
        return (f"{n}".ljust(size, "x") for n in range(count))

    tracemalloc.start()
    try:
        jobs = client.submit_many(values())
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(jobs) == count
    assert most < count * size / 2


@CODE
def test_an_async_generator_is_sent_as_it_comes(store: Store, client: Any) -> None:
    async def values() -> AsyncIterator[int]:
        for n in range(PART_ITEMS + 10):
            yield n

    if not isinstance(client, AioClient):
        with pytest.raises(BadArgument, match="data: an async_generator, not a list of jobs' data"):
            client.submit_many(values())
        return
    jobs = client.submit_many(values(), ids=(f"j{n}" for n in range(PART_ITEMS + 10)))
    assert [job.id for job in jobs] == [f"j{n}" for n in range(PART_ITEMS + 10)]


@CODE
def test_an_error_of_the_generator_is_raised_with_what_was_submitted_before(
    store: Store, client: Any
) -> None:
    def values() -> Iterator[int]:
        yield from range(PART_ITEMS + 10)
        raise LookupError("no more rows")

    with pytest.raises(LookupError, match="no more rows") as caught:
        client.submit_many(values())
    assert caught.value.__notes__ == [
        f"submit_many has submitted {PART_ITEMS} jobs before this error"
    ]
    assert pending(store) == PART_ITEMS


@CODE
def test_a_value_without_json_in_a_generator_names_its_place_and_the_jobs_before(
    store: Store, client: Any
) -> None:
    values = ({1} if n == PART_ITEMS + 3 else n for n in range(PART_ITEMS + 10))
    with pytest.raises(Unencodable, match=rf"data\[{PART_ITEMS + 3}\]") as caught:
        client.submit_many(values)
    assert len(caught.value.accepted) == PART_ITEMS == pending(store)


@CODE
def test_an_empty_generator_writes_nothing(store: Store, client: Any) -> None:
    assert client.submit_many(iter(())) == []
    assert store.redis.keys("*") == []


class TestStream:
    def made(self, ids: Any = None, *, unique: bool = False) -> Stream[BaseJob]:
        def make(values: Any, data: Any, chosen: Any) -> Batch[BaseJob]:
            return Batch(len(values), iter(()), chosen or ())

        return Stream(make, ids, unique=unique)

    def test_a_part_is_full_at_its_items_or_its_bytes(self) -> None:
        stream = self.made()
        assert [stream.add(n) for n in range(PART_ITEMS)] == [False] * (PART_ITEMS - 1) + [True]
        assert stream.part() is not None and stream.part() is None
        full = [stream.add("x" * (MAX_BYTES - 2)) for _ in range(CALL_BYTES // MAX_BYTES + 1)]
        assert full == [False] * (CALL_BYTES // MAX_BYTES) + [True]

    def test_ids_that_are_not_as_many_as_the_values_are_refused(self) -> None:
        stream = self.made(["a"])
        stream.add(1)
        stream.add(2)
        with pytest.raises(BadArgument, match="ids: 1, and there are more jobs than that"):
            stream.part()
        stream = self.made(list("abc"))
        stream.add(1)
        assert stream.part() is not None
        with pytest.raises(BadArgument, match="ids: more than there are jobs"):
            stream.end()

    def test_a_unique_key_for_several_values_is_refused(self) -> None:
        stream = self.made(unique=True)
        stream.add(1)
        with pytest.raises(BadArgument, match="unique: a key is for one job"):
            stream.add(2)

    def test_a_value_that_is_too_large_names_its_place(self) -> None:
        with pytest.raises(TooLarge, match=r"data\[0\]: "):
            self.made().add("x" * MAX_BYTES)


@pytest.mark.parametrize("data", ["text", b"bytes", {"a": 1}, 5, None], ids=repr)
def test_data_that_is_no_list_of_values_is_refused(data: Any) -> None:
    with pytest.raises(BadArgument, match=r"data: .*, not a list of jobs' data"):
        is_stream(data)
