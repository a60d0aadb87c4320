"""What the scripts reply for each of many jobs, asked for in calls of a size that they take.

Only what requeue and cancel share may live here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pyjobs.engine import MAX_ITEMS, Call
from pyjobs.transport import Server, run

WHY_NOT = {
    "NOJOB": "there is no such job",
    "CONFLICT": "another live job holds its unique key",
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


def ask(
    server: Server,
    ids: Sequence[str],
    call_for: Callable[[Sequence[str]], Call[list[str]]],
    wanted: str,
) -> list[Answer]:
    """Call a script for all of these jobs, in as many calls as it takes.

    Args:
        server: a connection from `pyjobs.transport.server`.
        ids: the jobs' ids.
        call_for: makes the call for at most 1000 ids; its reply is a word for each.
        wanted: the word for a job to which it was done.

    Raises:
        PyjobsError: what a call raises. The jobs of the calls before it have been changed.
    """
    answers = []
    for at in range(0, len(ids), MAX_ITEMS):
        part = ids[at : at + MAX_ITEMS]
        words = run(server, call_for(part))
        answers += [Answer(id, word, word == wanted) for id, word in zip(part, words, strict=True)]
    return answers
