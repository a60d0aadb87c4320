"""The submits of an asyncio client. Only what waits may live here."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, AsyncIterator, Collection, Hashable, Iterable, Sequence
from datetime import timedelta
from typing import Any, Literal, Unpack, overload

from pyjobs.asyncutil import taken
from pyjobs.client.aio_job import Job
from pyjobs.client.aio_sender import Sender
from pyjobs.client.batch import Batch
from pyjobs.client.core import ClientCore
from pyjobs.client.job import decode_by, unless_conflict
from pyjobs.client.lookups import SubmitLookUps
from pyjobs.client.middleware import Middleware, SubmitCall, around_async
from pyjobs.client.options import Options, given, no_arguments
from pyjobs.client.registering import AsyncRegistrar
from pyjobs.client.stream import BaseStream, is_stream
from pyjobs.client.submit import Item, Json
from pyjobs.client.task_stream import Window
from pyjobs.definition import Arguments, BaseTask, P, R
from pyjobs.errors import BadArgument, PyjobsError
from pyjobs.hints import HintedClient
from pyjobs.transport import AsyncServer, ErrorTranslation, aclose, arun_many, node_of_submit


class AsyncSubmits(HintedClient):
    """Sends the submits of an asyncio client, and takes their answers."""

    _core: ClientCore[Job]
    _middleware: Sequence[Middleware]
    _registrar: AsyncRegistrar
    _server: AsyncServer
    _translating: ErrorTranslation
    # By the node that gets the submits; None of one server.
    _senders: dict[Hashable, Sender]
    _look_ups: SubmitLookUps[Job]

    def _hears(self, queue: str) -> bool:
        """Return whether `_listen` has nothing to do for this queue, in this event loop."""
        raise NotImplementedError

    async def _listen(self, queues: Collection[str]) -> None:
        """Subscribe to the channels of these queues."""
        raise NotImplementedError

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
                task, and after the task the arguments of its function. Options of a task's submit
                go into `task.using(delay=60)`.
            args: arguments of a task.
            queue: name of the queue. Default: chosen by the client's route, or its queue.
            id: the job's id. A repeated submit of it is the same job for as long as its
                `retention`; with 0, until the job has ended. Default: a new id.
            options: by keyword; a duration may be a timedelta. Simple mode has `task` and
                the trace context only.

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
            traceparent: the W3C trace context of the submitter, which the job's runs get; as a
                rule, middleware sets it. Default: none.
            tracestate: the rest of that context, 1 to 512 characters. Default: none.
            durable: where the job must be before the submit returns: 'replicas:N' in memory,
                'aof' on the primary's disk, or 'no'. Default: the client's.

        Raises:
            BadArgument: an argument is not what it must be; nothing was written.
            WrongMode: the queue has another mode than the client; nothing was written.
            Conflict: the id is taken by a job with other data.
            QueueFull: the queue or Redis is full; nothing was written.
            Forbidden: Redis's access rules forbid the call; nothing was written.
            Unavailable: Redis can't be reached; nothing was written.
            OutcomeUnknown: the answer was lost; the ids in `ids` may be submitted again.
            NotDurable: the job is there, and was not where `durable` says within 3 s.
            Unencodable: the data has no JSON.
            ClientClosed: the client is closed.
        """
        self._core.check_open()
        builder = self._core.builder
        if isinstance(data, BaseTask):
            submission = data.submission(args, given(queue, id, options))
            job = await self._submit_one(builder.task(submission), data.name)
            return unless_conflict(decode_by(job, submission))
        no_arguments(data, args)
        item = builder.item(data, queue, id, options)
        return unless_conflict(await self._submit_one(item, options.get("task")))

    @overload
    async def submit_many(
        self,
        data: BaseTask[..., R],
        arguments: Iterable[Arguments] | AsyncIterable[Arguments],
        /,
        *,
        queue: str | None = None,
        ids: Iterable[str] | None = None,
        **options: Unpack[Options],
    ) -> list[Job[R]]: ...

    @overload
    async def submit_many(
        self,
        data: Iterable[Any] | AsyncIterable[Any],
        /,
        *,
        queue: str | None = None,
        ids: Iterable[str] | None = None,
        **options: Unpack[Options],
    ) -> list[Job]: ...

    async def submit_many(
        self,
        data: Any,
        arguments: Any = None,
        /,
        *,
        queue: str | None = None,
        ids: Iterable[str] | None = None,
        **options: Unpack[Options],
    ) -> list[Job[Any]]:
        """Submit jobs, up to 250 in one call of the script (<mode>/submit).

        Args:
            data: what the handlers get, a value a job; each is any value that JSON can hold, up to
                1 MiB as JSON. A list is checked whole before anything is written. What has no
                length, as a generator or an async generator, is sent as it comes: up to 2,000
                values, or 4 MiB, are held until Redis has accepted them. Or a task, with the
                arguments of its jobs after it.
            arguments: for each job of a task a tuple of arguments, or a dict by name. A list is
                checked whole, and a generator is sent as it comes.
            queue: name of the queue of all jobs. Default: the task's, or chosen by the client's
                route, or its queue.
            ids: an id for each job. A repeated submit of an id is the same job for as long as its
                `retention`; with 0, until the job has ended. Default: new ids.
            options: the options of every job, by keyword: delay, run_at, expires, unique,
                retention, timeout, max_run, max_attempts, backoff, task, traceparent, tracestate
                and durable, as `submit` takes them.

        Returns:
            The jobs, in the order of the data. A job whose id is taken by other data has a
            Conflict as its exception; the others stand.

        Raises:
            BadArgument: an argument is not what it must be, or a key is given for several jobs.
            Unencodable: a value has no JSON; of a list nothing was written.
            WrongMode: a queue has another mode than the client.
            QueueFull: a queue or Redis is full.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
            OutcomeUnknown: an answer was lost; the ids in `ids` may be submitted again.
            NotDurable: jobs are there, and were not where `durable` says within 3 s.
            ClientClosed: the client is closed.

        When some of the calls fail, the error of one of them is raised. Its `accepted` has the ids
        of the jobs that Redis has accepted. An error that a generator raises is raised as it is.
        """
        self._core.check_open()
        builder = self._core.builder
        stream: BaseStream[Job]
        name = options.get("task")
        if isinstance(data, BaseTask):
            name = data.name
            stream = builder.task_stream(
                data, arguments, queue, ids, options, (Iterable, AsyncIterable)
            )
            data = arguments
        else:
            no_arguments(data, arguments)
            if not is_stream(data, (Iterable, AsyncIterable)):
                batch = builder.many(data, queue, ids, options)
                return await self._submit(batch, name) if batch.jobs else []
            stream = builder.stream(queue, ids, options)
        with stream.errors():
            if isinstance(data, AsyncIterable):
                async for value in data:
                    if stream.add(value):
                        await self._submit_part(stream, name)
            else:
                for value in data:
                    if stream.add(value):
                        await self._submit_part(stream, name)
            await self._submit_part(stream, name)
            stream.end()
        return stream.jobs

    @overload
    def map(
        self,
        task: BaseTask[..., R],
        arguments: Iterable[Arguments] | AsyncIterable[Arguments],
        /,
        *,
        window: int = 1000,
        timeout: float | timedelta | None = None,
        errors: Literal["raise"] = "raise",
    ) -> AsyncIterator[R]: ...

    @overload
    def map(
        self,
        task: BaseTask[..., R],
        arguments: Iterable[Arguments] | AsyncIterable[Arguments],
        /,
        *,
        window: int = 1000,
        timeout: float | timedelta | None = None,
        errors: Literal["keep"],
    ) -> AsyncIterator[R | PyjobsError]: ...

    def map(
        self,
        task: BaseTask[..., R],
        arguments: Iterable[Arguments] | AsyncIterable[Arguments],
        /,
        *,
        window: int = 1000,
        timeout: float | timedelta | None = None,
        errors: Literal["raise", "keep"] = "raise",
    ) -> AsyncIterator[R | PyjobsError]:
        """Submit a job of a task for each item, and yield the results in the items' order.

        No more than `window` jobs are submitted and not yielded.

        A job is submitted when the iteration needs it: the first when the first result is asked
        for. Jobs that are submitted when the iteration ends early go on.

        Args:
            task: the task, or `task.using(...)`.
            arguments: for each job a tuple of arguments, or a dict by name. An error that a
                generator raises is raised when its item is taken.
            window: most jobs at a time, 1 to 100,000.
            timeout: seconds to wait for each result. Default: no limit.
            errors: 'raise' raises the error of a job in the place of its result, which ends the
                iteration; 'keep' yields the error there, and goes on.

        Raises:
            BadArgument: an argument is not what it must be.
            JobFailed, JobCancelled, JobExpired, ResultGone: a job has no result; not with 'keep'.
            TimeoutError: no result came in time.
            PyjobsError: a submit failed, by any error of `submit_many`.
        """
        if not isinstance(task, BaseTask):
            raise BadArgument(f"task: {task!r} is no task; decorate it by @task")
        is_stream(arguments, (Iterable, AsyncIterable), "arguments")
        return self._map(task, arguments, Window(window, errors), timeout)

    async def _map(
        self,
        task: BaseTask[..., R],
        arguments: Iterable[Arguments] | AsyncIterable[Arguments],
        window: Window[Job[R]],
        timeout: float | timedelta | None,
    ) -> AsyncIterator[R | PyjobsError]:
        values = aiter(arguments) if isinstance(arguments, AsyncIterable) else iter(arguments)
        while True:
            if room := window.room:
                window.add(await self.submit_many(task, taken(values, room)), room)
            if not window.jobs:
                return
            job = window.jobs.popleft()
            error = await job.exception(timeout) if window.keeps_errors else None
            yield await job.result(timeout) if error is None else error

    async def _submit_part(self, stream: BaseStream[Job], task: str | None) -> None:
        if part := stream.part():
            if stream.jobs:
                self._core.check_open()
            stream.accepted(await self._submit(part, task))

    async def _submit_one(self, item: Item, task: str | None) -> Job:
        if not self._middleware:
            return await self._send_one(item)
        call = SubmitCall((item.queue,), task or "", 1)
        async with around_async(self._middleware, call):
            call.jobs = [job := await self._send_one(item.traced(call.trace()))]
        return job

    async def _send_one(self, item: Item) -> Job:
        with self._translating:
            if not self._hears(item.queue):
                await self._listen((item.queue,))
            node = node_of_submit(self._server, self._core.keys, item.queue, item.id, item.options)
            sender = self._senders.get(node)
            if sender is None:
                sender = Sender(self._core, self._server)
                self._senders[node] = sender
            return await sender.submit(item, self._follow)

    async def _submit(self, batch: Batch[Job], task: str | None) -> list[Job]:
        if not self._middleware:
            return await self._send_batch(batch)
        call = SubmitCall(batch.queues, task or "", len(batch.jobs))
        async with around_async(self._middleware, call):
            batch.trace = call.trace()
            call.jobs = await self._send_batch(batch)
        return batch.jobs

    async def _send_batch(self, batch: Batch[Job]) -> list[Job]:
        with self._translating, self._core.submitting(batch):
            await self._listen(batch.queues)
            answers = await arun_many(
                self._server, batch.calls(), errors_in_place=True, durable=batch.durable
            )
            before = self._core.accept(batch, answers)
        await self._follow(batch.first_jobs, before)
        return batch.jobs

    async def _follow(self, asked: Sequence[Job], before: Sequence[Job]) -> None:
        """Look up the jobs of a submit that were there before, and register its queues.

        Args:
            asked: the first job of each call.
            before: the jobs that were in Redis before.
        """
        if self._core.closed:
            # Closed by another task in the meantime, and connected anew by what was sent since.
            await aclose(self._server)
            return
        if before and not await self._look_ups.settle(before):
            return
        if names := self._core.to_register(asked, time.monotonic()):
            await self._registrar.enter(names)
