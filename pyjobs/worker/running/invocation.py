"""One call of a handler: what goes in, and what it returns before its end.

Nothing here starts a task or a thread.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable
from typing import Any

from pyjobs import codec
from pyjobs.engine import Outcome
from pyjobs.worker.outcomes import failure, outcome_of
from pyjobs.worker.process import Forks, end_process
from pyjobs.worker.run import Run
from pyjobs.worker.running.job import ClaimedJob, Handler
from pyjobs.worker.running.streaming import exhausted

Report = Callable[[Run, Outcome], None]
# A handler that goes on so long after its run was given up is waited for no longer: so many
# seconds, and no more than this share of a lease. A run that goes on for a lease after its timeout
# is lost, and a crash is counted.
CLEANUP_SECONDS = 4.0
CLEANUP_SHARE = 0.5


def cleanup_seconds(lease: float) -> float:
    """Return how long a handler is waited for after its run was given up.

    Args:
        lease: seconds that a claim of its worker holds.
    """
    return min(CLEANUP_SECONDS, lease * CLEANUP_SHARE)


class ReturnedAwaitable:
    """Holds an awaitable that a plain handler returned, which the event loop is to await."""

    def __init__(self, awaitable: Any, context: contextvars.Context) -> None:
        self.awaitable = awaitable
        self.context = context

    def close(self) -> None:
        """Drop the awaitable, so that Python does not warn of a coroutine that nobody awaits."""
        with contextlib.suppress(BaseException):
            self.awaitable.close()


def decoded(run: Run) -> ClaimedJob | Outcome:
    """Return the job for the handler, or the outcome that rejects a payload that is no JSON."""
    try:
        return ClaimedJob(run, codec.decode(run.data))
    except Exception as error:
        return failure(error, "reject")


def called(
    handler: Handler, run: Run, context: contextvars.Context, forks: int
) -> Outcome | ReturnedAwaitable:
    """Call a plain handler, and return its outcome or the awaitable that it returned. A process
    that the handler has forked, and that comes back from it, ends here.

    Args:
        handler: the handler.
        run: the run.
        context: the context variables of this run.
        forks: `Forks.count` of the process that calls the handler.
    """
    job = decoded(run)
    if isinstance(job, Outcome):
        return job
    try:
        result = context.run(handler, job)
        if Forks.count != forks:
            end_process(None)
        outcome = outcome_of(result)
        # No awaitable and no generator has JSON, so that other results are not looked at for that.
        if outcome.verb == "fail":
            rest = context.run(exhausted, result, job)
            if is_awaitable(rest):
                return ReturnedAwaitable(rest, context)
            if rest is not result:
                outcome = outcome_of(rest)
        return outcome
    except BaseException as error:
        if Forks.count != forks:
            end_process(error)
        return failure(error)


def is_awaitable(result: Any) -> bool:
    """Return whether a handler's result is to be awaited."""
    return hasattr(type(result), "__await__")
