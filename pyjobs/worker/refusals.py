"""What it means when no outcome of a run was recorded: as an error, and in words.

Only the scripts' words for that may live here. Pure.
"""

from __future__ import annotations

from pyjobs.errors import JobCancelled, LeaseLost, NoJob, PyjobsError
from pyjobs.worker.run import Run

CANCELLED = "cancelled"
# A script's word about a run whose outcome it did not record.
NOT_RECORDED: dict[str, tuple[type[PyjobsError], str]] = {
    LeaseLost.code: (LeaseLost, "it was claimed again, or put back"),
    NoJob.code: (NoJob, "no such job any more"),
    CANCELLED: (JobCancelled, "it was cancelled"),
}


def in_words(why: str) -> str:
    """Return a script's word as a phrase for the log; any other text is returned as it is."""
    return NOT_RECORDED[why][1] if why in NOT_RECORDED else why


def refusal(run: Run, why: str) -> PyjobsError:
    """Return the error that says why no outcome of this run was recorded.

    Args:
        why: a script's word; any other text counts as a lost lease.
    """
    error, words = NOT_RECORDED.get(why, (LeaseLost, "another claim may have it"))
    return error(f"job {run.id} on queue {run.queue}: {words}")
