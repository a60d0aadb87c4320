"""What a program does when a job of its worker is dead: its hooks. Nothing else may live here."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pyjobs import codec
from pyjobs.errors import JobFailed, Undecodable
from pyjobs.log import logger
from pyjobs.task import BaseTask
from pyjobs.worker.invocation import is_awaitable
from pyjobs.worker.job import ClaimedJob
from pyjobs.worker.outbox import Request
from pyjobs.worker.process import Forks, in_parent
from pyjobs.worker.run import Run

Hook = Callable[[ClaimedJob, JobFailed], Any]
log = logger(__name__)
# How many hooks may wait for their turn; what comes after them is not called, and logged.
MOST_WAITING = 10_000
# How long the hooks of a worker that ends may take.
END_SECONDS = 5.0


class Death(NamedTuple):
    """Holds a job that failed for good.

    Attributes:
        job: the job, as its handler got it.
        error: the error that its client raises.
        hooks: what is called.
    """

    job: ClaimedJob
    error: JobFailed
    hooks: tuple[Hook, ...]

    async def call(self) -> None:
        """Call the hooks: an `async def` in this event loop, a plain one in a thread."""
        for hook in self.hooks:
            try:
                if inspect.iscoroutinefunction(hook):
                    await hook(self.job, self.error)
                    continue
                result = await asyncio.to_thread(in_parent, Forks.count, hook, self.job, self.error)
                if is_awaitable(result):
                    await result
            except asyncio.CancelledError:
                raise
            except BaseException:
                # A hook that exits ends no worker, as a handler that exits does not.
                log.exception("on_dead of job %s on queue %s failed", self.job.id, self.job.queue)


class DeadHooks:
    """Responsible for the hooks of one worker: which jobs they are called for.

    Args:
        hook: the worker's own; None for none.
        tasks: the worker's tasks, by name.
    """

    def __init__(self, hook: Hook | None, tasks: Mapping[str, BaseTask[..., Any]] | None) -> None:
        own = () if hook is None else (hook,)
        self._by_task: dict[str, tuple[Hook, ...]] = {
            name: (task.on_dead, *own)
            for name, task in (tasks or {}).items()
            if task.on_dead is not None
        }
        self._own = own

    def __bool__(self) -> bool:
        return bool(self._own or self._by_task)

    def of(self, requests: Sequence[Request], answers: Sequence[Any]) -> Iterator[Death]:
        """Yield the jobs that a round trip has recorded as dead, or as failed in the modes that try
        nothing again.

        Args:
            requests: what was sent.
            answers: for each request its parsed reply, or a PyjobsError in its place.
        """
        for request, answer in zip(requests, answers, strict=True):
            if not request.ended or isinstance(answer, Exception):
                continue
            for (run, outcome), word in zip(request.ended, answer, strict=True):
                hooks = self._by_task.get(run.task, self._own)
                if word in ("dead", "failed") and hooks:
                    yield Death(job_of(run), error_of(run, outcome, word), hooks)


class Calls:
    """Responsible for calling hooks beside the worker's other work.

    Args:
        concurrency: how many are called at once.
    """

    def __init__(self, concurrency: int) -> None:
        self._turns = asyncio.Semaphore(concurrency)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, death: Death) -> None:
        """Call the hooks of a job, in a task."""
        if len(self._tasks) >= MOST_WAITING:
            where = (death.job.id, death.job.queue)
            log.error("on_dead of job %s on queue %s is not called: too many wait", *where)
            return
        task = asyncio.create_task(self._call(death), name="pyjobs-on-dead")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Wait for the calls under way, for END_SECONDS at most, and cancel the others."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=END_SECONDS)
        for task in late:
            task.cancel()
        if late:
            log.error("calls of on_dead that the end of the worker has cut off: %d", len(late))

    async def _call(self, death: Death) -> None:
        async with self._turns:
            await death.call()


def job_of(run: Run) -> ClaimedJob:
    """Return a job as its handler got it; data that are no JSON are None."""
    try:
        return ClaimedJob(run, codec.decode(run.data))
    except Undecodable:
        return ClaimedJob(run, None)


def error_of(run: Run, outcome: Any, word: str) -> JobFailed:
    """Return the error that the client of a job raises."""
    if outcome.verb == "unknown":
        return JobFailed("UnknownTask", f"no worker knows task {run.task}", "", "unknown")
    reason = "-"
    if word == "dead":
        reason = "rejected" if outcome.verdict == "reject" else "attempts"
    return JobFailed(*codec.decode_error(outcome.body), reason, run.attempt)
