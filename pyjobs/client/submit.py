"""From values to the calls that submit them, and their jobs. Nothing here sends or waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from pyjobs import codec
from pyjobs.client.batch import Batch, Chunk, Item, parts
from pyjobs.client.options import options_text
from pyjobs.client.pending import J, Pending
from pyjobs.engine import MAX_BYTES, Arg, Call, Keys, Script
from pyjobs.errors import BadArgument
from pyjobs.ids import new_id, new_ids
from pyjobs.validate import checked

Route = Callable[[Any], str]
K = TypeVar("K")
ONE = (0,)


class SubmitBuilder(Generic[J]):
    """How one client submits.

    Args:
        script: the mode's submit.
        client: who is told the results.
        make: makes a job of (id, queue name).
        pending: where the jobs wait.
        keys: the names under the prefix.
        queue: where jobs go that name no queue and are not routed.
        route: chooses a queue by a job's data.
    """

    def __init__(
        self,
        script: Script,
        client: str,
        make: Callable[[str, str], J],
        pending: Pending[J],
        keys: Keys,
        queue: str,
        route: Route | None,
    ) -> None:
        self._submit = script
        self._client = client
        self._make = make
        self._pending = pending
        self._keys = keys
        self._queue = queue
        self._route = route
        self._queues: dict[str, str] = {}

    def prepare(
        self,
        values: Iterable[Any],
        queue: str | None,
        ids: Iterable[str] | None,
        options: Mapping[str, Any],
    ) -> Batch[J]:
        """What submits these values: calls that keep to the limits of the script. All is checked
        before anything can be sent."""
        text = options_text(self._submit, options)
        if isinstance(values, (str, bytes, Mapping)):
            raise BadArgument(f"data: a {type(values).__name__}, not a list of jobs' data")
        values = list(values)
        data = self._encoded(values)
        chosen = None if ids is None else self._chosen(ids, len(data))
        spread: dict[str, Sequence[int]] = {}
        if queue is not None or self._route is None:
            spread[self._queue_for(None, queue)] = range(len(data))
        else:
            spread = grouped([self._queue_for(value, None) for value in values])
        batch: Batch[J] = Batch(len(data))
        named = new_ids(len(data)) if chosen is None else chosen
        for name, places in spread.items():
            self._fill(batch, name, text, places, named, data, chosen=chosen is not None)
        return batch

    def item(
        self, value: Any, queue: str | None, id: str | None, options: Mapping[str, Any]
    ) -> Item:
        """One value to submit, checked."""
        text = options_text(self._submit, options) if options else ""
        data = codec.encode(value)
        if len(data) > MAX_BYTES:
            raise too_large(len(data))
        name = self._queue_for(value, queue)
        named = new_id() if id is None else checked("id", id)
        return Item(name, text, named, data, id is not None)

    def single(
        self, value: Any, queue: str | None, id: str | None, options: Mapping[str, Any]
    ) -> Batch[J]:
        """The same as a call of its own, the short way."""
        return self.together([self.item(value, queue, id, options)])

    def together(self, items: Sequence[Item]) -> Batch[J]:
        """The calls that submit these items."""
        batch: Batch[J] = Batch(len(items))
        if len(items) == 1:
            # As a rule it is one, which needs no sorting.
            batch.add(partial(self._lone, items[0]))
            return batch
        ids = [item.id for item in items]
        data = [item.data for item in items]
        chosen = any(item.chosen for item in items)
        for (name, text), places in grouped([item[:2] for item in items]).items():
            self._fill(batch, name, text, places, ids, data, chosen=chosen)
        return batch

    def _encoded(self, values: Iterable[Any]) -> list[bytes]:
        data = list(map(codec.encode, values))
        if data and (most := max(map(len, data))) > MAX_BYTES:
            raise too_large(most)
        return data

    def _chosen(self, ids: Iterable[str], count: int) -> list[str]:
        found = [checked("id", id) for id in ids]
        if len(found) != count:
            raise BadArgument(f"ids: {len(found)}, not as many as there are jobs, {count}")
        return found

    def _queue_for(self, value: Any, queue: str | None) -> str:
        name = queue
        if name is None:
            name = self._route(value) if self._route else self._queue
        if not isinstance(name, str) or name not in self._queues:
            self._queues[checked("queue", name)] = self._keys.queue(name)
        return name

    def _fill(
        self,
        batch: Batch[J],
        name: str,
        text: str,
        places: Sequence[int],
        ids: Sequence[str],
        data: Sequence[bytes],
        *,
        chosen: bool,
    ) -> None:
        """Add the calls that submit what is at these places."""
        for part in parts(places, data):
            batch.add(partial(self._chunk, name, text, part, ids, data, chosen))

    def _lone(self, item: Item) -> Chunk[J]:
        jobs = self._jobs(item.queue, [item.id], chosen=True)
        return Chunk(self._call(item.queue, item.options, [item.id, item.data]), jobs, ONE)

    def _chunk(
        self,
        name: str,
        text: str,
        part: Sequence[int],
        ids: Sequence[str],
        data: Sequence[bytes],
        chosen: bool,
    ) -> Chunk[J]:
        names = [ids[place] for place in part]
        jobs = self._jobs(name, names, chosen=chosen)
        items: list[Arg] = [b""] * (2 * len(part))
        items[::2], items[1::2] = names, [data[place] for place in part]
        return Chunk(self._call(name, text, items), jobs, part)

    def _call(self, name: str, text: str, items: list[Arg]) -> Call[list[bytes]]:
        args = self._submit.bind(items, client=self._client, options=text)
        return Call(self._submit, (self._queues[name],), args, as_it_is)

    def _jobs(self, queue: str, ids: list[str], *, chosen: bool) -> list[J]:
        """A job for each id; one that is pending here already stays the only one of its id."""
        make = self._make
        if chosen:
            jobs = [self._pending.track(queue, id, make) for id in ids]
            for job in jobs:
                # While its submit is under way, nobody can tell that it is not there.
                job.accepted = job.accepted or False
            return jobs
        jobs = [make(id, queue) for id in ids]
        self._pending.add(queue, jobs)
        return jobs


def too_large(size: int) -> BadArgument:
    return BadArgument(f"data: {size} bytes, more than {MAX_BYTES}")


def grouped(kinds: Iterable[K]) -> dict[K, Sequence[int]]:
    """At which places each kind is."""
    found: dict[K, list[int]] = {}
    for place, kind in enumerate(kinds):
        found.setdefault(kind, []).append(place)
    return dict(found)


def as_it_is(reply: Any) -> list[bytes]:
    """Id and outcome of each; they are seldom worth more than a look."""
    found: list[bytes] = reply
    return found
