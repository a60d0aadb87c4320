"""Tasks whose functions yield, and whose jobs so have output. Only these may live here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Generator, Mapping
from typing import Any, Generic, TypeVar

from pyjobs.definition import P
from pyjobs.errors import BadArgument, OutcomeUnknown, Unavailable
from pyjobs.tasks.function import T, Task
from pyjobs.worker import ClaimedJob, Reject, Verdict, awritten, written

C = TypeVar("C")


class Unwritten(Verdict):
    """Fails the attempt since Redis has not recorded a value that the function has yielded. The job
    is tried again, whatever the task's `retry_on` and `reject_on` say of the function."""


class Yielding(Task[P, T]):
    """Names, converts and appends what a function yields."""

    yields = True

    def _plain(self, value: Any) -> Any:
        """Return what JSON has in place of a value that the function has yielded.

        Raises:
            Reject: the value has no JSON, or does not fit the annotation.
        """
        try:
            return self._converter.chunk(value)
        except BadArgument as error:
            raise Reject(str(error)) from error


class StreamTask(Yielding[P, T], Generic[P, C, T]):
    """A task whose function is a plain generator; the result of a job is what the generator
    returns."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Generator[C, Any, T]:
        """Call the function."""
        found: Generator[C, Any, T] = self._called(args, kwargs)
        return found

    run = Task._run

    def _result(self, job: ClaimedJob, arguments: Mapping[str, Any]) -> Any:
        def append(value: Any) -> Awaitable[None]:
            try:
                return job.append(self._plain(value))
            except (Unavailable, OutcomeUnknown) as error:
                raise Unwritten(str(error)) from error

        return written(self.function(**arguments), append)


class AsyncStreamTask(Yielding[P, None], Generic[P, C]):
    """A task whose function is an async generator; the result of a job is None."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[C, Any]:
        """Call the function."""
        found: AsyncGenerator[C, Any] = self._called(args, kwargs)
        return found

    run = Task._arun

    def _result(self, job: ClaimedJob, arguments: Mapping[str, Any]) -> Any:
        async def append(value: Any) -> None:
            try:
                await job.append(self._plain(value))
            except (Unavailable, OutcomeUnknown) as error:
                raise Unwritten(str(error)) from error

        return awritten(self.function(**arguments), append)
