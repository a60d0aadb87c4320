"""What a program does when a job of its worker is dead: its hooks. Nothing else may live here."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pyjobs import codec
from pyjobs.definition import BaseTask
from pyjobs.engine import OPERATOR, Call, Claimed, ShownJob
from pyjobs.errors import JobFailed, LeaseLost, Unavailable, Undecodable
from pyjobs.log import logger
from pyjobs.transport import AsyncServer, Outage, arun, shown
from pyjobs.worker.claiming import Request, WorkerCore
from pyjobs.worker.process import Forks, in_parent
from pyjobs.worker.run import Run
from pyjobs.worker.running import ClaimedJob, is_awaitable
from pyjobs.worker.settings import WorkerSettings

Hook = Callable[[ClaimedJob, JobFailed], Any]
log = logger(__name__)
# How many hooks may wait for their turn; what comes after them is not called, and logged.
MOST_WAITING = 10_000
# How long the hooks of a worker that ends may take.
END_SECONDS = 5.0


class Death(NamedTuple):
    """Holds a job that failed for good, and calls its hooks.

    Attributes:
        job: the job, as its handler got it.
        error: the error that its client raises.
        hooks: what is called.
    """

    job: ClaimedJob
    error: JobFailed
    hooks: tuple[Hook, ...]

    def __str__(self) -> str:
        return f"job {self.job.id} on queue {self.job.queue}"

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
                log.exception("on_dead of %s failed", self)


class Crashed:
    """Holds a job that a claim of this worker has made dead: its leases ran out too often. What
    its hooks get of it is read first.

    Attributes:
        read: the call that reads the job (queue/show).

    Args:
        id: the job's id.
        index: which of the worker's queues, or of their parts, has it.
        key: the key of that.
        queue: the name of the queue.
        timeout: the worker's time limit of a run, seconds; None for none.
        hooks: what is called.
    """

    def __init__(
        self, id: str, index: int, key: str, queue: str, timeout: float | None, hooks: DeadHooks
    ) -> None:
        self._id, self._index, self._queue = id, index, queue
        self._timeout, self._hooks = timeout, hooks
        self.read: Call[ShownJob] = OPERATOR.show(key, id)

    def __str__(self) -> str:
        return f"job {self._id} on queue {self._queue}"

    def death(self, job: ShownJob) -> Death | None:
        """Return what its hooks are called with; None where it is not dead any more, or has no
        hooks.

        Args:
            job: what `read` returned.
        """
        if job.state != "dead":
            log.warning("on_dead of %s is not called: %s", self, job.state or "it is gone")
            return None
        hooks = self._hooks.of_task(job.task)
        if not hooks:
            return None
        limit, saved = max(job.timeout, 0), job.saved or None
        claimed = Claimed(
            *(self._index, self._id, "", job.data, job.attempt, job.queued, limit, job.task, saved),
            *(job.traceparent, job.tracestate),
        )
        run = Run(claimed, self._queue, self._timeout)
        run.lose(LeaseLost.code)
        attempts = job.past + job.crashes
        error = JobFailed(*codec.decode_error(job.error), job.reason, attempts)
        return Death(job_of(run), error, hooks)


class DeadHooks:
    """Responsible for the hooks of one worker: which jobs they are called for.

    Args:
        settings: the worker's settings.
        tasks: the worker's tasks, by name.
        core: says which queue or part of a queue a claim means.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        tasks: Mapping[str, BaseTask[..., Any]] | None,
        core: WorkerCore,
    ) -> None:
        own = () if settings.on_dead is None else (settings.on_dead,)
        self._settings, self._core = settings, core
        self._by_task: dict[str, tuple[Hook, ...]] = {
            name: (task.on_dead, *own)
            for name, task in (tasks or {}).items()
            if task.on_dead is not None
        }
        self._own = own

    def __bool__(self) -> bool:
        return bool(self._own or self._by_task)

    def of_task(self, task: str) -> tuple[Hook, ...]:
        """Return what is called for a job of a task; '' is none."""
        return self._by_task.get(task, self._own)

    def of(
        self,
        requests: Sequence[Request],
        answers: Sequence[Any],
        crashed: Iterable[tuple[int, str]],
    ) -> Iterator[Death | Crashed]:
        """Yield the jobs that a round trip has recorded as dead, or as failed in the modes that try
        nothing again, and those that its claim has made dead.

        Args:
            requests: what was sent.
            answers: for each request its parsed reply, or a PyjobsError in its place.
            crashed: the index of the queue and the id of each job that a claim has made dead.
        """
        for index, id in crashed:
            key, queue = self._core.keys[index], self._settings.queues[self._core.queue_of(index)]
            yield Crashed(id, index, key, queue, self._settings.timeout, self)
        for request, answer in zip(requests, answers, strict=True):
            if not request.ended or isinstance(answer, Exception):
                continue
            for (run, outcome), word in zip(request.ended, answer, strict=True):
                hooks = self.of_task(run.task)
                if word in ("dead", "failed") and hooks:
                    yield Death(job_of(run), error_of(run, outcome, word), hooks)


class HookCalls:
    """Responsible for calling hooks beside the worker's other work.

    Args:
        settings: the worker's settings: so many are called at once as jobs run.
        server: where jobs are read that a claim has made dead.
    """

    def __init__(self, settings: WorkerSettings, server: AsyncServer) -> None:
        self._server = server
        self._outage = Outage(shown(settings.url))
        self._turns = asyncio.Semaphore(settings.concurrency)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, death: Death | Crashed) -> None:
        """Call the hooks of a job, in a task."""
        if len(self._tasks) >= MOST_WAITING:
            log.error("on_dead of %s is not called: too many wait", death)
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

    async def _call(self, death: Death | Crashed) -> None:
        async with self._turns:
            found = await self._read(death) if isinstance(death, Crashed) else death
            if found is not None:
                await found.call()

    async def _read(self, crashed: Crashed) -> Death | None:
        """Read a job that a claim has made dead, also through an outage of Redis."""
        while True:
            try:
                job = await arun(self._server, crashed.read)
            except Unavailable as error:
                await asyncio.sleep(self._outage.pause(error))
            except Exception as error:
                log.error("on_dead of %s is not called: %s", crashed, error)
                return None
            else:
                self._outage.over()
                return crashed.death(job)


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
