"""What a client knows: its pending jobs, what to submit, what it hears, what it must ask for.

Everything that the sync and the asyncio client share may live here. Nothing here sends or waits.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic
from weakref import WeakSet, WeakValueDictionary

from pyjobs import codec, letters
from pyjobs.call import Call
from pyjobs.chunks import Chunk, J, Part, named
from pyjobs.errors import BadArgument, ClientClosed, Conflict, PyjobsError, Unavailable
from pyjobs.ids import new_id, unguessable
from pyjobs.job import LIVE_STATES, gone
from pyjobs.keys import Keys, checked
from pyjobs.modes import mode_named
from pyjobs.options import Options
from pyjobs.scripts import Option
from pyjobs.verbs import MAX_BYTES, Stored, StoredVerbs, Submitted, fetch

log = logging.getLogger("pyjobs")
SWEEP_JOBS = 5000
Route = Callable[[Any], str]


class Desk(Generic[J]):
    """The jobs of one client.

    Args:
        make: makes a job of (id, queue name).
        mode: name of the mode.
        prefix: what every key begins with.
        queue: where jobs go that name no queue and are not routed.
        route: chooses a queue by a job's data.
    """

    def __init__(
        self,
        make: Callable[[str, str], J],
        *,
        mode: str,
        prefix: str,
        queue: str,
        route: Route | None,
    ) -> None:
        self.mode = mode_named(mode)
        self.keys = Keys(prefix)
        self._make = make
        self._queue = checked("queue", queue)
        self._route = route
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        self.name = unguessable()
        self.channel = self.keys.channel(self.name)
        self._registered: set[str] = set()
        self._pending: WeakValueDictionary[tuple[str, str], J] = WeakValueDictionary()
        self._lock = threading.Lock()
        self._missed: WeakSet[J] = WeakSet()
        self._blind: set[str] = set()

    def renew(self) -> None:
        """In a forked child: begin anew, as another client. Nobody waits for a job there."""
        left = list(self._pending.values())
        self._begin()
        for job in left:
            error = (
                f"job {job.id} on queue {job.queue} was submitted before this process forked off"
            )
            job.settle(ClientClosed(error), wake=False)

    def open_job(self, id: str, queue: str | None) -> J:
        """A job that somebody has submitted before."""
        self._check_open()
        queue, id = checked("queue", queue or self._queue), checked("id", id)
        with self._lock:
            job = self._pending.get((queue, id))
            if job is None:
                job = self._pending[queue, id] = self._make(id, queue)
                job.accepted = None
        return job

    def prepare(
        self, values: Iterable[Any], queue: str | None, ids: Iterable[str] | None, options: Options
    ) -> list[Chunk[J]]:
        """The calls that submit these values, each within the limits of the script."""
        self._check_open()
        chosen = options.chosen()
        open_parts: dict[str, Part] = {}
        ready: list[Chunk[J]] = []
        fixed = checked("queue", queue) if queue is not None else None
        for place, (value, id) in enumerate(self._pairs(values, ids)):
            data = codec.encode(value)
            if len(data) > MAX_BYTES:
                raise BadArgument(f"data: {len(data)} bytes, more than {MAX_BYTES}")
            name = fixed or self._queue_for(value)
            part = open_parts.get(name)
            if part is None or not part.has_room(data):
                if part is not None:
                    ready.append(self._chunk(name, part, chosen))
                part = open_parts[name] = Part()
            part.add(place, id, data)
        ready.extend(self._chunk(name, part, chosen) for name, part in open_parts.items())
        return ready

    def accept(
        self, chunks: Sequence[Chunk[J]], answers: Sequence[list[Submitted] | PyjobsError]
    ) -> tuple[list[tuple[int, J]], list[J]]:
        """The jobs to hand out, each with its place, and those that must be asked for: they were
        there before.

        Raises:
            PyjobsError: one of the calls was refused; the jobs of the others stand.
        """
        handed: list[tuple[int, J]] = []
        before: list[J] = []
        for chunk, answer in zip(chunks, answers, strict=True):
            if isinstance(answer, PyjobsError):
                raise named(answer, chunks)
            for place, asked, (id, outcome) in zip(chunk.places, chunk.jobs, answer, strict=True):
                # Another id: that of the live job which holds the unique key.
                job = asked if id == asked.id else self._track(asked.queue, [id])[0]
                handed.append((place, self._conflicting(job) if outcome == "CONFLICT" else job))
                job.accepted = True
                if outcome not in {"new", "CONFLICT"}:
                    job.created = False
                    before.append(job)
        return handed, before

    def to_register(self, chunks: Sequence[Chunk[J]]) -> dict[Any, Any]:
        """Queue name -> mode: what is to be entered in the registry now, each queue once."""
        new = {job.queue for chunk in chunks for job in chunk.jobs[:1]} - self._registered
        self._registered |= new
        return dict.fromkeys(new, self.mode.name)

    def hear(self, message: bytes) -> None:
        """Settle the jobs that a message on the channel tells of."""
        # Anybody may publish: what is no letter settles nothing, and the sweep finds the rest.
        with contextlib.suppress(ValueError):
            for queue, id, end in letters.read(message):
                job = self._forget(queue, id)
                if job is not None:
                    job.settle(end)

    def to_sweep(self, jobs: Iterable[J] | None = None) -> list[Chunk[J]]:
        """The calls that ask what is stored: of these jobs, or of those that wait longest."""
        if not self.mode.stores:
            return []
        queues: dict[str, list[J]] = {}
        for job in self._longest() if jobs is None else jobs:
            if job.accepted is not False and not job.done():
                queues.setdefault(job.queue, []).append(job)
        return [
            Chunk(fetch(self.keys.queue(name), [job.id for job in part]), part)
            for name, found in queues.items()
            for part in (found[at : at + 100] for at in range(0, len(found), 100))
        ]

    def swept(self, chunk: Chunk[J], stored: Sequence[Stored]) -> list[J]:
        """Settle what is stored; returns the jobs that are lost.

        One that is known to have been there is lost when it is missed twice: a result that is kept
        for no time at all is in a message only, and that may be on its way.
        """
        self._blind -= {"", chunk.call.keys[0]}
        lost = []
        for job, end in zip(chunk.jobs, stored, strict=True):
            if not end.state:
                if job.accepted is None or job in self._missed:
                    lost.append(job)
                self._missed.add(job)
                continue
            job.accepted = True
            if end.state not in LIVE_STATES:
                self._forget(job.queue, job.id)
                job.settle(end)
        return lost

    def blind(self, chunk: Chunk[J], error: PyjobsError) -> bool:
        """What is stored could not be read: tell it, once. True means that none can be now."""
        away = isinstance(error, Unavailable)
        queue = "" if away else chunk.call.keys[0]
        if queue not in self._blind:
            log.warning("results of %s can't be read: %s", queue or "any queue", error)
        self._blind.add(queue)
        return away

    def lose(self, jobs: Iterable[J]) -> None:
        """These jobs are not in Redis, and no message tells of them."""
        for job in jobs:
            self._forget(job.queue, job.id)
            job.settle(gone(job))

    def close(self, error: PyjobsError | None = None) -> None:
        """Fail what is still pending."""
        self._closed = True
        with self._lock:
            jobs = list(self._pending.values())
            self._pending.clear()
        for job in jobs:
            job.settle(
                error or ClientClosed(f"the client was closed while job {job.id} was pending")
            )

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosed("this client is closed")

    def cancel(self, id: str, queue: str | None) -> Call[list[str]]:
        """The call that cancels a job.

        Raises:
            BadArgument: simple mode has no such verb.
        """
        if not isinstance(self.mode, StoredVerbs):
            raise BadArgument(f"cancel: {self.mode.name} mode has no such verb")
        name = checked("queue", queue or self._queue)
        return self.mode.cancel(self.keys.queue(name), [checked("id", id)])

    def _pairs(self, values: Iterable[Any], ids: Iterable[str] | None) -> Iterator[tuple[Any, str]]:
        if ids is None:
            return ((value, new_id()) for value in values)
        try:
            return iter([(v, checked("id", id)) for v, id in zip(values, ids, strict=True)])
        except ValueError as error:
            if isinstance(error, BadArgument):
                raise
            raise BadArgument("ids: not as many as there are jobs") from None

    def _queue_for(self, value: Any) -> str:
        return checked("queue", self._route(value)) if self._route else self._queue

    def _chunk(self, name: str, part: Part, chosen: dict[str, Option]) -> Chunk[J]:
        call = self.mode.submit(self.keys.queue(name), part.items, client=self.name, **chosen)
        return Chunk(call, self._track(name, [id for id, _ in part.items]), part.places)

    def _track(self, queue: str, ids: list[str]) -> list[J]:
        """A job for each id; one that is pending here already stays the only one of its id."""
        jobs = []
        with self._lock:
            for id in ids:
                job = self._pending.get((queue, id)) or self._make(id, queue)
                self._pending[queue, id] = job
                jobs.append(job)
        return jobs

    def _conflicting(self, job: J) -> J:
        # Not the job itself: that one may be pending here, and stands.
        conflicting = self._make(job.id, job.queue)
        conflicting.settle(Conflict(f"id {job.id} is taken on queue {job.queue} by other data"))
        return conflicting

    def _forget(self, queue: str, id: str) -> J | None:
        with self._lock:
            return self._pending.pop((queue, id), None)

    def _longest(self) -> list[J]:
        """The jobs that were not asked about for the longest time; they go to the end."""
        with self._lock:
            jobs = list(itertools.islice(self._pending.values(), SWEEP_JOBS))
            for job in jobs:
                del self._pending[job.queue, job.id]
                self._pending[job.queue, job.id] = job
        return jobs
