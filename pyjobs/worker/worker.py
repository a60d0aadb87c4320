"""The worker as its users see it: settings, handler, running and stopping.

Only these may live here. What is decided lives in claiming/core.py, what waits in processor.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from types import ModuleType
from typing import Any, TypeVar, overload

from pyjobs.asyncutil import fast_loop, running_loop
from pyjobs.definition import BaseTask, collected
from pyjobs.engine import ModeName
from pyjobs.errors import BadArgument
from pyjobs.hints import OF_WORKERS, named_options
from pyjobs.transport import GivenServer, checked_url, chosen_url
from pyjobs.validate import flag, functions, in_order, in_seconds
from pyjobs.worker.dead import Hook
from pyjobs.worker.lifespan import Lifespan, Stopped
from pyjobs.worker.process import ACTIVE, STOPS, DefaultThreads, Forks, StopSignals, end_process
from pyjobs.worker.processor import Processor
from pyjobs.worker.pulled import PulledJobs, pull
from pyjobs.worker.running import Handler, Middleware, check_handler, streamed
from pyjobs.worker.settings import ExecutorName, WorkerSettings
from pyjobs.worker.workerlog import log_stopped_early

# The stop that releases held jobs is the second.
RELEASING_STOP = 2
H = TypeVar("H", bound=Handler)


class Worker:
    """Runs the jobs of some queues with tasks or with one handler, until it is stopped.

    Attributes:
        settings: the settings, checked.

    Args:
        url: `redis://`, `rediss://`, `redis+cluster://`, `rediss+cluster://`, `redis+sentinel://`,
            `rediss+sentinel://`, `unix://` or `memory://`. None is the environment variable
            PYJOBS_URL, or redis://localhost:6379 where that is unset. A client or pool of redis-py
            gives its address, login and TLS settings, and none of its connections.
        mode: 'simple', 'recoverable' or 'reliable'; it must be the queues' mode.
        tasks: tasks, and modules with tasks. A job whose task is none of them is handed back. Jobs
            without a task go to the handler.
        queues: names, most urgent first: a later queue is served when the earlier ones are empty. A
            single str is the name of the only queue. None is the queues of the tasks, and
            'default'.
        concurrency: how many jobs run at once.
        prefetch: how many jobs are claimed beyond those that run. None fits the number to how long
            jobs take in reliable mode: short jobs then never wait for Redis, and long jobs are left
            to other workers. None is 0 in the other modes, where no job can be released.
        prefix: what every key begins with.
        lease: seconds that a claim holds without a heartbeat (reliable).
        timeout: seconds that a handler may take, where the submit did not say; None: no limit.
        grace: seconds that running jobs get to finish after a stop.
        retention: seconds that results are kept, where the submit did not say; None: a day.
        max_attempts: handled failures until a job is dead, where the submit did not say (reliable).
        backoff: seconds before the second attempt, then doubled (reliable).
        max_crashes: leases of one job that may run out until it is dead (reliable).
        wait: seconds that a run waits for Redis at its start, while Redis is away; 0 raises
            Unavailable at once. A later outage is waited for without a limit.
        executor: 'thread' or 'process': whether a plain handler and plain tasks run in threads or
            in child processes, which find a function by the name of its module and its own.
        child_processes: how many child processes. None: `concurrency` with executor='process'; else
            the number of cores, for tasks with an executor of their own.
        max_jobs_per_child: jobs after which a child process is replaced; None: never.
        max_memory_per_child: bytes of memory after a job, from which on a child process is
            replaced; None: never.
        lifespan: called with the worker at the start of each run; returns a context manager, plain
            or async, which is left when the last handler has ended. `ClaimedJob.context` is what
            it yields. Its end may take as long as the grace, or 5 s.
        middleware: functions of the ClaimedJob, each of which returns a context manager, plain or
            async, around the run of its handler; the first is the outermost.
        on_dead: called with the ClaimedJob and the JobFailed, at most once, when this worker has
            recorded a job as dead, or as failed in the modes that try nothing again; and when a
            claim of this worker has made a job dead whose leases ran out too often.
        health: port of 127.0.0.1, or 'HOST:PORT', where HTTP probes are answered: /healthz and
            /readyz; None: nowhere.
        metrics: port of 127.0.0.1, or 'HOST:PORT', where Prometheus gets /metrics, with the metrics
            that the program itself registers with prometheus-client; the address of `health` may be
            given. None: nothing is measured. Needs the extra `metrics`.

    Raises:
        BadArgument: an argument is not what it must be; the message names the argument.
    """

    @named_options(OF_WORKERS)
    def __init__(
        self,
        url: str | GivenServer | None = None,
        *,
        mode: ModeName = "reliable",
        tasks: Iterable[BaseTask[..., Any] | ModuleType] = (),
        queues: str | Iterable[str] | None = None,
        concurrency: int = 10,
        prefetch: int | None = None,
        prefix: str = "jobs",
        lease: float | timedelta = 30.0,
        timeout: float | timedelta | None = None,
        grace: float | timedelta = 25.0,
        retention: float | timedelta | None = None,
        max_attempts: int | None = None,
        backoff: float | timedelta | None = None,
        max_crashes: int | None = None,
        wait: float | timedelta = 0.0,
        executor: ExecutorName = "thread",
        max_jobs_per_child: int | None = None,
        max_memory_per_child: int | None = None,
        child_processes: int | None = None,
        lifespan: Callable[[Worker], Any] | None = None,
        middleware: Iterable[Middleware] = (),
        on_dead: Hook | None = None,
        health: int | str | None = None,
        metrics: int | str | None = None,
    ) -> None:
        self._tasks = collected(tasks, mode=mode)
        if queues is None:
            names = dict.fromkeys(one.queue or "default" for one in self._tasks.values())
            queues = list(names) or "default"
        self.settings = WorkerSettings(
            url=chosen_url(url),
            mode_name=mode,
            queues=(queues,)
            if isinstance(queues, str)
            else tuple(in_order("queues", queues, "names, most urgent first")),
            concurrency=concurrency,
            prefetch=prefetch,
            prefix=prefix,
            lease=in_seconds(lease),
            timeout=in_seconds(timeout),
            grace=in_seconds(grace),
            retention=in_seconds(retention),
            max_attempts=max_attempts,
            backoff=in_seconds(backoff),
            max_crashes=max_crashes,
            wait=in_seconds(wait),
            executor=executor,
            max_jobs_per_child=max_jobs_per_child,
            max_memory_per_child=max_memory_per_child,
            child_processes=child_processes,
            has_process_tasks=any(one.in_children for one in self._tasks.values()),
            scheduled=tuple(one for one in self._tasks.values() if one.is_scheduled),
            lifespan=lifespan,
            middleware=functions("middleware", middleware),
            on_dead=on_dead,
            has_dead_hooks=any(one.on_dead for one in self._tasks.values()),
            health=None if health is None else str(health),
            metrics=None if metrics is None else str(metrics),
        )
        self._handler: Handler | None = None
        self._processor: Processor | None = None
        self._lifespan: Lifespan | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._processing: asyncio.Task[None] | None = None
        self._own_loop: asyncio.AbstractEventLoop | None = None
        self._is_run = False
        self._stops = 0
        self._signals = 0
        self._stops_passed_on = 0
        # A signal handler calls `stop` in the middle of whatever the main thread does.
        self._stopping = threading.RLock()

    @property
    def abandoned(self) -> int:
        """How many handlers still run although they ignored their cancellation or ran longer than
        their timeout, and were left behind; 0 without a run. Any thread may read this."""
        return getattr(self._processor, "abandoned", 0)

    def override(self, **changes: Any) -> None:
        """Change, before the run, settings that depend on where the worker runs.

        Args:
            changes: settings by the names of WorkerSettings; None leaves a setting as it is.

        Raises:
            BadArgument: an argument is not what it must be; the message names the argument.
        """
        given = {name: value for name, value in changes.items() if value is not None}
        if "url" in given:
            given["url"] = checked_url(given["url"])
        self.settings = dataclasses.replace(self.settings, **given)

    @overload
    def handler(self, function: H) -> H: ...

    @overload
    def handler(self) -> Callable[[H], H]: ...

    def handler(self, function: Any = None) -> Any:
        """Decorator: let this function run the jobs. It is called with a ClaimedJob; what it
        returns is the result, what it raises fails the job.

        Args:
            function: `async def` runs in the event loop, a plain `def` in a thread or in a child
                process, as `executor` says. What a generator yields is the output of its job.
                Left out, as in `@worker.handler()`, the decorator is returned.

        Raises:
            BadArgument: the worker has a handler, or this can't be called.
        """
        if function is None:
            return self.handler
        if self._handler is not None:
            raise BadArgument("handler: this worker has one already")
        check_handler(function)
        self._handler = streamed(function)
        return function

    def run(self, *, signals: bool = True) -> None:
        """Claim and run jobs in an event loop of its own until a signal or `stop`. SIGTERM, SIGINT,
        SIGHUP or SIGQUIT lets running jobs finish for the grace, a second signal releases them at
        once, and a third is handled as it was before the run. At the end all signals are handled as
        before. Threads of `asyncio.to_thread` are not waited for.

        Args:
            signals: whether to handle the signals; only possible in the main thread.

        Raises:
            BadArgument: there is no handler, the worker runs already, or the thread runs an event
                loop.
            Unavailable: Redis can't be reached at the start; a later outage is waited for.
            WrongMode, BadLayout, WrongType: every queue has another mode, a layout that this
                version does not know, or a key of another type.
            Forbidden: the Redis user lacks a right that the worker needs.
        """
        if running_loop() is not None:
            raise BadArgument("run: an event loop runs in this thread; await worker.arun()")
        self._signals = 0
        handles = flag("signals", signals)
        taken = StopSignals(self._on_signal) if handles else contextlib.nullcontext()
        with self._alone(), taken, asyncio.Runner(loop_factory=fast_loop()) as runner:
            self._own_loop = runner.get_loop()
            self._own_loop.set_default_executor(DefaultThreads())
            self._run_to_the_end(runner)

    async def arun(self) -> None:
        """Claim and run jobs in the running event loop until `stop`. No signal is handled. When the
        task is cancelled, running jobs are released at once.

        Raises:
            BadArgument: there is no handler, or the worker runs already.
            Unavailable: Redis can't be reached at the start; a later outage is waited for.
            WrongMode, BadLayout, WrongType: every queue has another mode, a layout that this
                version does not know, or a key of another type.
            Forbidden: the Redis user lacks a right that the worker needs.
        """
        with self._alone():
            await self._run()

    def stop(self) -> None:
        """Stop claiming, and let running jobs finish for the grace. A second call releases them at
        once. Any thread may call this, also before the run."""
        with self._stopping:
            self._stops += 1
            if self._loop is not None:
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._pass_on_stops)

    def hand_back(self) -> list[str]:
        """Release all held jobs by a connection of the calling thread, for a process that is about
        to end although the event loop does not. No outcome of them is recorded any more.

        Returns:
            The jobs that were held, and the tasks that have not ended, in words.
        """
        processor, loop = self._processor, self._own_loop
        found = [] if processor is None else processor.hand_back()
        if loop is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):
                found += [f"task {task.get_name()}" for task in asyncio.all_tasks(loop)]
        return found

    def jobs(self) -> PulledJobs:
        """Return the claimed jobs one after the other, for workers without a handler; up to
        `concurrency` of them are held at a time:

            async with worker.jobs() as jobs:
                async for job in jobs:
                    await job.done(...)

        End each job with `await job.done(result)` or `await job.fail(error)`. When the block is
        left, in whatever way, the worker stops and releases the jobs that were not ended. In the
        block SIGTERM, SIGHUP and SIGQUIT stop the worker, and the loop ends when the held jobs
        have; a third signal is handled as before the block. Without `async with`, jobs are released
        only when the event loop lives on.

        Raises:
            BadArgument: the worker has a handler, or another loop over `jobs`.
            Unavailable: Redis can't be reached at the start; a later outage is waited for.
            WrongMode, BadLayout, WrongType: every queue has another mode, a layout that this
                version does not know, or a key of another type.
            Forbidden: the Redis user lacks a right that the worker needs.
        """
        self._signals = 0
        others = [one for one in STOPS if one != signal.SIGINT]
        return PulledJobs(pull(self._run_pulled, self.stop), StopSignals(self._on_signal, others))

    async def _run_pulled(self, offer: Handler) -> None:
        """Run with a handler that hands each job to the loop over `jobs`."""
        if self._tasks:
            raise BadArgument("jobs: a worker with tasks runs them")
        if self._handler is not None:
            where = "its handler, or another loop over jobs()"
            raise BadArgument(f"jobs: every job of this worker goes to {where}")
        if self.settings.children is not None:
            raise BadArgument("jobs: executor='process' is for a worker with a handler")
        self._handler = offer
        try:
            await self.arun()
        finally:
            self._handler = None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold off every other run of this worker: `stop` could not reach both."""
        with self._stopping:
            if self._is_run:
                raise BadArgument("run: this worker runs already; make another Worker")
            self._is_run = True
        try:
            yield
        finally:
            self._is_run = False

    def _run_to_the_end(self, runner: asyncio.Runner) -> None:
        """Run in the runner's event loop. SystemExit and KeyboardInterrupt of a task that a handler
        has started leave the loop at once; they are raised after the stop."""
        work, left = self._run(), None
        while True:
            try:
                runner.run(work)
                break
            except (SystemExit, KeyboardInterrupt) as error:
                left = left or error
                if self._processor is None or self._stops >= RELEASING_STOP:
                    break
                work = self._finish()
        if left is not None:
            raise left

    async def _finish(self) -> None:
        """Release all held jobs and wait for the end of the run."""
        for _ in range(RELEASING_STOP):
            self.stop()
        if self._processing is not None:
            await asyncio.wait({self._processing})

    def _on_signal(self, number: int) -> None:
        self._signals += 1
        if self._signals <= RELEASING_STOP:
            self.stop()
            return
        for taken in list(ACTIVE):
            taken.restore()
        os.kill(os.getpid(), number)

    def _pass_on_stops(self) -> None:
        """Pass to the processor the stops that it has not got, in its event loop. Without one, the
        lifespan begins or ends, and waits no longer."""
        if self._processor is None and self._lifespan is not None and self._stops:
            self._lifespan.hurry()
        while self._processor is not None and self._stops_passed_on < self._stops:
            self._stops_passed_on += 1
            self._processor.stop()

    async def _run(self) -> None:
        if self._handler is None and not self._tasks:
            raise BadArgument(
                "handler: this worker has none, and no tasks: decorate a function with "
                "@worker.handler, or make the worker with tasks=[...]"
            )
        make = self.settings.lifespan
        span = Lifespan(make and functools.partial(make, self), self.settings.grace)
        self._lifespan = span
        self._loop = asyncio.get_running_loop()
        forks = Forks.guard(self._loop)
        self._processing = asyncio.current_task()
        if threading.current_thread() is threading.main_thread():
            for taken in ACTIVE:
                taken.loop_runs()
        try:
            if make is not None and self._stops:
                raise Stopped
            async with span.around() as value:
                Forks.end_child(forks)
                self._processor = Processor(self.settings, self._handler, self._tasks, value)
                self._pass_on_stops()
                try:
                    await self._processor.process()
                finally:
                    self._processor = None
        except Stopped:
            log_stopped_early()
        except BaseException as error:
            # A child that a lifespan has forked leaves it in any way.
            if Forks.count != forks:
                end_process(error)
            raise
        finally:
            with self._stopping:
                self._loop = self._processor = self._lifespan = None
                self._stops = self._stops_passed_on = 0
