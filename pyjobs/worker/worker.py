"""The worker as its users see it: settings, handler, running and stopping.

Only these may live here. What is decided lives in core.py, what waits in serving.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncGenerator, Iterable
from typing import TypeVar

from pyjobs.asyncutil import fast_loop
from pyjobs.engine import Keys, Outcome, Policy, mode_named
from pyjobs.errors import BadArgument
from pyjobs.transport import DEFAULT_URL, checked_url
from pyjobs.validate import needed, positive, to_ms, whole
from pyjobs.worker.core import WorkerCore
from pyjobs.worker.executors import Handler
from pyjobs.worker.job import ClaimedJob
from pyjobs.worker.processor import Processor

H = TypeVar("H", bound=Handler)


class Worker:
    """Runs the jobs of some queues.

    Args:
        url: `redis://`, `rediss://`, `redis+sentinel://`, `unix://` or `memory://`.
        mode: 'simple', 'recoverable' or 'reliable'; it must be the queues'.
        queues: names, most urgent first: a later queue is served when the earlier ones are empty.
        concurrency: how many jobs run at once.
        prefetch: how many are claimed beyond those that run; None fits it to their pace in reliable
            mode, where short jobs then never wait for Redis and long ones are left to others, and
            is 0 in the other modes, where nothing can be handed back.
        prefix: what every key begins with.
        lease: seconds that a claim holds without a heartbeat (reliable).
        timeout: seconds that a handler may take, where the submit did not say; None: no limit.
        grace: seconds that running jobs get to finish after a stop.
        retention: seconds that results are kept, where the submit did not say; None: a day.
        max_attempts: handled failures until a job is dead, where the submit did not say (reliable).
        backoff: seconds before the second attempt, then doubled (reliable).
        max_crashes: leases of one job that may run out until it is dead (reliable).

    Raises:
        BadArgument: one of these is not what it must be.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        mode: str = "reliable",
        queues: Iterable[str] = ("default",),
        concurrency: int = 10,
        prefetch: int | None = None,
        prefix: str = "jobs",
        lease: float = 30.0,
        timeout: float | None = None,
        grace: float = 25.0,
        retention: float | None = None,
        max_attempts: int | None = None,
        backoff: float | None = None,
        max_crashes: int | None = None,
    ) -> None:
        self.url = checked_url(url)
        self.concurrency = whole("concurrency", concurrency, 1, 10_000) or 1
        self._prefetch = whole("prefetch", prefetch, 0, 10_000)
        self.mode = mode_named(mode)
        self.queues = [queues] if isinstance(queues, str) else list(queues)
        if not self.queues:
            raise BadArgument("queues: none was given")
        twice = next((name for name in self.queues if self.queues.count(name) > 1), None)
        if twice is not None:
            raise BadArgument(f"queues: {twice!r} is there twice")
        positive("timeout", timeout)
        self._timeout = timeout
        self.grace = needed("grace", to_ms("grace", grace)) / 1000
        self._keys = Keys(prefix)
        self._named = [(name, self._keys.queue(name)) for name in self.queues]
        self._policy = Policy(
            lease=needed("lease", positive("lease", lease)),
            retention=to_ms("retention", retention),
            max_attempts=whole("max_attempts", max_attempts, 1, 1000),
            backoff=to_ms("backoff", backoff),
            max_crashes=whole("max_crashes", max_crashes, 1, 1000),
        )
        self._handler: Handler | None = None
        self._processor: Processor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stops = 0
        self._stopping = threading.Lock()

    def override(self, *, url: str | None = None, concurrency: int | None = None) -> None:
        """Change, before the run, what depends on where the worker runs; None leaves it as it is.

        Args:
            url: as in the constructor.
            concurrency: as in the constructor.

        Raises:
            BadArgument: one of these is not what it must be.
        """
        if url is not None:
            self.url = checked_url(url)
        if concurrency is not None:
            self.concurrency = whole("concurrency", concurrency, 1, 10_000) or 1

    def handler(self, function: H) -> H:
        """Decorator: this function runs the jobs. `async def` runs in the event loop, a plain `def`
        in a thread. What it returns is the result; what it raises fails the job.
        """
        if self._handler is not None:
            raise BadArgument("handler: this worker has one already")
        if not callable(function):
            raise BadArgument(f"handler: a {type(function).__name__} can't be called")
        self._handler = function
        return function

    def run(self, *, signals: bool = True) -> None:
        """Serve until SIGTERM or SIGINT, or `stop`. The first signal lets running jobs finish, a
        second one hands them back at once.

        Args:
            signals: whether to listen to signals; only possible in the main thread.

        Raises:
            BadArgument: there is no handler.
            Unavailable: Redis can't be reached at the start; later that is waited for.
            WrongMode: a queue works in another mode.
        """
        with asyncio.Runner(loop_factory=fast_loop()) as loop:
            loop.run(self._run(signals))

    async def arun(self) -> None:
        """The same inside a running loop, without touching its signals."""
        await self._run(signals=False)

    def stop(self) -> None:
        """What the first signal does; called again, what a second one does. From any thread."""
        with self._stopping:
            self._stops += 1
            if self._loop is not None and self._processor is not None:
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._processor.stop)

    async def jobs(self) -> AsyncGenerator[ClaimedJob, None]:
        """Claimed jobs, one after the other, up to `concurrency` of them in hand at a time.

        End each with `await job.done(result)` or `await job.fail(error)`. Leaving the loop stops
        the worker, and hands back what is still in hand.

        Raises:
            BadArgument: the worker has a handler.
        """
        if self._handler is not None:
            where = "its handler, or another loop over jobs()"
            raise BadArgument(f"jobs: every job of this worker goes to {where}")
        offered: asyncio.Queue[ClaimedJob] = asyncio.Queue()

        async def offer(job: ClaimedJob) -> Outcome:
            offered.put_nowait(job)
            return await job.until_ended()

        self._handler = offer
        serving = asyncio.create_task(self.arun())
        next_job: asyncio.Task[ClaimedJob] | None = None
        try:
            while not serving.done():
                next_job = asyncio.create_task(offered.get())
                await asyncio.wait({serving, next_job}, return_when=asyncio.FIRST_COMPLETED)
                if next_job.done():
                    yield next_job.result()
            await serving
        finally:
            self._handler = None
            if next_job is not None:
                next_job.cancel()
            if not serving.done():
                # Twice: whoever leaves the loop does not end what is still in hand.
                self.stop()
                self.stop()
                await asyncio.wait({serving})

    async def _run(self, signals: bool) -> None:
        if self._handler is None:
            raise BadArgument("handler: this worker has none; decorate one with @worker.handler")
        core = WorkerCore(
            self.mode,
            self._named,
            concurrency=self.concurrency,
            policy=self._policy,
            timeout=self._timeout,
            prefetch=self._prefetch,
        )
        serving = Processor(
            self.url,
            self._keys,
            self.queues,
            core,
            self._handler,
            concurrency=self.concurrency,
            lease=self._policy.lease / 1000,
            grace=self.grace,
        )
        loop = asyncio.get_running_loop()
        with self._stopping:
            self._loop, self._processor = loop, serving
            for _ in range(self._stops):
                serving.stop()
        if signals and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, serving.stop)
        try:
            await serving.serve()
        finally:
            with self._stopping:
                self._processor, self._stops = None, 0
