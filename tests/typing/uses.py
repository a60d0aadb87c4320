"""Right and wrong uses of tasks, for type checkers. `# wrong` ends a line that they must refuse."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import Any, assert_type

import redis
import redis.asyncio
from uncalled_for import Depends

import pyjobs
import pyjobs.aio
from pyjobs import ClaimedJob, Job, task


@task
def send(to: int, body: str = "") -> int:
    return to


@task(name="later", queue="mail")
async def later(to: int) -> str:
    return str(to)


@task(on_dead=lambda job, error: print(job.id, error.attempts), executor="process")
def who(job: ClaimedJob, word: str) -> bytes:
    return job.id.encode()


def database() -> str:
    return "db"


@task
def needs(to: int, db: str = Depends(database)) -> int:
    return to


@task
def lines(job: ClaimedJob, path: str) -> Iterator[bytes]:
    yield path.encode()


@task(queue="files")
def counted(path: str) -> Generator[str, None, int]:
    yield path
    return 1


@task(name="words", retry_on=OSError, reject_on={ValueError, KeyError})
async def words(path: str) -> AsyncIterator[str]:
    yield path


@contextlib.contextmanager
def around(job: ClaimedJob) -> Iterator[None]:
    yield


def sync_uses(client: pyjobs.Client) -> None:
    assert_type(send(7, body="hi"), int)
    assert_type(client.submit(send, 7, body="hi"), Job[int])
    assert_type(client.submit(send, 7).result(), int)
    assert_type(client.submit(send.using(delay=60, id="hi-7"), 7), Job[int])
    assert_type(client.submit(later, 7).result(), str)
    assert_type(client.submit(who, word="hi").result(), bytes)
    assert_type(client.submit_many(send, [(7, "hi"), {"to": 8}]), list[Job[int]])
    assert_type(next(client.map(send, [(7,)])), int)
    kept = client.map(send, [(7,)], errors="keep")
    assert_type(next(kept), int | pyjobs.PyjobsError)
    client.submit({"text": "hi"}, queue="words", delay=3)
    client.submit([1, "two", None])
    job = client.submit(send, 7)
    for one in client.results([job]):
        assert_type(one, Job[int])
    assert_type(job.info(), pyjobs.JobInfo | None)
    pyjobs.Client(redis.Redis())
    pyjobs.Worker(redis.asyncio.Redis(), tasks=[send, later], middleware=[around])
    pyjobs.Client(7)  # wrong
    client.results(["a"])  # wrong
    client.submit(needs, 7)
    assert_type(client.submit(counted, "a").result(), int)
    assert_type(client.submit(lines, path="a"), Job[Any])
    assert_type(client.submit(words, "a"), Job[None])
    assert_type(counted("a"), Generator[str, Any, int])
    for chunk in client.submit(counted.using(delay=1), "a").output():
        assert_type(chunk, pyjobs.Chunk)
    client.submit(counted, 7)  # wrong
    client.submit(words, pth="a")  # wrong
    client.submit(send)  # wrong
    client.submit(send, "x")  # wrong
    client.submit(send, 7, bodi="hi")  # wrong
    client.submit(send.using(dely=60), 7)  # wrong
    client.submit(later, 7, 8)  # wrong
    client.submit({"text": "hi"}, dely=3)  # wrong


async def async_uses(client: pyjobs.aio.Client) -> None:
    assert_type(await later(7), str)
    assert_type(words("a"), AsyncGenerator[str, Any])
    assert_type(await client.submit(words, "a"), pyjobs.aio.Job[None])
    job = await client.submit(later, 7)
    assert_type(job, pyjobs.aio.Job[str])
    assert_type(await job, str)
    assert_type(await (await client.submit(send, 7)).result(timeout=3), int)
    await client.submit(later, to="x")  # wrong
    async for one in client.results([job]):
        assert_type(await one, str)
    assert_type(await job.info(), pyjobs.JobInfo | None)
