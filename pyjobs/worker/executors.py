"""Which executor runs a handler: tasks for `async def`, threads or child processes for a plain
`def`.

What executors have in common, and the choice, may live here; nothing is sent.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any, Protocol

from pyjobs.errors import BadArgument
from pyjobs.worker.invocation import Handler, Report
from pyjobs.worker.run import Run
from pyjobs.worker.settings import Children
from pyjobs.worker.task_executor import TaskExecutor
from pyjobs.worker.thread_executor import ThreadExecutor


class Executor(Protocol):
    """Runs the handler, and reports in the event loop how each run ended."""

    @property
    def running(self) -> int:
        """How many runs were started and are not reported yet."""

    @property
    def abandoned(self) -> int:
        """How many handlers still run although their run was reported."""

    def __contains__(self, run: Run) -> bool:
        """Whether the run was started and is not reported yet."""

    def start(self, run: Run) -> None:
        """Start a run. Its outcome is reported later, never from within this call.

        Raises:
            RuntimeError: there is no thread to run it, and none can be had.
        """

    def cancel(self, run: Run) -> None:
        """Stop the run if it is under way. It is reported as released, whatever its handler raises
        then; a result that its handler returns counts."""

    def cancel_all(self) -> None:
        """Stop every run, as `cancel` does."""

    def check(self) -> None:
        """Replace threads that have died, and report runs that nothing runs any more.

        Raises:
            RuntimeError: runs wait for a thread, and none can be had.
        """

    def close(self) -> None:
        """Start no run any more, let idle threads and children end, and kill the other children."""

    async def wait_closed(self) -> None:
        """Wait, after `close`, for the end of the children."""


def check_handler(handler: Any) -> None:
    """Check that this can be a handler.

    Raises:
        BadArgument: it can't be called, or calling it makes a generator, which returns no result.
    """
    if not callable(handler):
        raise BadArgument(f"handler: a {type(handler).__name__} can't be called")
    for function in (handler, type(handler).__call__):
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise BadArgument("handler: a generator function, which returns no result")


def executor_for(
    handler: Handler, concurrency: int, report: Report, children: Children | None = None
) -> Executor:
    """Return a TaskExecutor for an `async def` handler, and for any other a ProcessExecutor or a
    ThreadExecutor.

    Args:
        handler: a function, or an object with `__call__`.
        concurrency: how many children, or most threads, save for those whose run was given up.
        report: called in the event loop with each run and its outcome.
        children: how child processes are made; None for threads.

    Raises:
        BadArgument: a child process can't run the handler.
    """
    as_object = type(handler).__call__
    if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(as_object):
        if children is not None:
            raise BadArgument(
                "handler: executor='process' is for a plain def; an async def runs in an event "
                "loop, and in several by pyjobs work --processes"
            )
        return TaskExecutor(handler, report)
    if children is not None:
        # Imported when it is needed: multiprocessing takes longer than all modules of pyjobs.
        found = importlib.import_module("pyjobs.worker.process_executor")
        executor: Executor = found.ProcessExecutor(handler, concurrency, report, children)
        return executor
    return ThreadExecutor(handler, concurrency, report)
