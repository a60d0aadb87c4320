"""Jobs on their way to another queue: the verbs queue/send, receive, sent and outbox, and their
replies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pyjobs.engine.call import Call
from pyjobs.engine.parts import PartKey, Parts, hash_of, places_of
from pyjobs.engine.replies import parse_words
from pyjobs.engine.scripts import script
from pyjobs.engine.views import texts


class SentJob(NamedTuple):
    """Holds a job on its way to another queue, or one that stays.

    Attributes:
        id: the job's id.
        move: the name of its move, never used twice; '' for a job that stays.
        word: the state that it had; of a job that stays why: its state, 'quarantine' or 'NOJOB'.
        to: the name of the queue where it goes.
        at: its moment in its place, ms since the epoch; 0 for a pending job.
        places: the numbers in the names of the parts of that queue but the first, as they were when
            the job was parked: later ones do not change where the job goes.
        unique: its unique key; b"" for none.
        dump: all of it.
    """

    id: str
    move: str
    word: str
    to: str
    at: int
    places: tuple[int, ...]
    unique: bytes
    dump: bytes


class SentJobs(NamedTuple):
    """Holds what became of some named jobs that were to leave their queue.

    Attributes:
        looked: at how many of the names the call has looked; name the others again.
        jobs: a job for each of these names.
    """

    looked: int
    jobs: list[SentJob]


class ParkedJob(NamedTuple):
    """Holds a job that is parked in the outbox of its queue.

    Attributes:
        id: the job's id.
        finding: what holds it up: '' nothing, since a move may be at work; 'parked' nothing, and
            the next move carries it on; 'taken' its id was submitted again; 'stale' it was parked
            over a day ago; 'missing' the outbox has the id and no job.
        state: 'pending', 'delayed' or 'dead'; '' when there is no job.
        to: the name of the queue where it goes.
        parked: when it was parked, ms since the epoch.
        move: the name of its move.
    """

    id: str
    finding: str
    state: str
    to: str
    parked: int
    move: str


class ParkedJobs(NamedTuple):
    """Holds a part of the outbox of a queue.

    Attributes:
        total: how many jobs the outbox has.
        jobs: some of them, the one that was parked first at the head.
    """

    total: int
    jobs: list[ParkedJob]


def send_jobs(
    queue: str,
    ids: Sequence[str],
    *,
    to: str,
    nonce: str,
    state: str | None = None,
    places: Sequence[int] = (),
) -> Call[SentJobs]:
    """Return the call that parks jobs in the outbox of their queue (queue/send).

    Args:
        queue: the queue's key.
        ids: 1 to 1000 ids.
        to: the name of the queue where the jobs go.
        nonce: a name of at most 100 characters that was never used before.
        state: only jobs in this state, such as 'pending'; None is any.
        places: the numbers in the names of all parts but the first of the queue where they go.
    """
    used = script("queue/send")
    options = used.choose(state=state, places=".".join(map(str, places)) or None)
    words = used.bind(ids, to=to, nonce=nonce, options=options)
    return Call(used, (queue,), words, parse_sent)


def by_part(queue: str, jobs: Sequence[SentJob]) -> dict[tuple[PartKey, int], list[SentJob]]:
    """Return parked jobs by the part where each goes: its key, and how many parts there were.

    Args:
        queue: the key of the queue where the jobs go.
        jobs: the jobs.
    """
    found: dict[tuple[PartKey, int], list[SentJob]] = {}
    for job in jobs:
        keys = Parts(places=job.places).keys(queue)
        at = hash_of(job.unique or job.id) % len(keys)
        found.setdefault((keys[at], len(keys)), []).append(job)
    return found


def receive_jobs(
    queue: str, mode: str, jobs: Sequence[SentJob], *, parts: int = 1
) -> Call[list[str]]:
    """Return the call that stores parked jobs of another queue (queue/receive).

    Args:
        queue: the key of the queue where the jobs go, or of a part of it.
        mode: the mode of the queue where they were.
        jobs: 1 to 1000 jobs; the reply is a word for each: 'received', 'CONFLICT', 'WRONGMODE',
            'PARTS' or 'unreadable'.
        parts: how many parts the queue had when the jobs were parked.
    """
    used = script("queue/receive")
    items = [part for job in jobs for part in (job.id, job.move, job.at, job.dump)]
    options = used.choose(parts=parts if parts > 1 else None)
    return Call(used, (queue,), used.bind(items, mode=mode, options=options), parse_words)


def settle_jobs(queue: str, jobs: Sequence[tuple[str, str, str]]) -> Call[list[str]]:
    """Return the call that settles parked jobs (queue/sent).

    Args:
        queue: the key of the queue where the jobs were.
        jobs: 1 to 1000 times id, name of the move, and the word of `receive`, or 'gone' or 'back'
            of a stale job; the reply is a word for each: 'moved', 'kept', 'NOJOB', 'CONFLICT' or
            'parked'.
    """
    used = script("queue/sent")
    return Call(used, (queue,), used.bind([part for job in jobs for part in job]), parse_words)


def read_outbox(queue: str, *, skip: int = 0, limit: int = 1000) -> Call[ParkedJobs]:
    """Return the call that reads which jobs are parked in the outbox of a queue (queue/outbox).

    Args:
        queue: the queue's key.
        skip: how many jobs to leave out at the head.
        limit: most jobs, 1 to 1000.
    """
    used = script("queue/outbox")
    return Call(used, (queue,), used.bind(skip=skip, limit=limit), parse_outbox)


def parse_outbox(reply: Any) -> ParkedJobs:
    """Parse the reply of queue/outbox."""
    total, *jobs = reply
    return ParkedJobs(total, [ParkedJob(*texts(job)) for job in jobs])


def parse_sent(reply: Any) -> SentJobs:
    """Parse the reply of queue/send."""
    looked, *jobs = reply
    return SentJobs(
        looked,
        [
            SentJob._make([*texts(job), places_of(places), unique, dump])
            for *job, places, unique, dump in jobs
        ],
    )
