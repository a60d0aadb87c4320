"""The schedules of an asyncio client. Only what awaits may live here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Unpack

from pyjobs.client.schedules import (
    Missed,
    Schedule,
    ScheduleCalls,
    ScheduleInfo,
    ScheduleOptions,
    existing,
    schedule_info,
)
from pyjobs.engine import pause_schedules, remove_schedules, resume_schedules
from pyjobs.transport import ErrorTranslation, arun


class AsyncSchedules:
    """Makes, lists, pauses, runs and removes the schedules of a client's queues.

    Args:
        server: the connections of the client.
        calls: makes the calls.
        translating: translates errors of the connection.
    """

    def __init__(self, server: Any, calls: ScheduleCalls, translating: ErrorTranslation) -> None:
        self._server, self._calls, self._translating = server, calls, translating

    async def set(
        self,
        name: str,
        data: Any = None,
        *,
        cron: str | None = None,
        zone: str = "UTC",
        every: float | timedelta | None = None,
        first: datetime | float | None = None,
        missed: Missed = "last",
        late: float | timedelta = 60.0,
        queue: str | None = None,
        **options: Unpack[ScheduleOptions],
    ) -> Schedule:
        """Make a schedule, or change the one of this name (<mode>/schedule).

        Workers make a job at each moment, by themselves: no process is the scheduler. The job's id
        is name:moment, in ms since the epoch, so that no moment makes two jobs. A call that is
        repeated, as at each start of a program, changes nothing.

        Args:
            name: the schedule's name, up to 100 of A-Z a-z 0-9 _ . : -.
            data: what the handlers get; any value that JSON can hold, up to 1 MiB as JSON.
            cron: five fields, as in '0 9 * * mon-fri'; needs the extra `schedules`. Workers with
                this extra store further moments once a minute.
            zone: the expression's time zone, as in 'Europe/Paris'.
            every: seconds between two jobs, 1 or more, instead of `cron`.
            first: the first moment of `every`: an aware datetime, or seconds since the epoch.
                Default: `every` from now.
            missed: which of the moments at which no worker was there make a job: 'all', 'last'
                (the latest of them) or 'skip' (the latest, if it is at most `late` past).
            late: how many seconds late 'skip' lets a job be.
            queue: name of the queue. Default: the client's queue.
            options: options of the jobs: expires, unique, retention, timeout, max_run,
                max_attempts, backoff and task, as `Client.submit` takes them. With `unique`, a
                moment makes no job while a job with this key is live.

        Raises:
            BadArgument: an argument is not what it must be; nothing was written.
            MissingExtra: `cron` is given, and cronsim is not installed.
            WrongMode: the queue has another mode than the client; nothing was written.
            QueueFull: Redis is at its memory limit; nothing was written.
            Unavailable: Redis can't be reached.
            Unencodable: the data has no JSON.
        """
        call = self._calls.set(
            name,
            data,
            queue,
            cron=cron,
            zone=zone,
            every=every,
            first=first,
            missed=missed,
            late=late,
            options=options,
        )
        with self._translating:
            return await arun(self._server, call)

    async def list(self, *, queue: str | None = None) -> list[ScheduleInfo]:
        """Return the schedules of a queue, the one whose moment comes first at the head
        (schedule/list).

        Args:
            queue: name of the queue. Default: the client's queue.

        Raises:
            BadArgument: the queue's name is malformed, or the mode is simple.
            Unavailable: Redis can't be reached.
        """
        found: list[ScheduleInfo] = []
        with self._translating:
            while True:
                page = await arun(self._server, self._calls.page(len(found), queue))
                found += map(schedule_info, page.schedules)
                if not page.schedules or len(found) >= page.total:
                    return found

    async def pause(self, name: str, *, queue: str | None = None) -> None:
        """Let a schedule make no jobs until it is resumed (schedule/pause).

        Args:
            name: the schedule's name.
            queue: name of the queue. Default: the client's queue.

        Raises:
            BadArgument: a name is malformed, or the mode is simple.
            NoSchedule: there is no such schedule.
            Unavailable: Redis can't be reached.
        """
        with self._translating:
            [word] = await arun(self._server, self._calls.named(pause_schedules, name, queue))
        existing(name, word)

    async def resume(self, name: str, *, queue: str | None = None) -> None:
        """Let a paused schedule go on with its next moment (schedule/resume). Moments of the pause
        make no jobs.

        Args:
            name: the schedule's name.
            queue: name of the queue. Default: the client's queue.

        Raises:
            BadArgument: a name is malformed, or the mode is simple.
            NoSchedule: there is no such schedule.
            Unavailable: Redis can't be reached.
        """
        with self._translating:
            [word] = await arun(self._server, self._calls.named(resume_schedules, name, queue))
        existing(name, word)

    async def run(self, name: str, *, id: str | None = None, queue: str | None = None) -> str:
        """Make a job of a schedule now, beside those of its moments (schedule/run).

        Args:
            name: the schedule's name; it may be paused.
            id: the job's id. A repeated call with this id makes no second job. Default: a new id.
            queue: name of the queue. Default: the client's queue.

        Returns:
            The job's id, or the id of the live job that holds the schedule's unique key.

        Raises:
            BadArgument: a name is malformed, or the mode is simple.
            NoSchedule: there is no such schedule.
            QueueFull: Redis is at its memory limit; nothing was written.
            Unavailable: Redis can't be reached.
        """
        with self._translating:
            [(job, outcome)] = await arun(self._server, self._calls.run(name, id, queue))
        existing(name, outcome)
        return job

    async def remove(self, name: str, *, queue: str | None = None) -> bool:
        """Forget a schedule (schedule/remove). The jobs that it has made stay.

        Args:
            name: the schedule's name.
            queue: name of the queue. Default: the client's queue.

        Returns:
            Whether there was such a schedule.

        Raises:
            BadArgument: a name is malformed, or the mode is simple.
            Unavailable: Redis can't be reached.
        """
        with self._translating:
            [word] = await arun(self._server, self._calls.named(remove_schedules, name, queue))
        return word == "removed"
