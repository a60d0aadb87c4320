"""`Task`: a function with a name and a policy, and how a job runs it. Only that may live here."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping, Set
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, Unpack

from pyjobs.client import Options, check_names
from pyjobs.definition import BaseTask, P, Submission
from pyjobs.engine import MAX_BYTES, RELIABLE, Keys, Mode, Outcome
from pyjobs.errors import BadArgument, JobFailed, TooLarge
from pyjobs.hints import OF_TASKS, hinted
from pyjobs.tasks.conversion import Converter, Missing
from pyjobs.tasks.dependencies import JOB, Resolved, dependencies_of, resolved
from pyjobs.tasks.policy import (
    Exceptions,
    check_policy,
    exceptions_of,
    hook_of,
    misplaced,
    unique_of,
)
from pyjobs.tasks.schedule import TaskSchedule, check_schedulable
from pyjobs.tasks.signature import binder, default_name, read_signature, returns_of
from pyjobs.validate import checked
from pyjobs.worker import (
    EXECUTORS,
    ClaimedJob,
    ExecutorName,
    Reject,
    Verdict,
    exhausted,
    is_awaitable,
)

T = TypeVar("T")


class Task(BaseTask[P, T]):
    """A function with a name and a policy: called, it runs the function, here and now.

    `client.submit(task, ...)` submits a job that calls the function in a worker.

    Attributes:
        name: the task's name, which its jobs carry.
        queue: the name of the queue of its jobs; None leaves the choice to the client.
        function: the function.
        is_async: whether the function is an `async def`.
        yields: whether the function is a generator, whose values are the output of the job.
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
        on_dead: Callable[[ClaimedJob, JobFailed], Any] | None = None,
        executor: ExecutorName | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = checked("name", default_name(function) if name is None else name)
        self.queue = None if queue is None else checked("queue", queue)
        kinds = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
        self.is_async = any(kind(function) for kind in kinds)
        self._unique = unique_of(self.name, unique)
        self._retry_on = (
            None if retry_on is None else exceptions_of(self.name, "retry_on", retry_on)
        )
        self._reject_on = exceptions_of(self.name, "reject_on", reject_on)
        self._options = {"task": self.name, **(options or {})}
        check_policy(self.name, self._options)
        self._injected = dependencies_of(self.name, function)
        self._signature, self._job, hints = read_signature(self.name, function, self._injected)
        self._bind = binder(self._signature)
        parameters = {
            name: (
                hints.get(name, Any),
                Missing if one.default is inspect.Parameter.empty else one.default,
            )
            for name, one in self._signature.parameters.items()
        }
        self._converter = Converter(self.name, parameters, *returns_of(self.name, function, hints))
        self.in_children = self._in_children(executor)
        self.on_dead = hook_of(self.name, on_dead)
        self._schedule, self.is_scheduled = schedule, schedule is not None
        if schedule is not None:
            check_schedulable(self.name, schedule, self._signature)
            # What is wrong in the schedule shows here, and not at the start of a worker.
            self.schedule(RELIABLE, Keys("jobs"))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        return self._called(args, kwargs)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            hint = hinted(OF_TASKS, name)
            raise AttributeError(f"a task has no attribute {name!r}{hint}")

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def __reduce__(self) -> str:
        # By the name of its module and its own, as functions are: a child process imports it.
        return self.function.__qualname__

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

        Raises:
            BadArgument: an option is unknown.
        """
        check_names(options)
        return Using(self, id, queue, options)

    def submission(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Submission:
        return self._submission(args, kwargs, None, self.queue, {})

    def schedule(self, mode: Mode, keys: Keys) -> Any:
        assert self._schedule is not None
        options = dict(self._options)
        if self._unique is not None:
            options["unique"] = self._key((), {})
        queue = self.queue or "default"
        return self._schedule.call(self.name, queue, mode, keys, options)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the arguments.

        Raises:
            MissingExtra: msgspec is not installed.
        """
        return self._converter.schema()

    @property
    def signature(self) -> inspect.Signature:
        """The arguments and the result: the function's signature without the job and without
        dependencies."""
        return self._signature

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
            values = self._bind(args, kwargs)
        except TypeError as error:
            hint = misplaced(kwargs, self.parameters)
            raise BadArgument(f"task {self.name}: {error}{hint}") from error
        data = self._converter.encode_arguments(values)
        own = dict(self._options)
        if self._unique is not None:
            own["unique"] = self._key(args, kwargs)
        convert = self._converter
        decode_chunk = convert.decode_chunk if self.yields else None
        return Submission(data, queue, id, {**own, **options}, convert.decode_result, decode_chunk)

    def _called(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Call the function, here and now.

        Raises:
            BadArgument: a dependency has no value.
        """
        if self._injected:
            with contextlib.suppress(TypeError):
                given = inspect.signature(self.function).bind_partial(*args, **kwargs).arguments
                if missing := sorted(self._injected - given.keys()):
                    raise BadArgument(
                        f"task {self.name}: a call of the function resolves no dependencies; give "
                        f"{', '.join(missing)}, or submit a job"
                    )
        return self.function(*args, **kwargs)

    def _key(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """Return the unique key of a submit with these arguments.

        Raises:
            BadArgument: the program's own function raises.
        """
        assert self._unique is not None
        try:
            return self._unique(*args, **kwargs)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise BadArgument(f"task {self.name}: unique: no key, but raised {why}") from error

    def _in_children(self, executor: str | None) -> bool | None:
        if executor is None:
            return None
        if executor not in EXECUTORS:
            words = ", ".join(EXECUTORS)
            raise BadArgument(f"task {self.name}: executor: {executor!r} is not one of {words}")
        if self.is_async:
            raise BadArgument(
                f"task {self.name}: executor={executor!r} is for a plain def; an async def runs in "
                "the event loop"
            )
        return executor == "process"

    def _arguments(self, job: ClaimedJob) -> dict[str, Any]:
        try:
            found = self._converter.decode_arguments(job.data)
        except BadArgument as error:
            raise Reject(str(error)) from error
        return found | {self._job: job} if self._job else found

    def _result(self, job: ClaimedJob, arguments: Mapping[str, Any]) -> Any:
        """Call the function for a job, and return its result; of an `async def` an awaitable."""
        return self.function(**arguments)

    def _resolved(self, job: ClaimedJob, arguments: Mapping[str, Any]) -> Any:
        """Call the function in a thread, with the values of its dependencies, and return its
        result."""
        with resolved(self.name, self.function, {JOB: job, **arguments}) as injected:
            result = exhausted(self._result(job, {**arguments, **injected}), job)
            if is_awaitable(result):
                result.close()
                raise Reject(
                    f"task {self.name}: its decorator hides that it is an async def, so that its "
                    "dependencies would be left too early; let the decorator be an async def too"
                )
            return result

    async def _aresolved(self, job: ClaimedJob, arguments: Mapping[str, Any]) -> Any:
        """Await the function in an event loop, with the values of its dependencies, and return its
        result."""
        async with Resolved(self.function, {JOB: job, **arguments}) as injected:
            return await self._result(job, {**arguments, **injected})

    def _run(self, job: ClaimedJob) -> Outcome | Coroutine[Any, Any, Outcome]:
        """Run a job in a thread. What a plain decorator makes of an `async def` is a function that
        returns an awaitable; its outcome is to be awaited in the event loop."""
        try:
            call = self._resolved if self._injected else self._result
            result = exhausted(call(job, self._arguments(job)), job)
        except Exception as error:
            judged = self._judged(error)
            raise judged from (error.__cause__ if judged is error else error)
        return self._later(result) if is_awaitable(result) else self._done(result)

    async def _later(self, result: Any) -> Outcome:
        """Return the outcome of a job whose function has returned an awaitable."""
        try:
            result = await result
        except Exception as error:
            judged = self._judged(error)
            raise judged from (error.__cause__ if judged is error else error)
        return self._done(result)

    async def _arun(self, job: ClaimedJob) -> Outcome:
        """Run a job in an event loop."""
        try:
            call = self._aresolved if self._injected else self._result
            result = await call(job, self._arguments(job))
            # A decorator may be an `async def` that does not await the function. This is
            # `is_awaitable`, without the call in every job.
            if hasattr(type(result), "__await__"):
                result = await result
        except Exception as error:
            judged = self._judged(error)
            raise judged from (error.__cause__ if judged is error else error)
        return self._done(result)

    def _judged(self, error: Exception) -> Exception:
        """Return what the policy makes of an exception of the function."""
        if isinstance(error, Verdict):
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
        self.name, self.is_async, self.yields = task.name, task.is_async, task.yields
        self.queue = task.queue if queue is None else queue
        self._task, self._id, self._options = task, id, options

    def submission(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Submission:
        return self._task._submission(args, kwargs, self._id, self.queue, self._options)

    def run(self, job: Any) -> Any:
        return self._task.run(job)

    def decode_result(self, body: bytes) -> Any:
        return self._task.decode_result(body)


class AsyncTask(Task[P, T], Generic[P, T]):
    """A task whose function is an `async def`."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        """Call the function."""
        found: Coroutine[Any, Any, T] = self._called(args, kwargs)
        return found

    run = Task._arun


class SyncTask(Task[P, T], Generic[P, T]):
    """A task whose function is a plain `def`."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function."""
        found: T = self._called(args, kwargs)
        return found

    run = Task._run
