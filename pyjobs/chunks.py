"""Calls about many jobs, each with the jobs that it is about. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, NamedTuple

from pyjobs.call import Call
from pyjobs.pending import J

# A script runs for about a millisecond then, and Redis and Python overlap.
CHUNK_ITEMS = 250
CALL_BYTES = 4 * 1024 * 1024


class Item(NamedTuple):
    """One job to submit: the name of its queue, the options argument, its id and its data."""

    queue: str
    words: str
    id: str
    data: bytes
    # Whether the id was chosen: there may be a job of it already.
    chosen: bool


class Chunk(NamedTuple, Generic[J]):
    """One call about some jobs, and for a submit which of the given values they are."""

    call: Call[Any]
    jobs: list[J]
    places: Sequence[int] = ()


class Batch(NamedTuple, Generic[J]):
    """One submit: its jobs in the order of their values, and the calls that it takes."""

    jobs: list[J]
    chunks: list[Chunk[J]]

    @property
    def calls(self) -> list[Call[Any]]:
        return [chunk.call for chunk in self.chunks]


def parts(places: Sequence[int], data: Sequence[bytes]) -> Iterator[Sequence[int]]:
    """`places` of `data` in parts that make one call each, within the limits of good sense."""
    begin = total = 0
    for at, place in enumerate(places):
        size = len(data[place])
        if at - begin == CHUNK_ITEMS or (total and total + size > CALL_BYTES):
            yield places[begin:at]
            begin, total = at, 0
        total += size
    if begin < len(places):
        yield places[begin:]
