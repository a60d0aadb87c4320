"""Running one handler: `async def` in the event loop, a plain `def` in a thread.

How a run turns into an Ending may live here; nothing is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import queue
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from pyjobs import codec
from pyjobs.claimed import ClaimedJob, Ending, failure, success

Handler = Callable[[ClaimedJob], Any]


class Threads:
    """Threads for plain handlers. They are daemons: one that hangs can't hold up the exit.

    Args:
        size: most threads; each is started when it is first needed.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._work: queue.SimpleQueue[tuple[asyncio.Future[Any], Handler, ClaimedJob] | None] = (
            queue.SimpleQueue()
        )
        self._threads: list[threading.Thread] = []
        self._busy = 0

    async def run(self, handler: Handler, job: ClaimedJob) -> Any:
        """What the handler returns or raises, from a thread of these."""
        future = asyncio.get_running_loop().create_future()
        self._work.put((future, handler, job))
        self._busy += 1
        if self._busy > len(self._threads) < self._size:
            thread = threading.Thread(target=self._serve, name="pyjobs-handler", daemon=True)
            self._threads.append(thread)
            thread.start()
        try:
            return await future
        except asyncio.CancelledError:
            # A thread can't be stopped: until it ends by itself, another may take its place.
            self._size += 1
            raise

    def end(self) -> None:
        """Let every thread end as soon as it has nothing to do."""
        for _ in self._threads:
            self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            future, handler, job = work
            value: Any = None
            error: BaseException | None = None
            try:
                value = handler(job)
            except BaseException as raised:
                error = raised
            # The loop may be gone: nobody waits for this one any more.
            with contextlib.suppress(RuntimeError):
                future.get_loop().call_soon_threadsafe(self._settle, future, value, error)

    def _settle(self, future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
        self._busy -= 1
        if future.done():
            self._size -= 1
        elif error is None:
            future.set_result(value)
        else:
            future.set_exception(_Raised(error))


class _Raised(Exception):
    """What a thread raised: a future refuses StopIteration, and SystemExit would end the loop."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def runner(handler: Handler, threads: Threads) -> Callable[[ClaimedJob], Awaitable[Any]]:
    """How to run this handler from the event loop."""
    as_object = type(handler).__call__
    if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(as_object):
        return handler

    async def in_thread(job: ClaimedJob) -> Any:
        return await threads.run(handler, job)

    return in_thread


async def execute(run: Callable[[ClaimedJob], Awaitable[Any]], job: ClaimedJob) -> Ending:
    """Run a job to its end.

    Raises:
        asyncio.CancelledError: the worker has cancelled it.
    """
    try:
        job.data = codec.decode(job.raw)
    except Exception as error:
        return failure(error, "reject")
    try:
        async with asyncio.timeout(job.timeout) as limit:
            result = await run(job)
    except _Raised as raised:
        return failure(raised.error)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return failure(error)
    except BaseException as error:
        late = isinstance(error, TimeoutError) and limit.expired()
        return failure(TimeoutError(f"took longer than {job.timeout:g} s") if late else error)
    if isinstance(result, Ending):
        return result
    try:
        return success(result)
    except Exception as error:
        return failure(error, "reject")
