"""What a task gets besides its arguments: the values of its dependencies, which `uncalled-for`
resolves. Nothing else may live here.

A function that names a dependency has imported the library, so that nothing is imported here for a
program without dependencies.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from types import TracebackType
from typing import Any

from pyjobs.errors import BadArgument

LIBRARY = "uncalled_for"
# The name by which a dependency may ask for the job: CallArgument("job").
JOB = "job"
# How often the cleanup of a dependency that awaits may await.
MOST_WAITS = 100


def dependencies_of(what: str, function: Callable[..., Any]) -> frozenset[str]:
    """Return the names of the parameters that dependencies fill.

    Args:
        what: the name of the task, for messages.
        function: its function.

    Raises:
        BadArgument: the dependencies contradict each other.
    """
    library = sys.modules.get(LIBRARY)
    if library is None:
        return frozenset()
    try:
        library.validate_dependencies(function)
        return frozenset(library.get_dependency_parameters(function))
    except (TypeError, ValueError) as error:
        raise BadArgument(f"task {what}: {error}") from error


class Resolved:
    """Surrounds one call of a function: `async with` yields the values of its dependencies, and
    leaves them afterwards.

    Args:
        function: the function.
        known: its other arguments, and the job as `job`, for dependencies that ask for them.
    """

    def __init__(self, function: Callable[..., Any], known: Mapping[str, Any]) -> None:
        self._library = sys.modules[LIBRARY]
        self._around = self._library.resolved_dependencies(function, dict(known))

    async def __aenter__(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = await self._around.__aenter__()
        for value in found.values():
            if isinstance(value, self._library.FailedDependency):
                error = value.error
                if not await self._around.__aexit__(type(error), error, error.__traceback__):
                    raise error
        return found

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Any:
        return await self._around.__aexit__(kind, error, trace)


@contextlib.contextmanager
def resolved(
    what: str, function: Callable[..., Any], known: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """Surround one call of a plain function, in the thread that calls the function: yield the
    values of its dependencies, and leave them afterwards. No event loop runs.

    Raises:
        BadArgument: a dependency awaits something.
    """
    around = Resolved(function, known)
    found = driven(what, around.__aenter__())
    try:
        yield found
    except BaseException as error:
        if not driven(what, around.__aexit__(type(error), error, error.__traceback__)):
            raise
    else:
        driven(what, around.__aexit__(None, None, None))


def driven(what: str, work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that waits for nothing, and return its value.

    Raises:
        BadArgument: it waits for something.
    """
    error = BadArgument(
        f"task {what}: a dependency awaits something, and only those of an async def may"
    )
    try:
        work.send(None)
        # What waits is left by the error, in the context in which it was entered.
        for _ in range(MOST_WAITS):
            work.throw(error)
    except StopIteration as end:
        return end.value
    work.close()
    raise error
