"""From values to the calls that submit them, and their jobs. Nothing here sends or waits."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Generic, NamedTuple, TypeVar

from pyjobs import codec
from pyjobs.client.batch import Batch, JobsCall, split
from pyjobs.client.job import J, note
from pyjobs.client.options import OptionTexts, durable_in, with_trace
from pyjobs.client.pending import Pending
from pyjobs.client.presence import PresenceEvent
from pyjobs.client.stream import Stream, is_stream, too_large
from pyjobs.client.task_stream import TaskStream
from pyjobs.definition import BaseTask, Submission
from pyjobs.engine import MAX_BYTES, Arg, Call, Durable, Keys, Mode
from pyjobs.errors import BadArgument, Unencodable
from pyjobs.ids import new_id, new_ids
from pyjobs.validate import checked, in_order

Route = Callable[[Any], str]
K = TypeVar("K")
# What a submit without a task takes; a type checker so refuses the wrong arguments of a task.
Json = Mapping[str, Any] | Sequence[Any] | str | float | bool | None
NONE: frozenset[int] = frozenset()


class Item(NamedTuple):
    """Holds one checked value to submit.

    Attributes:
        queue: the name of its queue.
        options: the options argument of the script.
        id: the job's id.
        data: the value as JSON.
        chosen: whether the user chose the id, so that there may be a job of it already.
        durable: where the job must be before the submit returns; None does not wait.
    """

    queue: str
    options: str
    id: str
    data: bytes
    chosen: bool
    durable: Durable | None = None

    def traced(self, trace: str) -> Item:
        """Return the item with the options of a trace context, unless it has one."""
        return self._replace(options=with_trace(self.options, trace)) if trace else self


@dataclass(frozen=True, slots=True)
class SubmitGroup:
    """Holds what some values of one submit have in common, and which values they are.

    Attributes:
        queue: the name of their queue.
        options: the options argument of the script.
        places: their positions among all values of the submit.
    """

    queue: str
    options: str
    places: Sequence[int]


class SubmitBuilder(Generic[J]):
    """Makes the calls and the jobs of one client's submits.

    Args:
        mode: the client's mode.
        client: the name of the client, which gets the results; '' is none.
        kind: makes a job from its id, the name of its queue, and `source`.
        source: how a job asks about itself.
        pending: where the jobs are entered that results are expected for.
        keys: the names under the client's prefix.
        queue: name of the queue of values that name no queue and are not routed.
        route: chooses a queue's name by the value.
        durable: where the jobs must be before a submit returns, unless the submit says.
    """

    def __init__(
        self,
        *,
        mode: Mode,
        client: str,
        kind: Callable[..., J],
        source: Any,
        pending: Pending[J],
        keys: Keys,
        queue: str,
        route: Route | None,
        durable: Durable | None,
    ) -> None:
        self._durable = durable
        self._mode = mode
        self._script = mode.script("submit")
        self._texts = OptionTexts(self._script)
        self._can_repeat = "written" in self._script.options
        # The options argument of a submit without options.
        self._plain = self._text({}, durable)
        self._client = client
        self._kind, self._source = kind, source
        self._make: Callable[[str, str], J] = functools.partial(kind, source=source)
        self._pending = pending
        self._keys = keys
        self._queue = queue
        self._route = route
        self._queue_keys: dict[str, str] = {}

    def many(
        self,
        values: Iterable[Any],
        queue: str | None,
        ids: Iterable[str] | None,
        options: Mapping[str, Any],
    ) -> Batch[J]:
        """Return the submit of many values, all of them checked.

        Args:
            values: what the handlers get.
            queue: name of the queue of all values; None chooses one for each.
            ids: an id for each value; None makes them.
            options: options of all values, as `Options` names them.

        Raises:
            BadArgument: an argument is not what it must be.
            Unencodable: a value has no JSON.
        """
        values = list(values)
        if options.get("unique") is not None and len(values) > 1:
            raise BadArgument(f"unique: a key is for one job, and this submit has {len(values)}")
        durable = durable_in(options, self._durable)
        text = self._text(options, durable)
        data = self._encoded(values)
        chosen = None if ids is None else self._chosen(ids, len(data))
        return self._batch(values, data, chosen, queue, text, durable)

    def stream(
        self, queue: str | None, ids: Iterable[str] | None, options: Mapping[str, Any]
    ) -> Stream[J]:
        """Return the submit of many values that come one after the other.

        Args:
            queue: name of the queue of all values; None chooses one for each.
            ids: an id for each value; None makes them.
            options: options of all values, as `Options` names them.

        Raises:
            BadArgument: an argument is not what it must be.
        """
        durable = durable_in(options, self._durable)
        text = self._text(options, durable)

        def batch(values: list[Any], data: list[bytes], chosen: list[str] | None) -> Batch[J]:
            return self._batch(values, data, chosen, queue, text, durable)

        return Stream(batch, ids, unique=options.get("unique") is not None)

    def task_stream(
        self,
        task: BaseTask[..., Any],
        arguments: Any,
        queue: str | None,
        ids: Iterable[str] | None,
        options: Mapping[str, Any],
        kinds: tuple[type, ...] = (Iterable,),
    ) -> TaskStream[J]:
        """Return the submit of many jobs of a task.

        Args:
            task: the task.
            arguments: those of each job; what has a length is one part.
            queue: name of the queue of all jobs; None is the task's.
            ids: an id for each job; None makes them.
            options: options of all jobs, before those of the task.
            kinds: what several arguments may be.

        Raises:
            BadArgument: an argument is not what it must be.
        """
        is_whole = not is_stream(arguments, kinds, "arguments")
        return TaskStream(
            task,
            self.task,
            self.together,
            queue=queue,
            ids=ids,
            options=options,
            is_whole=is_whole,
        )

    def _batch(
        self,
        values: Sequence[Any],
        data: Sequence[bytes],
        chosen: Sequence[str] | None,
        queue: str | None,
        text: str,
        durable: Durable | None,
    ) -> Batch[J]:
        if queue is not None or self._route is None:
            groups = [SubmitGroup(self._queue_for(None, queue), text, range(len(data)))]
        else:
            found = grouped([self._queue_for(value, None) for value in values])
            groups = [SubmitGroup(name, text, places) for name, places in found.items()]
        named = new_ids(len(data)) if chosen is None else chosen
        calls = self._jobs_calls(groups, ids=named, data=data, chosen=chosen is not None)
        return Batch(len(data), calls, [group.queue for group in groups], durable)

    def item(
        self, value: Any, queue: str | None, id: str | None, options: Mapping[str, Any]
    ) -> Item:
        """Return one checked value.

        Args:
            value: what the handler gets.
            queue: name of its queue; None chooses one.
            id: the job's id; None makes one.
            options: its options, as `Options` names them.

        Raises:
            BadArgument: an argument is not what it must be.
            Unencodable: the value has no JSON.
        """
        return self._item(codec.encode(value), self._queue_for(value, queue), id, options)

    def task(self, submission: Submission) -> Item:
        """Return the checked submit of a task.

        Raises:
            BadArgument: an option is not what it must be.
        """
        name = self._queue_for(None, submission.queue or self._queue)
        return self._item(submission.data, name, submission.id, submission.options)

    def _item(self, data: bytes, name: str, id: str | None, options: Mapping[str, Any]) -> Item:
        if options:
            durable = durable_in(options, self._durable)
            text = self._text(options, durable)
        else:
            durable, text = self._durable, self._plain
        if len(data) > MAX_BYTES:
            raise too_large(len(data))
        named = new_id() if id is None else checked("id", id)
        return Item(name, text, named, data, id is not None, durable)

    def _text(self, options: Mapping[str, Any], durable: Durable | None) -> str:
        """Return the options of a call. Where a wait follows, the call writes in every case."""
        text = self._texts.of(options) if options else ""
        if durable is None or not self._can_repeat:
            return text
        return f"{text} written=1".lstrip()

    def call(self, item: Item) -> Call[list[bytes]]:
        """Return the call that submits one item."""
        key = self._queue_keys[item.queue]
        parts = (item.id, item.data)
        return self._mode.submit_items(key, parts, client=self._client, options=item.options)

    def job(self, item: Item) -> tuple[J, bool]:
        """Return the job of one item, and whether it was made: one that is pending here already is
        taken."""
        if not item.chosen:
            job = self._kind(item.id, item.queue, self._source)
            self._pending.add(item.queue, (job,))
            return job, True
        job, is_made = self._pending.track(item.queue, item.id, self._make)
        note((job,), PresenceEvent.SUBMITTED)
        return job, is_made

    def together(self, items: Sequence[Item]) -> Batch[J]:
        """Return the submit of some items, which are equally durable: one call for those with the
        same queue and options."""
        durable = items[0].durable if items else None
        found = grouped([(item.queue, item.options) for item in items])
        calls = self._jobs_calls(
            [SubmitGroup(name, text, places) for (name, text), places in found.items()],
            ids=[item.id for item in items],
            data=[item.data for item in items],
            chosen=any(item.chosen for item in items),
        )
        return Batch(len(items), calls, {item.queue for item in items}, durable)

    def _encoded(self, values: Sequence[Any]) -> list[bytes]:
        try:
            data = list(map(codec.encode, values))
        except Unencodable:
            # Again, to name the job in the message: a name for each job costs time.
            for place, value in enumerate(values):
                codec.encode(value, f"data[{place}]")
            raise
        if data and (most := max(map(len, data))) > MAX_BYTES:
            raise too_large(most, f"data[{[*map(len, data)].index(most)}]")
        return data

    def _chosen(self, ids: Iterable[str], count: int) -> list[str]:
        found = [checked("id", id) for id in in_order("ids", ids, "names, one for each job")]
        if len(found) != count:
            raise BadArgument(f"ids: {len(found)}, not as many as there are jobs, {count}")
        return found

    def _queue_for(self, value: Any, queue: str | None) -> str:
        name = queue
        if name is None:
            name = self._routed(value) if self._route else self._queue
        if not isinstance(name, str) or name not in self._queue_keys:
            self._queue_keys[checked("queue", name)] = self._keys.queue(name)
        return name

    def _routed(self, value: Any) -> str:
        try:
            return self._route(value) if self._route else self._queue
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise BadArgument(f"route: it chose no queue for a job, but raised {why}") from error

    def _jobs_calls(
        self,
        groups: Sequence[SubmitGroup],
        *,
        ids: Sequence[str],
        data: Sequence[bytes],
        chosen: bool,
    ) -> Iterator[JobsCall[J]]:
        """Make the calls of all groups; ids and data are those of all values."""
        for group in groups:
            for places in split(group.places, data):
                names = [ids[place] for place in places]
                items: list[Arg] = [b""] * (2 * len(places))
                items[::2], items[1::2] = names, [data[place] for place in places]
                jobs, known = self._jobs(group.queue, names, chosen=chosen)
                yield self._jobs_call(group.queue, group.options, items, jobs, known, places)

    def _jobs_call(
        self,
        queue: str,
        options: str,
        items: list[Arg],
        jobs: list[J],
        known: frozenset[int],
        places: Sequence[int],
    ) -> JobsCall[J]:
        key = self._queue_keys[queue]
        call = self._mode.submit_items(key, items, client=self._client, options=options)
        return JobsCall(call, jobs, places, known)

    def _jobs(self, queue: str, ids: list[str], *, chosen: bool) -> tuple[list[J], frozenset[int]]:
        """Make a job for each id, or take the job that is pending here already. Returns the jobs,
        and the positions of those that were taken."""
        if not chosen:
            jobs = [*map(self._kind, ids, repeat(queue), repeat(self._source))]
            self._pending.add(queue, jobs)
            return jobs, NONE
        tracked = [self._pending.track(queue, id, self._make) for id in ids]
        jobs = [job for job, _ in tracked]
        note(jobs, PresenceEvent.SUBMITTED)
        return jobs, frozenset(at for at, (_, made) in enumerate(tracked) if not made)


def grouped(kinds: Iterable[K]) -> dict[K, Sequence[int]]:
    """Return the positions of each kind."""
    found: dict[K, list[int]] = {}
    for place, kind in enumerate(kinds):
        found.setdefault(kind, []).append(place)
    return dict(found)
