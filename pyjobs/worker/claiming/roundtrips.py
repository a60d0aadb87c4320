"""The round trips of one lane of a worker: sent, waited for, and paused after a failure.

What a round trip carries, and what its answers mean, is decided in core.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from pyjobs.errors import OutcomeUnknown, PyjobsError, QueueFull, Unavailable
from pyjobs.transport import AsyncServer, Outage, arun_many, shown
from pyjobs.worker import failpoints
from pyjobs.worker.claiming.core import WorkerCore
from pyjobs.worker.claiming.faults import Faults
from pyjobs.worker.claiming.lanes import HOLD_SECONDS, Lane
from pyjobs.worker.claiming.outbox import Request
from pyjobs.worker.claiming.tokens import BlockedTokens, Tokens, WakeListener
from pyjobs.worker.claiming.upkeep import Upkeep
from pyjobs.worker.claiming.wake import WakeWaiter
from pyjobs.worker.process import Forks
from pyjobs.worker.settings import WorkerSettings
from pyjobs.worker.vitals import Vitals
from pyjobs.worker.workerlog import log_changes, log_ready, log_unknown


class RoundTrips:
    """Responsible for the round trips of one lane. A node that is away stops the lanes of its own
    queues, and no other.

    Attributes:
        lane: the queues.
        wake: wakes the lane while it is idle.

    Args:
        lane: the queues.
        settings: the worker's settings.
        server: the worker's connections.
        core: decides what is sent, and takes the answers.
        vitals: keeps that Redis has answered.
        listener: hears of the wake tokens of a cluster; None on one server.
        renewals_first: whether a renewal of the lane's leases has no answer yet.
        answered: called with a round trip and its answers.
        freed: called when other lanes may go on: the lane has an answer, or is away.
    """

    def __init__(
        self,
        lane: Lane,
        settings: WorkerSettings,
        server: AsyncServer,
        core: WorkerCore,
        vitals: Vitals,
        listener: WakeListener | None,
        *,
        renewals_first: Callable[[Lane], bool],
        answered: Callable[[Lane, list[Request], list[Any]], None],
        freed: Callable[[], None],
    ) -> None:
        self.lane = lane
        self._settings = settings
        self._server = server
        self._core, self._vitals = core, vitals
        self._renewals_first = renewals_first
        self._answered = answered
        self._freed = freed
        self._changed = asyncio.Event()
        if listener is None:
            tokens: Tokens = BlockedTokens(settings.url, server)
        else:
            queues = [core.keys[index] for index in lane.queues]
            tokens = listener.of(queues, self._token_came)
        self.wake = WakeWaiter(settings, tokens, core, lane, self.go_on, vitals.answered)
        self._forks = Forks.guard(asyncio.get_running_loop())
        self._outage = Outage(shown(settings.url))
        self._faults = Faults()
        self._upkeep = Upkeep(server, settings)

    def go_on(self) -> None:
        """Look again what there is to send."""
        self._changed.set()

    def _token_came(self) -> bool:
        """Claim, if the lane has room. Returns whether it does."""
        found = self._core.woken(time.monotonic(), self.lane)
        self.go_on()
        return found

    async def run(self) -> None:
        """Make round trips until the worker has stopped and nothing is left to record.

        Raises:
            Exception: round trips broke off again and again by this error.
        """
        try:
            while not self._core.drained:
                await self._one()
        finally:
            await self._upkeep.close()

    async def _one(self) -> None:
        """Make one round trip, or wait until there is something to send."""
        self.lane.renewals_first = self._renewals_first(self.lane)
        requests = self._core.requests(time.monotonic(), self.lane)
        if not requests:
            await self._until_changed()
            return
        Forks.end_child(self._forks)
        failpoints.at("send")
        try:
            answers = await arun_many(self._server, [request.call for request in requests])
        except Unavailable as error:
            self._core.unanswered(requests, error, self.lane)
            self._freed()
            await asyncio.sleep(self._outage.pause(error))
        except BaseException as error:
            self._core.unanswered(requests, OutcomeUnknown(repr(error)), self.lane)
            self._freed()
            await asyncio.sleep(self._faults.pause(error))
        else:
            self._faults.over()
            # A worker that Redis refuses everything is not ready.
            carried_out = not all(isinstance(answer, PyjobsError) for answer in answers)
            if carried_out and self._vitals.claimed():
                log_ready(self._settings)
            self._answered(self.lane, requests, answers)
            self._freed()
            await self._after(answers)

    async def _until_changed(self) -> None:
        self.wake.listen()
        if self._core.lanes.waits(self.lane, self._core.free, time.monotonic()):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HOLD_SECONDS):
                    await self._changed.wait()
        else:
            await self._changed.wait()
        self._changed.clear()

    async def _after(self, answers: list[Any]) -> None:
        """Pause when Redis refuses to work for now."""
        refusal = next((one for one in answers if isinstance(one, (Unavailable, QueueFull))), None)
        if refusal is not None:
            await asyncio.sleep(self._outage.pause(refusal))
            return
        self._outage.over()
        self._vitals.answered()
        if self._core.fatal is not None:
            return
        log_changes(self._core.changes())
        if self._core.unknown is not None:
            log_unknown(self._core.unknown.new(), handed_back=self._core.mode.leases)
        queues = [self._core.queue_of(index) for index in self.lane.claims.served]
        await self._upkeep.when_due([*dict.fromkeys(queues)])
