"""What the scripts reply for each of many jobs. Nothing is sent here."""

from __future__ import annotations

from typing import NamedTuple

WHY_NOT = {
    "NOJOB": "there is no such job",
    "CONFLICT": "another job holds its id or its unique key",
    "unreadable": "the other server can't read it",
    "WRONGMODE": "the other queue has another mode",
    "PARTS": "the other queue was split meanwhile: settle its split, and move the job again",
    "quarantine": "it is in quarantine, since it crashed twice",
    "stale": "a move has begun with it more than a day ago: see `pyjobs outbox`",
    "parked": "it is not stale, and the next move carries it on",
}


class Answer(NamedTuple):
    """Holds what a script replied for one job.

    Attributes:
        id: the job's id.
        word: the word of the reply: a state of the job, 'NOJOB' or 'CONFLICT'.
        done: whether the script did to the job what it was called for.
    """

    id: str
    word: str
    done: bool

    @property
    def why_not(self) -> str:
        """Why nothing was done to the job, as the end of a sentence; '' when it was done."""
        return "" if self.done else WHY_NOT.get(self.word, f"it is {self.word}")
