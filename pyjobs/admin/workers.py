"""The workers that have announced themselves, and the plan that asks for them. Nothing is sent
here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from pyjobs.admin.plan import Plan
from pyjobs.admin.plans import queues as registered
from pyjobs.admin.plans import stats
from pyjobs.engine import Announced, Keys, read_workers
from pyjobs.errors import PyjobsError


class RunningJob(NamedTuple):
    """Holds a job that a worker runs.

    Attributes:
        queue: the queue's name.
        id: the job's id.
        task: the name of its task; '' for a bare job.
        ran: ms that its handler has run.
    """

    queue: str
    id: str
    task: str
    ran: int


class SeenWorker(NamedTuple):
    """Holds what a worker has said of itself last. What it did not say is '' or 0. Any program that
    may write the queue's keys can say anything.

    Attributes:
        worker: its name, its own for as long as it runs.
        ago: ms since it said so.
        host: the name of its machine.
        pid: the id of its process.
        version: the version of pyjobs that it runs.
        mode: the mode of its queues.
        queues: some names of its queues.
        tasks: some names of its tasks.
        slots: how many jobs it runs at once.
        held: how many jobs it has claimed whose outcome is not recorded yet.
        running: how many handlers run.
        jobs: some of these jobs, the one that has run longest first.
        up: ms since it began.
        lag: ms that its event loop is late.
        stopping: whether it claims nothing any more.
        task_count: how many tasks it has; 0 also of a worker whose handler gets the jobs of all.
    """

    worker: str
    ago: int
    host: str
    pid: int
    version: str
    mode: str
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    slots: int
    held: int
    running: int
    jobs: tuple[RunningJob, ...]
    up: int
    lag: int
    stopping: bool
    task_count: int = 0


class SeenWorkers(NamedTuple):
    """Holds the workers of some queues.

    Attributes:
        workers: the workers, sorted by name.
        unread: queue name -> why its workers could not be read.
    """

    workers: list[SeenWorker]
    unread: dict[str, str]


def workers(keys: Keys, queue: str | None) -> Plan[SeenWorkers]:
    """Ask for the workers of a queue, or of every queue of the registry.

    Raises:
        BadArgument: the queue's name is malformed, or nothing was ever submitted to the queue.
    """
    names = list((yield from registered(keys))) if queue is None else [queue]
    answers = yield [read_workers(keys.queue(name)) for name in names]
    found: dict[str, SeenWorker] = {}
    unread: dict[str, str] = {}
    for name, answer in zip(names, answers, strict=True):
        if isinstance(answer, PyjobsError):
            unread[name] = str(answer)
            continue
        for one in map(seen, answer):
            if one.worker not in found or one.ago < found[one.worker].ago:
                found[one.worker] = one
    if queue and not (found or unread or queue in (yield from registered(keys))):
        yield from stats(keys, queue)
    return SeenWorkers([found[name] for name in sorted(found)], unread)


def seen(announced: Announced) -> SeenWorker:
    """Return what a worker has said, without what is not of the right type."""
    try:
        value = json.loads(announced.about)
    except (ValueError, RecursionError):
        value = None
    about = AnnouncedObject(value)
    return SeenWorker(
        announced.worker,
        announced.ago,
        about.text("host"),
        about.number("pid"),
        about.text("version"),
        about.text("mode"),
        about.texts("queues"),
        about.texts("tasks"),
        about.number("slots"),
        about.number("held"),
        about.number("running"),
        tuple(running(AnnouncedObject(job), announced.ago) for job in about.many("jobs")),
        about.number("up") + announced.ago,
        about.number("lag"),
        about.number("stopping") == 1,
        about.number("task_count"),
    )


def why_unserved(task: str, workers: Sequence[SeenWorker]) -> str:
    """Return why nothing runs the jobs of a task on a queue, in words; '' where a worker may.

    Args:
        task: the task's name; '' of bare jobs.
        workers: the workers of the queue.
    """
    if not workers:
        return "no worker of the queue has announced itself"
    # A worker names some of its tasks only, and one without tasks runs those of every task.
    names_all = all(0 < one.task_count == len(one.tasks) for one in workers)
    if task and names_all and not any(task in one.tasks for one in workers):
        return f"no worker of the queue that has announced itself knows task {task}"
    return ""


def running(job: AnnouncedObject, ago: int) -> RunningJob:
    """Return a job that a worker ran so many ms ago."""
    ran = job.number("ran") + ago
    return RunningJob(job.text("queue"), job.text("id"), job.text("task"), ran)


class AnnouncedObject:
    """Reads an object of JSON that anybody may have written: what has the wrong type is absent.

    Args:
        value: the value.
    """

    def __init__(self, value: Any) -> None:
        self._fields: dict[str, Any] = value if isinstance(value, dict) else {}

    def text(self, name: str) -> str:
        """Return a text, '' where there is none."""
        found = self._fields.get(name)
        return found if isinstance(found, str) else ""

    def number(self, name: str) -> int:
        """Return a whole number of 0 or more, 0 where there is none; true is 1."""
        found = self._fields.get(name)
        return int(found) if isinstance(found, int) and 0 <= found < 2**53 else 0

    def many(self, name: str) -> list[Any]:
        """Return the elements of an array, none where there is none."""
        found = self._fields.get(name)
        return found if isinstance(found, list) else []

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of an array."""
        return tuple(one for one in self.many(name) if isinstance(one, str))
