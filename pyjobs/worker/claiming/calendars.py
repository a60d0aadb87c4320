"""The schedules of a worker's tasks, and the moments of all schedules of its queues: a script can't
read a calendar. Nothing here sends.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from pyjobs import clock
from pyjobs.cron import Cron, coming
from pyjobs.engine import (
    MAX_ITEMS,
    MOMENTS,
    Call,
    StoredSchedule,
    list_schedules,
    refill_schedules,
)
from pyjobs.errors import BadArgument, MissingExtra, Unavailable
from pyjobs.log import logger
from pyjobs.worker.settings import WorkerSettings

log = logger(__name__)
# A schedule with fewer moments gets more.
FEW = MOMENTS // 2
Steps = Generator[Call[Any], Any, None]


class Calendars:
    """Responsible for making the schedules of a worker's tasks, and for storing further moments.

    Args:
        settings: the worker's settings.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._logged: set[str] = set()
        self._unmade = list(settings.scheduled)

    def steps(self, queues: Sequence[str]) -> Steps:
        """Yield the calls, one after the other; what a call raises is to be thrown in.

        Args:
            queues: the names of the queues that are served.

        Raises:
            Unavailable: Redis can't be reached.
        """
        if self._settings.mode.stores:
            # Moments that were missed come first: to make a schedule anew stores those from now on.
            for name in queues:
                yield from self._refill(name)
            yield from self._make_schedules(queues)

    def _make_schedules(self, queues: Sequence[str]) -> Steps:
        """Make the schedules of the worker's tasks, once a run; a schedule that is refused is tried
        again a minute later."""
        for task in [one for one in self._unmade if (one.queue or "default") in queues]:
            try:
                yield task.schedule(self._settings.mode, self._settings.keys)
            except Unavailable:
                raise
            except Exception as error:
                # Jobs do not depend on it, so it must not break off a round trip.
                self._log_once(f"the schedule of task {task.name} can't be made: {error}")
            else:
                self._unmade.remove(task)

    def _refill(self, name: str) -> Steps:
        queue = self._settings.keys.queue(name)
        try:
            skip, total = 0, 1
            while skip < total:
                page = yield list_schedules(queue, skip=skip, limit=MAX_ITEMS)
                skip, total = skip + MAX_ITEMS, page.total
                few = [each for each in page.schedules if each.cron and each.left < FEW]
                refills = [(one.name, one.version, self._moments(name, one)) for one in few]
                if refills:
                    yield refill_schedules(queue, refills)
        except Unavailable:
            raise
        except Exception as error:
            # Jobs do not depend on it, so it must not break off a round trip.
            self._log_once(f"the schedules of queue {name} get no further moments: {error}")

    def _moments(self, queue: str, schedule: StoredSchedule) -> list[int]:
        try:
            cron = Cron(schedule.cron, schedule.zone or "UTC")
        except (BadArgument, MissingExtra) as error:
            where = f"schedule {schedule.name} of queue {queue}"
            self._log_once(f"{where} gets no further moments from this worker: {error}")
            return []
        return coming(
            cron,
            missed=schedule.missed,
            last=schedule.last,
            now=clock.now_ms(),
            following=schedule.next,
            count=MOMENTS,
        )

    def _log_once(self, text: str) -> None:
        if text not in self._logged:
            self._logged.add(text)
            log.warning("%s", text)
