"""What a worker writes once a minute, beside its jobs. Nothing about jobs may live here."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pyjobs import clock
from pyjobs.cron import Cron, coming
from pyjobs.engine import (
    MAX_ITEMS,
    MOMENTS,
    REGISTER_SECONDS,
    StoredSchedule,
    list_schedules,
    refill_schedules,
)
from pyjobs.errors import BadArgument, MissingExtra, Unavailable
from pyjobs.log import logger
from pyjobs.transport import AsyncServer, aregister, arun
from pyjobs.worker.settings import WorkerSettings

log = logger(__name__)
# A schedule with fewer moments gets more.
FEW = MOMENTS // 2


class Upkeep:
    """Responsible for the entry of a worker's queues in the registry, for the schedules of its
    tasks, and for the moments of all schedules: a script can't read a calendar.

    Args:
        server: the worker's connections.
        settings: the worker's settings.
    """

    def __init__(self, server: AsyncServer, settings: WorkerSettings) -> None:
        self._server, self._settings = server, settings
        self._due = 0.0
        self._logged: set[str] = set()
        self._unmade = list(settings.scheduled)

    async def when_due(self, served: Sequence[int]) -> None:
        """Register the queues and refill their schedules, once a minute.

        Args:
            served: positions of the queues that are served, among the worker's queues.

        Raises:
            Unavailable: Redis can't be reached.
        """
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + REGISTER_SECONDS
        names = [self._settings.queues[index] for index in served]
        modes = dict.fromkeys(names, self._settings.mode_name)
        await aregister(self._server, self._settings.keys, modes)
        if self._settings.mode.stores:
            await self._make_schedules(names)
            for name in names:
                await self._refill(name)

    async def _make_schedules(self, queues: Sequence[str]) -> None:
        """Make the schedules of the worker's tasks, once a run; a schedule that is refused is tried
        again a minute later."""
        for task in [one for one in self._unmade if (one.queue or "default") in queues]:
            try:
                await arun(self._server, task.schedule(self._settings.mode, self._settings.keys))
            except Unavailable:
                raise
            except Exception as error:
                # Jobs do not depend on it, so it must not break off a round trip.
                self._log_once(f"the schedule of task {task.name} can't be made: {error}")
            else:
                self._unmade.remove(task)

    async def _refill(self, name: str) -> None:
        queue = self._settings.keys.queue(name)
        try:
            page = await arun(self._server, list_schedules(queue, skip=0, limit=MAX_ITEMS))
            few = [each for each in page.schedules if each.cron and each.left < FEW]
            refills = [(one.name, one.version, self._moments(name, one)) for one in few]
            if refills:
                await arun(self._server, refill_schedules(queue, refills))
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
