"""A handler that yields: what it yields is appended to the output of its job. Nothing else may live
here.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

from pyjobs.errors import TooLarge, Unencodable
from pyjobs.worker.job import ClaimedJob
from pyjobs.worker.verdicts import Reject

Handler = Callable[[ClaimedJob], Any]


class Streamed:
    """Runs a generator function as a plain handler: what the generator returns is the result.

    Args:
        handler: the generator function.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def __call__(self, job: ClaimedJob) -> Any:
        with contextlib.closing(self._handler(job)) as values:
            while True:
                try:
                    value = next(values)
                except StopIteration as end:
                    return end.value
                try:
                    job.append(value)
                except (TooLarge, Unencodable) as error:
                    # A generator that yields at its end too must not hide why it ends.
                    with contextlib.suppress(Exception):
                        values.close()
                    raise Reject(str(error)) from error


class AsyncStreamed:
    """Runs an async generator function as an `async def` handler; the result is None.

    Args:
        handler: the async generator function.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, job: ClaimedJob) -> None:
        async with contextlib.aclosing(self._handler(job)) as values:
            async for value in values:
                try:
                    await job.append(value)
                except (TooLarge, Unencodable) as error:
                    with contextlib.suppress(Exception):
                        await values.aclose()
                    raise Reject(str(error)) from error


def streamed(handler: Handler) -> Handler:
    """Return the handler, or what runs it where calling it makes a generator."""
    for function in (handler, type(handler).__call__):
        if inspect.isgeneratorfunction(function):
            return Streamed(handler)
        if inspect.isasyncgenfunction(function):
            return AsyncStreamed(handler)
    return handler
