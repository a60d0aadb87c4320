"""Jobs that go from one queue to another, as a plan. Nothing is sent here.

A job is parked in the outbox of its queue (queue/send), stored in the other queue (queue/receive),
and then forgotten, or put back when it was refused (queue/sent). A mover that ends between two of
these calls leaves jobs in the outbox: the next move of the queue carries them on.
tests/modelcheck/moves.py walks all that can go wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from pyjobs.admin.answers import Answer
from pyjobs.admin.edits import Edited, ReportDone, expected_count, from_behind
from pyjobs.admin.filters import Filter, fitting, state_for
from pyjobs.admin.pages import page
from pyjobs.admin.plan import Plan
from pyjobs.admin.plans import mode_of, stats
from pyjobs.admin.split import each_part
from pyjobs.engine import (
    MAX_ITEMS,
    OPERATOR,
    RECORD_ITEMS,
    SIMPLE,
    Keys,
    ModeName,
    ParkedJob,
    SentJob,
    by_part,
    hash_of,
    read_outbox,
    read_parts,
    receive_jobs,
    send_jobs,
    settle_jobs,
)
from pyjobs.errors import BadArgument, NoJob, PyjobsError, WrongMode, WrongParts
from pyjobs.ids import new_id
from pyjobs.validate import name_list

# No job of a queue is in this state: a send that asks for it returns what is parked, and parks
# nothing.
PARKED = "parked"
# What no call carries on.
HELD = ("stale", "missing")
# What an operator may say of a stale job, and the word of queue/sent that says it was done.
SETTLED = {"gone": "moved", "back": "kept"}


class Target(NamedTuple):
    """Holds where jobs go.

    Attributes:
        name: the name of the queue.
        mode: the mode of both queues.
        places: the numbers in the names of its parts but the first.
    """

    name: str
    mode: ModeName
    places: tuple[int, ...] = ()


def move_ids(keys: Keys, queue: str, to: str, ids: Sequence[str]) -> Plan[list[Answer]]:
    """Move jobs by their ids.

    Raises:
        BadArgument: the queues are one, or there is no such queue.
        WrongMode: the other queue has another mode.
        WrongParts: one of the queues was split, and the split is not settled.
    """
    named = name_list("ids", ids, "id")
    target = yield from _begin(keys, queue, to)
    parts = yield from each_part(keys, queue)
    found: dict[str, Answer] = {}
    # A job is in the part of its id, unless its submit had a unique key.
    for elsewhere in (False, True):
        for at, part in enumerate(parts):
            left = [id for id in named if id not in found or found[id].word == NoJob.code]
            mine = [id for id in left if (hash_of(id) % len(parts) == at) != elsewhere]
            for answer in (yield from _carry(part, queue, target, mine, None)):
                found[answer.id] = answer
    return [found[id] for id in dict.fromkeys(named)]


def move_jobs(
    keys: Keys,
    queue: str,
    to: str,
    where: Filter,
    expected: int | None,
    progress: ReportDone | None,
) -> Plan[Edited]:
    """Move all jobs that a filter lets through.

    Raises:
        BadArgument: the queues are one, there is no such queue, the filter does not fit, or the
            number of jobs has moved from what was expected.
        WrongMode: the other queue has another mode.
        WrongParts: one of the queues was split, and the split is not settled.
    """
    target = yield from _begin(keys, queue, to)
    state = state_for("move", where, target.mode)
    counted = yield from expected_count(keys, queue, state, where, expected, progress)
    done, refused = 0, dict[str, Answer]()
    for part in (yield from each_part(keys, queue)):
        cursor = ""
        while done + len(refused) < counted:
            found = yield from page(
                part, queue, state, cursor=cursor, limit=RECORD_ITEMS, newest=from_behind(state),
                **where.wanted(),
            )  # fmt: skip
            ids = [id for id in fitting(found.jobs, state) if id not in refused]
            ids = ids[: counted - done - len(refused)]
            answers = yield from _carry(part, queue, target, ids, state)
            done += sum(answer.done for answer in answers)
            refused |= {answer.id: answer for answer in answers if not answer.done}
            if progress:
                progress(done + len(refused), counted)
            if not (cursor := found.cursor):
                break
    return Edited(done, list(refused.values()))


def _begin(keys: Keys, queue: str, to: str) -> Plan[Target]:
    """Check the two queues, and carry on what an earlier move has left in the outbox. Returns where
    the jobs go."""
    mode = yield from mode_of(keys, queue)
    other = (yield OPERATOR.stats(keys.queue(to))).mode
    if queue == to:
        raise BadArgument(f"to: the jobs are on queue {to} already")
    if mode == SIMPLE.name:
        raise BadArgument(f"move: a queue of {mode} mode does not have it")
    if other not in ("", mode):
        raise WrongMode(f"queue {to} is {other}, not {mode}")
    for part in (yield from each_part(keys, queue)):
        yield from carry_on(part, queue, mode, to)
    there = yield read_parts(keys.queue(to))
    if there.older:
        raise WrongParts(f"queue {to} was split, and the split is not settled")
    return Target(to, mode, there.places)


def carry_on(keys: Keys, queue: str, mode: ModeName, to: str = "") -> Plan[None]:
    """Carry on what earlier moves have left in the outbox of one part, to whatever queues.

    Jobs stay whose queue can't be asked; of the queue `to` its error is raised.
    """
    skip, tried, away = 0, set[str](), set[str]()
    while True:
        page = yield read_outbox(keys.queue(queue), skip=skip, limit=MAX_ITEMS)
        todo = [job.id for job in page.jobs if job.finding not in HELD and job.id not in tried]
        if todo:
            yield from _carry(keys, queue, Target(to or queue, mode), todo, PARKED, away)
            tried.update(todo)
            continue  # what has left the outbox makes room on this page
        skip += len(page.jobs)
        if not page.jobs:
            return


def outbox(keys: Keys, queue: str) -> Plan[list[ParkedJob]]:
    """Read all of the outbox, the job that was parked first at the head."""
    yield from stats(keys, queue)
    jobs: list[ParkedJob] = []
    for part in (yield from each_part(keys, queue)):
        jobs += yield from outbox_of(part, queue)
    return sorted(jobs, key=lambda job: job.parked)


def outbox_of(keys: Keys, queue: str) -> Plan[list[ParkedJob]]:
    """Read all of the outbox of one part."""
    jobs: list[ParkedJob] = []
    while True:
        page = yield read_outbox(keys.queue(queue), skip=len(jobs), limit=MAX_ITEMS)
        jobs += page.jobs
        if not page.jobs or len(jobs) >= page.total:
            return jobs


def settle(keys: Keys, queue: str, ids: Sequence[str], word: str) -> Plan[list[Answer]]:
    """Say what became of stale jobs: 'gone' or 'back'.

    Raises:
        BadArgument: there is no such queue, a name is malformed, or the word is another.
    """
    # By a list: what is no text may have no hash.
    if word not in [*SETTLED]:
        raise BadArgument(f"word: {word!r} is not one of {', '.join(SETTLED)}")
    named = name_list("ids", ids, "id")
    yield from stats(keys, queue)
    found: dict[str, Answer] = {}
    for part in (yield from each_part(keys, queue)):
        for answer in (yield from settle_in(part, queue, named, word)):
            if answer.id not in found or found[answer.id].word == NoJob.code:
                found[answer.id] = answer
    return [found[id] for id in named]


def settle_in(keys: Keys, queue: str, ids: Sequence[str], word: str) -> Plan[list[Answer]]:
    """Say what became of stale jobs in the outbox of one part."""
    moves = {job.id: job.move for job in (yield from outbox_of(keys, queue))}
    answers: list[Answer] = []
    for at in range(0, len(ids), MAX_ITEMS):
        some = ids[at : at + MAX_ITEMS]
        # No move has this name.
        items = [(id, moves.get(id) or "-", word) for id in some]
        words = yield settle_jobs(keys.queue(queue), items)
        answers += [
            Answer(id, found, found == SETTLED[word]) for id, found in zip(some, words, strict=True)
        ]
    return answers


def _carry(
    keys: Keys,
    queue: str,
    target: Target,
    ids: Sequence[str],
    state: str | None,
    away: set[str] | None = None,
) -> Plan[list[Answer]]:
    """Carry jobs to the end of their moves.

    `away` are the other queues that could not be asked, which get no further jobs; without it the
    first such queue raises.
    """
    answers: dict[str, Answer] = {}
    at = 0
    while at < len(ids):
        part = ids[at : at + RECORD_ITEMS]
        sent = yield send_jobs(
            *(keys.queue(queue), part), to=target.name, nonce=new_id(), state=state,
            places=target.places,
        )  # fmt: skip
        at += sent.looked
        for job in sent.jobs:
            answers[job.id] = Answer(job.id, job.word, False)
        parked = sorted((job for job in sent.jobs if job.move), key=lambda job: job.to)
        for to, jobs in groupby(parked, key=lambda job: job.to):
            if away is not None and to in away:
                continue
            try:
                words = yield from _deliver(keys, queue, to, target.mode, list(jobs))
            except PyjobsError:
                if away is None or to == target.name:
                    raise
                away.add(to)
                continue
            for id, word in words:
                answers[id] = Answer(id, word, word == "moved")
    return list(answers.values())


def _deliver(
    keys: Keys, queue: str, to: str, mode: ModeName, jobs: list[SentJob]
) -> Plan[list[tuple[str, str]]]:
    # The keys may be those of a part, and the other queue is a whole one.
    groups = by_part(Keys(keys.prefix).queue(to), jobs)
    replies = yield [
        receive_jobs(part, mode, some, parts=number) for (part, number), some in groups.items()
    ]
    answered: list[tuple[SentJob, str]] = []
    failed: list[PyjobsError] = []
    for some, words in zip(groups.values(), replies, strict=True):
        if isinstance(words, PyjobsError):
            failed.append(words)
        else:
            answered += zip(some, words, strict=True)
    settled = []
    if answered:
        settled = yield settle_jobs(
            keys.queue(queue), [(job.id, job.move, word) for job, word in answered]
        )
    if failed:
        left = len(jobs) - len(answered)
        failed[0].add_note(f"{left} jobs are in the outbox of queue {queue}: move them again")
        raise failed[0]
    return [
        (job.id, word if answer == "kept" else answer)
        for (job, word), answer in zip(answered, settled, strict=True)
    ]
