"""What a handler may raise to say what becomes of its job. Nothing else may live here.

Any other exception is a failure: the job is tried again with backoff, until its attempts are used
up. In simple and recoverable mode nothing is tried again, and all of these are failures.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pyjobs.errors import Rebuilt
from pyjobs.validate import needed, to_ms


class Verdict(Rebuilt, Exception):
    """Holds what a handler decided about its job; the base of Retry, Snooze,
    Continue and Reject.

    Attributes:
        verdict: the word for reliable/fail.
    """

    verdict = "retry"


class Reject(Verdict):
    """Ends the job as dead: it is not tried again.

    Args:
        why: the message of the JobFailed that its client gets.
    """

    verdict = "reject"

    def __init__(self, why: str = "rejected by its handler") -> None:
        super().__init__(why)


class Retry(Verdict):
    """Fails the attempt; the job is tried again after a given time instead of the backoff.

    Args:
        why: the message that is stored with the failure.
        after: how long until the next attempt, in seconds or as a timedelta, 0 or more.

    Raises:
        BadArgument: `after` is not a number of seconds.
    """

    def __init__(self, why: str = "asked to be tried again", *, after: float | timedelta) -> None:
        super().__init__(why)
        self.verdict = f"retry={needed('after', to_ms('after', after))}"


class Snooze(Verdict):
    """Puts the job off: it is run again after a given time, and no attempt is counted.

    Args:
        why: the message that is logged.
        after: how long until the next run, in seconds or as a timedelta, 0 or more.

    Raises:
        BadArgument: `after` is not a number of seconds.
    """

    def __init__(self, why: str = "put off", *, after: float | timedelta) -> None:
        super().__init__(why)
        self.verdict = f"snooze={needed('after', to_ms('after', after))}"


class Continue(Verdict):
    """Ends the run; the job is run again with a state to go on from, and no attempt is counted.

    The next run gets the state as `job.state`. The state is saved in the same step in which the
    job goes back to its queue (reliable/fail). In recoverable and simple mode the job fails.

    Args:
        state: any value that has JSON, of up to 1 MiB.
        after: how long until the next run, in seconds or as a timedelta; 0: behind the jobs that
            are pending now.

    Raises:
        BadArgument: `after` is not a number of seconds.
    """

    def __init__(self, state: Any, *, after: float | timedelta = 0) -> None:
        super().__init__("goes on")
        self.state = state
        self.verdict = f"continue={needed('after', to_ms('after', after))}"


def verdict_of(error: BaseException) -> Verdict | None:
    """Return the verdict that a handler's exception carries: itself, or the one verdict of all
    leaves of an ExceptionGroup; None when there is none, or when the leaves differ."""
    if isinstance(error, Verdict):
        return error
    if not isinstance(error, BaseExceptionGroup):
        return None
    found = [verdict_of(leaf) for leaf in error.exceptions]
    first = found[0]
    if first is None or any(one is None or one.verdict != first.verdict for one in found):
        return None
    states = [one.state for one in found if isinstance(one, Continue)]
    return first if all(same(state, states[0]) for state in states) else None


def same(one: Any, other: Any) -> bool:
    """Return whether two states of a program are equal; those that can't be compared are not."""
    try:
        return one is other or bool(one == other)
    except Exception:
        return False
