"""What a program puts around its submits: middleware. Nothing here sends.

A middleware is a function of a SubmitCall that returns a context manager; in an asyncio client it
may be an async one.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any

from pyjobs.asyncutil import enter
from pyjobs.client.job import BaseJob
from pyjobs.client.options import options_text
from pyjobs.engine import SIMPLE


class SubmitCall:
    """Describes jobs that are being submitted, to the middleware of their client.

    Attributes:
        queues: the names of the queues.
        task: the name of the jobs' task; '' for bare jobs.
        count: how many jobs are submitted.
        jobs: the jobs, once Redis has them; empty before.
        traceparent: the W3C trace context that the jobs carry, which a middleware may set before
            they are submitted; None for none. An option of the submit counts before.
        tracestate: the rest of that context; None for none.
    """

    def __init__(self, queues: Iterable[str], task: str, count: int) -> None:
        self.queues = tuple(queues)
        self.task = task
        self.count = count
        self.jobs: Sequence[BaseJob] = ()
        self.traceparent: str | None = None
        self.tracestate: str | None = None

    def trace(self) -> str:
        """Return the trace context as options of a submit of any mode; '' for none.

        Raises:
            BadArgument: a part of the context is malformed; the message names the part.
        """
        if self.traceparent is None:
            return ""
        context = {"traceparent": self.traceparent, "tracestate": self.tracestate}
        return options_text(SIMPLE.script("submit"), context)

    def __repr__(self) -> str:
        return f"<SubmitCall of {self.count} on {', '.join(self.queues)}>"


Middleware = Callable[[SubmitCall], Any]


@contextlib.contextmanager
def around(middleware: Sequence[Middleware], call: SubmitCall) -> Iterator[None]:
    """Surround a submit, the first middleware outermost. No middleware can swallow the error of
    the submit."""
    failed: BaseException | None = None
    with contextlib.ExitStack() as stack:
        for one in middleware:
            stack.enter_context(one(call))
        try:
            yield
        except BaseException as error:
            failed = error
            raise
    if failed is not None:
        raise failed


@contextlib.asynccontextmanager
async def around_async(middleware: Sequence[Middleware], call: SubmitCall) -> AsyncIterator[None]:
    """Surround a submit, the first middleware outermost; a context manager may be an async one. No
    middleware can swallow the error of the submit."""
    failed: BaseException | None = None
    async with contextlib.AsyncExitStack() as stack:
        for one in middleware:
            await enter(stack, one(call))
        try:
            yield
        except BaseException as error:
            failed = error
            raise
    if failed is not None:
        raise failed
