"""The asyncio client: submit jobs, hear of their results.

Only what waits may live here; what is decided lives in core.py.
"""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import AsyncIterable, Collection, Iterable
from datetime import timedelta
from typing import Any, Unpack, cast, overload

from pyjobs.asyncutil import cancel_and_wait
from pyjobs.client.aio_job import Job, UnheardJob
from pyjobs.client.aio_schedules import AsyncSchedules
from pyjobs.client.batch import Batch
from pyjobs.client.coalesce import Coalescer
from pyjobs.client.core import ClientCore
from pyjobs.client.job import JobRef, decode_by, unless_conflict
from pyjobs.client.listener import AsyncListener, alook
from pyjobs.client.options import Options
from pyjobs.client.stream import Stream, is_stream
from pyjobs.client.submit import Json, Route, given, no_arguments
from pyjobs.engine import ModeName
from pyjobs.errors import ClientClosed
from pyjobs.task import BaseTask, P, R
from pyjobs.transport import (
    DEFAULT_URL,
    ErrorTranslation,
    aclose,
    aconnect,
    aregister,
    arun,
    arun_many,
)

__all__ = ["Client", "Job"]


class Client:
    """Submits jobs by asyncio and waits for their results.

    The first submit to a queue subscribes to the client's channel of the queue before it sends; one
    connection carries the subscriptions of all queues. A client
    belongs to the event loop that first uses it. In another loop, such as that of a forked child,
    it raises ClientClosed.

    Args:
        url: `redis://`, `rediss://`, `redis+cluster://`, `rediss+cluster://`, `redis+sentinel://`,
            `unix://` or `memory://`.
        mode: 'simple', 'recoverable' or 'reliable'; it must be the queue's mode.
        queue: name of the queue of jobs that name no queue.
        route: chooses the queue's name by a job's data.
        prefix: what every key begins with.
        sweep: seconds between two lookups of stored results, for messages that were missed.
        results: False makes a client that subscribes to nothing; waits then raise NoResults.

    Raises:
        BadArgument: an argument is not what it must be.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        mode: ModeName = "reliable",
        queue: str = "default",
        route: Route | None = None,
        prefix: str = "jobs",
        sweep: float | timedelta = 3.0,
        results: bool = True,
    ) -> None:
        self._core = ClientCore(
            Job if results else UnheardJob,
            mode=mode,
            prefix=prefix,
            queue=queue,
            route=route,
            sweep=sweep,
            results=results,
        )
        self._server = aconnect(url)
        self._translating = ErrorTranslation(url)
        self._listener = AsyncListener(self._server, self._core) if results else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._coalescer: Coalescer[Job] = Coalescer(self._core)
        self._sender: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @overload
    async def submit(
        self, data: BaseTask[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Job[R]: ...

    @overload
    async def submit(
        self,
        data: Json,
        /,
        *,
        queue: str | None = None,
        id: str | None = None,
        **options: Unpack[Options],
    ) -> Job: ...

    async def submit(
        self,
        data: Any,
        /,
        *args: Any,
        queue: Any = None,
        id: Any = None,
        **options: Any,
    ) -> Job[Any]:
        """Submit one job (<mode>/submit).

        Submits that are awaited at the same time share calls. A submit that is cancelled may have
        been sent or not.

        Args:
            data: what the handler gets; any value that JSON can hold, up to 1 MiB as JSON. Or a
                task, and after it the arguments of its function. Options of a task's submit go into
                `send.using(delay=60)`.
            args: arguments of a task.
            queue: name of the queue. Default: chosen by the client's route, or its queue.
            id: the job's id. A repeated submit of it is the same job for as long as its
                `retention`; with 0, until the job has ended. Default: a new id.
            options: by keyword; a duration may be a timedelta. Simple mode has `task`
                only.

        Options:
            delay: seconds until the job may be claimed. Default: 0.
            run_at: the moment from which the job may be claimed: an aware datetime, or seconds
                since the epoch. With `delay` too, the later of both counts. Default: at once.
            expires: seconds after which the job is not started any more, but ends with
                JobExpired. Default: never.
            unique: a key, any text of 1 to 1024 bytes. While a job with this key is live on
                the queue, a submit returns that job. Default: none.
            retention: seconds that the outcome is kept, and the id with it. With 0 the result
                is only published, and a submit that is repeated after the end runs the job
                again. Default: the worker's, or 86400.
            timeout: seconds that the handler may take. Default: the worker's.
            max_run: seconds that one run may hold the job, whatever heartbeats it has
                (reliable). Default: no limit.
            max_attempts: failures until the job is dead, 1 to 1000 (reliable). Default: the
                worker's, or 3.
            backoff: seconds before the second attempt, then doubled (reliable). Default: the
                worker's, or 1.
            task: the name of the job's task, up to 128 of A-Z a-z 0-9 _ . : -; its data are then
                the arguments by name. Default: a bare job.

        Raises:
            BadArgument: an argument is not what it must be; nothing was written.
            WrongMode: the queue has another mode than the client; nothing was written.
            Conflict: the id is taken by a job with other data.
            QueueFull: Redis is at its memory limit; nothing was written.
            Unavailable: Redis can't be reached; nothing was written.
            OutcomeUnknown: the answer was lost; the ids in `ids` may be submitted again.
            Unencodable: the data has no JSON.
            ClientClosed: the client is closed.
        """
        self._core.check_open()
        if isinstance(data, BaseTask):
            submission = data.submission(args, given(queue, id, options))
            item, decode = self._core.builder.task(submission), submission.decode
        else:
            no_arguments(args)
            item = self._core.builder.item(data, queue, id, options)
            decode = None
        with self._translating:
            await self._listen((item.queue,))
            waiting = self._coalescer.add(item, asyncio.get_running_loop().create_future())
            if self._sender is None or self._sender.done():
                self._sender = asyncio.create_task(self._send(), name="pyjobs-submit")
            job = await waiting
        if decode is not None:
            decode_by(job, decode)
        return unless_conflict(job)

    @property
    def schedules(self) -> AsyncSchedules:
        """The schedules of the client's queues: set, list, pause, resume, run and remove."""
        return AsyncSchedules(self._server, self._core.schedules, self._translating)

    async def submit_many(
        self,
        data: Iterable[Any] | AsyncIterable[Any],
        *,
        queue: str | None = None,
        ids: Iterable[str] | None = None,
        **options: Unpack[Options],
    ) -> list[Job]:
        """Submit jobs, up to 250 in one call of the script (<mode>/submit).

        Args:
            data: what the handlers get, a value a job; each is any value that JSON can hold, up to
                1 MiB as JSON. A list is checked whole before anything is written. What has no
                length, as a generator or an async generator, is sent as it comes: up to 2,000
                values, or 4 MiB, are held until Redis has accepted them.
            queue: name of the queue of all jobs. Default: chosen by the client's route, or its
                queue.
            ids: an id for each job. A repeated submit of an id is the same job for as long as its
                `retention`; with 0, until the job has ended. Default: new ids.
            options: the options of every job, by keyword: delay, run_at, expires, unique,
                retention, timeout, max_run, max_attempts, backoff and task, as `submit` takes them.

        Returns:
            The jobs, in the order of the data. A job whose id is taken by other data has a
            Conflict as its exception; the others stand.

        Raises:
            BadArgument: an argument is not what it must be, or a key is given for several jobs.
            Unencodable: a value has no JSON; of a list nothing was written.
            WrongMode: a queue has another mode than the client.
            QueueFull: Redis is at its memory limit.
            Unavailable: Redis can't be reached.
            OutcomeUnknown: an answer was lost; the ids in `ids` may be submitted again.
            ClientClosed: the client is closed.

        When some of the calls fail, the error of one of them is raised. Its `accepted` has the ids
        of the jobs that Redis has accepted. An error that a generator raises is raised as it is.
        """
        self._core.check_open()
        if not is_stream(data, (Iterable, AsyncIterable)):
            batch = self._core.builder.many(cast(Iterable[Any], data), queue, ids, options)
            return await self._submit(batch) if batch.jobs else []
        stream = self._core.builder.stream(queue, ids, options)
        with stream.errors():
            if isinstance(data, AsyncIterable):
                async for value in data:
                    if stream.add(value):
                        await self._submit_part(stream)
            else:
                for value in data:
                    if stream.add(value):
                        await self._submit_part(stream)
            await self._submit_part(stream)
            stream.end()
        return stream.jobs

    async def job(self, id: JobRef | Job | str, *, queue: str | None = None) -> Job:
        """Return a job that any client has submitted before (queue/watch).

        The result reaches the latest 16 clients of the job as soon as it is there. Earlier clients
        find the stored result within `sweep` seconds.

        Args:
            id: the job's id, or a JobRef or a Job, which name their queue.
            queue: name of the queue of an id. Default: the client's queue.

        Raises:
            BadArgument: a name is not one.
            Forbidden: Redis's access rules forbid queue/watch or, in simple mode, the client's
                channel.
            Unavailable: Redis can't be reached.
            ClientClosed: the client is closed.
        """
        job = self._core.open_job(id, queue)
        with self._translating:
            await self._listen((job.queue,))
            for chunk in self._core.sweep.calls([job], self._core.watch):
                stored = await arun(self._server, chunk.call)
                self._core.sweep.settle_gone(self._core.sweep.take(chunk, stored))
        return job

    async def cancel(self, job: Job | JobRef | str, *, queue: str | None = None) -> bool:
        """Cancel a job that has not ended (<mode>/cancel).

        The handler of a running job loses the job: in reliable mode it learns of that at once, and
        its result is discarded.

        Args:
            job: the job, or its id or JobRef.
            queue: name of the queue of an id. Default: the client's queue.

        Returns:
            True when the job is cancelled, by this call or an earlier one. False when the job has
            ended otherwise, or there is no such job.

        Raises:
            BadArgument: a name is not one, or the mode is simple, which has no cancel.
            Unavailable: Redis can't be reached.
            ClientClosed: the client is closed.
        """
        with self._translating:
            return await arun(self._server, self._core.cancel(job, queue)) == ["cancelled"]

    async def close(self) -> None:
        """Stop listening. A job that is pending here fails with ClientClosed; Redis keeps it."""
        self._core.close()
        if self._sender is not None:
            await cancel_and_wait(self._sender)
        # A sender that is cancelled before its first step has failed no submit.
        self._coalescer.fail(ClientClosed("the client was closed"))
        if self._listener is not None:
            await self._listener.close()
        await aclose(self._server)

    def __del__(self) -> None:
        listener = getattr(self, "_listener", None)
        if listener is not None and listener.started and not self._core.closed:
            what = "an asyncio client was not closed"
            warnings.warn(what, ResourceWarning, stacklevel=1, source=self)
            listener.abandoned = True

    async def _submit_part(self, stream: Stream[Job]) -> None:
        if part := stream.part():
            if stream.jobs:
                self._core.check_open()
            stream.jobs += await self._submit(part)

    async def _submit(self, batch: Batch[Job]) -> list[Job]:
        with self._translating, self._core.submitting(batch):
            await self._listen(batch.queues)
            answers = await arun_many(self._server, batch.calls(), errors_in_place=True)
            before = self._core.accept(batch, answers)
        await self._follow(batch, before)
        return batch.jobs

    async def _send(self) -> None:
        """Send the submits that were added, and again while submits were added meanwhile."""
        try:
            while batch := self._coalescer.batch():
                with self._core.submitting(batch):
                    answers = await arun_many(self._server, batch.calls(), errors_in_place=True)
                    before = self._coalescer.accept(batch, answers)
                await self._follow(batch, before)
        except BaseException as error:
            self._coalescer.fail(error)
            raise

    async def _follow(self, batch: Batch[Job], before: list[Job]) -> None:
        """Look up the jobs of a submit that were there before, and register its queues."""
        if self._core.closed:
            # Closed by another task in the meantime, and connected anew by what was sent since.
            await aclose(self._server)
            return
        if before:
            missing = await alook(self._server, self._core, self._core.sweep.calls(before))
            self._core.sweep.settle_gone(missing)
        if names := self._core.to_register(batch, time.monotonic()):
            await aregister(self._server, self._core.keys, names)

    async def _listen(self, queues: Collection[str]) -> None:
        """Subscribe to the channels of these queues, and start the listener once.

        Raises:
            ClientClosed: this is another event loop than before, or the client was closed.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None:
                raise ClientClosed("this client belongs to the event loop that first used it")
            self._loop = loop
        if self._listener is None:
            return
        try:
            await self._listener.hear(queues)
        finally:
            # Another task may have closed the client while this one waited.
            self._core.check_open()
