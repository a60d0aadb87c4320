"""Running what is due, one job after the other, in the caller's own thread.

For tests of handlers: a worker's decisions and the scripts are the real ones, and there is no
thread, no heartbeat and no wait. Nothing else may live here.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import dataclasses
import functools
import time
from collections.abc import Generator
from typing import Any, NamedTuple

from pyjobs import codec
from pyjobs.definition import BaseTask
from pyjobs.engine import Call, ModeName, Outcome, StoredVerbs
from pyjobs.errors import JobFailed, QueueFull, Unavailable
from pyjobs.transport import AsyncServer, Server, arun_many, run_many
from pyjobs.worker.claiming import Calendars, WorkerCore, learn, unknown_tasks
from pyjobs.worker.dead import Crashed, DeadHooks, Death
from pyjobs.worker.lifespan import Lifespan, LifespanTask
from pyjobs.worker.outcomes import failure, outcome_of
from pyjobs.worker.run import Run
from pyjobs.worker.running import (
    AsyncSurrounded,
    ClaimedJob,
    DirectUpdates,
    decoded,
    exhausted,
    is_awaitable,
)
from pyjobs.worker.worker import Worker

OutcomeAndError = tuple[Outcome, Exception | None]
DrainSteps = Generator[list[Call[Any]] | Run | Death, Any, None]


class RanJob(NamedTuple):
    """Holds one run of a job that has ended.

    Attributes:
        id: the job's id.
        queue: the name of the job's queue.
        task: the name of the job's task; '' for a bare job.
        data: the payload's bytes.
        result: what a client gets as the result; None of a failed job.
        error: what the handler raised; None when it returned.
    """

    id: str
    queue: str
    task: str
    data: bytes
    result: Any
    error: Exception | None


class Drain:
    """Responsible for running what is due in some queues of one mode, one job after the other.

    Attributes:
        ran: the runs that have ended, in order.

    Args:
        worker: says what runs the jobs, and with which settings.
        mode: the mode of the queues.
        queues: the names of the queues.
    """

    def __init__(self, worker: Worker, mode: ModeName, queues: tuple[str, ...]) -> None:
        self.ran: list[RanJob] = []
        self._handler: Any = worker._handler
        self._tasks: dict[str, BaseTask[..., Any]] = worker._tasks
        settings = dataclasses.replace(
            worker.settings,
            mode_name=mode,
            queues=queues,
            concurrency=1,
            prefetch=0,
            executor="thread",
            max_jobs_per_child=None,
            max_memory_per_child=None,
            child_processes=None,
            has_process_tasks=False,
        )
        self._mode, self._queue_keys = settings.mode, settings.queue_keys
        self._updates: DirectUpdates | None = None
        make = settings.lifespan
        span = Lifespan(make and functools.partial(make, worker), settings.grace)
        self._lifespan = LifespanTask(span) if make is not None else None
        self._around = AsyncSurrounded(self._call, settings.middleware)
        self._has_middleware = bool(settings.middleware)
        self._calendars, self._queues = Calendars(settings), queues
        unknown = unknown_tasks(
            self._tasks, bare=self._handler is not None, hands_back=settings.mode.leases
        )
        self._core = WorkerCore(settings, unknown=unknown)
        self._dead = DeadHooks(settings, self._tasks, self._core)

    def unknown(self) -> list[str]:
        """Return the names of tasks that were met and are not known; '' is a job without a task."""
        return [] if self._core.unknown is None else self._core.unknown.new()

    def run(self, server: Server) -> None:
        """Run what is due. An `async def` runs in an event loop of this call.

        Args:
            server: a connection from `pyjobs.transport.connect`.

        Raises:
            PyjobsError: what ends a worker.
        """
        learn(self._core, server, self._queue_keys)
        self._let_update(server)
        steps, answer = self._steps(), None
        with asyncio.Runner() as runner, contextlib.ExitStack() as stack:
            while True:
                try:
                    step = steps.send(answer)
                except StopIteration:
                    return
                if isinstance(step, Run):
                    if self._lifespan is not None and not self._lifespan.has_begun:
                        runner.run(self._lifespan.begin())
                        stack.callback(lambda one: runner.run(one.end()), self._lifespan)
                    context = self._context()
                    answer = self._called(step, context)
                    if not isinstance(answer, tuple):
                        answer = runner.run(self._awaited(step, answer), context=context)
                elif isinstance(step, Death):
                    runner.run(step.call())
                else:
                    answer = run_many(server, step)

    async def arun(self, server: AsyncServer, direct: Server) -> None:
        """Run what is due, in the running event loop.

        Args:
            server: a connection from `pyjobs.transport.aconnect`.
            direct: a connection from `pyjobs.transport.connect`, for what handlers save: a plain
                handler waits in the event loop.

        Raises:
            PyjobsError: what ends a worker.
        """
        learn(self._core, direct, self._queue_keys)
        self._let_update(direct)
        steps, answer = self._steps(), None
        async with contextlib.AsyncExitStack() as stack:
            while True:
                try:
                    step = steps.send(answer)
                except StopIteration:
                    return
                if isinstance(step, Run):
                    if self._lifespan is not None and not self._lifespan.has_begun:
                        await self._lifespan.begin()
                        stack.push_async_callback(self._lifespan.end)
                    context = self._context()
                    answer = self._called(step, context)
                    if not isinstance(answer, tuple):
                        waiting = self._awaited(step, answer)
                        answer = await asyncio.create_task(waiting, context=context)
                elif isinstance(step, Death):
                    await step.call()
                else:
                    answer = await arun_many(server, step)

    def _let_update(self, server: Server) -> None:
        if isinstance(self._mode, StoredVerbs):
            self._updates = DirectUpdates(server, self._core.keys, self._mode)

    def _steps(self) -> DrainSteps:
        """Yield the calls of each round trip, and each run that is to be made."""
        core = self._core
        [lane] = core.lanes
        yield from self._calendar_steps()
        while requests := core.requests(time.monotonic(), lane):
            answers = yield [request.call for request in requests]
            for answer in answers:
                if isinstance(answer, (Unavailable, QueueFull)):
                    raise answer
            core.answered(requests, answers, time.monotonic(), lane)
            for one in self._dead.of(requests, answers, core.lanes.deaths()):
                death: Death | None = None if isinstance(one, Crashed) else one
                if isinstance(one, Crashed):
                    [job] = yield [one.read]
                    if isinstance(job, Exception):
                        raise job
                    death = one.death(job)
                if death is not None:
                    yield death
            if core.fatal is not None:
                raise core.fatal
            while run := core.next_run(time.monotonic()):
                run.begin(time.monotonic())
                outcome, error = yield run
                self._note(run, outcome, error)
                core.finished(run, outcome, time.monotonic())

    def _calendar_steps(self) -> Generator[list[Call[Any]], Any, None]:
        """Yield the calls by which schedules are made and get further moments."""
        steps = self._calendars.steps(self._queues)
        with contextlib.suppress(StopIteration):
            call = next(steps)
            while True:
                [answer] = yield [call]
                failed = isinstance(answer, Exception)
                call = steps.throw(answer) if failed else steps.send(answer)

    def _context(self) -> contextvars.Context:
        """Return the context variables of a run: a copy of the lifespan's, or of the caller's."""
        if self._lifespan is None:
            return contextvars.copy_context()
        return self._lifespan.context.copy()

    def _called(self, run: Run, context: contextvars.Context) -> Any:
        """Call the handler of a run; return how it ended, or the awaitable that it returned."""
        job = decoded(run)
        if isinstance(job, Outcome):
            return job, None
        run.updates = self._updates
        if self._lifespan is not None:
            run.lifespan_value = self._lifespan.value
        call = self._around if self._has_middleware else self._call
        try:
            result = context.run(call, job)
        except Exception as error:
            return failure(error), error
        return result if is_awaitable(result) else (outcome_of(result), None)

    def _call(self, job: ClaimedJob) -> Any:
        task = self._tasks.get(job.task)
        return exhausted(self._handler(job), job) if task is None else task.run(job)

    async def _awaited(self, run: Run, result: Any) -> OutcomeAndError:
        try:
            async with asyncio.timeout(run.timeout):
                return outcome_of(await result), None
        except Exception as error:
            return failure(error), error

    def _note(self, run: Run, outcome: Outcome, error: Exception | None) -> None:
        result = None
        if outcome.verb == "complete":
            task = self._tasks.get(run.task)
            decode = codec.decode if task is None else task.decode_result
            result = decode(outcome.body)
        elif error is None:
            error = JobFailed(*codec.decode_error(outcome.body))
        self.ran.append(RanJob(run.id, run.queue, run.task, run.data, result, error))
