"""What a worker writes once a minute, beside its jobs. Nothing about jobs may live here."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence

from pyjobs.asyncutil import cancel_and_wait
from pyjobs.engine import REGISTER_SECONDS
from pyjobs.errors import Unavailable
from pyjobs.transport import AsyncServer, aregister, arun, is_cluster
from pyjobs.worker import failpoints
from pyjobs.worker.claiming.calendars import Calendars, Steps
from pyjobs.worker.settings import WorkerSettings


class Upkeep:
    """Responsible for the entry of a worker's queues in the registry, and for sending what its
    calendars ask for.

    In a cluster these are calls to other nodes than that of a lane: the registry has one node, and
    a queue with parts several. So they are sent beside the round trips of the lane.

    Args:
        server: the worker's connections.
        settings: the worker's settings.
    """

    def __init__(self, server: AsyncServer, settings: WorkerSettings) -> None:
        self._server, self._settings = server, settings
        self._due = 0.0
        self._calendars = Calendars(settings)
        self._writing: asyncio.Task[None] | None = None

    async def when_due(self, served: Sequence[int]) -> None:
        """Register the queues and refill their schedules, once a minute. In a cluster this is begun
        only, unless the time before has not ended.

        Args:
            served: positions of the queues that are served, among the worker's queues.
        """
        if time.monotonic() < self._due or (self._writing and not self._writing.done()):
            return
        self._due = time.monotonic() + REGISTER_SECONDS
        writing = self._write([self._settings.queues[index] for index in served])
        if is_cluster(self._server):
            self._writing = asyncio.create_task(writing, name="pyjobs-upkeep")
        else:
            await writing

    async def close(self) -> None:
        """End what was begun."""
        if self._writing is not None:
            await cancel_and_wait(self._writing)

    async def _write(self, names: Sequence[str]) -> None:
        modes = dict.fromkeys(names, self._settings.mode_name)
        await aregister(self._server, self._settings.keys, modes)
        # The next round trip meets an outage too, and waits.
        with contextlib.suppress(Unavailable):
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
