"""The synchronous client: submit jobs, wait for their results.

Only what waits or uses a thread may live here; what is decided lives in desk.py.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections.abc import Iterable
from typing import Any
from weakref import WeakSet

import redis

from pyjobs.chunks import Chunk, groups, in_order, named
from pyjobs.connect import DEFAULT_URL, REPLY_SECONDS, connect
from pyjobs.desk import Desk, Route
from pyjobs.errors import Conflict, OutcomeUnknown, PyjobsError
from pyjobs.job import BaseJob
from pyjobs.options import Options
from pyjobs.run import run, run_many, translated
from pyjobs.units import positive

RECONNECT_SECONDS = 0.5
PubSub = redis.client.PubSub
# Of all jobs: it is held for a moment, by those that begin to wait.
_one_waiter = threading.Lock()
_clients: WeakSet[Client] = WeakSet()


def _renew_all() -> None:
    """In a forked child, where only one thread is left: what the others held is made anew."""
    _one_waiter.release()
    for client in list(_clients):
        client._renew()


os.register_at_fork(
    before=_one_waiter.acquire,
    after_in_parent=_one_waiter.release,
    after_in_child=_renew_all,
)


class Job(BaseJob):
    """A submitted job: a future of its result."""

    __slots__ = ("_waiter",)

    def __init__(self, id: str, queue: str) -> None:
        super().__init__(id, queue)
        self._waiter: threading.Event | None = None

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the result and return it.

        Args:
            timeout: seconds to wait; None waits for ever.

        Raises:
            TimeoutError: it took longer; the job goes on, and may be waited for again.
            JobFailed: the handler failed for good; carries what it raised.
            ResultGone: the result's retention is over, or there never was such a job.
            ClientClosed: the client was closed in the meantime.
            Undecodable: the worker wrote something that is not JSON.
        """
        self._wait(timeout)
        return self._value()

    def exception(self, timeout: float | None = None) -> PyjobsError | None:
        """Wait, and return the error that `result` would raise, or None.

        Args:
            timeout: seconds to wait; None waits for ever.

        Raises:
            TimeoutError: it took longer.
        """
        self._wait(timeout)
        return self._error()

    def _wait(self, timeout: float | None) -> None:
        if self._end is not None:
            return
        with _one_waiter:
            waiter = self._waiter = self._waiter or threading.Event()
        # Looked at again after the waiter is in place: `_wake` sets it only after `_end`.
        if self._end is None and not waiter.wait(timeout):
            raise TimeoutError(f"job {self.id} on queue {self.queue}: no result in {timeout} s")

    def _wake(self) -> None:
        if self._waiter is not None:
            self._waiter.set()


class Client:
    """Submits jobs and gives out their results. Threads may share one.

    Nothing is sent before the first submit, which first subscribes to this client's channel. A
    forked child may use it too, with connections and a channel of its own; the jobs that were
    pending at the fork stay with the parent, and here they fail with ClientClosed.

    Args:
        url: `redis://`, `rediss://`, `redis+sentinel://`, `unix://` or `memory://`.
        mode: 'simple', 'recoverable' or 'reliable'; it must be the queue's.
        queue: where jobs go that name no queue.
        route: chooses the queue's name by a job's data.
        prefix: what every key begins with.
        sweep: seconds between looks at the stored results, for messages that were missed.

    Raises:
        BadArgument: one of these is not what it must be.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        mode: str = "reliable",
        queue: str = "default",
        route: Route | None = None,
        prefix: str = "jobs",
        sweep: float = 3.0,
    ) -> None:
        self._desk: Desk[Job] = Desk(Job, mode=mode, prefix=prefix, queue=queue, route=route)
        self._server = connect(url)
        self._sweep = (positive("sweep", sweep) or 1) / 1000
        self._listener: threading.Thread | None = None
        self._stopped = threading.Event()
        self._starting = threading.Lock()
        _clients.add(self)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(
        self, data: Any, *, queue: str | None = None, id: str | None = None, **options: Any
    ) -> Job:
        """Submit one job (<mode>/submit).

        Args:
            data: what the handler gets; anything that JSON can hold.
            queue: the queue's name; the client's route or queue when it is left out.
            id: the job's id, which makes a repeated submit the same job for as long as its
                `retention` (with 0, until it has ended); made when left out.
            options: those of `pyjobs.options.Options`. Simple mode has none, and only reliable has
                `max_attempts` and `backoff`.

        Raises:
            BadArgument: an argument broke its contract; nothing was written.
            Conflict: the id is taken by a job with other data.
            QueueFull: Redis is at its memory limit; nothing was written.
            Unavailable: Redis can't be reached; nothing was written.
            OutcomeUnknown: nobody knows whether it was; its `ids` may be submitted again.
            Unencodable: the data has no JSON.
        """
        [job] = self.submit_many([data], queue=queue, ids=None if id is None else [id], **options)
        if job.done() and isinstance(error := job.exception(), Conflict):
            raise error
        return job

    def submit_many(
        self,
        data: Iterable[Any],
        *,
        queue: str | None = None,
        ids: Iterable[str] | None = None,
        **options: Any,
    ) -> list[Job]:
        """Submit jobs, up to 1,000 in a call of the script; otherwise as `submit`.

        A job whose id is taken by other data has a Conflict as its exception; the rest stand.
        """
        chunks = self._desk.prepare(data, queue, ids, Options.of(options))
        self._listen()
        jobs: list[tuple[int, Job]] = []
        for group in groups(chunks):
            calls = [chunk.call for chunk in group]
            try:
                answers = (
                    run_many(self._server, calls) if calls[1:] else [run(self._server, calls[0])]
                )
            except OutcomeUnknown as error:
                raise named(error, group) from error.__cause__
            handed, before = self._desk.accept(group, answers)
            jobs += handed
            self._ask(self._desk.to_sweep(before))
        if names := self._desk.to_register(chunks):
            # The registry can be rebuilt: that it is full or forbidden must not fail a submit.
            with contextlib.suppress(redis.RedisError):
                self._server.hset(self._desk.keys.queues, mapping=names)
        return in_order(jobs)

    def job(self, id: str, *, queue: str | None = None) -> Job:
        """A job that was submitted before, by whomever (queue/result).

        Args:
            id: its id.
            queue: its queue's name.

        Raises:
            BadArgument: a name is not one.
            Unavailable: Redis can't be reached.
        """
        job = self._desk.open_job(id, queue)
        self._listen()
        for chunk in self._desk.to_sweep([job]):
            self._desk.lose(self._desk.swept(chunk, run(self._server, chunk.call)))
        return job

    def cancel(self, job: Job | str, *, queue: str | None = None) -> bool:
        """Cancel a job that has not ended yet, wherever it is (<mode>/cancel). A handler that runs
        it has lost it: in reliable mode it learns so at once, and what comes of it is discarded.

        Args:
            job: the job, or its id together with its queue's name.
            queue: the queue's name, for an id.

        Returns:
            False when the job had ended before, or there is no such job.

        Raises:
            BadArgument: a name is not one, or the mode is simple, which can't.
            Unavailable: Redis can't be reached.
        """
        id, queue = (job.id, job.queue) if isinstance(job, Job) else (job, queue)
        return run(self._server, self._desk.cancel(id, queue)) == ["cancelled"]

    def close(self) -> None:
        """Stop listening. What is pending here fails with ClientClosed; the jobs go on."""
        self._stopped.set()
        if self._listener is not None:
            with contextlib.suppress(redis.RedisError):
                self._server.publish(self._desk.channel, b"")
            self._listener.join(timeout=2.0)
        self._desk.close()
        self._server.close()

    def _renew(self) -> None:
        """In a forked child: the listener stayed with the parent, and so do the jobs."""
        stopped = self._stopped.is_set()
        self._listener, self._starting, self._stopped = None, threading.Lock(), threading.Event()
        if stopped:
            self._stopped.set()
        self._desk.renew()

    def _listen(self) -> None:
        """Subscribe and start the listener, once."""
        if self._listener is not None or self._stopped.is_set():
            return
        with self._starting:
            if self._listener is None:
                pubsub = self._subscribe()
                self._listener = threading.Thread(
                    target=self._hear, args=(pubsub,), name="pyjobs-results", daemon=True
                )
                self._listener.start()

    def _subscribe(self) -> PubSub:
        pubsub: PubSub = self._server.pubsub()
        try:
            pubsub.subscribe(self._desk.channel)
            if pubsub.get_message(timeout=REPLY_SECONDS) is None:
                raise redis.TimeoutError(f"no answer to SUBSCRIBE in {REPLY_SECONDS} s")
        except redis.RedisError as error:
            pubsub.close()
            raise translated(error) from error
        return pubsub

    def _hear(self, pubsub: PubSub) -> None:
        """The listener: messages as they come, and a look at the stored results now and then."""
        due = time.monotonic() + self._sweep
        while not self._stopped.is_set():
            try:
                self._hear_one(pubsub, max(0.0, due - time.monotonic()))
                if time.monotonic() >= due:
                    self._ask(self._desk.to_sweep(), pubsub)
                    due = time.monotonic() + self._sweep
            except redis.RedisError:
                # What was published in the meantime is lost: look at what is stored at once.
                due = 0.0
                pubsub.close()
                pubsub = self._subscribe_again() or pubsub
        pubsub.close()

    def _subscribe_again(self) -> PubSub | None:
        while not self._stopped.wait(RECONNECT_SECONDS * random.uniform(0.5, 1.0)):
            with contextlib.suppress(PyjobsError):
                return self._subscribe()
        return None

    def _hear_one(self, pubsub: PubSub, seconds: float) -> bool:
        message = pubsub.get_message(timeout=seconds)
        if message is not None and message["type"] == "message":
            self._desk.hear(message["data"])
        return message is not None

    def _ask(self, chunks: list[Chunk[Job]], pubsub: PubSub | None = None) -> None:
        """Look at what is stored; what can't be read now is looked at again by the next sweep."""
        lost: list[Job] = []
        for chunk in chunks:
            try:
                lost += self._desk.swept(chunk, run(self._server, chunk.call))
            except PyjobsError as error:
                if self._desk.blind(chunk, error):
                    break
        while lost and pubsub is not None and self._hear_one(pubsub, 0.0):
            pass
        self._desk.lose(lost)
