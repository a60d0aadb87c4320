"""Which executor runs a handler: tasks for `async def`, threads or child processes for a plain
`def`.

What executors have in common, and the choice, may live here; nothing is sent.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pyjobs.definition import BaseTask
from pyjobs.errors import BadArgument
from pyjobs.validate import kind_of
from pyjobs.worker.run import Run
from pyjobs.worker.running.invocation import CLEANUP_SECONDS, Report, cleanup_seconds
from pyjobs.worker.running.job import ClaimedJob, Handler
from pyjobs.worker.running.middleware import Middleware, surrounded
from pyjobs.worker.running.task_executor import TaskExecutor
from pyjobs.worker.running.thread_executor import ThreadExecutor
from pyjobs.worker.settings import Children, WorkerSettings

# From Python 3.14 on annotations are evaluated when they are asked for. Those of a handler may name
# what only a type checker imports.
UNRESOLVED: dict[str, Any] = {}
if sys.version_info >= (3, 14):
    UNRESOLVED["annotation_format"] = importlib.import_module("annotationlib").Format.FORWARDREF


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


class TaskwiseExecutor:
    """Runs jobs by their tasks: an `async def` in the event loop, a plain `def` in threads or in
    child processes.

    Args:
        settings: the worker's settings.
        tasks: the worker's tasks, by name.
        handler: runs bare jobs; None where there is none, and no bare job comes here.
        report: called in the event loop with each run and its outcome.

    Raises:
        BadArgument: a child process can't run a task or the handler.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        tasks: Mapping[str, BaseTask[..., Any]],
        handler: Handler | None,
        report: Report,
    ) -> None:
        in_process = settings.executor == "process"

        runs = {name: task.run for name, task in tasks.items()}

        def run(job: ClaimedJob) -> Any:
            return runs[job._run.task](job)

        loop, middleware = asyncio.get_running_loop(), settings.middleware
        cleanup = cleanup_seconds(settings.lease)
        in_tasks = TaskExecutor(
            surrounded(run, middleware, is_async=True, loop=loop), report, cleanup
        )
        in_threads = ThreadExecutor(
            *(surrounded(run, middleware, is_async=False, loop=loop), settings.concurrency),
            *(report, cleanup),
        )
        self._by_task: dict[str, Executor] = {
            name: in_tasks if task.is_async else in_threads for name, task in tasks.items()
        }
        self._executors: list[Executor] = [in_tasks, in_threads]
        remote = {
            name: task
            for name, task in tasks.items()
            if not task.is_async and (in_process if task.in_children is None else task.in_children)
        }
        bare = handler if handler is not None and in_process and not is_async(handler) else None
        if remote or bare is not None:
            in_children = self._in_children(settings, remote, bare, report)
            self._executors.append(in_children)
            self._by_task |= dict.fromkeys(remote, in_children)
            if bare is not None:
                self._by_task[""] = in_children
        if handler is not None and bare is None:
            self._by_task[""] = executor_for(
                handler, settings.concurrency, report, None, middleware, cleanup
            )
            self._executors.append(self._by_task[""])

    def _in_children(
        self,
        settings: WorkerSettings,
        tasks: Mapping[str, BaseTask[..., Any]],
        handler: Handler | None,
        report: Report,
    ) -> Executor:
        # Imported when it is needed: multiprocessing takes longer than all modules of pyjobs.
        found = importlib.import_module("pyjobs.worker.running.process_executor")
        for name, task in tasks.items():
            found.check_findable(f"task {name}", task)
        for one in settings.middleware:
            found.check_findable(f"middleware {getattr(one, '__name__', one)}", one)
        run = surrounded(TaskRunner(tasks, handler), settings.middleware, is_async=False, loop=None)
        executor: Executor = found.ProcessExecutor(
            *(run, settings.child_count, report, settings.children),
            cleanup_seconds(settings.lease),
        )
        return executor

    @property
    def running(self) -> int:
        return sum(one.running for one in self._executors)

    @property
    def abandoned(self) -> int:
        return sum(one.abandoned for one in self._executors)

    def __contains__(self, run: Run) -> bool:
        return run in self._by_task[run.task]

    def start(self, run: Run) -> None:
        self._by_task[run.task].start(run)

    def cancel(self, run: Run) -> None:
        if run.task in self._by_task:
            self._by_task[run.task].cancel(run)

    def cancel_all(self) -> None:
        for one in self._executors:
            one.cancel_all()

    def check(self) -> None:
        for one in self._executors:
            one.check()

    def close(self) -> None:
        for one in self._executors:
            one.close()

    async def wait_closed(self) -> None:
        for one in self._executors:
            await one.wait_closed()


class TaskRunner:
    """Runs jobs by their tasks in a child process, which imports the tasks by their names.

    Args:
        tasks: the tasks, by name.
        handler: runs bare jobs; None for none.
    """

    def __init__(self, tasks: Mapping[str, BaseTask[..., Any]], handler: Handler | None) -> None:
        self._tasks = dict(tasks)
        self._handler = handler

    def __call__(self, job: ClaimedJob) -> Any:
        task = self._tasks.get(job.task)
        if task is None:
            assert self._handler is not None
            return self._handler(job)
        return task.run(job)


def is_async(handler: Handler) -> bool:
    """Return whether a handler is an `async def`, or an object that is called as one."""
    as_object = type(handler).__call__
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(as_object)


def check_handler(handler: Any) -> None:
    """Check that this can be a handler.

    Raises:
        BadArgument: it can't be called, or not with a job as its only argument.
    """
    if not callable(handler):
        raise BadArgument(f"handler: {kind_of(handler)} can't be called")
    try:
        # What a decorator returns is called, and not what it wraps, which may take more.
        inspect.signature(handler, follow_wrapped=False, **UNRESOLVED).bind(None)
    except TypeError as error:
        name = getattr(handler, "__name__", type(handler).__name__)
        raise BadArgument(f"handler: {name} is called with the job alone: {error}") from None
    except (ValueError, NameError, AttributeError):
        # Compiled code may not say what it takes, and an annotation may name what is not there.
        pass


def executor_for(
    handler: Handler,
    concurrency: int,
    report: Report,
    children: Children | None = None,
    middleware: Sequence[Middleware] = (),
    cleanup: float = CLEANUP_SECONDS,
) -> Executor:
    """Return a TaskExecutor for an `async def` handler, and for any other a ProcessExecutor or a
    ThreadExecutor.

    Args:
        handler: a function, or an object with `__call__`.
        concurrency: how many children, or most threads, save for those whose run was given up.
        report: called in the event loop with each run and its outcome.
        children: how child processes are made; None for threads.
        middleware: what is around each run, the outermost first.
        cleanup: how long a handler is waited for after its run was given up, in seconds.

    Raises:
        BadArgument: a child process can't run the handler.
    """
    in_loop = is_async(handler)
    loop = None if children is not None else asyncio.get_running_loop()
    handler = surrounded(handler, middleware, is_async=in_loop, loop=loop)
    if in_loop:
        if children is not None:
            raise BadArgument(
                "handler: executor='process' is for a plain def; an async def runs in an event "
                "loop, and in several by pyjobs work --processes"
            )
        return TaskExecutor(handler, report, cleanup)
    if children is not None:
        # Imported when it is needed: multiprocessing takes longer than all modules of pyjobs.
        found = importlib.import_module("pyjobs.worker.running.process_executor")
        executor: Executor = found.ProcessExecutor(handler, concurrency, report, children, cleanup)
        return executor
    return ThreadExecutor(handler, concurrency, report, cleanup)


def executor_of(
    settings: WorkerSettings,
    handler: Handler | None,
    tasks: Mapping[str, BaseTask[..., Any]] | None,
    report: Report,
) -> Executor:
    """Return the executor of a worker with tasks, or with a handler only.

    Args:
        settings: the worker's settings.
        handler: runs bare jobs; None where there are tasks and no handler.
        tasks: the worker's tasks, by name.
        report: called in the event loop with each run and its outcome.

    Raises:
        BadArgument: a child process can't run the handler or a task.
    """
    if tasks:
        return TaskwiseExecutor(settings, tasks, handler, report)
    assert handler is not None
    children = settings.children
    count = settings.concurrency if children is None else settings.child_count
    cleanup = cleanup_seconds(settings.lease)
    return executor_for(handler, count, report, children, settings.middleware, cleanup)
