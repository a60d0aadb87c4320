"""What a program puts around each run: middleware. Nothing else may live here.

A middleware is a function of the claimed job that returns a context manager, plain or async. The
first one of a worker is the outermost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from pyjobs.asyncutil import enter
from pyjobs.worker.process import Forks
from pyjobs.worker.running.invocation import is_awaitable
from pyjobs.worker.running.job import ClaimedJob, Handler
from pyjobs.worker.running.streaming import exhausted

Middleware = Callable[[ClaimedJob], Any]
# How often a thread that waits for the event loop looks whether its run is lost.
LOOK_SECONDS = 0.5


class AsyncSurrounded:
    """Calls a handler with middleware around it, in an event loop.

    Args:
        handler: runs a job.
        middleware: what is around it, the outermost first.
    """

    def __init__(self, handler: Handler, middleware: Sequence[Middleware]) -> None:
        self._handler = handler
        self._middleware = middleware
        self._forks = Forks.count

    async def __call__(self, job: ClaimedJob) -> Any:
        async with contextlib.AsyncExitStack() as stack:
            for one in self._middleware:
                await enter(stack, one(job))
            # A child that a middleware has forked calls no handler.
            Forks.end_child(self._forks)
            result = self._handler(job)
            return await result if is_awaitable(result) else result


class Surrounded:
    """Calls a plain handler with middleware around it, in a thread or in a child process.

    A plain context manager is entered and left where the handler runs. Async ones, and an awaitable
    that the handler returns, run in the worker's event loop, and the thread waits for them. A
    child process has an event loop for each such run.

    Args:
        handler: runs a job.
        middleware: what is around it, the outermost first.
        loop: the worker's event loop; None in a child process.
    """

    def __init__(
        self,
        handler: Handler,
        middleware: Sequence[Middleware],
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._handler = handler
        self._middleware = middleware
        self._loop = loop
        self._forks = Forks.count

    def __reduce__(self) -> tuple[Any, ...]:
        return Surrounded, (self._handler, self._middleware)

    def __call__(self, job: ClaimedJob) -> Any:
        with contextlib.ExitStack() as stack:
            wait = self._waiting(stack, job)
            for one in self._middleware:
                around = one(job)
                if hasattr(type(around), "__enter__"):
                    stack.enter_context(around)
                else:
                    stack.enter_context(Bridged(around, wait))
            Forks.end_child(self._forks)
            result = exhausted(self._handler(job), job)
            return wait(awaited(result)) if is_awaitable(result) else result

    def _waiting(
        self, stack: contextlib.ExitStack, job: ClaimedJob
    ) -> Callable[[Coroutine[Any, Any, Any]], Any]:
        """Return what runs a coroutine, and waits for it."""
        loop = self._loop
        if loop is None:
            return stack.enter_context(asyncio.Runner()).run
        return lambda work: wait_for_loop(loop, job, work)


class Bridged:
    """An async context manager as a plain one.

    Args:
        around: the async context manager.
        wait: runs a coroutine, and waits for it.
    """

    def __init__(self, around: Any, wait: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._around = around
        self._wait = wait

    def __enter__(self) -> Any:
        return self._wait(awaited(self._around.__aenter__()))

    def __exit__(self, *error: Any) -> Any:
        return self._wait(awaited(self._around.__aexit__(*error)))


async def awaited(work: Any) -> Any:
    """Await anything that can be awaited."""
    return await work


def wait_for_loop(
    loop: asyncio.AbstractEventLoop, job: ClaimedJob, work: Coroutine[Any, Any, Any]
) -> Any:
    """Run a coroutine in the event loop of another thread, and wait for it. A run that is lost
    cancels it.

    Raises:
        CancelledError: the run is lost, or the loop was closed.
    """
    try:
        future = asyncio.run_coroutine_threadsafe(work, loop)
    except RuntimeError:
        work.close()
        raise asyncio.CancelledError from None
    while True:
        try:
            return future.result(LOOK_SECONDS)
        except TimeoutError:
            if future.done():
                # It has ended since: by a result, or by an error such as this one.
                return future.result()
            if job.lost or loop.is_closed():
                future.cancel()
                raise asyncio.CancelledError from None


def surrounded(
    handler: Handler,
    middleware: Sequence[Middleware],
    *,
    is_async: bool,
    loop: asyncio.AbstractEventLoop | None,
) -> Handler:
    """Return a handler with middleware around it; the handler itself where there is none.

    Args:
        handler: runs a job.
        middleware: what is around it, the outermost first.
        is_async: whether it is called in an event loop.
        loop: the worker's event loop; None in a child process.
    """
    if not middleware:
        return handler
    if is_async:
        return AsyncSurrounded(handler, middleware)
    return Surrounded(handler, middleware, loop)
