"""How a run of a job ended, and the worker's settings that its calls carry. Only data may live
here."""

from __future__ import annotations

from typing import NamedTuple


class Outcome(NamedTuple):
    """Holds how a run ended: the verb that records it, and what the verb takes.

    Attributes:
        verb: 'complete', 'fail', 'release', or 'unknown': a release of a job whose task the worker
            does not know.
        body: the result's or the error's bytes.
        verdict: of a failure in reliable mode: 'retry', 'retry=MS', 'snooze=MS',
            'continue=MS' (then the body is what is saved) or 'reject'.
        why: what went wrong, in one line for the log.
    """

    verb: str
    body: bytes = b""
    verdict: str = ""
    why: str = ""


RELEASE = Outcome("release")
UNKNOWN = Outcome("unknown")


class Policy(NamedTuple):
    """Holds the settings of a worker that its calls carry. None leaves a setting to the script.

    Attributes:
        lease: ms that a claim holds without a renewal (reliable).
        retention: ms that results are kept, where the submit did not say.
        max_attempts: handled failures until a job is dead, where the submit did not say (reliable).
        backoff: ms before the second attempt, then doubled (reliable).
        max_crashes: leases of one job that may run out until it is dead (reliable).
        names_deaths: whether claims name the jobs that they make dead (reliable).
        traces: whether claims return the trace context of jobs that have one.
    """

    lease: int
    retention: int | None = None
    max_attempts: int | None = None
    backoff: int | None = None
    max_crashes: int | None = None
    names_deaths: bool = False
    traces: bool = False
