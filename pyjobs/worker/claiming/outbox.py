"""Outcomes that wait to be recorded, and how they are packed into calls.

Nothing is decided here. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pyjobs.engine import CALL_BYTES, RECORD_ITEMS, Call, Outcome
from pyjobs.worker.run import Run

EndedRun = tuple[Run, Outcome]


class Request(NamedTuple):
    """Holds a call, and the outcomes that it carries; a claim carries none."""

    call: Call[Any]
    ended: list[EndedRun]


class Outbox:
    """Holds the outcomes of one worker until they are put into calls."""

    __slots__ = ("_ended", "_separate")

    def __init__(self) -> None:
        self._ended: list[EndedRun] = []
        self._separate: list[EndedRun] = []

    def __bool__(self) -> bool:
        return bool(self._ended or self._separate)

    def add(self, run: Run, outcome: Outcome) -> None:
        """Add the outcome of a run."""
        self._ended.append((run, outcome))

    def resend(self, ended: Iterable[EndedRun]) -> None:
        """Add outcomes of a call that got no answer."""
        self._ended += ended

    def resend_separately(self, ended: Iterable[EndedRun]) -> None:
        """Add outcomes of a call that was refused: each goes into a call of its own, so that one
        bad outcome can't take the others with it."""
        self._separate += ended

    def drain(self, keys: Sequence[str]) -> Iterator[tuple[str, str, list[EndedRun]]]:
        """Remove all outcomes, and yield (queue key, verb, outcomes) for each call.

        Args:
            keys: the queues' keys, in the order of the runs' `queue_index`.
        """
        groups: dict[tuple[str, str], list[EndedRun]] = defaultdict(list)
        sizes: dict[tuple[str, str], int] = defaultdict(int)
        ended, self._ended = self._ended, []
        for one in ended:
            run, outcome = one
            group = (keys[run.queue_index], outcome.verb)
            if len(groups[group]) == RECORD_ITEMS or sizes[group] > CALL_BYTES:
                yield *group, groups.pop(group)
                sizes.pop(group)
            groups[group].append(one)
            sizes[group] += len(outcome.body)
        for group, part in groups.items():
            yield *group, part
        separate, self._separate = self._separate, []
        for run, outcome in separate:
            yield keys[run.queue_index], outcome.verb, [(run, outcome)]
