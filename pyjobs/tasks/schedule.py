"""The schedule of a task, as `@task(every=...)` or `@task(cron=...)` gives one.

Nothing here sends.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple, cast, get_args

from pyjobs.client import Missed, Schedule, ScheduleCalls, ScheduleOptions
from pyjobs.engine import Call, Keys, Mode
from pyjobs.errors import BadArgument
from pyjobs.validate import MOST_SCHEDULE_NAME


class TaskSchedule(NamedTuple):
    """Holds when a task's jobs are made.

    Attributes:
        every: seconds between two jobs; None of a calendar.
        cron: the cron expression; None of a period.
        zone: the time zone of the expression.
        missed: which moments at which no worker was there make a job.
    """

    every: float | timedelta | None
    cron: str | None
    zone: str
    missed: Missed

    def call(
        self, name: str, queue: str, mode: Mode, keys: Keys, options: Mapping[str, Any]
    ) -> Call[Schedule]:
        """Return the call that makes the schedule, or leaves it as it is (<mode>/schedule).

        Args:
            name: the name of the task and of the schedule.
            queue: the name of the queue.
            mode: the queue's mode.
            keys: the names under the prefix.
            options: the options of the jobs.

        Raises:
            BadArgument: a part of the schedule, or an option, is not what it must be.
            MissingExtra: there is a cron expression, and cronsim is not installed.
        """
        return ScheduleCalls(mode, keys, queue).set(
            name,
            {},
            None,
            cron=self.cron,
            zone=self.zone,
            every=self.every,
            first=None,
            missed=self.missed,
            late=60.0,
            options=cast(ScheduleOptions, options),
        )


def schedule_of(
    every: float | timedelta | None, cron: str | None, zone: str, missed: Missed
) -> TaskSchedule | None:
    """Return the schedule that the arguments of `@task` give, None where they give none.

    Raises:
        BadArgument: an argument is of a schedule, and there is none.
    """
    if every is None and cron is None:
        for name, value, default in (("zone", zone, "UTC"), ("missed", missed, "last")):
            if value != default:
                raise BadArgument(f"{name}: is of a schedule, and neither every nor cron is given")
        return None
    return TaskSchedule(every, cron, zone, missed)


def check_schedulable(name: str, schedule: TaskSchedule, signature: inspect.Signature) -> None:
    """Check that a schedule can make jobs of a task.

    Raises:
        BadArgument: an argument has no default, `missed` is an unknown word, or the name is too
            long for a schedule.
    """
    for one in signature.parameters.values():
        if one.default is inspect.Parameter.empty:
            raise BadArgument(
                f"task {name}: parameter {one.name} has no default, and a schedule gives no "
                "arguments"
            )
    if schedule.missed not in get_args(Missed):
        words = ", ".join(get_args(Missed))
        raise BadArgument(f"missed: {schedule.missed!r} is not one of {words}")
    if len(name) > MOST_SCHEDULE_NAME:
        raise BadArgument(
            f"task {name}: the name of a schedule has {MOST_SCHEDULE_NAME} characters at most"
        )
