"""What becomes of claimed jobs whose task their worker does not know. Nothing else may live here.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from pyjobs.engine import UNKNOWN, Outcome
from pyjobs.errors import UnknownTask
from pyjobs.worker.outcomes import failure
from pyjobs.worker.run import Run


def unknown_tasks(names: Iterable[str], *, bare: bool, hands_back: bool) -> UnknownTasks | None:
    """Return what ends the jobs whose task a worker does not know; None for a worker without tasks,
    whose handler gets every job.

    Args:
        names: the names of the worker's tasks.
        bare: whether the worker has a handler, which runs the jobs without a task.
        hands_back: whether the mode can hand a job back.
    """
    known = {*names}
    return UnknownTasks(known | {""} if bare else known, hands_back=hands_back) if known else None


class UnknownTasks:
    """Ends the runs whose task is unknown: they are handed back, or fail in a mode that can't.

    Attributes:
        known: the names of the tasks that the worker knows; '' is in it when bare jobs are known.

    Args:
        known: the names.
        hands_back: whether the mode can hand such a job back.
    """

    def __init__(self, known: Set[str], *, hands_back: bool) -> None:
        self.known = known
        self._hands_back = hands_back
        self._met: set[str] = set()
        self._new: list[str] = []

    def of(self, runs: Iterable[Run]) -> Iterator[tuple[Run, Outcome]]:
        """Yield the runs whose task is unknown, each with its outcome."""
        for run in runs:
            if run.task in self.known:
                continue
            if run.task not in self._met:
                self._met.add(run.task)
                self._new.append(run.task)
            what = f"the task {run.task}" if run.task else "jobs without a task"
            failed = UnknownTask(f"its worker does not know {what}")
            yield run, UNKNOWN if self._hands_back else failure(failed)

    def new(self) -> list[str]:
        """Return the names that were met for the first time since the last call."""
        found, self._new = self._new, []
        return found
