"""Helpers for asyncio: event loops, tasks that are cancelled, broken off or waited for, context
managers and iteration.

Nothing here knows of jobs.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

AGAIN_SECONDS = 0.05
LOOK_SECONDS = 1.0
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


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they are done. Their results and errors are discarded, also those
    of tasks that end after the caller was cancelled.

    All are cancelled before the first wait, so that they end also where the caller is cancelled
    meanwhile. They are cancelled every 50 ms until they are done, because `asyncio.wait_for` before
    Python 3.12 loses a cancellation that arrives while the awaited future completes.
    """
    for task in tasks:
        if task.done():
            _discard(task)
        else:
            task.add_done_callback(_discard)
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=AGAIN_SECONDS)


def _discard(task: asyncio.Task[Any]) -> None:
    """Look at the error of a task, which asyncio would log otherwise."""
    if not task.cancelled():
        task.exception()


class LoopLock:
    """Responsible for a lock of tasks that works in one event loop after the other. An asyncio.Lock
    for which tasks have waited works in their event loop only."""

    __slots__ = ("_lock", "_loop")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()

    def of_loop(self) -> asyncio.Lock:
        """Return the lock of the event loop that runs."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._lock = loop, asyncio.Lock()
        return self._lock


class Breakable:
    """Responsible for a block of a task, `with` around awaits, that another task can break off: the
    block ends where it waits, and its task goes on behind it. It works as asyncio.timeout does, and
    costs less CPU.

    Attributes:
        was_broken_off: whether the block ended early.
    """

    __slots__ = ("_before", "_is_asked", "_task", "was_broken_off")

    def __init__(self) -> None:
        self.was_broken_off = self._is_asked = False
        self._task: asyncio.Task[Any] | None = None

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        self._before = 0 if self._task is None else self._task.cancelling()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> bool:
        task, self._task = self._task, None
        if not self._is_asked or task is None:
            return False
        # A task that its program has cancelled too ends as the program wants.
        is_ours = task.uncancel() <= self._before
        self.was_broken_off = is_ours and kind is asyncio.CancelledError
        return self.was_broken_off

    def break_off(self) -> None:
        """Break the block off, if its task is in it."""
        if self._task is not None and not self._is_asked:
            self._is_asked = True
            self._task.cancel()


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


async def ended(
    trips: Sequence[asyncio.Task[None]],
    tasks: Sequence[asyncio.Task[None]],
    look: float = LOOK_SECONDS,
) -> None:
    """Wait until all `trips` have ended, or any other task has, or any has failed.

    Args:
        trips: some of the tasks. More may be added meanwhile.
        tasks: the tasks. More may be added meanwhile.
        look: seconds after which tasks that were added are looked at.
    """
    while not all(task.done() for task in trips):
        over = [task for task in tasks if task.done()]
        if any(task not in trips or task.cancelled() or task.exception() for task in over):
            return
        left = [task for task in tasks if not task.done()]
        await asyncio.wait(left, timeout=look, return_when=asyncio.FIRST_COMPLETED)
