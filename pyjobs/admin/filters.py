"""`Filter`: which jobs of a queue are meant, and what may be done to them. Nothing is sent here."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from pyjobs.engine import ENDED, ListedJob, ModeName, State
from pyjobs.errors import BadArgument
from pyjobs.validate import text, to_ms

JobEdit = Literal["requeue", "cancel", "delete", "run", "move"]
# The states of jobs to which each edit can be done; the first one counts where none is given.
EDITED: dict[str, tuple[State, ...]] = {
    "requeue": ("dead", "failed"),
    "cancel": ("pending", "delayed", "inflight"),
    "delete": ("pending", "delayed", "dead", *ENDED),
    "run": ("delayed",),
    "move": ("pending", "delayed", "dead"),
}
# These edits end jobs for good, so their caller must name a state.
NAMED = ("cancel", "delete")


class Filter(NamedTuple):
    """Says which jobs of a queue are meant: the jobs that fit every attribute.

    Attributes:
        state: 'pending', 'delayed', 'inflight', 'dead', 'done', 'failed', 'cancelled' or
            'expired'. None is the state that fits what is done: the dead (recoverable: failed) jobs
            for a requeue, the delayed ones for a run, the pending ones for a move.
        task: only jobs of this task.
        error: only jobs whose last error has this text in it.
        older: only jobs that were submitted, or have ended, at least so many seconds ago.
        newer: only jobs that were submitted, or have ended, at most so many seconds ago.
    """

    state: State | None = None
    task: str | None = None
    error: str | None = None
    older: float | None = None
    newer: float | None = None

    def wanted(self) -> dict[str, Any]:
        """Return the arguments of a page, durations in ms.

        Raises:
            BadArgument: a duration is not a number of 0 or more, or the task or error is no text.
        """
        return {
            "task": text("task", self.task),
            "error": text("error", self.error),
            "older": to_ms("older", self.older),
            "newer": to_ms("newer", self.newer),
        }


# Lets every job through.
ALL = Filter()


def state_for(edit: str, where: Filter, mode: ModeName) -> State:
    """Return the state of the jobs to which something is done.

    Args:
        edit: what is done.
        where: which jobs are meant.
        mode: the mode of their queue.

    Raises:
        BadArgument: the edit takes no jobs in this state, or the state must be named.
    """
    # By a list: what is no text may have no hash.
    if edit not in [*EDITED]:
        raise BadArgument(f"edit: {edit!r} is not one of {', '.join(EDITED)}")
    states = EDITED[edit]
    if edit == "requeue":
        states = ("failed",) if mode == "recoverable" else ("dead",)
    if where.state is None and edit in NAMED:
        raise BadArgument(f"state: say which jobs: {', '.join(states)}")
    state = where.state or states[0]
    if state not in states:
        raise BadArgument(f"state: {edit} takes jobs that are {', '.join(states)}, not {state}")
    return state


def fitting(jobs: list[ListedJob], state: State) -> list[str]:
    """Return the ids of the jobs of a page that are in a state: an entry of the list may be
    cancelled, and one of any place may have no job."""
    return [job.id for job in jobs if job.id and job.state == state]
