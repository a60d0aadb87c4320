"""The asyncio client: submit jobs, hear of their results.

Only what waits may live here; what is decided lives in core.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import AsyncIterator, Collection, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from pyjobs.client.aio_job import Job, Source, T, UnheardJob, as_ended, in_order
from pyjobs.client.aio_schedules import AsyncSchedules
from pyjobs.client.aio_submit import AsyncSubmits
from pyjobs.client.arrivals import Arrivals
from pyjobs.client.core import ClientCore
from pyjobs.client.job import JobRef
from pyjobs.client.listener import AsyncListener
from pyjobs.client.lookups import SubmitLookUps
from pyjobs.client.middleware import Middleware
from pyjobs.client.registering import AsyncRegistrar
from pyjobs.client.submit import Route
from pyjobs.engine import ModeName
from pyjobs.errors import ClientClosed, Forbidden
from pyjobs.hints import OF_MADE_CLIENTS, NoWith, named_options
from pyjobs.transport import (
    ErrorTranslation,
    GivenServer,
    aclose,
    acommand,
    aconnect,
    arun,
    chosen_url,
    spans_nodes,
)
from pyjobs.validate import functions

__all__ = ["Client", "Job"]


class Client(AsyncSubmits):
    """Submits jobs by asyncio and waits for their results.

    The first submit to a queue subscribes to the client's channel of the queue before it sends; one
    connection carries the subscriptions of all queues. A client belongs to the event loop in which
    it first submits or looks up a job. In another loop, such as that of a forked child, submits,
    waits and `job` raise ClientClosed. `ping`, `cancel`, `schedules` and `close` work in a later
    loop too, when the one before has ended.

    Args:
        url: `redis://`, `rediss://`, `redis+cluster://`, `rediss+cluster://`, `redis+sentinel://`,
            `rediss+sentinel://`, `unix://` or `memory://`. None is the environment variable
            PYJOBS_URL, or redis://localhost:6379 where that is unset. A client or pool of redis-py
            gives its address, login and TLS settings, and none of its connections.
        mode: 'simple', 'recoverable' or 'reliable'; it must be the queue's mode.
        queue: name of the queue of jobs that name no queue.
        route: chooses the queue's name by a job's data.
        prefix: what every key begins with.
        sweep: seconds between two lookups of stored results, for messages that were missed.
        results: False makes a client that subscribes to nothing, and needs no right to subscribe.
            A wait for one of its jobs raises NoResults.
        durable: where the jobs of a submit must be before it returns: 'replicas:N' in memory
            (WAIT), 'aof' on the primary's disk (WAITAOF, from Redis 7.2 on), or 'no'.
        middleware: functions of a SubmitCall, each of which returns a context manager, plain or
            async, around the submit; the first is the outermost.

    Raises:
        BadArgument: an argument is not what it must be.
    """

    @named_options(OF_MADE_CLIENTS)
    def __init__(
        self,
        url: str | GivenServer | None = None,
        *,
        mode: ModeName = "reliable",
        queue: str = "default",
        route: Route | None = None,
        prefix: str = "jobs",
        sweep: float | timedelta = 3.0,
        results: bool = True,
        durable: str = "no",
        middleware: Iterable[Middleware] = (),
    ) -> None:
        self._middleware = functions("middleware", middleware)
        self._source = Source()
        url = chosen_url(url)
        self._core = ClientCore(
            Job if results else UnheardJob,
            self._source,
            mode=mode,
            prefix=prefix,
            queue=queue,
            route=route,
            sweep=sweep,
            results=results,
            durable=durable,
            sharded=spans_nodes(url),
        )
        self._server = aconnect(url)
        self._translating = ErrorTranslation(url)
        source = self._source
        source.core, source.server = self._core, self._server
        source.translating = self._translating
        self._registrar = AsyncRegistrar(self._server, self._core.keys)
        self._listener = AsyncListener(self._server, self._core) if results else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._senders = {}
        self._look_ups = SubmitLookUps(self._server, self._core)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    if not TYPE_CHECKING:
        __enter__ = NoWith("a client of asyncio is opened by `async with`")

    @property
    def schedules(self) -> AsyncSchedules:
        """The schedules of the client's queues: set, list, pause, resume, run and remove."""
        return AsyncSchedules(self._server, self._core.schedules, self._translating)

    async def job(self, id: JobRef | Job | str, *, queue: str | None = None) -> Job:
        """Return a job that any client has submitted before (queue/watch).

        The result reaches the latest 16 clients of the job as soon as it is there. Earlier clients
        find the stored result within `sweep` seconds.

        Args:
            id: the job's id, or a JobRef or a Job, which name their queue.
            queue: name of the queue of an id. Default: the client's queue.

        Raises:
            BadArgument: the id or the queue's name is malformed.
            Forbidden: Redis's access rules forbid queue/watch or, in simple mode, the client's
                channel.
            Unavailable: Redis can't be reached.
            ClientClosed: the client is closed.
        """
        job = self._core.open_job(id, queue)
        with self._translating:
            await self._listen((job.queue,))
            for lookup in self._core.sweep.calls([job], self._core.watch):
                stored = await arun(self._server, lookup.call)
                self._core.sweep.settle_gone(self._core.sweep.take(lookup, stored))
        return job

    def results(
        self,
        jobs: Iterable[Job[T]],
        *,
        ordered: bool = False,
        timeout: float | timedelta | None = None,
    ) -> AsyncIterator[Job[T]]:
        """Yield jobs as they end, each when its outcome is known.

        `await job` then returns or raises at once.

        Args:
            jobs: jobs of this client.
            ordered: whether the jobs are yielded in the order of `jobs`.
            timeout: how long to wait for all of them, in seconds or as a timedelta, from the first
                step of the iteration. Default: no limit.

        Raises:
            BadArgument: one of `jobs` is no job, or the timeout is not a duration.
            TimeoutError: not all have ended in time. The jobs go on.
            NoResults: the client was made with `results=False`.
            ClientClosed: a job belongs to another event loop.
        """
        arrivals = Arrivals(jobs, timeout, ordered=ordered)
        return in_order(arrivals) if ordered else as_ended(arrivals)

    async def cancel(self, job: Job | JobRef | str, *, queue: str | None = None) -> bool:
        """Cancel a job that has not ended (<mode>/cancel).

        The handler of a running job loses the job, and its result is discarded. In reliable mode
        the handler is stopped, or reads `job.lost`, at once.

        Args:
            job: the job, or its id or JobRef.
            queue: name of the queue of an id. Default: the client's queue.

        Returns:
            True when the job is cancelled, by this call or an earlier one. False when the job has
            ended otherwise, or there is no such job.

        Raises:
            BadArgument: the id or the queue's name is malformed, or the mode is simple, which has
                no cancel.
            Unavailable: Redis can't be reached.
            ClientClosed: the client is closed.
        """
        with self._translating:
            return await arun(self._server, self._core.cancel(job, queue)) == ["cancelled"]

    async def ping(self) -> None:
        """Ask Redis for an answer (PING), as an app does at its start and in its check of health.

        Raises:
            Unavailable: Redis can't be reached, or refuses to work now.
            ClientClosed: the client is closed.
        """
        self._core.check_open()
        # Redis has answered where its rules forbid the command.
        with self._translating, contextlib.suppress(Forbidden):
            await acommand(self._server, "PING")

    async def close(self) -> None:
        """Stop listening. A job that is pending here fails with ClientClosed; Redis keeps it."""
        self._core.close()
        for sender in list(self._senders.values()):
            await sender.close()
        self._look_ups.break_off()
        if self._listener is not None:
            await self._listener.close()
        await self._registrar.end()
        await aclose(self._server)

    def __del__(self) -> None:
        listener = getattr(self, "_listener", None)
        if listener is not None and listener.started and not self._core.closed:
            what = "an asyncio client was not closed"
            warnings.warn(what, ResourceWarning, stacklevel=1, source=self)
            listener.abandoned = True

    def _hears(self, queue: str) -> bool:
        heard = self._listener is None or queue in self._listener.queues
        return heard and not self._core.closed and self._loop is asyncio.get_running_loop()

    async def _listen(self, queues: Collection[str]) -> None:
        """Subscribe to the channels of these queues, and start the listener once.

        Raises:
            ClientClosed: this is another event loop than before, or the client was closed.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None:
                raise ClientClosed(
                    "this client belongs to the event loop in which it first submitted or looked "
                    "up a job"
                )
            self._loop = loop
        if self._listener is None:
            return
        try:
            await self._listener.hear(queues)
        finally:
            # Another task may have closed the client while this one waited.
            self._core.check_open()
