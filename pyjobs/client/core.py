"""What a client knows: its pending jobs, what to submit, what it hears, what it must ask for.

Everything that the sync and the asyncio client share may live here. Nothing here sends or waits.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic

from pyjobs.client.batch import Batch, Chunk, Item, refused
from pyjobs.client.job import BaseJob
from pyjobs.client.pending import J, Pending
from pyjobs.client.submit import Route, SubmitBuilder
from pyjobs.client.sweep import Sweep
from pyjobs.engine import (
    REGISTER_SECONDS,
    Call,
    Keys,
    StoredVerbs,
    mode_named,
    parse_results,
    parse_submitted,
)
from pyjobs.errors import BadArgument, ClientClosed, Conflict, PyjobsError
from pyjobs.ids import unguessable
from pyjobs.validate import checked, needed, positive


class ClientCore(Generic[J]):
    """The jobs of one client.

    Args:
        make: makes a job of (id, queue name).
        mode: name of the mode.
        prefix: what every key begins with.
        queue: where jobs go that name no queue and are not routed.
        route: chooses a queue by a job's data.
        sweep: seconds between looks at the stored results.
    """

    def __init__(
        self,
        make: Callable[[str, str], J],
        *,
        mode: str,
        prefix: str,
        queue: str,
        route: Route | None,
        sweep: float = 3.0,
    ) -> None:
        self.mode = mode_named(mode)
        self.keys = Keys(prefix)
        self._make = make
        self._queue = checked("queue", queue)
        self._route = route
        self._every = needed("sweep", positive("sweep", sweep)) / 1000
        self.closed = False
        self._begin()

    def _begin(self) -> None:
        self.name = unguessable()
        self.channel = self.keys.channel(self.name)
        self._registered: dict[str, float] = {}
        self._pending: Pending[J] = Pending()
        self._builder = SubmitBuilder(
            self.mode.script("submit"),
            self.name,
            self._make,
            self._pending,
            self.keys,
            self._queue,
            self._route,
        )
        self.sweep = Sweep(self._pending, self.keys, self._every, self.mode.stores)

    def renew(self) -> None:
        """In a forked child: begin anew, as another client. Nobody waits for a job there."""
        left = self._pending.left_behind()
        self._begin()
        for job in left:
            where = f"job {job.id} on queue {job.queue}"
            error = ClientClosed(f"{where} was submitted before this process forked off")
            job.settle(error, wake=False)

    def open_job(self, id: str, queue: str | None) -> J:
        """A job that somebody has submitted before."""
        self.check_open()
        return self._pending.track(
            checked("queue", queue or self._queue), checked("id", id), self._asked_for
        )

    def prepare(
        self,
        values: Iterable[Any],
        queue: str | None,
        ids: Iterable[str] | None,
        options: Mapping[str, Any],
    ) -> Batch[J]:
        """What submits these values."""
        self.check_open()
        return self._builder.prepare(values, queue, ids, options)

    def item(
        self, value: Any, queue: str | None, id: str | None, options: Mapping[str, Any]
    ) -> Item:
        """One value to submit, checked."""
        self.check_open()
        return self._builder.item(value, queue, id, options)

    def single(
        self, value: Any, queue: str | None, id: str | None, options: Mapping[str, Any]
    ) -> Batch[J]:
        """What submits it, by itself."""
        self.check_open()
        return self._builder.single(value, queue, id, options)

    def together(self, items: Sequence[Item]) -> Batch[J]:
        """What submits these items."""
        return self._builder.together(items)

    def take(self, batch: Batch[J], answers: Sequence[list[bytes] | PyjobsError]) -> list[J]:
        """Take what the calls of `batch` were answered. Returns the jobs that were there before,
        and must be asked for."""
        before: list[J] = []
        for chunk, answer in zip(batch.chunks, answers, strict=True):
            if isinstance(answer, PyjobsError):
                doubt(chunk)
            elif answer[1::2].count(b"new") == len(chunk.jobs):
                for job in chunk.jobs:
                    job.accepted = job.created = True
            else:
                before += self._mixed(batch, chunk, answer)
        if self.closed:
            self.close()
        return before

    @contextlib.contextmanager
    def submitting(self, batch: Batch[J]) -> Iterator[None]:
        """While it is on its way: when that breaks off, nobody will tell what became of it."""
        try:
            yield
        except BaseException:
            for chunk in batch.made:
                doubt(chunk)
            raise

    def accept(self, batch: Batch[J], answers: Sequence[list[bytes] | PyjobsError]) -> list[J]:
        """The same for one submit of all of them.

        Raises:
            PyjobsError: one of the calls was refused; it tells which jobs were accepted.
        """
        before = self.take(batch, answers)
        for answer in answers:
            if isinstance(answer, PyjobsError):
                raise refused(batch, answers)
        return before

    def to_register(self, batch: Batch[J], now: float) -> dict[str, str]:
        """Queue name -> mode: what is to be entered in the registry now, each queue now and then.

        Args:
            now: seconds, monotonic.
        """
        new: dict[str, str] = {}
        for chunk in batch.chunks:
            job = chunk.jobs[0]
            if job.accepted and now - self._registered.get(job.queue, -math.inf) > REGISTER_SECONDS:
                self._registered[job.queue] = now
                new[job.queue] = self.mode.name
        return new

    def hear(self, message: bytes) -> None:
        """Settle the jobs that a message on the channel tells of."""
        # Anybody may publish: what is not a result settles nothing, and the sweep finds the rest.
        with contextlib.suppress(ValueError):
            for queue, id, end in parse_results(message):
                job = self._pending.pop(queue, id)
                if job is not None:
                    job.settle(end)

    def close(self, error: PyjobsError | None = None) -> None:
        """Fail what is still pending."""
        self.closed = True
        jobs = self._pending.all()
        self._pending.clear()
        for job in jobs:
            job.settle(
                error or ClientClosed(f"the client was closed while job {job.id} was pending")
            )

    def check_open(self) -> None:
        """Raises ClientClosed after `close`."""
        if self.closed:
            raise ClientClosed("this client is closed")

    def cancel(self, job: BaseJob | str, queue: str | None) -> Call[list[str]]:
        """The call that cancels a job, which may be named by its id and its queue's name.

        Raises:
            BadArgument: simple mode has no such verb.
        """
        self.check_open()
        if not isinstance(self.mode, StoredVerbs):
            raise BadArgument(f"cancel: {self.mode.name} mode has no such verb")
        id, queue = (job.id, job.queue) if isinstance(job, BaseJob) else (job, queue)
        name = checked("queue", queue or self._queue)
        return self.mode.cancel(self.keys.queue(name), [checked("id", id)])

    def _mixed(self, batch: Batch[J], chunk: Chunk[J], answer: list[bytes]) -> Iterator[J]:
        """Accept jobs that are not all new."""
        told = zip(chunk.places, chunk.jobs, parse_submitted(answer), strict=True)
        for place, asked, (id, outcome) in told:
            # Another id: that of the live job which holds the unique key.
            job = asked if id == asked.id else self._pending.track(asked.queue, id, self._make)
            job.accepted = True
            batch.jobs[place] = self._conflicting(job) if outcome == "CONFLICT" else job
            if outcome != "CONFLICT":
                job.created = outcome == "new"
                if not job.created:
                    yield job

    def _asked_for(self, id: str, queue: str) -> J:
        job = self._make(id, queue)
        job.accepted = None
        return job

    def _conflicting(self, job: J) -> J:
        # Not the job itself: that one may be pending here, and stands.
        conflicting = self._make(job.id, job.queue)
        conflicting.settle(Conflict(f"id {job.id} is taken on queue {job.queue} by other data"))
        return conflicting


def doubt(chunk: Chunk[J]) -> None:
    """Whoever asks for one of these jobs, asks: there may never have been such a job."""
    for job in chunk.jobs:
        job.accepted = job.accepted or None
