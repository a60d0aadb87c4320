"""The stop of one worker: when its runs are released, and when even recording is given up.

Only the times of a stop may live here. What becomes of the jobs is decided in claiming/core.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from pyjobs.asyncutil import cancel_and_wait
from pyjobs.log import logger
from pyjobs.worker.claiming import WorkerCore
from pyjobs.worker.running import Executor

log = logger(__name__)
FLUSH_SECONDS = 5.0


class Shutdown:
    """Ends one run of a worker: first with grace, then at once, at last without recording.

    Attributes:
        tasks: the tasks that are cancelled when the stop can't wait any longer.

    Args:
        core: stops claiming, and decides what is released.
        executor: runs the handlers.
        grace: seconds that held runs get to finish.
        changed: called when there is something to record.
    """

    def __init__(
        self, core: WorkerCore, executor: Executor, *, grace: float, changed: Callable[[], None]
    ) -> None:
        self.tasks: list[asyncio.Task[Any]] = []
        self._core = core
        self._executor = executor
        self._grace = grace
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._timers: list[asyncio.TimerHandle] = []
        self._cancelling: asyncio.Task[None] | None = None
        self._at_once = False

    def begin(self) -> None:
        """Stop claiming, let held runs finish for the grace, then release them. A second call
        releases them at once."""
        if self._core.stopping:
            self.now()
            return
        self._core.stop()
        grace = self._grace if self._core.needs_grace else 0.0
        left = f", with {grace:g} s to finish" if grace else ""
        log.info("stopping; jobs held: %d%s", len(self._core.held), left)
        self._after(grace, self.now)
        self._changed()

    def now(self) -> None:
        """Release all held runs; FLUSH_SECONDS later, give up recording that."""
        self._core.stop(now=True)
        if self._executor.running:
            log.info("handing back; jobs held: %d", self._executor.running)
        self._executor.cancel_all()
        self._changed()
        if not self._at_once:
            self._at_once = True
            self._after(FLUSH_SECONDS, self._give_up)

    @property
    def gives_up(self) -> bool:
        """Whether `tasks` were cancelled by this stop."""
        return self._cancelling is not None

    def cancel_tasks(self) -> None:
        """Cancel `tasks`, whatever they wait for."""
        if self.tasks:
            self._cancelling = self._loop.create_task(cancel_each(self.tasks))

    def close(self) -> None:
        """Cancel the timers: the worker has ended."""
        for timer in self._timers:
            timer.cancel()

    def _after(self, seconds: float, what: Callable[[], None]) -> None:
        self._timers.append(self._loop.call_later(seconds, what))

    def _give_up(self) -> None:
        if not all(task.done() for task in self.tasks):
            if held := len(self._core.held):
                log.error("stopping with %d outcomes that were not recorded", held)
            else:
                log.warning("stopping without the answer to a claim")
            self.cancel_tasks()


async def cancel_each(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait until each has ended."""
    for task in tasks:
        await cancel_and_wait(task)
