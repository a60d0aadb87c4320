"""Functions that yield: what they yield is appended to the output of their jobs. Nothing else may
live here.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from pyjobs.errors import TooLarge, Unencodable
from pyjobs.worker.running.job import ClaimedJob, Handler
from pyjobs.worker.verdicts import Reject

Append = Callable[[Any], Awaitable[None]]


def written(values: Generator[Any, Any, Any], append: Append) -> Any:
    """Append each value of a generator as it comes, and return what the generator returns.

    Args:
        values: the generator; it is closed at the end in every case.
        append: appends one value; in a thread or a child process, so that it has waited.

    Raises:
        Reject: a value has no JSON, or the output is too large.
        Exception: any that the generator or `append` raises.
    """
    with contextlib.closing(values):
        while True:
            try:
                value = next(values)
            except StopIteration as end:
                return end.value
            try:
                append(value)
            except (TooLarge, Unencodable) as error:
                # A generator that yields at its end too must not hide why it ends.
                with contextlib.suppress(Exception):
                    values.close()
                raise Reject(str(error)) from error


async def awritten(values: AsyncGenerator[Any, Any], append: Append) -> None:
    """Append each value of an async generator as it comes.

    Args:
        values: the generator; it is closed at the end in every case.
        append: appends one value.

    Raises:
        Reject: a value has no JSON, or the output is too large.
        Exception: any that the generator or `append` raises.
    """
    async with contextlib.aclosing(values):
        async for value in values:
            try:
                await append(value)
            except (TooLarge, Unencodable) as error:
                with contextlib.suppress(Exception):
                    await values.aclose()
                raise Reject(str(error)) from error


def exhausted(result: Any, job: ClaimedJob) -> Any:
    """Return what a plain handler has returned; in place of a generator, which a decorator around a
    generator function returns, what the generator returns at its end. In place of an async
    generator an awaitable is returned.

    Args:
        result: what the handler has returned.
        job: gets what is yielded.
    """
    if isinstance(result, GeneratorType):
        return written(result, job.append)
    return awritten(result, job.append) if isinstance(result, AsyncGeneratorType) else result


class Streamed:
    """Runs a generator function as a plain handler: what the generator returns is the result.

    Args:
        handler: the generator function.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def __call__(self, job: ClaimedJob) -> Any:
        return written(self._handler(job), job.append)


class AsyncStreamed:
    """Runs an async generator function as an `async def` handler; the result is None.

    Args:
        handler: the async generator function.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, job: ClaimedJob) -> None:
        await awritten(self._handler(job), job.append)


def streamed(handler: Handler) -> Handler:
    """Return the handler, or what runs it where calling it makes a generator."""
    for function in (handler, type(handler).__call__):
        if inspect.isgeneratorfunction(function):
            return Streamed(handler)
        if inspect.isasyncgenfunction(function):
            return AsyncStreamed(handler)
    return handler
