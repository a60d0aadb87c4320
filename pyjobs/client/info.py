"""What Redis knows of one job at a moment: `JobInfo`, made of what queue/show returns.

Nothing here sends.
"""

from __future__ import annotations

from typing import NamedTuple

from pyjobs import codec
from pyjobs.engine import ShownJob
from pyjobs.errors import JobFailed
from pyjobs.progress import Progress, decode_progress


class JobInfo(NamedTuple):
    """Holds what Redis knew of a job at the moment of the call. Moments are ms since the epoch, by
    Redis's clock. None stands for a moment that has not come, or that the job does not have.

    Attributes:
        state: 'pending', 'delayed', 'inflight', 'done', 'failed', 'dead', 'cancelled' or 'expired'.
        task: the name of the job's task; '' for a bare job.
        attempt: the number of the attempt that runs or comes next; of a job that has ended, that of
            its last attempt.
        queued: when the job was submitted.
        started: when the job was last claimed.
        due: when a delayed job may be claimed: after its delay, or for its next attempt.
        processed: when the job ended.
        expires: the moment from which the job is not started any more.
        reason: why a dead job died: 'attempts', 'rejected', 'crashed' or 'unknown'; else ''.
        error: the last error of the handler, which has `type`, `message` and `traceback`; None
            where no attempt has failed.
        progress: how far the job is, as its handler has last reported; None before the first time.
    """

    state: str
    task: str
    attempt: int
    queued: int
    started: int | None
    due: int | None
    processed: int | None
    expires: int | None
    reason: str
    error: JobFailed | None
    progress: Progress | None


def info_of(job: ShownJob) -> JobInfo | None:
    """Return what is known of a job; None where Redis has no such job."""
    if not job.state:
        return None
    attempts = job.past + job.crashes
    error = None
    if job.error:
        error = JobFailed(*codec.decode_error(job.error), job.reason or "-", attempts)
    return JobInfo(
        state=job.state,
        task=job.task,
        attempt=job.attempt,
        queued=job.queued,
        started=job.started or None,
        due=job.at if job.state == "delayed" and job.at else None,
        processed=job.processed or None,
        expires=job.expires or None,
        reason=job.reason,
        error=error,
        progress=decode_progress(job.progress) if job.progress else None,
    )
