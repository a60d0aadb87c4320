"""What a handler may raise to say what becomes of its job. Nothing else may live here.

Any other exception is a failure: tried again with backoff, until the attempts are used up. In
simple and recoverable mode nothing is tried again, and all of these are failures.
"""

from __future__ import annotations

from pyjobs.validate import to_ms


class Verdict(Exception):
    """The base of the three.

    Attributes:
        verdict: the word for reliable/fail.
    """

    verdict = "retry"


class Reject(Verdict):
    """Don't try again: the job is dead now.

    Args:
        why: what its client is told.
    """

    verdict = "reject"

    def __init__(self, why: str = "rejected by its handler") -> None:
        super().__init__(why)


class Retry(Verdict):
    """A failure that is tried again after a time of the handler's own choosing.

    Args:
        after: seconds.
        why: what is recorded.
    """

    def __init__(self, after: float, why: str = "asked to be tried again") -> None:
        super().__init__(why)
        self.verdict = f"retry={to_ms('after', after)}"


class Snooze(Verdict):
    """Not the job's fault: again after a time, and not counted as an attempt.

    Args:
        after: seconds.
        why: what is recorded.
    """

    def __init__(self, after: float, why: str = "put off") -> None:
        super().__init__(why)
        self.verdict = f"snooze={to_ms('after', after)}"
