"""What an operator asks of queues and does to them, each as a plan. Nothing is sent here."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Literal, NamedTuple, get_args

from pyjobs.admin.answers import Answer
from pyjobs.admin.dead import DeadJobs, decoded
from pyjobs.admin.plan import Asked, Plan, Words
from pyjobs.admin.queues import no_queue
from pyjobs.codec import decode_error
from pyjobs.engine import (
    MAX_ITEMS,
    OPERATOR,
    RELIABLE,
    Call,
    Keys,
    Limits,
    ModeName,
    Place,
    QueueStats,
    StoredSchedule,
    StoredVerbs,
    list_schedules,
    mode_named,
    pause_schedules,
    remove_schedules,
    resume_schedules,
    run_schedules,
)
from pyjobs.errors import BadArgument, NoSchedule, PyjobsError, WrongMode
from pyjobs.ids import new_id
from pyjobs.transport import known_queues
from pyjobs.validate import checked, checked_schedule, integer, name_list, to_ms

ERROR_BYTES = 65536
FRAME = re.compile(r'^ *File "([^"\n]+)", line \d+, in (\S+)', re.MULTILINE)
ScheduleEdit = Literal["pause", "resume", "remove"]
SCHEDULE_VERBS = {"pause": pause_schedules, "resume": resume_schedules, "remove": remove_schedules}


class QueueStatus(NamedTuple):
    """Holds the numbers of one queue of the registry.

    Attributes:
        queue: the queue's name.
        mode: the mode of its first submit; where nothing was submitted, the mode in the registry.
        stats: its numbers; None when they could not be read.
        error: why they could not be read; '' when they could.
    """

    queue: str
    mode: str
    stats: QueueStats | None
    error: str


class Failure(NamedTuple):
    """Holds how many dead jobs have the same kind of error: one type from one place.

    Attributes:
        type: class name of the error; '' when none was recorded.
        place: file and function that raised it, such as 'shop/mail.py, send'; '' when the error has
            no traceback of Python.
        message: the message of the latest of them.
        jobs: how many dead jobs have it.
        latest: when the latest of them died, ms since the epoch.
        id: the id of the latest of them.
    """

    type: str
    place: str
    message: str
    jobs: int
    latest: int
    id: str


def queues(keys: Keys) -> Plan[dict[str, str]]:
    """Read the registry: queue name -> mode, sorted by name."""
    found = yield Words(("HGETALL", keys.queues))
    return known_queues(found)


def status(keys: Keys) -> Plan[list[QueueStatus]]:
    """Count what each queue of the registry holds."""
    known = yield from queues(keys)
    answers = yield [OPERATOR.stats(keys.queue(name)) for name in known]
    return [
        QueueStatus(name, mode, None, str(answer))
        if isinstance(answer, PyjobsError)
        else QueueStatus(name, answer.mode or mode, answer, "")
        for (name, mode), answer in zip(known.items(), answers, strict=True)
    ]


def stats(keys: Keys, queue: str) -> Plan[QueueStats]:
    """Count what a queue holds.

    Raises:
        BadArgument: nothing was ever submitted to the queue; the message has the nearest name.
    """
    found: QueueStats = yield OPERATOR.stats(keys.queue(queue))
    if not found.mode and not found.paused:
        raise no_queue(queue, (yield from queues(keys)))
    return found


def mode_of(keys: Keys, queue: str) -> Plan[ModeName]:
    """Return the mode of a queue, which its first submit has set. A producer may ask.

    Raises:
        BadArgument: nothing was ever submitted to the queue; the message has the nearest name.
    """
    [mode] = yield Words(("HMGET", Keys.meta(keys.queue(queue)), "mode"))
    if mode:
        return mode_named(mode.decode(errors="replace")).name
    # A producer need not have the right to read the registry.
    known = yield Asked(("HGETALL", keys.queues))
    raise no_queue(queue, () if isinstance(known, PyjobsError) else known_queues(known))


def dead(keys: Keys, queue: str, skip: int, limit: int) -> Plan[DeadJobs]:
    """List dead jobs, the longest dead first."""
    asked = {"skip": integer("skip", skip), "limit": integer("limit", limit)}
    found = yield RELIABLE.dead(keys.queue(queue), **asked)
    if not found.total:
        yield from mode_of(keys, queue)
    return decoded(found)


def each(
    ids: Sequence[str], call_for: Callable[[Sequence[str]], Call[list[str]]], wanted: str
) -> Plan[list[Answer]]:
    """Call a script for all of these jobs, in as many calls as it takes."""
    named = name_list("ids", ids, "id")
    answers: list[Answer] = []
    for at in range(0, len(named), MAX_ITEMS):
        part = named[at : at + MAX_ITEMS]
        words = yield call_for(part)
        answers += [Answer(id, word, word == wanted) for id, word in zip(part, words, strict=True)]
    return answers


def requeue(keys: Keys, queue: str, ids: Sequence[str]) -> Plan[list[Answer]]:
    """Put dead jobs, in recoverable mode failed ones, back into their queue."""
    key, verbs = keys.queue(queue), (yield from _stored(keys, queue, "requeue"))
    return (yield from each(ids, lambda part: verbs.requeue(key, part), "pending"))


def _stored(keys: Keys, queue: str, verb: str) -> Plan[StoredVerbs]:
    verbs = mode_named((yield from mode_of(keys, queue)))
    if not isinstance(verbs, StoredVerbs):
        raise BadArgument(f"{verb}: a queue of {verbs.name} mode does not have it")
    return verbs


def delete(keys: Keys, queue: str, ids: Sequence[str]) -> Plan[list[Answer]]:
    """Forget jobs that are pending, delayed or ended."""
    key = keys.queue(queue)
    return (yield from each(ids, lambda part: OPERATOR.delete(key, part), "deleted"))


def run_now(keys: Keys, queue: str, ids: Sequence[str], delay: float | None) -> Plan[list[Answer]]:
    """Let delayed jobs run now, or in so many seconds."""
    key, done = keys.queue(queue), "pending" if delay is None else "delayed"
    wait = to_ms("delay", delay)
    return (yield from each(ids, lambda part: OPERATOR.run_now(key, part, delay=wait), done))


def set_mode(keys: Keys, queue: str, mode: str) -> Plan[str]:
    """Change the mode of an empty queue, and the registry's; return the mode before.

    Raises:
        WrongMode: the queue is not empty.
    """
    found = yield OPERATOR.set_mode(keys.queue(queue), mode)
    if found.outcome == "kept":
        raise WrongMode(
            f"queue {queue} is {found.was} until it is empty: "
            f"jobs: {found.held}, schedules: {found.scheduled}"
        )
    yield Words(("HSET", keys.queues, queue, mode))
    return str(found.was)


def limit(
    keys: Keys, queue: str, *, pending: int | None, bytes: int | None, dead: int | None
) -> Plan[Limits]:
    """Set the limits of a queue, and return them; what is None stays as it is."""
    given = {"pending": pending, "bytes": bytes, "dead": dead}
    chosen = {name: integer(name, number) for name, number in given.items() if number is not None}
    found: Limits = yield OPERATOR.limit(keys.queue(queue), **chosen)
    return found


def cancel(keys: Keys, queue: str, ids: Sequence[str]) -> Plan[list[Answer]]:
    """End jobs that have not ended yet.

    Raises:
        BadArgument: the queue is simple, or nothing was ever submitted to it.
    """
    key, verbs = keys.queue(queue), (yield from _stored(keys, queue, "cancel"))
    return (yield from each(ids, lambda part: verbs.cancel(key, part), "cancelled"))


def purge(
    keys: Keys, queue: str, place: Place, progress: Callable[[int], object] | None
) -> Plan[int]:
    """End and forget as many jobs of a place as are there now."""
    if place not in get_args(Place):
        raise BadArgument(f"place: {place!r} is not one of {', '.join(get_args(Place))}")
    found = yield from stats(keys, queue)
    left, gone = getattr(found, place), 0
    while left > 0:
        part = yield OPERATOR.purge(keys.queue(queue), place, limit=min(left, MAX_ITEMS))
        gone, left = gone + part.gone, left - part.gone
        if progress:
            progress(gone)
        if not part.more:
            break
    return gone


def failures(
    keys: Keys, queue: str, progress: Callable[[int], object] | None
) -> Plan[list[Failure]]:
    """Count the dead jobs of a queue by the type of their error and the place that raised it, the
    most frequent first."""
    found: dict[tuple[str, str], Failure] = {}
    cursor, looked = "", 0
    while True:
        page = yield OPERATOR.list_jobs(
            keys.queue(queue), "dead", cursor=cursor, newest=True, max_bytes=ERROR_BYTES
        )
        for job in page.jobs:
            error = decode_error(job.error)
            kind = error.type, raised_at(error.traceback)
            first = found.get(kind) or Failure(*kind, error.message, 0, job.at, job.id)
            found[kind] = first._replace(jobs=first.jobs + 1)
        cursor, looked = page.cursor, looked + page.looked
        if progress:
            progress(looked)
        if not cursor:
            return sorted(found.values(), key=lambda one: (-one.jobs, one.type, one.place))


def raised_at(traceback: str) -> str:
    """Return the file, with its folder, and the function of the last frame of a traceback of
    Python; '' when there is none. The line is left out: each deploy may move it."""
    frames = FRAME.findall(traceback)
    if not frames:
        return ""
    path, function = frames[-1]
    return f"{'/'.join(PurePath(path).parts[-2:])}, {function}"


def schedules(keys: Keys, queue: str) -> Plan[list[StoredSchedule]]:
    """Return the schedules of a queue, the one whose moment comes first at the head."""
    yield from stats(keys, queue)
    found: list[StoredSchedule] = []
    while True:
        page = yield list_schedules(keys.queue(queue), skip=len(found), limit=MAX_ITEMS)
        found += page.schedules
        if not page.schedules or len(found) >= page.total:
            return found


def edit_schedule(keys: Keys, queue: str, name: str, edit: ScheduleEdit) -> Plan[str]:
    """Pause, resume or remove a schedule; return the script's word."""
    if edit not in [*SCHEDULE_VERBS]:
        raise BadArgument(f"edit: {edit!r} is not one of {', '.join(SCHEDULE_VERBS)}")
    yield from stats(keys, queue)
    [word] = yield SCHEDULE_VERBS[edit](keys.queue(queue), [checked_schedule(name)])
    return _existing(queue, name, str(word))


def run_schedule(keys: Keys, queue: str, name: str, id: str | None) -> Plan[tuple[str, str]]:
    """Make a job of a schedule now; return the job's id, and 'new' or the state of the job."""
    job = new_id() if id is None else checked("id", id)
    yield from stats(keys, queue)
    [(made, word)] = yield run_schedules(keys.queue(queue), [(checked_schedule(name), job)])
    return made, _existing(queue, name, word)


def _existing(queue: str, name: str, word: str) -> str:
    if word == NoSchedule.code:
        raise NoSchedule(f"queue {queue} has no schedule {name}")
    return word
