"""`@task`, which makes a `Task` of a function. Nothing else may live here."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator, Mapping
from datetime import timedelta
from typing import Any, Concatenate, overload

from pyjobs.client import Missed
from pyjobs.definition import P
from pyjobs.errors import BadArgument, JobFailed
from pyjobs.tasks.function import AsyncTask, SyncTask, T, Task
from pyjobs.tasks.policy import Exceptions, check_words
from pyjobs.tasks.schedule import schedule_of
from pyjobs.tasks.stream import AsyncStreamTask, C, StreamTask
from pyjobs.worker import ClaimedJob, ExecutorName

OnDead = Callable[[ClaimedJob, JobFailed], Any]


class Decorator:
    """Makes tasks with one policy.

    Args:
        settings: the arguments of `Task`.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings

    @overload
    def __call__(  # type: ignore[overload-overlap]  # the first that fits counts
        self, function: Callable[Concatenate[ClaimedJob, P], Coroutine[Any, Any, T]]
    ) -> AsyncTask[P, T]: ...

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[ClaimedJob, P], Generator[C, Any, T]]
    ) -> StreamTask[P, C, T]: ...

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[ClaimedJob, P], Iterator[C]]
    ) -> StreamTask[P, C, Any]: ...

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[ClaimedJob, P], AsyncIterator[C]]
    ) -> AsyncStreamTask[P, C]: ...

    @overload
    def __call__(self, function: Callable[Concatenate[ClaimedJob, P], T]) -> SyncTask[P, T]: ...

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[P, Coroutine[Any, Any, T]]
    ) -> AsyncTask[P, T]: ...

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[P, Generator[C, Any, T]]
    ) -> StreamTask[P, C, T]: ...

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[P, Iterator[C]]
    ) -> StreamTask[P, C, Any]: ...

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[P, AsyncIterator[C]]
    ) -> AsyncStreamTask[P, C]: ...

    @overload
    def __call__(self, function: Callable[P, T]) -> SyncTask[P, T]: ...

    def __call__(self, function: Callable[..., Any]) -> Any:
        if not callable(function) or isinstance(function, type):
            raise BadArgument(
                f"@task: {function!r} is no function; options go by name, as in name=..."
            )
        if inspect.isasyncgenfunction(function):
            kind: type[Task[..., Any]] = AsyncStreamTask
        elif inspect.isgeneratorfunction(function):
            kind = StreamTask
        else:
            kind = AsyncTask if inspect.iscoroutinefunction(function) else SyncTask
        return kind(function, **self._settings)


@overload
def task(  # type: ignore[overload-overlap]  # the first that fits counts
    function: Callable[Concatenate[ClaimedJob, P], Coroutine[Any, Any, T]], /
) -> AsyncTask[P, T]: ...


@overload
def task(  # type: ignore[overload-overlap]
    function: Callable[Concatenate[ClaimedJob, P], Generator[C, Any, T]], /
) -> StreamTask[P, C, T]: ...


@overload
def task(  # type: ignore[overload-overlap]
    function: Callable[Concatenate[ClaimedJob, P], Iterator[C]], /
) -> StreamTask[P, C, Any]: ...


@overload
def task(  # type: ignore[overload-overlap]
    function: Callable[Concatenate[ClaimedJob, P], AsyncIterator[C]], /
) -> AsyncStreamTask[P, C]: ...


@overload
def task(function: Callable[Concatenate[ClaimedJob, P], T], /) -> SyncTask[P, T]: ...


@overload
def task(  # type: ignore[overload-overlap]
    function: Callable[P, Coroutine[Any, Any, T]], /
) -> AsyncTask[P, T]: ...


@overload
def task(  # type: ignore[overload-overlap]
    function: Callable[P, Generator[C, Any, T]], /
) -> StreamTask[P, C, T]: ...


@overload
def task(  # type: ignore[overload-overlap]
    function: Callable[P, Iterator[C]], /
) -> StreamTask[P, C, Any]: ...


@overload
def task(  # type: ignore[overload-overlap]
    function: Callable[P, AsyncIterator[C]], /
) -> AsyncStreamTask[P, C]: ...


@overload
def task(function: Callable[P, T], /) -> SyncTask[P, T]: ...


@overload
def task(
    *,
    name: str | None = None,
    queue: str | None = None,
    timeout: float | timedelta | None = None,
    max_attempts: int | None = None,
    backoff: float | timedelta | None = None,
    retention: float | timedelta | None = None,
    unique: Callable[..., str] | None = None,
    retry_on: Exceptions | None = None,
    reject_on: Exceptions = (),
    every: float | timedelta | None = None,
    cron: str | None = None,
    zone: str = "UTC",
    missed: Missed = "last",
    on_dead: OnDead | None = None,
    executor: ExecutorName | None = None,
) -> Decorator: ...


def task(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    queue: str | None = None,
    timeout: float | timedelta | None = None,
    max_attempts: int | None = None,
    backoff: float | timedelta | None = None,
    retention: float | timedelta | None = None,
    unique: Callable[..., str] | None = None,
    retry_on: Exceptions | None = None,
    reject_on: Exceptions = (),
    every: float | timedelta | None = None,
    cron: str | None = None,
    zone: str = "UTC",
    missed: Missed = "last",
    on_dead: OnDead | None = None,
    executor: ExecutorName | None = None,
    **others: Any,
) -> Any:
    """Decorator: give a function a name and a policy, so that `client.submit(function, ...)`
    submits a job that calls it in a worker. Called itself, the function runs as before.

    Arguments travel by name, as a JSON object. A first parameter with the annotation ClaimedJob
    gets the job, and is not submitted. What a generator yields is the output of the job, converted
    by the annotation `-> Iterator[T]` or `-> AsyncIterator[T]` (recoverable, reliable).

    Args:
        function: an `async def`, a plain `def` or a generator of both kinds, without
            positional-only and variable parameters.
        name: the task's name, up to 128 of A-Z a-z 0-9 _ . : -; it must stay when the function is
            moved or renamed. Default: module.function.
        queue: name of the queue of its jobs. Default: the client's.
        timeout: seconds that one run may take. Default: the worker's.
        max_attempts: failures until a job is dead (reliable). Default: the worker's.
        backoff: seconds before the second attempt, then doubled (reliable). Default: the worker's.
        retention: seconds that the outcome is kept. Default: the worker's.
        unique: makes a unique key of the arguments. Default: no key.
        retry_on: a class of exceptions after which a job is tried again, or a tuple, list or set of
            classes; all others reject it. Default: all.
        reject_on: a class of exceptions after which a job is not tried again, or several.
        every: seconds between two jobs that a schedule makes, 1 or more; all arguments must have
            defaults. A worker of the task makes the schedule at its start, under the task's name
            (recoverable, reliable). Default: no schedule.
        cron: five fields, as in '0 9 * * mon-fri', instead of `every`; needs the extra `schedules`.
        zone: the time zone of `cron`, as in 'Europe/Paris'.
        missed: which of the moments at which no worker was there make a job: 'all', 'last' or
            'skip', as `client.schedules.set` takes them.
        on_dead: called with the ClaimedJob and the JobFailed, at most once, in the worker that
            records a job of the task as dead, or whose claim makes a job of the task dead since
            its leases ran out; beside the worker's own `on_dead`.
        executor: 'process' runs a plain function in a child process of its worker, 'thread' in a
            thread. Default: the worker's.

    Raises:
        BadArgument: the function can't be a task, or an argument is not what it must be.
        MissingExtra: an annotation needs the extra `tasks`.
    """
    check_words(others, task.__kwdefaults__ or ())
    policy = {
        "timeout": timeout,
        "max_attempts": max_attempts,
        "backoff": backoff,
        "retention": retention,
    }
    decorator = Decorator(
        {
            "name": name,
            "queue": queue,
            "unique": unique,
            "retry_on": retry_on,
            "reject_on": reject_on,
            "schedule": schedule_of(every, cron, zone, missed),
            "on_dead": on_dead,
            "executor": executor,
            "options": {word: value for word, value in policy.items() if value is not None},
        }
    )
    return decorator if function is None else decorator(function)
