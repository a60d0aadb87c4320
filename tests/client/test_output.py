"""What a handler yields reaches each reader from the start, once and in order."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from support.running import is_async, opened, working
from support.servers import SOCKET_PLACES, at
from support.store import Q, Store

import pyjobs
from pyjobs import Chunk

everywhere = at(SOCKET_PLACES)


def clients(store: Store, **settings: Any) -> Any:
    return opened(store.url, aio=is_async(store), **settings)


def plain(job: pyjobs.ClaimedJob) -> Any:
    for n in range(job.data):
        yield f"line {n}"
    return "written"


async def with_await(job: pyjobs.ClaimedJob) -> Any:
    for n in range(job.data):
        yield f"line {n}"


async def appends(job: pyjobs.ClaimedJob) -> str:
    for n in range(job.data):
        await job.append(f"line {n}")
    return "written"


WANTED = [Chunk(f"line {n}", 1, n + 1) for n in range(5)]


@everywhere
@pytest.mark.parametrize("mode", ["reliable", "recoverable"])
@pytest.mark.parametrize(
    ("handler", "result"), [(plain, "written"), (with_await, None), (appends, "written")]
)
def test_a_reader_gets_what_a_handler_writes_early_or_late(
    store: Store, mode: Any, handler: Any, result: Any
) -> None:
    with clients(store, mode=mode, queue="q") as client:
        early = client.submit(5)
        with working(store.url, handler, queues="q", mode=mode):
            assert list(early.output(10)) == WANTED
            assert early.result(30) == result
        assert list(early.output(10)) == WANTED


@everywhere
def test_a_reader_sees_a_chunk_while_the_job_runs(store: Store) -> None:
    def handler(job: pyjobs.ClaimedJob) -> Any:
        yield "first"
        assert read.wait(30)

    read = threading.Event()
    with working(store.url, handler, queues="q"), clients(store, queue="q") as client:
        chunks = iter(client.submit(1).output(10))
        assert next(chunks).value == "first"
        read.set()
        assert list(chunks) == []


@everywhere
def test_a_reader_gets_what_each_attempt_has_written(store: Store) -> None:
    def handler(job: pyjobs.ClaimedJob) -> Any:
        yield f"attempt {job.attempt}"
        if job.attempt == 1:
            raise ValueError("once")
        yield "again"

    with working(store.url, handler, queues="q", backoff=0.01), clients(store, queue="q") as client:
        found = list(client.submit(1).output(10))
    assert found == [Chunk("attempt 1", 1, 1), Chunk("attempt 2", 2, 1), Chunk("again", 2, 2)]


@everywhere
def test_chunks_whose_messages_were_lost_are_asked_for(store: Store) -> None:
    """The client hears nothing while the job runs; its sweep finds the end."""

    def handler(job: pyjobs.ClaimedJob) -> Any:
        store.redis.hdel(f"{Q}:job:{job.id}", "client")
        yield from range(3)

    with (
        working(store.url, handler, queues="q"),
        clients(store, queue="q", sweep=0.05) as client,
    ):
        assert [chunk.value for chunk in client.submit(1).output(10)] == [0, 1, 2]


@everywhere
def test_a_handler_that_lost_its_job_writes_nothing_more(store: Store) -> None:
    errors: list[Exception] = []

    def handler(job: pyjobs.ClaimedJob) -> None:
        if not errors:
            store.redis.hset(f"{Q}:job:{job.id}", "token", "9-other")
            try:
                job.append("late")
            except pyjobs.LeaseLost as error:
                errors.append(error)
            store.redis.hset(f"{Q}:job:{job.id}", "token", job.token)

    with working(store.url, handler, queues="q"), clients(store, queue="q", sweep=0.1) as client:
        job = client.submit(1)
        chunks = job.output(0.5)
        with pytest.raises(TimeoutError, match="has not ended"):
            list(chunks)
    assert len(errors) == 1
    assert store.redis.hget(f"{Q}:job:{job.id}", "output") is None


@everywhere
@pytest.mark.parametrize(
    ("value", "words"), [(object(), "output"), ("x" * 65536, "output: 65538 bytes")]
)
def test_a_value_that_can_t_be_written_rejects_the_job(
    store: Store, value: Any, words: str
) -> None:
    def handler(job: pyjobs.ClaimedJob) -> Any:
        yield value

    with working(store.url, handler, queues="q"), clients(store, queue="q") as client:
        with pytest.raises(pyjobs.JobFailed, match=words) as failed:
            client.submit(1).result(30)
        assert failed.value.reason == "rejected"


@everywhere
def test_a_handler_of_simple_mode_that_yields_fails_with_the_reason(store: Store) -> None:
    with (
        working(store.url, plain, queues="q", mode="simple"),
        clients(store, queue="q", mode="simple") as client,
        pytest.raises(pyjobs.JobFailed, match="no job of simple mode has output"),
    ):
        client.submit(1).result(30)


@everywhere
def test_several_tasks_of_a_handler_append_each_value_once(store: Store) -> None:
    async def handler(job: pyjobs.ClaimedJob) -> None:
        await asyncio.gather(*(job.append(n) for n in range(50)))

    with working(store.url, handler, queues="q"), clients(store, queue="q") as client:
        found = list(client.submit(1).output(10))
    assert sorted(chunk.value for chunk in found) == [*range(50)]
    assert [chunk.number for chunk in found] == [*range(1, 51)]
