"""The stop of one worker: when what runs is handed back, and when even that is given up.

Only its times may live here. What becomes of the jobs is decided in core.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from pyjobs.asyncutil import cancel_and_wait
from pyjobs.worker.core import WorkerCore
from pyjobs.worker.executors import Runner

log = logging.getLogger("pyjobs")
FLUSH_SECONDS = 5.0


class Shutdown:
    """Belongs to one run of a worker.

    Attributes:
        task: what a stop ends when it can't wait any longer.

    Args:
        core: is told to stop.
        runner: runs the jobs.
        grace: seconds that jobs in hand get to finish.
        changed: called when there is something to record.
    """

    def __init__(
        self, core: WorkerCore, runner: Runner, grace: float, changed: Callable[[], None]
    ) -> None:
        self.task: asyncio.Task[Any] | None = None
        self._core = core
        self._runner = runner
        self._grace = grace
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._timers: list[asyncio.TimerHandle] = []
        self._ending: asyncio.Task[None] | None = None
        self._at_once = False

    def begin(self) -> None:
        """Claim no more; let jobs in hand finish for the grace, then hand them back. A second call
        hands them back at once."""
        if self._core.stopping:
            self.now()
            return
        self._core.stop()
        grace = self._grace if self._core.patient else 0.0
        left = f", with {grace:g} s to finish" if grace else ""
        log.info("stopping; jobs in hand: %d%s", len(self._core.held), left)
        self._after(grace, self.now)
        self._changed()

    def now(self) -> None:
        """Hand back what is in hand; give up when that can't be recorded either."""
        self._core.stop(now=True)
        if self._runner.running:
            log.info("handing back; jobs in hand: %d", self._runner.running)
        self._runner.cancel_all()
        self._changed()
        if not self._at_once:
            self._at_once = True
            self._after(FLUSH_SECONDS, self._give_up)

    def end_task(self) -> None:
        """End it, whatever it does."""
        if self.task is not None:
            self._ending = self._loop.create_task(cancel_and_wait(self.task))

    def close(self) -> None:
        """The run is over: nothing is ended any more."""
        for timer in self._timers:
            timer.cancel()

    def _after(self, seconds: float, what: Callable[[], None]) -> None:
        self._timers.append(self._loop.call_later(seconds, what))

    def _give_up(self) -> None:
        if self.task is not None and not self.task.done():
            if held := len(self._core.held):
                log.error("stopping with %d outcomes that were not recorded", held)
            else:
                log.warning("stopping without the answer to a claim")
            self.end_task()
