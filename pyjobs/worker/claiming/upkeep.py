"""What a worker writes once a minute, beside its jobs. Nothing about jobs may live here."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pyjobs.engine import REGISTER_SECONDS
from pyjobs.transport import AsyncServer, aregister, arun
from pyjobs.worker import failpoints
from pyjobs.worker.claiming.calendars import Calendars, Steps
from pyjobs.worker.settings import WorkerSettings


class Upkeep:
    """Responsible for the entry of a worker's queues in the registry, and for sending what its
    calendars ask for.

    Args:
        server: the worker's connections.
        settings: the worker's settings.
    """

    def __init__(self, server: AsyncServer, settings: WorkerSettings) -> None:
        self._server, self._settings = server, settings
        self._due = 0.0
        self._calendars = Calendars(settings)

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
        await self._send(self._calendars.steps(names))

    async def _send(self, steps: Steps) -> None:
        try:
            call = next(steps)
            while True:
                failpoints.at("moments")
                try:
                    answer = await arun(self._server, call)
                except Exception as error:
                    call = steps.throw(error)
                else:
                    failpoints.at("stored")
                    call = steps.send(answer)
        except StopIteration:
            return
