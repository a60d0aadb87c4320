"""What a client knows and decides: its pending jobs, what answers and messages mean for them.

Everything that the sync and the asyncio client share may live here. Nothing here sends or waits.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic

from pyjobs.client.batch import Batch, JobsCall, submit_error
from pyjobs.client.following import advance, hear_chunk
from pyjobs.client.job import BaseJob, J, JobRef, key_of, note, presence, same_job, settle
from pyjobs.client.pending import Pending
from pyjobs.client.presence import Presence, PresenceEvent
from pyjobs.client.schedules import ScheduleCalls
from pyjobs.client.submit import Route, SubmitBuilder
from pyjobs.client.sweep import Sweep
from pyjobs.engine import (
    OPERATOR,
    REGISTER_SECONDS,
    Call,
    InParts,
    Kept,
    Keys,
    Parts,
    ShownJob,
    Stored,
    StoredVerbs,
    durable_of,
    fetch,
    mode_named,
    parse_chunk,
    parse_results,
    parse_submitted,
    watch,
)
from pyjobs.errors import BadArgument, ClientClosed, Conflict, PyjobsError
from pyjobs.ids import unguessable
from pyjobs.progress import decode_progress
from pyjobs.validate import Duration, checked, flag, functions, needed, positive

# The name of a client that hears sharded channels begins so, and scripts publish accordingly.
SHARDED = "shard."


class ClientCore(Generic[J]):
    """Responsible for the jobs of one client, from the answer of a submit to the outcome.

    Attributes:
        mode: the mode.
        keys: the names under the prefix.
        name: the client's own name, which no other client can guess; '' without results.
        results: whether the client hears results.
        builder: makes the calls and jobs of a submit. Call `check_open` first.
        sweep: decides which jobs are looked up.
        schedules: makes the calls about schedules.
        closed: whether `close` was called.

    Args:
        kind: makes a job from its id, the name of its queue, and `source`.
        source: how a job asks about itself; None where none does.
        mode: name of the mode.
        prefix: what every key begins with.
        queue: name of the queue of jobs that name no queue and are not routed.
        route: chooses a queue's name by a job's data.
        sweep: seconds between two sweeps.
        results: whether the client hears results.
        durable: where the jobs of a submit must be before it returns: 'replicas:N', 'aof' or 'no'.
        sharded: whether the client's queues are on several nodes, whose messages each stay there.

    Raises:
        BadArgument: an argument is not what it must be.
    """

    def __init__(
        self,
        kind: Callable[..., J],
        source: Any = None,
        *,
        mode: str,
        prefix: str,
        queue: str,
        route: Route | None,
        sweep: Duration = 3.0,
        results: bool = True,
        durable: str = "no",
        sharded: bool = False,
    ) -> None:
        self._sharded = sharded
        self._durable = durable_of(durable)
        self.mode = mode_named(mode)
        self.keys = Keys(prefix)
        self._kind, self._source = kind, source
        self._make: Callable[[str, str], J] = functools.partial(kind, source=source)
        self._queue = checked("queue", queue)
        self._route = None if route is None else functions("route", [route])[0]
        self._every = needed("sweep", positive("sweep", sweep)) / 1000
        self.closed = False
        self.results = flag("results", results)
        self.schedules = ScheduleCalls(self.mode, self.keys, self._queue)
        self._begin()

    def _begin(self) -> None:
        mark = SHARDED if self._sharded else ""
        self.name = mark + unguessable() if self.results else ""
        # The names of the queues whose results are heard, by the channel that carries them.
        self._heard: dict[bytes, str] = {}
        self._registered: dict[str, float] = {}
        self._pending: Pending[J] = Pending()
        self.builder = SubmitBuilder(
            mode=self.mode,
            client=self.name,
            kind=self._kind,
            source=self._source,
            pending=self._pending,
            keys=self.keys,
            queue=self._queue,
            route=self._route,
            durable=self._durable,
        )
        self.sweep = Sweep(self._pending, self.keys, self._every, self.mode.stores)

    def renew(self) -> None:
        """Begin anew in a forked child, as another client.

        The jobs that were pending stay with the parent, and fail here with ClientClosed. No
        thread waits for them: a forked child has one thread only.
        """
        left = self._pending.all()
        self._begin()
        for job in left:
            where = f"job {job.id} on queue {job.queue}"
            error = ClientClosed(f"{where} was submitted before this process forked off")
            settle(job, error)

    def check_open(self) -> None:
        """Check that the client was not closed.

        Raises:
            ClientClosed: the client was closed.
        """
        if self.closed:
            raise ClientClosed("this client is closed")

    def channels(self, queues: Iterable[str]) -> list[str]:
        """Return the channels that carry the results of these queues to this client.

        From now on, `hear` takes what comes on them.
        """
        found = {name: self.keys.results(self.keys.queue(name), self.name) for name in queues}
        self._heard |= {channel.encode(): name for name, channel in found.items()}
        return list(found.values())

    def part_channels(self, queues: Iterable[str], split: Mapping[str, Parts]) -> list[str]:
        """Return the channels that carry the results of parts of these queues to this client, but
        those of the first parts, which are the queues' own.

        From now on, `hear` takes what comes on them.

        Args:
            queues: the queues' names.
            split: the parts of queues that are split, by the queue's key.
        """
        found: dict[str, str] = {}
        for name in queues:
            key = self.keys.queue(name)
            for part in split[key].keys(key)[1:] if key in split else ():
                found[self.keys.results(part, self.name)] = name
        self._heard |= {channel.encode(): name for channel, name in found.items()}
        return list(found)

    def open_job(self, job: BaseJob | JobRef | str, queue: str | None) -> J:
        """Return a job that any client may have submitted, given by its id and its queue's name or
        by what has both.

        Raises:
            BadArgument: the id or the queue's name is malformed.
            ClientClosed: the client is closed.
        """
        self.check_open()
        id, name = self._named(job, queue)
        return self._pending.track(name, id, self._asked_for)[0]

    def watch(self, queue: str, ids: Sequence[str]) -> Call[list[Stored]]:
        """Return the call that looks up jobs whose results this client is to hear.

        Args:
            queue: the queue's key.
            ids: the jobs' ids.
        """
        return watch(queue, ids, client=self.name) if self.results else fetch(queue, ids)

    def show(self, job: BaseJob) -> Call[ShownJob]:
        """Return the call that reads all that is known of a job."""
        return OPERATOR.show(key_of(job, self.keys), job.id)

    def is_awaited(self) -> bool:
        """Return whether the program still has a job whose outcome is not known."""
        return bool(self._pending.all())

    def cancel(self, job: BaseJob | JobRef | str, queue: str | None) -> Call[list[str]]:
        """Return the call that cancels a job, given by its id and its queue's name or by what has
        both.

        Raises:
            BadArgument: the mode is simple, which has no cancel, or a name is malformed.
            ClientClosed: the client is closed.
        """
        self.check_open()
        if not isinstance(self.mode, StoredVerbs):
            raise BadArgument(f"cancel: a queue of {self.mode.name} mode does not have it")
        id, name = self._named(job, queue)
        where = key_of(job, self.keys) if isinstance(job, BaseJob) else self.keys.queue(name)
        return self.mode.cancel(where, [id])

    @contextlib.contextmanager
    def submitting(self, batch: Batch[J]) -> Iterator[None]:
        """Surround the sending of a submit: an exception leaves its jobs in doubt."""
        try:
            yield
        except BaseException:
            for call in batch.made:
                note(call.jobs, PresenceEvent.DOUBTED)
            raise

    def take(self, batch: Batch[J], answers: Sequence[Any]) -> list[J]:
        """Take the answers to the calls of a submit: what the script replied, `Kept` where the
        submit is durable, or a PyjobsError.

        Returns:
            The jobs that were in Redis before. Their results may have been published already, so
            that they must be looked up; none without results.
        """
        before: list[J] = []
        for call, given in zip(batch.made, answers, strict=True):
            answer, reached = given if type(given) is Kept else (given, None)
            if isinstance(answer, PyjobsError):
                note(call.jobs, PresenceEvent.DOUBTED)
            elif not call.known and answer[1::2].count(b"new") == len(call.jobs):
                note(call.jobs, PresenceEvent.SEEN)
            else:
                before += self._take_mixed(batch, call, answer)
            if reached is not None:
                for place in call.places:
                    batch.jobs[place].reached = reached
            if type(answer) is InParts:
                for place, part in zip(call.places, answer.parts, strict=True):
                    batch.jobs[place]._part = part
        if self.closed:
            self.close()
        return before if self.results else []

    def accept(self, batch: Batch[J], answers: Sequence[Any]) -> list[J]:
        """Take the answers to the calls of one user's submit; otherwise as `take`.

        Raises:
            PyjobsError: a call was refused; `accepted` has the ids of the jobs that stand.
        """
        before = self.take(batch, answers)
        if any(isinstance(answer, PyjobsError) for answer in answers):
            raise submit_error(batch, answers)
        return before

    def to_register(self, jobs: Iterable[J], now: float) -> dict[str, str]:
        """Return what is to be entered in the registry after a submit: queue name -> mode.

        A queue is entered again each `REGISTER_SECONDS`.

        Args:
            jobs: the first job of each call of a submit, answered.
            now: seconds, monotonic.
        """
        new: dict[str, str] = {}
        for job in jobs:
            is_due = now - self._registered.get(job.queue, -math.inf) > REGISTER_SECONDS
            if is_due and presence(job) is Presence.ACCEPTED:
                self._registered[job.queue] = now
                new[job.queue] = self.mode.name
        return new

    def hear(self, channel: bytes, content: bytes) -> None:
        """Settle the jobs whose results a message carries, and pass progress and output on.

        The channel decides which queue the jobs are of, so that a program which may publish to the
        channels of one queue can forge no result of another.

        Args:
            channel: the channel's name.
            content: the bytes that were published.
        """
        queue = self._heard.get(channel)
        if queue is None:
            return
        for id, end in parse_results(content):
            if end.state == "inflight":
                self._take_update(queue, id, end)
                continue
            job = self._pending.pop(queue, id)
            if job is not None:
                settle(job, end)

    def _take_update(self, queue: str, id: str, update: Stored) -> None:
        """Take what a job in flight has reported: progress, or a chunk of output."""
        job = self._pending.get(queue, id)
        if job is None:
            return
        if update.reason != "output":
            advance(job, decode_progress(update.body))
        elif found := parse_chunk(update.body):
            hear_chunk(job, *found)

    def close(self, error: PyjobsError | None = None) -> None:
        """Fail the jobs that are pending.

        Args:
            error: the error of each job; None is a ClientClosed that names the job.
        """
        self.closed = True
        jobs = self._pending.all()
        self._pending.clear()
        for job in jobs:
            end = error or ClientClosed(f"the client was closed while job {job.id} was pending")
            settle(job, end)

    def _take_mixed(self, batch: Batch[J], call: JobsCall[J], answer: list[bytes]) -> Iterator[J]:
        """Take the answer to a call whose jobs are not all new. Yields those that are not."""
        answered = zip(call.places, call.jobs, parse_submitted(answer), strict=True)
        for at, (place, asked, (id, outcome)) in enumerate(answered):
            job, made = asked, at not in call.known
            if id != asked.id:
                # The id of the live job that holds the unique key.
                job, made = self._pending.track(asked.queue, id, self._make)
            note([job], PresenceEvent.SEEN)
            if outcome == "CONFLICT":
                batch.jobs[place] = self._conflicting(job)
                continue
            # Every submit has an object of its own: `created` is about this submit.
            batch.jobs[place] = own = job if made else same_job(job)
            own.created = outcome == "new"
            if not own.created:
                yield job

    def _named(self, job: BaseJob | JobRef | str, queue: str | None) -> tuple[str, str]:
        if isinstance(job, (BaseJob, JobRef)):
            queue = job.queue
            job = job.id
        return checked("id", job), checked("queue", queue or self._queue)

    def _asked_for(self, id: str, queue: str) -> J:
        job = self._make(id, queue)
        note([job], PresenceEvent.DOUBTED)
        return job

    def _conflicting(self, job: J) -> J:
        # A job of its own: the job of this id may be pending here, and stands.
        conflicting = self._make(job.id, job.queue)
        settle(conflicting, Conflict(f"id {job.id} is taken on queue {job.queue} by other data"))
        return conflicting
