"""The parts of a worker of which others show the present state. Only reading may live here."""

from __future__ import annotations

from pyjobs.worker.claiming import WorkerCore
from pyjobs.worker.liveness.loopwatch import LoopWatch
from pyjobs.worker.run import Run
from pyjobs.worker.running import Executor
from pyjobs.worker.vitals import Vitals


class Watched:
    """Responsible for what metrics and announcements read of a worker. Any thread may read it.

    Attributes:
        core: knows the held jobs.
        executor: knows the running ones.
        loop: knows whether the event loop turns.
        vitals: judges the worker.

    Args:
        core: knows the held jobs.
        executor: knows the running ones.
        loop: knows whether the event loop turns.
        vitals: judges the worker.
    """

    def __init__(
        self, core: WorkerCore, executor: Executor, loop: LoopWatch, vitals: Vitals
    ) -> None:
        self.core, self.executor = core, executor
        self.loop, self.vitals = loop, vitals

    def running(self) -> list[tuple[float, Run]]:
        """Return the runs whose handlers run, each after the moment it began, the first first."""
        found = [
            (run.started_at, run)
            for run in list(self.core.held)
            if run.started_at is not None and run in self.executor
        ]
        return sorted(found, key=lambda pair: pair[0])
