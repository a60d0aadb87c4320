"""The verbs of lua/schedule/, and of schedules in recoverable and reliable mode: verb -> Call.

Schedules are listed, paused, resumed, run now, refilled and removed here; a mode's `schedule` makes
them. Nothing else may live here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pyjobs.engine.call import Call
from pyjobs.engine.replies import parse_words
from pyjobs.engine.scripts import Arg, script


class Scheduled(NamedTuple):
    """Holds what a call that makes or changes a schedule replies.

    Attributes:
        outcome: 'new', 'changed' or 'same'.
        next: the next moment, ms since the epoch; 0 is none.
        version: the schedule's version, which each change raises.
    """

    outcome: str
    next: int
    version: int


class StoredSchedule(NamedTuple):
    """Holds one schedule as it is stored. Times are ms since the epoch, and 0 is none.

    Attributes:
        name: the schedule's name; its jobs are called name:moment.
        next: the next moment; 0 where the schedule is paused or its moments have run out.
        version: grows with each change.
        paused: whether the schedule makes no jobs at present.
        every: ms between two moments; 0 where the moments are stored.
        left: how many moments are stored.
        last: the latest moment that was due.
        cron: the cron expression that the moments come from, or ''.
        zone: the time zone of the expression, or ''.
        missed: 'skip', 'last' or 'all'.
        task: the task of its jobs, or ''.
        ran: the latest moments that made jobs, the earliest first.
    """

    name: str
    next: int
    version: int
    paused: bool
    every: int
    left: int
    last: int
    cron: str
    zone: str
    missed: str
    task: str
    ran: tuple[int, ...]


class SchedulePage(NamedTuple):
    """Holds a page of a queue's schedules.

    Attributes:
        total: how many schedules the queue has.
        schedules: those of this page, the one whose moment comes first at the head.
    """

    total: int
    schedules: list[StoredSchedule]


def list_schedules(queue: str, *, skip: int, limit: int) -> Call[SchedulePage]:
    """Return the call that lists schedules (schedule/list).

    Args:
        queue: the queue's key.
        skip: how many schedules to leave out first.
        limit: most schedules, 1 to 1000.
    """
    used = script("schedule/list")
    return Call(used, (queue,), used.bind(skip=skip, limit=limit), parse_page)


def remove_schedules(queue: str, names: Iterable[str]) -> Call[list[str]]:
    """Return the call that forgets schedules (schedule/remove); the reply is a word for each.

    Args:
        queue: the queue's key.
        names: names of schedules. The jobs that they have made stay.
    """
    return _named("remove", queue, names)


def pause_schedules(queue: str, names: Iterable[str]) -> Call[list[str]]:
    """Return the call that pauses schedules (schedule/pause); the reply is a word for each.

    Args:
        queue: the queue's key.
        names: names of schedules.
    """
    return _named("pause", queue, names)


def resume_schedules(queue: str, names: Iterable[str]) -> Call[list[str]]:
    """Return the call that resumes schedules (schedule/resume); the reply is a word for each.

    Args:
        queue: the queue's key.
        names: names of schedules. Moments of the pause make no jobs.
    """
    return _named("resume", queue, names)


def run_schedules(queue: str, runs: Iterable[tuple[str, str]]) -> Call[list[tuple[str, str]]]:
    """Return the call that makes a job of schedules now (schedule/run).

    The reply is id and outcome of each job: 'new', the state of the job that is there, or
    'NOSCHEDULE'.

    Args:
        queue: the queue's key.
        runs: a schedule's name, and the id of the job to be made.
    """
    used = script("schedule/run")
    items = [part for run in runs for part in run]
    return Call(used, (queue,), used.bind(items), parse_runs)


def refill_schedules(
    queue: str, refills: Iterable[tuple[str, int, Sequence[int]]]
) -> Call[list[str]]:
    """Return the call that stores further moments of schedules (schedule/refill).

    The reply is 'refilled', 'stale' (the schedule has another version) or 'NOSCHEDULE' for each.

    Args:
        queue: the queue's key.
        refills: name and version of a schedule, and moments in ms since the epoch.
    """
    used = script("schedule/refill")
    items: list[Arg] = []
    for name, version, moments in refills:
        items += [name, version, moments_text(moments)]
    return Call(used, (queue,), used.bind(items), parse_words)


def moments_text(moments: Sequence[int]) -> str:
    """Return moments as the scripts take them: ms since the epoch, separated by commas."""
    return ",".join(map(str, moments))


def parse_scheduled(reply: Any) -> Scheduled:
    """Parse the reply of <mode>/schedule."""
    outcome, moment, version = reply
    return Scheduled(outcome.decode(), moment, version)


def parse_page(reply: Any) -> SchedulePage:
    """Parse the reply of schedule/list."""
    total, *rows = reply
    return SchedulePage(total, [_parse_row(row) for row in rows])


def parse_runs(reply: Any) -> list[tuple[str, str]]:
    """Parse the reply of schedule/run: id and outcome of each job, in the call's order."""
    words = parse_words(reply)
    return list(zip(words[::2], words[1::2], strict=True))


def _parse_row(row: Any) -> StoredSchedule:
    name, moment, version, paused, every, left, last, cron, zone, missed, task, ran = row
    return StoredSchedule(
        name=name.decode(),
        next=moment,
        version=version,
        paused=bool(paused),
        every=every,
        left=left,
        last=last,
        cron=cron.decode(errors="replace"),
        zone=zone.decode(errors="replace"),
        missed=missed.decode(errors="replace"),
        task=task.decode(errors="replace"),
        ran=tuple(int(moment) for moment in ran.split()),
    )


def _named(verb: str, queue: str, names: Iterable[str]) -> Call[list[str]]:
    used = script(f"schedule/{verb}")
    return Call(used, (queue,), used.bind(list(names)), parse_words)
