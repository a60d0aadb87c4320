"""Schedules, from Python's words to calls and back. Nothing here sends or waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, TypedDict
from urllib.parse import quote

from pyjobs import clock, codec
from pyjobs.client.options import CONVERTERS
from pyjobs.cron import Cron
from pyjobs.engine import (
    MAX_BYTES,
    MAX_ITEMS,
    MOMENTS,
    Call,
    Keys,
    Mode,
    SchedulePage,
    StoredSchedule,
    StoredVerbs,
    list_schedules,
    moments_text,
    run_schedules,
)
from pyjobs.errors import BadArgument, NoSchedule, TooLarge
from pyjobs.hints import nearest
from pyjobs.ids import new_id
from pyjobs.validate import checked, checked_schedule, moment_ms, needed, positive, to_ms

Missed = Literal["skip", "last", "all"]

# The scripts take no less.
LEAST_EVERY_MS = 1000


class ScheduleOptions(TypedDict, total=False):
    """Holds the options of the jobs of a schedule, as `client.schedules.set` takes them.

    Attributes:
        expires: seconds after which a job is not started any more.
        unique: a key; while a job with this key is live, a moment makes no job.
        retention: seconds that the outcome of a job is kept.
        timeout: seconds that the handler may take.
        max_run: seconds that one run may hold a job (reliable).
        max_attempts: failures until a job is dead, 1 to 1000 (reliable).
        backoff: seconds before the second attempt, then doubled (reliable).
        task: the name of the jobs' task.
    """

    expires: float | timedelta | None
    unique: str | None
    retention: float | timedelta | None
    timeout: float | timedelta | None
    max_run: float | timedelta | None
    max_attempts: int | None
    backoff: float | timedelta | None
    task: str | None


class Schedule(NamedTuple):
    """Holds what `client.schedules.set` has made or found.

    Attributes:
        name: the schedule's name; its jobs are called name:moment.
        queue: the name of its queue.
        outcome: 'new', 'changed' or 'same'.
        next: when it makes its next job; None while it is paused.
    """

    name: str
    queue: str
    outcome: str
    next: datetime | None


class ScheduleInfo(NamedTuple):
    """Holds one schedule as it is stored.

    Attributes:
        name: the schedule's name; its jobs are called name:moment.
        next: when it makes its next job; None while it is paused, or when its moments ran out.
        paused: whether it makes no jobs at present.
        every: seconds between two jobs; None of a calendar.
        cron: the cron expression, or ''.
        zone: the time zone of the expression, or ''.
        missed: 'skip', 'last' or 'all'.
        task: the task of its jobs, or ''.
        ran: the latest moments that made jobs, the earliest first.
    """

    name: str
    next: datetime | None
    paused: bool
    every: float | None
    cron: str
    zone: str
    missed: str
    task: str
    ran: list[datetime]


# What `client.schedules.set` takes beside the options of the jobs.
TIMES = "cron", "every", "first", "late", "missed", "queue", "zone"


class ScheduleCalls:
    """Makes the calls about the schedules of one client's queues.

    Args:
        mode: the client's mode.
        keys: the names under the client's prefix.
        queue: name of the queue of schedules that name no queue.
    """

    def __init__(self, mode: Mode, keys: Keys, queue: str) -> None:
        self._mode, self._keys, self._queue = mode, keys, queue

    def queue(self, queue: str | None) -> str:
        """Return the name of a queue; None is the client's own.

        Raises:
            BadArgument: the queue's name is malformed, or the mode is simple.
        """
        if not isinstance(self._mode, StoredVerbs):
            raise BadArgument("mode: simple mode has no schedules")
        return checked("queue", self._queue if queue is None else queue)

    def set(
        self,
        name: str,
        data: Any,
        queue: str | None,
        *,
        cron: str | None,
        zone: str,
        every: float | timedelta | None,
        first: datetime | float | None,
        missed: Missed,
        late: float | timedelta,
        options: ScheduleOptions,
    ) -> Call[Schedule]:
        """Return the call that makes or changes a schedule (<mode>/schedule).

        The arguments are those of `client.schedules.set`, which says what is raised.
        """
        where = self.queue(queue)
        known = ScheduleOptions.__annotations__.keys()
        if unknown := sorted(options.keys() - known):
            hint = nearest(unknown[0], [*known, *TIMES])
            raise BadArgument(f"{', '.join(unknown)}: a schedule has no such option{hint}")
        if (cron is None) == (every is None):
            raise BadArgument("cron: either cron or every must be given, and not both")
        if first is not None and every is None:
            raise BadArgument("first: is of every, and every is not given")
        if zone != "UTC" and cron is None:
            raise BadArgument("zone: is of cron, and cron is not given")
        body = codec.encode(data)
        if len(body) > MAX_BYTES:
            raise TooLarge(f"data: {len(body)} bytes as JSON, more than {MAX_BYTES}")
        when: dict[str, Any] = {
            "every": positive("every", every, LEAST_EVERY_MS),
            "at": moment_ms("first", first),
        }
        if cron is not None:
            moments = Cron(cron, zone).after(clock.now_ms(), MOMENTS)
            when = {"moments": moments_text(moments), "cron": quote(cron), "zone": quote(zone)}
        assert isinstance(self._mode, StoredVerbs)
        call = self._mode.schedule(
            self._keys.queue(where),
            checked_schedule(name),
            body,
            **when,
            missed=missed,
            late=needed("late", to_ms("late", late)),
            **{what: CONVERTERS[what](what, value) for what, value in options.items()},
        )

        def parse(reply: Any) -> Schedule:
            found = call.parse(reply)
            return Schedule(name, where, found.outcome, _moment(found.next))

        return Call(call.script, call.keys, call.args, parse)

    def named(
        self, verb: Callable[[str, Iterable[str]], Call[list[str]]], name: str, queue: str | None
    ) -> Call[list[str]]:
        """Return the call of a verb of one schedule."""
        return verb(self._keys.queue(self.queue(queue)), [checked_schedule(name)])

    def run(self, name: str, id: str | None, queue: str | None) -> Call[list[tuple[str, str]]]:
        """Return the call that makes a job of a schedule now (schedule/run)."""
        job = new_id() if id is None else checked("id", id)
        return run_schedules(self._keys.queue(self.queue(queue)), [(checked_schedule(name), job)])

    def page(self, skip: int, queue: str | None) -> Call[SchedulePage]:
        """Return the call that lists schedules (schedule/list)."""
        return list_schedules(self._keys.queue(self.queue(queue)), skip=skip, limit=MAX_ITEMS)


def existing(name: str, word: str) -> str:
    """Return a word of a verb.

    Raises:
        NoSchedule: there is no such schedule.
    """
    if word == NoSchedule.code:
        raise NoSchedule(f"there is no schedule {name}")
    return word


def schedule_info(found: StoredSchedule) -> ScheduleInfo:
    """Return a schedule in Python's units."""
    return ScheduleInfo(
        name=found.name,
        next=_moment(found.next),
        paused=found.paused,
        every=found.every / 1000 if found.every else None,
        cron=found.cron,
        zone=found.zone,
        missed=found.missed,
        task=found.task,
        ran=[datetime.fromtimestamp(moment / 1000, UTC) for moment in found.ran],
    )


def _moment(ms: int) -> datetime | None:
    return datetime.fromtimestamp(ms / 1000, UTC) if ms else None
