"""How a run of a job ended, and what its worker adds when it says so. Only data may live here."""

from __future__ import annotations

from typing import NamedTuple


class Outcome(NamedTuple):
    """The verb that records how a run ended, and what the verb takes.

    Attributes:
        verb: 'complete', 'fail' or 'release'.
        body: the result's or the error's bytes.
        verdict: of a failure in reliable mode: 'retry', 'retry=MS', 'snooze=MS' or 'reject'.
        why: what went wrong, in a line for the log.
    """

    verb: str
    body: bytes = b""
    verdict: str = ""
    why: str = ""


RELEASE = Outcome("release")


class Policy(NamedTuple):
    """A worker's own settings for the jobs that it runs; ms. None leaves it to the script."""

    lease: int
    retention: int | None = None
    max_attempts: int | None = None
    backoff: int | None = None
    max_crashes: int | None = None
