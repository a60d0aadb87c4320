"""A submit that was refused in part: what its error tells. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyjobs.chunks import Batch
from pyjobs.errors import OutcomeUnknown, PyjobsError


def refused(batch: Batch[Any], answers: Sequence[Any]) -> PyjobsError:
    """The first error among `answers`, or an OutcomeUnknown where there is one: its `ids` are the
    jobs that nobody knows of, and `accepted` those that were accepted all the same."""
    errors = [answer for answer in answers if isinstance(answer, PyjobsError)]
    unknown = [error for error in errors if isinstance(error, OutcomeUnknown)]
    accepted: dict[int, str] = {}
    ids: dict[int, str] = {}
    for chunk, answer in zip(batch.chunks, answers, strict=True):
        places = zip(chunk.places, chunk.jobs, strict=True)
        if not isinstance(answer, PyjobsError):
            accepted |= {at: batch.jobs[at].id for at, _ in places if batch.jobs[at].accepted}
            continue
        if isinstance(answer, OutcomeUnknown):
            ids |= {at: job.id for at, job in places}
    error = (unknown or errors)[0]
    error.accepted = in_order(accepted)
    if isinstance(error, OutcomeUnknown):
        error.ids = in_order(ids)
    return error


def in_order(ids: dict[int, str]) -> tuple[str, ...]:
    return tuple(ids[place] for place in sorted(ids))
