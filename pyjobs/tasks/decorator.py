"""`@task` and what it makes of a function. Nothing else may live here."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping, Set
from datetime import timedelta
from typing import Any, Concatenate, Generic, TypeVar, Unpack, overload

from pyjobs.client import Missed, Options
from pyjobs.engine import MAX_BYTES, RELIABLE, Keys, Mode, Outcome
from pyjobs.errors import BadArgument, TooLarge
from pyjobs.task import BaseTask, P, Submission
from pyjobs.tasks.conversion import Converter, Missing
from pyjobs.tasks.schedule import TaskSchedule, check_schedulable, schedule_of
from pyjobs.tasks.signature import default_name, read_signature
from pyjobs.validate import checked
from pyjobs.worker import ClaimedJob, Reject, Retry, Snooze

T = TypeVar("T")
Exceptions = tuple[type[BaseException], ...]


class Task(BaseTask[P, T]):
    """A function with a name and a policy: called, it runs the function, here and now.

    `client.submit(task, ...)` submits a job that calls the function in a worker.

    Attributes:
        name: the task's name, which its jobs carry.
        queue: the name of the queue of its jobs; None leaves the choice to the client.
        function: the function.
        is_async: whether the function is an `async def`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        queue: str | None = None,
        unique: Callable[..., str] | None = None,
        retry_on: Exceptions | None = None,
        reject_on: Exceptions = (),
        options: Mapping[str, Any] | None = None,
        schedule: TaskSchedule | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = checked("name", default_name(function) if name is None else name)
        self.queue = None if queue is None else checked("queue", queue)
        self.is_async = inspect.iscoroutinefunction(function)
        self._unique, self._retry_on, self._reject_on = unique, retry_on, reject_on
        self._options = {"task": self.name, **(options or {})}
        self._signature, self._job, hints = read_signature(self.name, function)
        parameters = {
            name: (
                hints.get(name, Any),
                Missing if one.default is inspect.Parameter.empty else one.default,
            )
            for name, one in self._signature.parameters.items()
        }
        self._converter = Converter(self.name, parameters, hints.get("return", Any))
        self._schedule, self.is_scheduled = schedule, schedule is not None
        if schedule is not None:
            check_schedulable(self.name, schedule, self._signature)
            # What is wrong in the schedule shows here, and not at the start of a worker.
            self.schedule(RELIABLE, Keys("jobs"))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def using(
        self,
        *,
        id: str | None = None,
        queue: str | None = None,
        **options: Unpack[Options],
    ) -> Using[P, T]:
        """Return the task with options for one submit, as `client.submit(send.using(delay=60), 7)`.

        Args:
            id: the job's id. Default: a new id.
            queue: name of the queue. Default: the task's.
            options: the options of the submit, as `Client.submit` takes them.
        """
        return Using(self, id, queue, options)

    def submission(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Submission:
        return self._submission(args, kwargs, None, self.queue, {})

    def run(self, job: Any) -> Any:
        return self._arun(job) if self.is_async else self._run(job)

    def schedule(self, mode: Mode, keys: Keys) -> Any:
        assert self._schedule is not None
        options = dict(self._options)
        if self._unique is not None:
            options["unique"] = self._unique()
        queue = self.queue or "default"
        return self._schedule.call(self.name, queue, mode, keys, options)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the arguments.

        Raises:
            MissingExtra: msgspec is not installed.
        """
        return self._converter.schema()

    @property
    def parameters(self) -> Set[str]:
        """The names of the arguments."""
        return self._signature.parameters.keys()

    def arguments(self, data: Any) -> dict[str, Any]:
        """Return the arguments by name that the data of a job hold, converted.

        Args:
            data: the job's data, decoded from JSON.

        Raises:
            BadArgument: the data do not fit the function; the message has the value's path.
        """
        return self._converter.decode_arguments(data)

    def decode_result(self, body: bytes) -> Any:
        return self._converter.decode_result(body)

    def _submission(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        id: str | None,
        queue: str | None,
        options: Mapping[str, Any],
    ) -> Submission:
        try:
            values = self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise BadArgument(f"task {self.name}: {error}") from error
        data = self._converter.encode_arguments(values)
        own = dict(self._options)
        if self._unique is not None:
            own["unique"] = self._unique(*args, **kwargs)
        return Submission(data, queue, id, {**own, **options}, self._converter.decode_result)

    def _arguments(self, job: ClaimedJob) -> dict[str, Any]:
        try:
            found = self._converter.decode_arguments(job.data)
        except BadArgument as error:
            raise Reject(str(error)) from error
        return found | {self._job: job} if self._job else found

    def _run(self, job: ClaimedJob) -> Outcome:
        try:
            result = self.function(**self._arguments(job))
        except Exception as error:
            judged = self._judged(error)
            raise judged from (error.__cause__ if judged is error else error)
        return self._done(result)

    async def _arun(self, job: ClaimedJob) -> Outcome:
        try:
            result = await self.function(**self._arguments(job))
        except Exception as error:
            judged = self._judged(error)
            raise judged from (error.__cause__ if judged is error else error)
        return self._done(result)

    def _judged(self, error: Exception) -> Exception:
        """Return what the policy makes of an exception of the function."""
        if isinstance(error, (Reject, Retry, Snooze)):
            return error
        refused = isinstance(error, self._reject_on)
        if refused or (self._retry_on is not None and not isinstance(error, self._retry_on)):
            return Reject(f"{type(error).__name__}: {error}")
        return error

    def _done(self, result: Any) -> Outcome:
        try:
            body = self._converter.encode_result(result)
        except BadArgument as error:
            raise Reject(str(error)) from error
        if len(body) > MAX_BYTES:
            raise Reject(str(TooLarge(f"result: {len(body)} bytes, more than {MAX_BYTES}")))
        return Outcome("complete", body)


class Using(BaseTask[P, T]):
    """Holds a task and the options of one submit."""

    def __init__(
        self, task: Task[P, T], id: str | None, queue: str | None, options: Mapping[str, Any]
    ) -> None:
        self.name, self.is_async = task.name, task.is_async
        self.queue = task.queue if queue is None else queue
        self._task, self._id, self._options = task, id, options

    def submission(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Submission:
        return self._task._submission(args, kwargs, self._id, self.queue, self._options)

    def run(self, job: Any) -> Any:
        return self._task.run(job)

    def decode_result(self, body: bytes) -> Any:
        return self._task.decode_result(body)


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
    def __call__(self, function: Callable[Concatenate[ClaimedJob, P], T]) -> SyncTask[P, T]: ...

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[P, Coroutine[Any, Any, T]]
    ) -> AsyncTask[P, T]: ...

    @overload
    def __call__(self, function: Callable[P, T]) -> SyncTask[P, T]: ...

    def __call__(self, function: Callable[..., Any]) -> Any:
        kind = AsyncTask if inspect.iscoroutinefunction(function) else SyncTask
        return kind(function, **self._settings)


class AsyncTask(Task[P, T], Generic[P, T]):
    """A task whose function is an `async def`."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        """Call the function."""
        found: Coroutine[Any, Any, T] = self.function(*args, **kwargs)
        return found


class SyncTask(Task[P, T], Generic[P, T]):
    """A task whose function is a plain `def`."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function."""
        found: T = self.function(*args, **kwargs)
        return found


@overload
def task(  # type: ignore[overload-overlap]  # the first that fits counts
    function: Callable[Concatenate[ClaimedJob, P], Coroutine[Any, Any, T]], /
) -> AsyncTask[P, T]: ...


@overload
def task(function: Callable[Concatenate[ClaimedJob, P], T], /) -> SyncTask[P, T]: ...


@overload
def task(  # type: ignore[overload-overlap]
    function: Callable[P, Coroutine[Any, Any, T]], /
) -> AsyncTask[P, T]: ...


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
) -> Any:
    """Decorator: give a function a name and a policy, so that `client.submit(function, ...)`
    submits a job that calls it in a worker. Called itself, the function runs as before.

    Arguments travel by name, as a JSON object. A first parameter with the annotation ClaimedJob
    gets the job, and is not submitted.

    Args:
        function: an `async def` or a plain `def`, without positional-only and variable parameters.
        name: the task's name, up to 128 of A-Z a-z 0-9 _ . : -; it must stay when the function is
            moved or renamed. Default: module.function.
        queue: name of the queue of its jobs. Default: the client's.
        timeout: seconds that one run may take. Default: the worker's.
        max_attempts: failures until a job is dead (reliable). Default: the worker's.
        backoff: seconds before the second attempt, then doubled (reliable). Default: the worker's.
        retention: seconds that the outcome is kept. Default: the worker's.
        unique: makes a unique key of the arguments. Default: no key.
        retry_on: exceptions after which a job is tried again; all others reject it. Default: all.
        reject_on: exceptions after which a job is not tried again.
        every: seconds between two jobs that a schedule makes, 1 or more; all arguments must have
            defaults. A worker of the task makes the schedule at its start, under the task's name
            (recoverable, reliable). Default: no schedule.
        cron: five fields, as in '0 9 * * mon-fri', instead of `every`; needs the extra `schedules`.
        zone: the time zone of `cron`, as in 'Europe/Paris'.
        missed: which of the moments at which no worker was there make a job: 'all', 'last' or
            'skip', as `client.schedules.set` takes them.

    Raises:
        BadArgument: the function can't be a task, or an argument is not what it must be.
        MissingExtra: an annotation needs the extra `tasks`.
    """
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
            "options": {word: value for word, value in policy.items() if value is not None},
        }
    )
    return decorator if function is None else decorator(function)
