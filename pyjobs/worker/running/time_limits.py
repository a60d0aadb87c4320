"""How long a handler may take: a timer of the event loop for each run that has a timeout.

Runs are given up by their executor, which is told here when.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from pyjobs.engine import Outcome
from pyjobs.worker.outcomes import failure
from pyjobs.worker.run import Run


class TimeLimits:
    """Responsible for the timeouts of the runs of one executor.

    Args:
        give_up: called in the event loop with each run that has exceeded its timeout, and with the
            outcome that says so.
    """

    def __init__(self, give_up: Callable[[Run, Outcome], None]) -> None:
        self._give_up = give_up
        self._loop = asyncio.get_running_loop()
        self._timers: dict[Run, asyncio.TimerHandle] = {}

    def start(self, run: Run) -> None:
        """Watch a run until `stop`, if it has a timeout. The timeout begins with the handler, which
        may be later than this call."""
        if run.timeout is not None:
            self._timers[run] = self._loop.call_later(seconds_left(run), self._look, run)

    def stop(self, run: Run) -> None:
        """Watch a run no longer. Nothing is done where it is not watched."""
        if self._timers and (timer := self._timers.pop(run, None)):
            timer.cancel()

    def _look(self, run: Run) -> None:
        # The handler may have begun after its timer: a run waits for its thread, and a handler that
        # blocks the event loop holds up those that have not begun.
        del self._timers[run]
        if seconds_left(run) > 0:
            self.start(run)
        else:
            self._give_up(run, failure(TimeoutError(f"took longer than {run.timeout:g} s")))


def seconds_left(run: Run) -> float:
    """Return the seconds that are left of a run's timeout: all of them before the handler begins.
    The run has a timeout."""
    assert run.timeout is not None
    if run.started_at is None:
        return run.timeout
    return run.started_at + run.timeout - time.monotonic()
