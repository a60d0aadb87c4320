"""The asyncio client: the same as client.py, with await.

Only what waits may live here; what is decided lives in desk.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Generator, Iterable
from typing import Any

import redis
import redis.asyncio.client

from pyjobs.chunks import Chunk, groups, in_order, named
from pyjobs.connect import DEFAULT_URL, REPLY_SECONDS, aconnect
from pyjobs.desk import Desk, Route
from pyjobs.errors import ClientClosed, Conflict, OutcomeUnknown, PyjobsError
from pyjobs.job import BaseJob
from pyjobs.options import Options
from pyjobs.run import arun, arun_many, translated
from pyjobs.tasks import end
from pyjobs.units import positive

RECONNECT_SECONDS = 0.5
PubSub = redis.asyncio.client.PubSub


class Job(BaseJob):
    """A submitted job: a future of its result, to be awaited (`await job`)."""

    __slots__ = ("_waiter",)

    def __init__(self, id: str, queue: str) -> None:
        super().__init__(id, queue)
        self._waiter: asyncio.Future[None] | None = None

    def __await__(self) -> Generator[Any, None, Any]:
        return self.result().__await__()

    async def result(self, timeout: float | None = None) -> Any:
        """As `pyjobs.client.Job.result`."""
        await self._wait(timeout)
        return self._value()

    async def exception(self, timeout: float | None = None) -> PyjobsError | None:
        """As `pyjobs.client.Job.exception`."""
        await self._wait(timeout)
        return self._error()

    async def _wait(self, timeout: float | None) -> None:
        if self._end is not None:
            return
        if self._waiter is None:
            self._waiter = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait_for(asyncio.shield(self._waiter), timeout)
        except TimeoutError:
            raise TimeoutError(
                f"job {self.id} on queue {self.queue}: no result in {timeout} s"
            ) from None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Client:
    """As `pyjobs.Client`, for asyncio. It belongs to the event loop that first uses it; in another
    one, as in that of a forked child, it raises ClientClosed."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        mode: str = "reliable",
        queue: str = "default",
        route: Route | None = None,
        prefix: str = "jobs",
        sweep: float = 3.0,
    ) -> None:
        self._desk: Desk[Job] = Desk(Job, mode=mode, prefix=prefix, queue=queue, route=route)
        self._server = aconnect(url)
        self._sweep = (positive("sweep", sweep) or 1) / 1000
        self._listener: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def submit(
        self, data: Any, *, queue: str | None = None, id: str | None = None, **options: Any
    ) -> Job:
        """As `pyjobs.Client.submit`."""
        ids = None if id is None else [id]
        [job] = await self.submit_many([data], queue=queue, ids=ids, **options)
        if job.done() and isinstance(error := await job.exception(), Conflict):
            raise error
        return job

    async def submit_many(
        self,
        data: Iterable[Any],
        *,
        queue: str | None = None,
        ids: Iterable[str] | None = None,
        **options: Any,
    ) -> list[Job]:
        """As `pyjobs.Client.submit_many`."""
        chunks = self._desk.prepare(data, queue, ids, Options.of(options))
        await self._listen()
        jobs: list[tuple[int, Job]] = []
        for group in groups(chunks):
            calls = [chunk.call for chunk in group]
            try:
                answers = (
                    await arun_many(self._server, calls)
                    if calls[1:]
                    else [await arun(self._server, calls[0])]
                )
            except OutcomeUnknown as error:
                raise named(error, group) from error.__cause__
            handed, before = self._desk.accept(group, answers)
            jobs += handed
            await self._ask(self._desk.to_sweep(before))
        if names := self._desk.to_register(chunks):
            with contextlib.suppress(redis.RedisError):
                await self._server.hset(self._desk.keys.queues, mapping=names)
        return in_order(jobs)

    async def job(self, id: str, *, queue: str | None = None) -> Job:
        """As `pyjobs.Client.job`."""
        job = self._desk.open_job(id, queue)
        await self._listen()
        for chunk in self._desk.to_sweep([job]):
            self._desk.lose(self._desk.swept(chunk, await arun(self._server, chunk.call)))
        return job

    async def cancel(self, job: Job | str, *, queue: str | None = None) -> bool:
        """As `pyjobs.Client.cancel`."""
        id, queue = (job.id, job.queue) if isinstance(job, Job) else (job, queue)
        return await arun(self._server, self._desk.cancel(id, queue)) == ["cancelled"]

    async def close(self) -> None:
        """As `pyjobs.Client.close`."""
        if self._listener is not None:
            await end(self._listener)
        self._desk.close()
        await self._server.aclose()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise ClientClosed("an asyncio client belongs to the event loop that first used it")
        if self._listener is not None:
            return
        async with self._starting:
            if self._listener is None:
                pubsub = await self._subscribe()
                self._listener = asyncio.create_task(self._hear(pubsub), name="pyjobs-results")

    async def _subscribe(self) -> PubSub:
        pubsub = self._server.pubsub()
        try:
            await pubsub.subscribe(self._desk.channel)
            if await pubsub.get_message(timeout=REPLY_SECONDS) is None:
                raise redis.TimeoutError(f"no answer to SUBSCRIBE in {REPLY_SECONDS} s")
        except redis.RedisError as error:
            await pubsub.aclose()
            raise translated(error) from error
        return pubsub

    async def _hear(self, pubsub: PubSub) -> None:
        due = time.monotonic() + self._sweep
        try:
            while True:
                try:
                    await self._hear_one(pubsub, max(0.0, due - time.monotonic()))
                    if time.monotonic() >= due:
                        await self._ask(self._desk.to_sweep(), pubsub)
                        due = time.monotonic() + self._sweep
                except redis.RedisError:
                    # What was published in the meantime is lost: look at what is stored at once.
                    due = 0.0
                    await pubsub.aclose()
                    pubsub = await self._subscribe_again()
        finally:
            await pubsub.aclose()

    async def _subscribe_again(self) -> PubSub:
        while True:
            await asyncio.sleep(RECONNECT_SECONDS * random.uniform(0.5, 1.0))
            with contextlib.suppress(PyjobsError):
                return await self._subscribe()

    async def _hear_one(self, pubsub: PubSub, seconds: float) -> bool:
        message = await pubsub.get_message(timeout=seconds)
        if message is not None and message["type"] == "message":
            self._desk.hear(message["data"])
        return message is not None

    async def _ask(self, chunks: list[Chunk[Job]], pubsub: PubSub | None = None) -> None:
        """Look at what is stored; what can't be read now is looked at again by the next sweep."""
        lost: list[Job] = []
        for chunk in chunks:
            try:
                lost += self._desk.swept(chunk, await arun(self._server, chunk.call))
            except PyjobsError as error:
                if self._desk.blind(chunk, error):
                    break
        while lost and pubsub is not None and await self._hear_one(pubsub, 0.0):
            pass
        self._desk.lose(lost)
