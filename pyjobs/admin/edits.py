"""What is done to all jobs that a filter lets through, page by page, as plans.

The jobs are counted before anything is done, and no more jobs are changed than were counted: a job
that dies again while dead jobs are requeued does not keep a plan alive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pyjobs.admin.answers import Answer
from pyjobs.admin.filters import Filter, fitting, state_for
from pyjobs.admin.pages import page
from pyjobs.admin.plan import Plan
from pyjobs.admin.plans import mode_of
from pyjobs.engine import (
    MAX_ITEMS,
    OPERATOR,
    RECORD_ITEMS,
    Call,
    Keys,
    State,
    StoredVerbs,
    mode_named,
)
from pyjobs.errors import BadArgument
from pyjobs.validate import integer

# Called with how many jobs were looked after, and how many there are: 0 while they are counted.
ReportDone = Callable[[int, int], object]
# By how much the number of jobs may move between a look and the deed.
TOLERATED = 0.1
DONE_WORDS = {"requeue": "pending", "cancel": "cancelled", "delete": "deleted", "run": "pending"}


class Edited(NamedTuple):
    """Holds what became of the jobs that a filter let through.

    Attributes:
        done: how many jobs were changed.
        refused: an answer for each job that was not changed.
    """

    done: int
    refused: list[Answer]


def count_jobs(
    keys: Keys, queue: str, edit: str, where: Filter, progress: ReportDone | None
) -> Plan[int]:
    """Count the jobs to which an edit would be done; nothing is changed."""
    mode = yield from mode_of(keys, queue)
    return (yield from count(keys, queue, state_for(edit, where, mode), where, progress))


def edit_jobs(
    keys: Keys,
    queue: str,
    edit: str,
    where: Filter,
    expected: int | None,
    progress: ReportDone | None,
) -> Plan[Edited]:
    """Do something to all jobs that a filter lets through.

    Raises:
        BadArgument: the filter does not fit what is done, or the number of jobs has moved from
            what was expected; nothing was done.
    """
    if edit == "move":
        raise BadArgument("edit: a move needs a queue to move to: call move_jobs")
    mode = yield from mode_of(keys, queue)
    state = state_for(edit, where, mode)
    key = keys.queue(queue)
    verbs = mode_named(mode)
    if not isinstance(verbs, StoredVerbs):
        raise BadArgument(f"{edit}: a queue of {mode} mode does not have it")

    def call_for(ids: Sequence[str]) -> Call[list[str]]:
        if edit == "requeue":
            return verbs.requeue(key, ids)
        if edit == "cancel":
            return verbs.cancel(key, ids, state=state)
        if edit == "delete":
            return OPERATOR.delete(key, ids, state=state)
        return OPERATOR.run_now(key, ids)

    counted = yield from expected_count(keys, queue, state, where, expected, progress)
    return (
        yield from sweep(keys, queue, state, where, counted, call_for, DONE_WORDS[edit], progress)
    )


def expected_count(
    keys: Keys,
    queue: str,
    state: State,
    where: Filter,
    expected: int | None,
    progress: ReportDone | None,
) -> Plan[int]:
    """Count the jobs in a state that a filter lets through.

    Raises:
        BadArgument: the number has moved by more than a tenth from the one that was expected.
    """
    if expected is not None:
        integer("expected", expected)
    counted = yield from count(keys, queue, state, where, progress)
    if expected is not None and abs(counted - expected) > expected * TOLERATED:
        raise BadArgument(
            f"expected: {expected} jobs, and now there are {counted}; nothing was done"
        )
    return counted


def sweep(
    keys: Keys,
    queue: str,
    state: State,
    where: Filter,
    counted: int,
    call_for: Callable[[Sequence[str]], Call[list[str]]],
    wanted: str,
    progress: ReportDone | None,
) -> Plan[Edited]:
    """Call a script for the jobs of one page after the other, and for no more than were counted."""
    done, cursor, refused = 0, "", dict[str, Answer]()
    while done + len(refused) < counted:
        found = yield from page(
            keys, queue, state, cursor=cursor, limit=RECORD_ITEMS, newest=from_behind(state),
            **where.wanted(),
        )  # fmt: skip
        # Behind a job that is gone a page begins with the first job of its moment.
        ids = [id for id in fitting(found.jobs, state) if id not in refused]
        ids = ids[: counted - done - len(refused)]
        if ids:
            words = yield call_for(ids)
            answers = [
                Answer(id, word, word == wanted) for id, word in zip(ids, words, strict=True)
            ]
            done += sum(answer.done for answer in answers)
            refused |= {answer.id: answer for answer in answers if not answer.done}
        if progress:
            progress(done + len(refused), counted)
        if not (cursor := found.cursor):
            break
    return Edited(done, list(refused.values()))


def from_behind(state: State) -> bool:
    """Whether the pages begin at the end of a place: the head of a list moves while jobs are
    claimed, and a page would miss as many jobs."""
    return state == "pending"


def count(
    keys: Keys, queue: str, state: State, where: Filter, progress: ReportDone | None
) -> Plan[int]:
    """Count the jobs in a state that a filter lets through."""
    number, cursor = 0, ""
    while True:
        found = yield from page(
            keys, queue, state, cursor=cursor, limit=MAX_ITEMS, newest=from_behind(state),
            **where.wanted(),
        )  # fmt: skip
        number += len(fitting(found.jobs, state))
        if progress:
            progress(number, 0)
        if not (cursor := found.cursor):
            return number
