"""Calls about many jobs, each with the jobs that it is about. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, NamedTuple

from pyjobs.client.pending import J
from pyjobs.engine import CALL_BYTES, SUBMIT_ITEMS, Call
from pyjobs.errors import OutcomeUnknown, PyjobsError


class Item(NamedTuple):
    """One job to submit: the name of its queue, the options argument, its id and its data."""

    queue: str
    options: str
    id: str
    data: bytes
    # Whether the id was chosen: there may be a job of it already.
    chosen: bool


class Chunk(NamedTuple, Generic[J]):
    """One call about some jobs, and for a submit which of the given values they are."""

    call: Call[Any]
    jobs: list[J]
    places: Sequence[int] = ()


class Batch(Generic[J]):
    """One submit: its jobs in the order of their values, and the calls that it takes.

    Each call and its jobs are made when they are asked for: while Redis works on the one before.
    """

    def __init__(self, count: int) -> None:
        self.jobs: list[J] = [None] * count  # type: ignore[list-item]
        self.calls = Calls(self)
        self._makers: list[Callable[[], Chunk[J]]] = []
        self._made: dict[int, Chunk[J]] = {}

    def add(self, make: Callable[[], Chunk[J]]) -> None:
        """One more call, and how it is made."""
        self._makers.append(make)

    def __len__(self) -> int:
        return len(self._makers)

    def chunk(self, number: int) -> Chunk[J]:
        """The call of this number, with its jobs."""
        made = self._made.get(number)
        if made is None:
            made = self._made[number] = self._makers[number]()
            for place, job in zip(made.places, made.jobs, strict=True):
                self.jobs[place] = job
        return made

    @property
    def made(self) -> list[Chunk[J]]:
        """Those that somebody has asked for."""
        return list(self._made.values())

    @property
    def chunks(self) -> list[Chunk[J]]:
        """All of them."""
        return [self.chunk(number) for number in range(len(self))]


class Calls(Sequence[Call[Any]]):
    """The calls of a batch."""

    def __init__(self, batch: Batch[Any]) -> None:
        self._batch = batch

    def __len__(self) -> int:
        return len(self._batch)

    def __getitem__(self, number: Any) -> Any:
        return self._batch.chunk(number).call


def parts(places: Sequence[int], data: Sequence[bytes]) -> Iterator[Sequence[int]]:
    """`places` of `data` in parts that make one call each, within the limits of good sense."""
    begin = total = 0
    for at, place in enumerate(places):
        size = len(data[place])
        if at - begin == SUBMIT_ITEMS or (total and total + size > CALL_BYTES):
            yield places[begin:at]
            begin, total = at, 0
        total += size
    if begin < len(places):
        yield places[begin:]


def refused(batch: Batch[Any], answers: Sequence[Any]) -> PyjobsError:
    """The first error among `answers`, or an OutcomeUnknown where there is one: its `ids` are the
    jobs that nobody knows of, and `accepted` those that were accepted all the same."""
    errors = [answer for answer in answers if isinstance(answer, PyjobsError)]
    unknown = [error for error in errors if isinstance(error, OutcomeUnknown)]
    accepted: dict[int, str] = {}
    ids: dict[int, str] = {}
    for chunk, answer in zip(batch.chunks, answers, strict=True):
        places = zip(chunk.places, chunk.jobs, strict=True)
        if not isinstance(answer, PyjobsError):
            accepted |= {at: batch.jobs[at].id for at, _ in places if batch.jobs[at].accepted}
            continue
        if isinstance(answer, OutcomeUnknown):
            ids |= {at: job.id for at, job in places}
    error = (unknown or errors)[0]
    error.accepted = in_order(accepted)
    if isinstance(error, OutcomeUnknown):
        error.ids = in_order(ids)
    return error


def in_order(ids: dict[int, str]) -> tuple[str, ...]:
    return tuple(ids[place] for place in sorted(ids))
