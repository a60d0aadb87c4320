"""Queues of one test: what was submitted, and running what is due, in the test's own process.

`Jobs` is what the fixture `jobs` of pytest gives. Only what a test of a program needs may live
here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from types import ModuleType
from typing import Any, Literal, NamedTuple

from pyjobs import clock, codec
from pyjobs.admin import Admin
from pyjobs.asyncutil import running_loop
from pyjobs.client import Client
from pyjobs.definition import BaseTask
from pyjobs.engine import PLACES, Keys, ListedJob, ModeName
from pyjobs.errors import BadArgument, UnknownTask
from pyjobs.ids import unguessable
from pyjobs.tasks import Task
from pyjobs.transport import (
    Server,
    aclose,
    aconnect,
    connect,
    forget_memory,
    modes_of,
    move_memory_clock,
)
from pyjobs.validate import in_seconds, to_ms
from pyjobs.worker import Drain, RanJob, Reject, Worker

Handler = Any
Runs = list[tuple[ModeName, tuple[str, ...]]]
SHOWN_BYTES = 65536


class SubmittedJob(NamedTuple):
    """Holds one job that was submitted.

    Attributes:
        id: the job's id.
        queue: the name of the job's queue.
        task: the name of the job's task; '' for a bare job.
        data: the data; where a task was asked for, its arguments by name, converted.
        state: 'pending', 'delayed', 'inflight', 'dead', or 'ran' of a job that `run_all` has ended.
        due: seconds until it is due, as of this call; 0 of a job that is not delayed.
    """

    id: str
    queue: str
    task: str
    data: Any
    state: str
    due: float


class Jobs:
    """Responsible for the queues of one test: asks what was submitted, and runs what is due.

    Args:
        url: where the queues are; an empty server.

    Attributes:
        url: the same URL, for clients and workers of the program under test.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._admin = Admin(url)
        self._server = connect(url)
        self._client: Client | None = None
        self._ran: list[RanJob] = []

    @property
    def client(self) -> Client:
        """A client of the queues, which is closed when the test ends."""
        if self._client is None:
            self._client = Client(self.url)
        return self._client

    def close(self) -> None:
        """Close the client and all other connections."""
        if self._client is not None:
            self._client.close()
        self._admin.close()
        self._server.close()

    def run_all(
        self,
        handler: Handler | Worker | None = None,
        *,
        tasks: Iterable[BaseTask[..., Any] | ModuleType] = (),
        errors: Literal["raise", "keep"] = "raise",
    ) -> list[Any]:
        """Run every job that is due, one after the other, in the calling thread, until none is.

        The scripts are the real ones: a failed job is tried again, delayed or dead as in
        production. Jobs that the handlers submit run too. Jobs that are not due stay: see `travel`.
        Schedules of the tasks are made, and schedules get further moments, as a worker does it.
        An `async def` runs in an event loop of this call.

        Args:
            handler: gets every job without a task; or a `Worker`, whose handler, tasks, settings
                and queues count.
            tasks: tasks, and modules with tasks.
            errors: 'raise' raises what the first handler to fail has raised, when all jobs have
                run. 'keep' returns an exception in the place of the result.

        Returns:
            The results, in the order in which the jobs ran.

        Raises:
            BadArgument: there is neither a handler nor a task, or an event loop is running.
            UnknownTask: a job that is due has another task, or none and there is no handler.
        """
        if running_loop() is not None:
            raise BadArgument("run_all: an event loop is running; use await jobs.arun_all(...)")
        passes = _Passes(self._server, handler, tasks, errors)
        for drain in passes:
            with passes.noting(drain, self._ran):
                drain.run(self._server)
        return passes.results()

    async def arun_all(
        self,
        handler: Handler | Worker | None = None,
        *,
        tasks: Iterable[BaseTask[..., Any] | ModuleType] = (),
        errors: Literal["raise", "keep"] = "raise",
    ) -> list[Any]:
        """Run every job that is due, one after the other, in the running event loop, until no job
        is due.

        The scripts are the real ones: a failed job is tried again, delayed or dead as in
        production. Jobs that the handlers submit run too. Jobs that are not due stay: see `travel`.

        Args:
            handler: gets every job without a task; or a `Worker`, whose handler, tasks, settings
                and queues count. A plain `def` blocks the event loop while it runs.
            tasks: tasks, and modules with tasks.
            errors: 'raise' raises what the first handler to fail has raised, when all jobs have
                run. 'keep' returns an exception in the place of the result.

        Returns:
            The results, in the order in which the jobs ran.

        Raises:
            BadArgument: there is neither a handler nor a task.
            UnknownTask: a job that is due has another task, or none and there is no handler.
        """
        passes = _Passes(self._server, handler, tasks, errors)
        server = aconnect(self.url)
        try:
            for drain in passes:
                with passes.noting(drain, self._ran):
                    await drain.arun(server, self._server)
        finally:
            await aclose(server)
        return passes.results()

    def submitted(
        self, what: Task[..., Any] | str | None = None, /, **arguments: Any
    ) -> list[SubmittedJob]:
        """Return the jobs that were submitted: those in queues, and those that `run_all` has run.

        Args:
            what: a task, or the name of a queue. Default: all jobs.
            arguments: only jobs whose data, a JSON object or the arguments of the task, have these
                values.

        Raises:
            BadArgument: the task has no such argument, or the data of a job do not fit the task.
        """
        task = what if isinstance(what, Task) else None
        if task is not None and (strange := arguments.keys() - task.parameters):
            raise BadArgument(f"task {task.name}: it has no argument {min(strange)!r}")
        found = []
        for one in [*self._stored(), *self._ended()]:
            job = one
            if task is not None:
                if job.task != task.name:
                    continue
                job = job._replace(data=task.arguments(job.data))
            elif what is not None and job.queue != what:
                continue
            if _has(job.data, arguments):
                found.append(job)
        return found

    def travel(self, seconds: float | timedelta) -> None:
        """Move the clock of `memory://` forward: delays, leases, schedules and expiries pass.

        Nothing runs by itself: call `run_all` afterwards. The clocks of Python do not move.

        Args:
            seconds: how far; more than 0.

        Raises:
            BadArgument: the server is a real one, or `seconds` is not more than 0.
        """
        if not self.url.startswith("memory:"):
            raise BadArgument("travel: only the clock of memory:// can be moved")
        if not to_ms("seconds", seconds):
            raise BadArgument("seconds: must be more than 0")
        move_memory_clock(in_seconds(seconds))

    def _stored(self) -> Iterator[SubmittedJob]:
        for queue in _modes(self._server):
            for place in PLACES:
                cursor = ""
                while True:
                    page = self._admin.jobs(queue, place, cursor=cursor, max_bytes=SHOWN_BYTES)
                    for job in page.jobs:
                        yield self._as_submitted(queue, place, job)
                    cursor = page.cursor
                    if not cursor:
                        break

    def _as_submitted(self, queue: str, place: str, job: ListedJob) -> SubmittedJob:
        body = job.data
        if len(body) >= SHOWN_BYTES:
            body = self._admin.show(queue, job.id).data
        due = max(0.0, job.at / 1000 - clock.now()) if place == "delayed" else 0.0
        return SubmittedJob(job.id, queue, job.task, codec.decode(body), place, due)

    def _ended(self) -> Iterator[SubmittedJob]:
        still = {(job.queue, job.id) for job in self._stored()}
        for one in {(one.queue, one.id): one for one in self._ran}.values():
            if (one.queue, one.id) not in still:
                yield SubmittedJob(one.id, one.queue, one.task, codec.decode(one.data), "ran", 0.0)


def memory_url() -> str:
    """Return the URL of a server in this process that nobody else has."""
    return f"memory://test-{unguessable()}"


def end_memory(url: str) -> None:
    """Drop a server of `memory_url`, and put the clock back."""
    forget_memory(url)
    clock.put_back()


def emptied(url: str) -> None:
    """Delete all that a real server holds."""
    with closing(connect(url)) as server:
        server.flushall()


def _has(data: Any, arguments: Mapping[str, Any]) -> bool:
    """Return whether data have these values."""
    if not arguments:
        return True
    return isinstance(data, dict) and all(
        name in data and data[name] == value for name, value in arguments.items()
    )


class _Passes:
    """Responsible for one `run_all`: what is run by what, pass after pass, until none runs a job.

    Args:
        server: has the queues.
        given: a handler, a `Worker` or None.
        tasks: tasks, and modules with tasks.
        errors: 'raise' or 'keep'.

    Raises:
        BadArgument: these do not fit together.
    """

    def __init__(self, server: Server, given: Any, tasks: Iterable[Any], errors: str) -> None:
        if errors not in ("raise", "keep"):
            raise BadArgument(f"errors: {errors!r} is not one of raise, keep")
        tasks = list(tasks)
        self._server, self._errors = server, errors
        self._own_queues = isinstance(given, Worker)
        if isinstance(given, Worker):
            if tasks:
                raise BadArgument("tasks: those of the worker count")
            self._worker = given
        else:
            self._worker = Worker(tasks=tasks)
            if given is not None:
                self._worker.handler(given)
            elif not tasks:
                raise BadArgument("handler: neither a handler nor a task was given")
        self._ran: list[RanJob] = []
        self._unknown: list[str] = []

    def __iter__(self) -> Iterator[Drain]:
        before = -1
        while before < len(self._ran):
            before = len(self._ran)
            for mode, queues in self._queues():
                yield Drain(self._worker, mode, queues)

    @contextmanager
    def noting(self, drain: Drain, history: list[RanJob]) -> Iterator[None]:
        """Note what a drain has run, also when the block raises."""
        try:
            yield
        finally:
            history += drain.ran
            self._ran += drain.ran
            self._unknown += drain.unknown()

    def results(self) -> list[Any]:
        """Return the results, or raise what the first handler to fail has raised."""
        results = [one.result if one.error is None else _own(one.error) for one in self._ran]
        if self._errors == "keep":
            return results
        for one, result in zip(self._ran, results, strict=True):
            if one.error is not None:
                result.add_note(f"raised by job {one.id} on queue {one.queue}")
                raise result
        if self._unknown:
            name = self._unknown[0]
            what = f"the task {name}" if name else "no task"
            raise UnknownTask(f"run_all: a job has {what}, and nothing here runs it")
        return results

    def _queues(self) -> Runs:
        """Return the modes and queues that the jobs are taken from."""
        settings = self._worker.settings
        if self._own_queues:
            return [(settings.mode_name, settings.queues)]
        by_mode: dict[Any, list[str]] = {}
        for queue, mode in _modes(self._server).items():
            by_mode.setdefault(mode, []).append(queue)
        # Queues of tasks whose schedules nobody has made yet.
        known = {queue for queues in by_mode.values() for queue in queues}
        for name in dict.fromkeys(task.queue or "default" for task in settings.scheduled):
            if name not in known:
                by_mode.setdefault(settings.mode_name, []).append(name)
        return [(mode, tuple(queues)) for mode, queues in by_mode.items() if mode]


def _modes(server: Server) -> dict[str, str]:
    """Return the queues of a server with their modes: also those that are not registered yet."""
    keys = Keys()
    before, after = keys.meta(keys.queue("Q")).split("Q")
    found = (key.decode() for key in server.scan_iter(match=f"{before}*{after}", count=1000))
    names = sorted(key[len(before) : -len(after)] for key in found)
    return dict(zip(names, modes_of(server, keys, names), strict=True))


def _own(error: Exception) -> Exception:
    """Return what the function itself has raised: the policy of a task wraps it in a Reject."""
    cause = error.__cause__
    if isinstance(error, Reject) and isinstance(cause, Exception):
        return cause if str(error) == f"{type(cause).__name__}: {cause}" else error
    return error
