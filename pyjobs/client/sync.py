"""The synchronous client: submit jobs, hear of their results.

Only what waits or uses a thread may live here; what is decided lives in core.py.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from pyjobs.client.arrivals import Arrivals
from pyjobs.client.core import ClientCore
from pyjobs.client.fork import clients
from pyjobs.client.job import JobRef
from pyjobs.client.listener import Listener
from pyjobs.client.middleware import Middleware
from pyjobs.client.registering import Registrar
from pyjobs.client.submit import Route
from pyjobs.client.sync_job import Job, Source, T, UnheardJob, as_ended, in_order
from pyjobs.client.sync_schedules import Schedules
from pyjobs.client.sync_submit import Submits
from pyjobs.engine import ModeName
from pyjobs.errors import Forbidden
from pyjobs.hints import OF_MADE_CLIENTS, NoWith, named_options
from pyjobs.transport import (
    ErrorTranslation,
    GivenServer,
    chosen_url,
    command,
    connect,
    run,
    spans_nodes,
)
from pyjobs.validate import functions

__all__ = ["Client", "Job"]


class Client(Submits):
    """Submits jobs and waits for their results. Threads may share one client.

    The first submit to a queue subscribes to the client's channel of the queue before it sends; one
    connection carries the subscriptions of all queues. A forked child may use the client too, with
    connections and channels of its own. The jobs that were pending at the fork stay with the
    parent, and fail in the child with ClientClosed.

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
        middleware: functions of a SubmitCall, each of which returns a context manager around
            the submit; the first is the outermost.

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
        self._server = connect(url)
        self._translating = ErrorTranslation(url)
        source = self._source
        source.core, source.server = self._core, self._server
        source.translating = self._translating
        self._registrar = Registrar(self._server, self._core.keys)
        # One, or two where a signal handler has submitted amid the first submit.
        self._listeners: list[Listener[Job]] = []
        # Reentrant, because a signal handler may close the client amid its first submit.
        self._starting = threading.RLock()
        clients.add(self)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    if not TYPE_CHECKING:
        __aenter__ = NoWith(
            "this client is opened by `with`; pyjobs.aio.Client is the client of asyncio"
        )

    @property
    def schedules(self) -> Schedules:
        """The schedules of the client's queues: set, list, pause, resume, run and remove."""
        return Schedules(self._server, self._core.schedules, self._translating)

    def job(self, id: JobRef | Job | str, *, queue: str | None = None) -> Job:
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
            self._listen((job.queue,))
            for lookup in self._core.sweep.calls([job], self._core.watch):
                stored = run(self._server, lookup.call)
                self._core.sweep.settle_gone(self._core.sweep.take(lookup, stored))
        return job

    def results(
        self,
        jobs: Iterable[Job[T]],
        *,
        ordered: bool = False,
        timeout: float | timedelta | None = None,
    ) -> Iterator[Job[T]]:
        """Yield jobs as they end, each when its outcome is known.

        `job.result()` then returns or raises at once.

        Args:
            jobs: jobs of this client.
            ordered: whether the jobs are yielded in the order of `jobs`.
            timeout: how long to wait for all of them, in seconds or as a timedelta, from the first
                step of the iteration. Default: no limit.

        Raises:
            BadArgument: one of `jobs` is no job, or the timeout is not a duration.
            TimeoutError: not all have ended in time. The jobs go on.
            NoResults: the client was made with `results=False`.
        """
        arrivals = Arrivals(jobs, timeout, ordered=ordered)
        return in_order(arrivals) if ordered else as_ended(arrivals)

    def cancel(self, job: Job | JobRef | str, *, queue: str | None = None) -> bool:
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
            return run(self._server, self._core.cancel(job, queue)) == ["cancelled"]

    def ping(self) -> None:
        """Ask Redis for an answer (PING), as an app does at its start and in its check of health.

        Raises:
            Unavailable: Redis can't be reached, or refuses to work now.
            ClientClosed: the client is closed.
        """
        self._core.check_open()
        # Redis has answered where its rules forbid the command.
        with self._translating, contextlib.suppress(Forbidden):
            command(self._server, "PING")

    def close(self) -> None:
        """Stop listening. A job that is pending here fails with ClientClosed; Redis keeps it."""
        self._core.close()
        with self._starting:
            for listener in self._listeners:
                listener.close()
        self._registrar.end()
        self._server.close()

    def __del__(self) -> None:
        listeners = getattr(self, "_listeners", ())
        if listeners and not self._core.closed:
            what = "a client was not closed"
            warnings.warn(what, ResourceWarning, stacklevel=1, source=self)
            for listener in listeners:
                listener.abandoned = True

    def _renew(self) -> None:
        """Begin anew in a forked child: the listener and the jobs stay with the parent."""
        self._listeners, self._starting = [], threading.RLock()
        # Kept and never closed: its connections are the parent's, and a lock in it may be held by
        # a thread that does not exist here.
        self._parents, self._server = self._server, connect(self._translating.url)
        self._source.server = self._server
        self._registrar = Registrar(self._server, self._core.keys)
        self._core.renew()

    def _hears(self, queue: str) -> bool:
        if self._listeners:
            return queue in self._listeners[0].queues
        return not self._core.results

    def _listen(self, queues: Collection[str]) -> None:
        """Subscribe to the channels of these queues, and start the listener once.

        Raises:
            ClientClosed: the client was closed.
        """
        if not self._core.results:
            return
        if not self._listeners:
            with self._starting:
                self._core.check_open()
                if not self._listeners:
                    listener = Listener(self._server, self._core, queues)
                    self._listeners.append(listener)
                    if self._core.closed:
                        listener.close()
                        self._core.check_open()
        first = self._listeners[0]
        if new := [name for name in queues if name not in first.queues]:
            try:
                first.add(new)
            finally:
                self._core.check_open()
