"""Endings that wait to be recorded, and how they are put into calls. Nothing is decided here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pyjobs.engine import CALL_BYTES, RECORD_ITEMS, Call, Outcome
from pyjobs.worker.job import ClaimedJob

Ended = tuple[ClaimedJob, Outcome]


class Request(NamedTuple):
    """A call and the outcomes that it carries; none for a claim."""

    call: Call[Any]
    ended: list[Ended]


class Outbox:
    """The outcomes of one worker."""

    __slots__ = ("_alone", "_ended")

    def __init__(self) -> None:
        self._ended: list[Ended] = []
        self._alone: list[Ended] = []

    def __bool__(self) -> bool:
        return bool(self._ended or self._alone)

    def add(self, job: ClaimedJob, outcome: Outcome) -> None:
        self._ended.append((job, outcome))

    def again(self, ended: Iterable[Ended]) -> None:
        """These got no answer."""
        self._ended += ended

    def one_by_one(self, ended: Iterable[Ended]) -> None:
        """One of these is refused, and the others must not be lost with it."""
        self._alone += ended

    def empty(self, keys: Sequence[str]) -> Iterator[tuple[str, str, list[Ended]]]:
        """All of them, by queue and verb, each part within the limits of a call.

        Args:
            keys: the queues' keys, as the jobs' `queue_index` counts them.
        """
        groups: dict[tuple[str, str], list[Ended]] = defaultdict(list)
        sizes: dict[tuple[str, str], int] = defaultdict(int)
        ended, self._ended = self._ended, []
        for one in ended:
            job, outcome = one
            group = (keys[job.queue_index], outcome.verb)
            if len(groups[group]) == RECORD_ITEMS or sizes[group] > CALL_BYTES:
                yield *group, groups.pop(group)
                sizes.pop(group)
            groups[group].append(one)
            sizes[group] += len(outcome.body)
        for group, part in groups.items():
            yield *group, part
        alone, self._alone = self._alone, []
        for job, outcome in alone:
            yield keys[job.queue_index], outcome.verb, [(job, outcome)]
