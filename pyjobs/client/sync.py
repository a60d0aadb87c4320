"""The synchronous client: submit jobs, wait for their results.

Only what waits or uses a thread may live here; what is decided lives in core.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Any, Unpack

from pyjobs.client.batch import Batch
from pyjobs.client.core import ClientCore
from pyjobs.client.fork import clients, one_waiter
from pyjobs.client.job import BaseJob
from pyjobs.client.listener import Listener, look
from pyjobs.client.options import Options
from pyjobs.client.submit import Route
from pyjobs.errors import PyjobsError
from pyjobs.transport import DEFAULT_URL, ErrorTranslation, connect, register, run, run_many


class Job(BaseJob):
    """A submitted job: a future of its result."""

    __slots__ = ()
    _waiter: threading.Event | None

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the result and return it.

        Args:
            timeout: seconds to wait; None waits for ever.

        Raises:
            TimeoutError: it took longer; the job goes on, and may be waited for again.
            JobFailed: the handler failed for good; carries what it raised.
            JobCancelled, JobExpired: as they say.
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
        with one_waiter:
            waiter = self._waiter = self._waiter or threading.Event()
        # Looked at again after the waiter is in place: `_wake` sets it only after `_end`.
        if self._end is None and not waiter.wait(timeout):
            raise self._no_result(timeout)

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
        self._core = ClientCore(
            Job, mode=mode, prefix=prefix, queue=queue, route=route, sweep=sweep
        )
        self._server = connect(url)
        self._translating = ErrorTranslation(url)
        self._listener: Listener[Job] | None = None
        self._starting = threading.RLock()  # a signal handler may close it amid a submit
        clients.add(self)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(
        self,
        data: Any,
        *,
        queue: str | None = None,
        id: str | None = None,
        **options: Unpack[Options],
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
            BadArgument, WrongMode: an argument is wrong, or the mode; nothing was written.
            Conflict: the id is taken by a job with other data.
            QueueFull: Redis is at its memory limit; nothing was written.
            Unavailable: Redis can't be reached; nothing was written.
            OutcomeUnknown: nobody knows whether it was; its `ids` may be submitted again.
            Unencodable: the data has no JSON.
        """
        [job] = self._submit(self._core.single(data, queue, id, options))
        return job.accepted_or_raise()

    def submit_many(
        self,
        data: Iterable[Any],
        *,
        queue: str | None = None,
        ids: Iterable[str] | None = None,
        **options: Unpack[Options],
    ) -> list[Job]:
        """Submit jobs, many in a call of the script; otherwise as `submit`.

        A job whose id is taken by other data has a Conflict as its exception; the rest stand. When
        some calls are refused, the jobs of the others are accepted all the same: the error's
        `accepted` has their ids.
        """
        return self._submit(self._core.prepare(data, queue, ids, options))

    def job(self, id: str, *, queue: str | None = None) -> Job:
        """A job that was submitted before, by whomever (queue/result).

        Args:
            id: its id.
            queue: its queue's name.

        Raises:
            BadArgument: a name is not one.
            Unavailable: Redis can't be reached.
        """
        job = self._core.open_job(id, queue)
        with self._translating:
            self._listen()
            for chunk in self._core.sweep.calls([job]):
                stored = run(self._server, chunk.call)
                self._core.sweep.settle_gone(self._core.sweep.take(chunk, stored))
        return job

    def cancel(self, job: Job | str, *, queue: str | None = None) -> bool:
        """Cancel a job that has not ended yet, wherever it is (<mode>/cancel). A handler that runs
        it has lost it: in reliable mode it learns so at once, and what comes of it is discarded.

        Args:
            job: the job, or its id together with its queue's name.
            queue: the queue's name, for an id.

        Returns:
            Whether it is cancelled, by this or an earlier call; False when it had ended otherwise
            before, or there is no such job.

        Raises:
            BadArgument: a name is not one, or the mode is simple, which can't.
            Unavailable: Redis can't be reached.
        """
        with self._translating:
            return run(self._server, self._core.cancel(job, queue)) == ["cancelled"]

    def close(self) -> None:
        """Stop listening. What is pending here fails with ClientClosed; the jobs go on."""
        self._core.close()
        with self._starting:
            if self._listener is not None:
                self._listener.close()
        self._server.close()

    def _renew(self) -> None:
        """In a forked child: the listener stayed with the parent, and so do the jobs."""
        self._listener, self._starting = None, threading.RLock()
        # A lock of it may be held for ever here; closing it is the parent's business.
        self._parents, self._server = self._server, connect(self._translating.url)
        self._core.renew()

    def _submit(self, batch: Batch[Job]) -> list[Job]:
        with self._translating, self._core.submitting(batch):
            self._listen()
            answers = run_many(self._server, batch.calls, errors_in_place=True)
            before = self._core.accept(batch, answers)
        if self._core.closed:  # in the meantime: the rest of it has made a connection
            self._server.close()
            return batch.jobs
        if before:
            missing = look(self._server, self._core, self._core.sweep.calls(before))
            self._core.sweep.settle_gone(missing)
        if names := self._core.to_register(batch, time.monotonic()):
            register(self._server, self._core.keys, names)
        return batch.jobs

    def _listen(self) -> None:
        """Subscribe and start the listener, once."""
        if self._listener is None:
            with self._starting:
                self._core.check_open()
                if self._listener is None:
                    self._listener = Listener(self._server, self._core)
                    if self._core.closed:
                        self._listener.close()
                        self._core.check_open()
