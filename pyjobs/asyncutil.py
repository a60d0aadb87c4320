"""Helpers for asyncio: event loops, tasks that are cancelled or waited for, context managers and
iteration.

Nothing here knows of jobs.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, TypeVar

AGAIN_SECONDS = 0.05
V = TypeVar("V")


def fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the factory of uvloop's event loops, or None where the extra 'fast' is missing."""
    try:
        found: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module(
            "uvloop"
        ).new_event_loop
    except ImportError:
        return None
    return found


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread, if any."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def cancel_and_wait(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it is done. Its result or error is discarded.

    The task is cancelled every 50 ms until it is done, because `asyncio.wait_for` before Python
    3.12 loses a cancellation that arrives while the awaited future completes.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_SECONDS)
    if not task.cancelled():
        task.exception()


async def enter(stack: contextlib.AsyncExitStack, around: Any) -> None:
    """Enter a context manager, plain or async, which the stack leaves."""
    if hasattr(type(around), "__aenter__"):
        await stack.enter_async_context(around)
    else:
        stack.enter_context(around)


async def taken(values: Iterator[V] | AsyncIterator[V], count: int) -> AsyncIterator[V]:
    """Yield the next values, `count` at most."""
    for _ in range(count):
        try:
            yield await anext(values) if isinstance(values, AsyncIterator) else next(values)
        except (StopIteration, StopAsyncIteration):
            return


async def ended(trips: Iterable[asyncio.Task[None]], tasks: Iterable[asyncio.Task[None]]) -> None:
    """Wait until all `trips` have ended, or any other task has, or any has failed.

    Args:
        trips: some of the tasks.
        tasks: the tasks.
    """
    waiting, left = set(tasks), set(trips)
    while left:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if any(task not in left or task.cancelled() or task.exception() for task in done):
            return
        left -= done
