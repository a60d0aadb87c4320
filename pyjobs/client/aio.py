"""The asyncio client: the same as client.py, with await.

Only what waits may live here; what is decided lives in core.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Iterable
from typing import Any, Unpack

from pyjobs.asyncutil import cancel_and_wait
from pyjobs.client.batch import Batch
from pyjobs.client.coalesce import Coalescer
from pyjobs.client.core import ClientCore
from pyjobs.client.job import BaseJob
from pyjobs.client.listener import AsyncListener, alook
from pyjobs.client.options import Options
from pyjobs.client.submit import Route
from pyjobs.errors import ClientClosed, PyjobsError
from pyjobs.transport import (
    DEFAULT_URL,
    ErrorTranslation,
    aclose,
    aconnect,
    aregister,
    arun,
    arun_many,
)


class Job(BaseJob):
    """A submitted job: a future of its result, to be awaited (`await job`)."""

    __slots__ = ()
    _waiter: list[asyncio.Future[None]] | None

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
        # One for each that waits: cancelling one of them must not disturb the others.
        waiter = asyncio.get_running_loop().create_future()
        self._waiter = [*(self._waiter or ()), waiter]
        try:
            async with asyncio.timeout(timeout):
                await waiter
        except TimeoutError:
            raise self._no_result(timeout) from None
        finally:
            self._waiter = [other for other in self._waiter if other is not waiter]

    def _wake(self) -> None:
        for waiter in self._waiter or ():
            if not waiter.done():
                waiter.set_result(None)


class Client:
    """As `pyjobs.Client`, for asyncio. It belongs to the event loop that first uses it; in another
    one, as in that of a forked child, it raises ClientClosed.

    SubmitBuilder that are awaited at the same time go together in few calls.
    """

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
        self._core = ClientCore(
            Job, mode=mode, prefix=prefix, queue=queue, route=route, sweep=sweep
        )
        self._server = aconnect(url)
        self._translating = ErrorTranslation(url)
        self._listener: AsyncListener[Job] | None = None
        self._starting = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._coalescer: Coalescer[Job] = Coalescer(self._core)
        self._sender: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def submit(
        self,
        data: Any,
        *,
        queue: str | None = None,
        id: str | None = None,
        **options: Unpack[Options],
    ) -> Job:
        """As `pyjobs.Client.submit`. One that is cancelled may have been submitted or not."""
        item = self._core.item(data, queue, id, options)
        with self._translating:
            await self._listen()
            waiting = self._coalescer.add(item, asyncio.get_running_loop().create_future())
            if self._sender is None or self._sender.done():
                self._sender = asyncio.create_task(self._send(), name="pyjobs-submit")
            job: Job = await waiting
        return job.accepted_or_raise()

    async def submit_many(
        self,
        data: Iterable[Any],
        *,
        queue: str | None = None,
        ids: Iterable[str] | None = None,
        **options: Unpack[Options],
    ) -> list[Job]:
        """As `pyjobs.Client.submit_many`."""
        batch = self._core.prepare(data, queue, ids, options)
        with self._translating, self._core.submitting(batch):
            await self._listen()
            answers = await arun_many(self._server, batch.calls, errors_in_place=True)
            before = self._core.accept(batch, answers)
        await self._follow(batch, before)
        return batch.jobs

    async def job(self, id: str, *, queue: str | None = None) -> Job:
        """As `pyjobs.Client.job`."""
        job = self._core.open_job(id, queue)
        with self._translating:
            await self._listen()
            for chunk in self._core.sweep.calls([job]):
                stored = await arun(self._server, chunk.call)
                self._core.sweep.settle_gone(self._core.sweep.take(chunk, stored))
        return job

    async def cancel(self, job: Job | str, *, queue: str | None = None) -> bool:
        """As `pyjobs.Client.cancel`."""
        with self._translating:
            return await arun(self._server, self._core.cancel(job, queue)) == ["cancelled"]

    async def close(self) -> None:
        """As `pyjobs.Client.close`."""
        self._core.close()
        if self._sender is not None:
            await cancel_and_wait(self._sender)
        # A task that is cancelled before its first step has told nobody.
        self._coalescer.fail(ClientClosed("the client was closed"))
        # One that is being opened ends too.
        async with self._starting:
            if self._listener is not None:
                await self._listener.close()
        await aclose(self._server)

    async def _send(self) -> None:
        """Send what was gathered; while it is on its way, the next is."""
        try:
            while batch := self._coalescer.batch():
                with self._core.submitting(batch):
                    answers = await arun_many(self._server, batch.calls, errors_in_place=True)
                    before = self._coalescer.accept(batch, answers)
                await self._follow(batch, before)
        except BaseException as error:
            self._coalescer.fail(error)
            raise

    async def _follow(self, batch: Batch[Job], before: list[Job]) -> None:
        if self._core.closed:
            # In the meantime: what was still to be sent has made a connection.
            await aclose(self._server)
            return
        if before:
            missing = await alook(self._server, self._core, self._core.sweep.calls(before))
            self._core.sweep.settle_gone(missing)
        if names := self._core.to_register(batch, time.monotonic()):
            await aregister(self._server, self._core.keys, names)

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None:
                raise ClientClosed("this client belongs to the event loop that first used it")
            self._loop = loop
        if self._listener is None:
            async with self._starting:
                if self._listener is None:
                    listener = AsyncListener(self._server, self._core)
                    await listener.open()
                    self._listener = listener
            # It may have been closed in the meantime.
            self._core.check_open()
