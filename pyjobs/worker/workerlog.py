"""What a worker logs of itself: that it is ready, and which queues it serves.

Only these lines may live here.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyjobs.errors import PyjobsError
from pyjobs.log import logger
from pyjobs.transport import shown
from pyjobs.worker.run import Run
from pyjobs.worker.settings import WorkerSettings

log = logger(__name__)


def log_stopped_early() -> None:
    """Log a stop that came before the lifespan had begun."""
    log.info("stopped before the lifespan had begun")


def log_ready(settings: WorkerSettings) -> None:
    """Log that Redis has carried out the first claim, and that jobs are claimed from now on."""
    log.info(
        "%s worker of %s at %s, up to %d job%s at once, is ready",
        settings.mode_name,
        ", ".join(settings.queues),
        shown(settings.url),
        settings.concurrency,
        "" if settings.concurrency == 1 else "s",
    )


def log_changes(changes: Iterable[tuple[str, PyjobsError | None]]) -> None:
    """Log which queues were set aside, and which are served again.

    Args:
        changes: names of queues, each with the error, or with None when it is served again.
    """
    for queue, error in changes:
        if error is None:
            log.warning("queue %s is served again", queue)
        else:
            log.error("queue %s is set aside, and looked at again later: %s", queue, error)


def log_unknown(names: Iterable[str], *, handed_back: bool) -> None:
    """Log the tasks that jobs have and this worker does not know, each once.

    Args:
        names: names of tasks; '' for bare jobs.
        handed_back: whether such jobs are handed back; else they fail.
    """
    for name in names:
        end = "wait for another worker" if handed_back else "fail"
        if name:
            log.warning("task %s is unknown here: its jobs %s", name, end)
        else:
            log.warning("this worker has no handler: jobs without a task %s", end)


def log_handled(run: Run) -> None:
    """Log that a worker without tasks runs the jobs of a task too, once for each task.

    Args:
        run: the first run of the task.
    """
    log.warning(
        "queue %s has jobs of task %s; this worker has no tasks, and runs them as any other job",
        run.queue,
        run.task,
    )
