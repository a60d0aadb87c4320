"""The dead jobs of a queue as an operator sees them. Nothing is sent here."""

from __future__ import annotations

from typing import NamedTuple

from pyjobs.codec import ErrorText, decode_error
from pyjobs.engine import Dead, DeadPage


class DeadJob(NamedTuple):
    """Holds one dead job.

    Attributes:
        id: the job's id.
        reason: why it died: 'attempts', 'rejected', 'crashed' or 'unknown'.
        died: when it died, ms since the epoch, by Redis's clock.
        failures: how many of its attempts failed.
        crashes: how many of its leases ran out.
        error: the error of its last failed attempt.
        task: the name of its task; '' for a bare job.
    """

    id: str
    reason: str
    died: int
    failures: int
    crashes: int
    error: ErrorText
    task: str


class DeadJobs(NamedTuple):
    """Holds a page of the dead jobs of a queue.

    Attributes:
        total: how many dead jobs the queue has.
        jobs: those of the page, the longest dead first.
    """

    total: int
    jobs: list[DeadJob]


def decoded(found: DeadPage) -> DeadJobs:
    """Return a page with the errors of its jobs decoded."""
    return DeadJobs(found.total, [_decoded(job) for job in found.jobs])


def _decoded(job: Dead) -> DeadJob:
    error = decode_error(job.error)
    return DeadJob(job.id, job.reason, job.died, job.failures, job.crashes, error, job.task)
