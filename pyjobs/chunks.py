"""Calls about many jobs, each with the jobs that it is about. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

from pyjobs.call import Call
from pyjobs.errors import OutcomeUnknown, PyjobsError
from pyjobs.job import BaseJob
from pyjobs.verbs import MAX_ITEMS

J = TypeVar("J", bound=BaseJob)
ROUND_TRIP = 8
CALL_BYTES = 4 * 1024 * 1024


class Part:
    """What goes into one submit, within the limits of the script and of good sense."""

    __slots__ = ("_bytes", "items", "places")

    def __init__(self) -> None:
        self.places: list[int] = []
        self.items: list[tuple[str, bytes]] = []
        self._bytes = 0

    def has_room(self, data: bytes) -> bool:
        return len(self.items) < MAX_ITEMS and self._bytes + len(data) <= CALL_BYTES

    def add(self, place: int, id: str, data: bytes) -> None:
        self.places.append(place)
        self.items.append((id, data))
        self._bytes += len(data)


class Chunk(NamedTuple, Generic[J]):
    """One call about some jobs, and for a submit which of the given values they are."""

    call: Call[Any]
    jobs: list[J]
    places: Sequence[int] = ()


def groups(chunks: Sequence[Chunk[J]]) -> Iterator[Sequence[Chunk[J]]]:
    """As many as go in one round trip."""
    return (chunks[at : at + ROUND_TRIP] for at in range(0, len(chunks), ROUND_TRIP))


def in_order(handed: list[tuple[int, J]]) -> list[J]:
    """Jobs in the order in which their values were given."""
    return [job for _, job in sorted(handed, key=itemgetter(0))]


def named(error: PyjobsError, chunks: Sequence[Chunk[J]]) -> PyjobsError:
    """The error of a submit; one whose outcome is unknown names the jobs that it is about."""
    if isinstance(error, OutcomeUnknown):
        error.ids = tuple(job.id for chunk in chunks for job in chunk.jobs)
    return error
