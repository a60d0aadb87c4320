"""Listing the dead jobs of a queue, with their errors decoded. Nothing else may live here."""

from __future__ import annotations

from typing import NamedTuple

from pyjobs.codec import ErrorText, decode_error
from pyjobs.engine import RELIABLE, Dead, Keys
from pyjobs.transport import Server, run


class DeadJob(NamedTuple):
    """Holds one dead job.

    Attributes:
        id: the job's id.
        reason: why it died: 'attempts', 'rejected', 'crashed' or 'unknown'.
        died: when it died, ms since the epoch, by Redis's clock.
        attempts: how many of its attempts failed.
        crashes: how many of its leases ran out.
        error: the error of its last failed attempt.
        task: the name of its task; '' for a bare job.
    """

    id: str
    reason: str
    died: int
    attempts: int
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


def dead_jobs(
    server: Server, keys: Keys, queue: str, *, skip: int = 0, limit: int = 100
) -> DeadJobs:
    """List dead jobs of a reliable queue, the longest dead first (reliable/dead).

    Args:
        server: a connection from `pyjobs.transport.server`.
        keys: the names under the prefix.
        queue: the queue's name.
        skip: how many jobs to leave out at the head of the list, 0 to 1,000,000.
        limit: most jobs to list, 1 to 1000.

    Raises:
        BadArgument: the queue's name is not a name, or a number is out of its range.
        WrongMode: the queue is not reliable.
        Unavailable: Redis can't be reached.
    """
    page = run(server, RELIABLE.dead(keys.queue(queue), skip=skip, limit=limit))
    return DeadJobs(page.total, [_decoded(job) for job in page.jobs])


def _decoded(job: Dead) -> DeadJob:
    error = decode_error(job.error)
    return DeadJob(job.id, job.reason, job.died, job.attempts, job.crashes, error, job.task)
