"""What the client and the worker know of a task: its name, how its arguments become bytes, and how
a job runs it.

Only this interface may live here. `pyjobs.tasks` makes tasks and converts their values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

from pyjobs.errors import BadArgument
from pyjobs.validate import iterable

P = ParamSpec("P")
R = TypeVar("R")
# The arguments of one of many jobs: in their order, or by name.
Arguments = tuple[Any, ...] | Mapping[str, Any]


class Submission(NamedTuple):
    """Holds one submit of a task.

    Attributes:
        data: the arguments by name, as a JSON object.
        queue: the name of the job's queue; None leaves the choice to the client.
        id: the job's id; None makes one.
        options: the options of the submit, as `Options` names them.
        decode: makes a value from the bytes of a result.
        decode_chunk: makes a value from the bytes of a chunk of output; None where the task writes
            no output of its own.
    """

    data: bytes
    queue: str | None
    id: str | None
    options: Mapping[str, Any]
    decode: Callable[[bytes], Any]
    decode_chunk: Callable[[bytes], Any] | None = None


class BaseTask(Generic[P, R]):
    """Names what a job is to do, and converts its arguments and its result.

    Attributes:
        name: the task's name, which its jobs carry.
        queue: the name of the queue of its jobs; None leaves the choice to the client, and is the
            queue 'default' to a worker.
        is_async: whether its function is an `async def`.
        is_scheduled: whether a schedule makes jobs of it.
        yields: whether its function is a generator, whose values are the output of the job.
        in_children: whether its function runs in child processes: True, False, or None for what the
            worker's `executor` says.
        on_dead: called in the worker that records a job of it as dead; None for nothing.
    """

    name: str
    queue: str | None
    is_async: bool
    is_scheduled: bool = False
    yields: bool = False
    in_children: bool | None = None
    on_dead: Callable[..., Any] | None = None

    def schedule(self, mode: Any, keys: Any) -> Any:
        """Return the call that makes the task's schedule (<mode>/schedule), if it is scheduled.

        Args:
            mode: the mode of the queue.
            keys: the names under the prefix.
        """
        raise NotImplementedError

    def submission(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Submission:
        """Return the submit of one job with these arguments.

        Raises:
            BadArgument: the arguments do not fit the function; the message has the value's path.
        """
        raise NotImplementedError

    def run(self, job: Any) -> Any:
        """Call the function with the arguments of a claimed job, and return the outcome; of an
        `async def` an awaitable of the outcome."""
        raise NotImplementedError

    def decode_result(self, body: bytes) -> Any:
        """Return the value of a result's bytes.

        Raises:
            BadArgument: the result does not fit the annotation.
        """
        raise NotImplementedError


def collected(
    tasks: Iterable[BaseTask[..., Any] | ModuleType], *, mode: str
) -> dict[str, BaseTask[..., Any]]:
    """Return tasks by their names.

    Args:
        tasks: tasks, and modules that have tasks as attributes.
        mode: name of the mode of their queues.

    Raises:
        BadArgument: something else is among them, a module has none, two have one name, or one has
            a schedule or yields in simple mode.
    """
    found: dict[str, BaseTask[..., Any]] = {}
    if isinstance(tasks, (BaseTask, ModuleType)):
        raise BadArgument(f"tasks: must be a list, such as [{tasks!r}]")
    if isinstance(tasks, str):
        raise BadArgument(
            f"tasks: must be a list of tasks and modules, not {tasks!r}; import the module, and "
            "give the module itself"
        )
    for one in iterable("tasks", tasks, "tasks"):
        inside = list(vars(one).values()) if isinstance(one, ModuleType) else [one]
        tasks_inside = [value for value in inside if isinstance(value, BaseTask)]
        if not tasks_inside:
            if isinstance(one, ModuleType):
                raise BadArgument(f"tasks: there is no task in module {one.__name__}")
            hint = "; @task makes a task of a function" if callable(one) else ""
            raise BadArgument(f"tasks: not a task or a module with tasks: {one!r}{hint}")
        for value in tasks_inside:
            if value.is_scheduled and mode == "simple":
                raise BadArgument(
                    f"tasks: {value.name} has a schedule, and simple mode has no schedules"
                )
            if value.yields and mode == "simple":
                raise BadArgument(f"tasks: {value.name} yields, and simple mode has no output")
            if found.setdefault(value.name, value) is not value:
                raise BadArgument(f"tasks: two tasks have the name {value.name}")
    return found
