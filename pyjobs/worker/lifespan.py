"""What a program puts around the run of a worker: its lifespan. Nothing else may live here."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Callable
from typing import Any

from pyjobs.errors import BadArgument
from pyjobs.log import logger

log = logger(__name__)
# How long a lifespan may take to end, where the worker's grace is shorter.
LEAST_SECONDS = 5.0


class LifespanValue:
    """Holds what a lifespan has yielded. A copy in another process is None: what a program opens
    belongs to its process.

    Attributes:
        value: what the lifespan has yielded.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return type(None), ()


class Lifespan:
    """Responsible for entering and leaving the context manager around one run of a worker, in the
    task of the run.

    Args:
        make: returns the context manager, plain or async; None for none.
        grace: seconds that its end may take.
    """

    def __init__(self, make: Callable[[], Any] | None, grace: float) -> None:
        self._make = make
        self._grace = max(grace, LEAST_SECONDS)
        self._limit: asyncio.Timeout | None = None

    def hurry(self) -> None:
        """Break off the beginning or the end that is under way; to be called in the event loop."""
        if self._limit is not None:
            self._limit.reschedule(0.0)

    @contextlib.asynccontextmanager
    async def around(self) -> AsyncIterator[LifespanValue | None]:
        """Surround the run. Yields what the lifespan has yielded; None where there is none.

        Raises:
            Stopped: a stop came before the beginning was over.
            BadArgument: `make` returns no context manager.
        """
        if self._make is None:
            yield None
            return
        around = as_async(self._make())
        has_entered = False
        async with self._limited(None) as limit:
            value = await around.__aenter__()
            has_entered = True
        if limit.expired():
            if has_entered:
                # It has begun in spite of the stop, so it has an end.
                await self._leave(around, None)
            raise Stopped
        try:
            yield LifespanValue(value)
        except BaseException as error:
            if not await self._leave(around, error):
                raise
        else:
            await self._leave(around, None)

    async def _leave(self, around: Any, error: BaseException | None) -> Any:
        kind = None if error is None else type(error)
        swallowed = False
        async with self._limited(self._grace) as limit:
            swallowed = await around.__aexit__(kind, error, error and error.__traceback__)
        if limit.expired():
            log.error("the end of the lifespan was broken off")
        return swallowed

    @contextlib.asynccontextmanager
    async def _limited(self, seconds: float | None) -> AsyncIterator[asyncio.Timeout]:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                self._limit = limit
                try:
                    yield limit
                finally:
                    self._limit = None
        except TimeoutError:
            if not limit.expired():
                raise


class LifespanTask:
    """Holds a lifespan in a task of its own, for a caller that runs jobs outside of the event loop.

    Attributes:
        value: what the lifespan has yielded; None before that, and where there is no lifespan.
        context: the context variables in the lifespan.

    Args:
        span: the lifespan.
    """

    def __init__(self, span: Lifespan) -> None:
        self.value: LifespanValue | None = None
        self.context = contextvars.copy_context()
        self._span = span
        self._task: asyncio.Task[None] | None = None
        self._is_over = asyncio.Event()

    @property
    def has_begun(self) -> bool:
        """Whether `begin` was called."""
        return self._task is not None

    async def begin(self) -> None:
        """Enter the lifespan."""
        entered = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live(entered))
        await asyncio.wait({self._task, entered}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()

    async def end(self) -> None:
        """Leave the lifespan."""
        self._is_over.set()
        if self._task is not None:
            await self._task

    async def _live(self, entered: asyncio.Future[None]) -> None:
        async with self._span.around() as value:
            self.value, self.context = value, contextvars.copy_context()
            entered.set_result(None)
            await self._is_over.wait()


class Stopped(Exception):
    """A stop came before the worker began."""


def as_async(around: Any) -> Any:
    """Return a context manager as an async one.

    Raises:
        BadArgument: it is no context manager.
    """
    if hasattr(type(around), "__aenter__"):
        return around
    if not hasattr(type(around), "__enter__"):
        raise BadArgument(
            f"lifespan: returned a {type(around).__name__}, which is no context manager; decorate "
            "it by contextlib.asynccontextmanager"
        )
    return PlainAsAsync(around)


class PlainAsAsync:
    """A plain context manager as an async one.

    Args:
        around: the plain context manager.
    """

    def __init__(self, around: Any) -> None:
        self._around = around

    async def __aenter__(self) -> Any:
        return self._around.__enter__()

    async def __aexit__(self, *error: Any) -> Any:
        return self._around.__exit__(*error)
