"""Clients and workers that run: one interface for both clients, a worker for a handler, waiting.

No assertion about pyjobs may live here.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pyjobs
import pyjobs.aio
from pyjobs.testing import Running, running
from support.store import Store

T = TypeVar("T")
LONG = 90.0


def wait_until(predicate: Callable[[], T], seconds: float = LONG) -> T:
    """The first true value of `predicate`; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not come about within {seconds:g} s")
        time.sleep(0.005)
    return value


class Loop:
    """An event loop in a thread, driven from outside."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test-loop")
        self._thread.start()

    @property
    def closed(self) -> bool:
        return self._loop.is_closed()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class AioJob:
    """A job of the asyncio client with the interface of the synchronous one."""

    def __init__(self, loop: Loop, job: pyjobs.aio.Job) -> None:
        self._loop = loop
        self.job = job

    def __getattr__(self, name: str) -> Any:
        return getattr(self.job, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AioJob) and other.job is self.job

    def __hash__(self) -> int:
        return hash(self.job)

    def result(self, timeout: float | None = None) -> Any:
        return self._loop.do(self.job.result(timeout))

    def exception(self, timeout: float | None = None) -> Any:
        return self._loop.do(self.job.exception(timeout))

    def updates(self, timeout: float | None = None) -> Iterator[Any]:
        return self._each(self.job.updates(timeout))

    def output(self, timeout: float | None = None) -> Iterator[Any]:
        return self._each(self.job.output(timeout))

    def _each(self, found: Any) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self._loop.do(anext(found))  # type: ignore[arg-type]
                except StopAsyncIteration:
                    return
        finally:
            # A test may drop the iterator, and the client may be closed by then.
            if not self._loop.closed:
                self._loop.do(found.aclose())

    def info(self) -> Any:
        return self._loop.do(self.job.info())


class AioClient:
    """The asyncio client with the interface of the synchronous one."""

    def __init__(self, url: str, **settings: Any) -> None:
        self._loop = Loop()
        self.client = pyjobs.aio.Client(url, **settings)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def submit(self, data: Any, **options: Any) -> AioJob:
        return AioJob(self._loop, self._loop.do(self.client.submit(data, **options)))

    def submit_many(self, data: Any, **options: Any) -> list[AioJob]:
        jobs = self._loop.do(self.client.submit_many(data, **options))
        return [AioJob(self._loop, job) for job in jobs]

    def job(self, id: str, **options: Any) -> AioJob:
        return AioJob(self._loop, self._loop.do(self.client.job(id, **options)))

    def results(self, jobs: list[AioJob], **options: Any) -> Iterator[AioJob]:
        ended = self.client.results([job.job for job in jobs], **options)
        try:
            while True:
                yield AioJob(self._loop, self._loop.do(anext(ended)))
        except StopAsyncIteration:
            return
        finally:
            self._loop.do(ended.aclose())

    def cancel(self, job: AioJob | str, **options: Any) -> bool:
        which = job.job if isinstance(job, AioJob) else job
        return self._loop.do(self.client.cancel(which, **options))

    def close(self) -> None:
        try:
            self._loop.do(self.client.close())
        finally:
            self._loop.close()


@contextmanager
def opened(url: str, *, aio: bool, **settings: Any) -> Iterator[Any]:
    """A client of either kind, with the interface of the synchronous one."""
    client: Any = AioClient(url, **settings) if aio else pyjobs.Client(url, **settings)
    try:
        yield client
    finally:
        if not getattr(client, "closed_by_test", False):
            client.close()


@contextmanager
def working(
    url: str, handler: Callable[[pyjobs.ClaimedJob], Any], **settings: Any
) -> Iterator[Running]:
    """A worker that runs until the block ends, and must end well."""
    worker = pyjobs.Worker(url, **{"queues": ["q"], "grace": 5.0, **settings})
    worker.handler(handler)
    with running(worker) as run:
        yield run


def is_async(store: Store) -> bool:
    """Whether this store is one for asyncio."""
    return store._runner is not None
