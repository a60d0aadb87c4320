"""What it means for a queue that is split to make a schedule. Nothing here sends or waits.

A schedule whose jobs have a unique key is in the part of the key, and any other in the first part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyjobs.engine import (
    MAX_ITEMS,
    Call,
    PartKey,
    Parts,
    StoredSchedule,
    hash_of,
    hashed_by,
    list_schedules,
    pause_schedules,
    remove_schedules,
)
from pyjobs.errors import PyjobsError, WrongParts
from pyjobs.transport.part_totals import GROWTH_PAUSES, PartsPlan, clone, first_error


def schedule(call: Call[Any], parts: Parts | None) -> PartsPlan:
    """Make a schedule in its part. One of the same name in another part goes, and stays paused."""
    queue, names = call.keys[0], call.script.names
    options, name = (str(call.args[names.index(one)]) for one in ("options", "schedule"))
    unique = hashed_by(options)
    answer: Any = None
    for pause in GROWTH_PAUSES:
        if pause:
            yield pause
        if parts is None:
            parts = yield queue
        if parts.number == 1:
            [answer] = yield [call]
        else:
            keys = parts.keys(queue)
            own = keys[0 if unique is None else hash_of(unique) % parts.number]
            made = clone(call, own, options=f"{options} parts={parts.number}".lstrip())
            elsewhere = yield from _found(name, [key for key in keys if key != own])
            if isinstance(elsewhere, PyjobsError):
                return elsewhere
            answer = yield from _moved(made, name, elsewhere)
        if not isinstance(answer, WrongParts):
            return answer
        parts = None
    return answer


def _found(name: str, keys: Sequence[PartKey]) -> PartsPlan:
    """Return the parts that have a schedule of this name, each with the schedule; or an error."""
    found: dict[PartKey, StoredSchedule] = {}
    for key in keys:
        skip, total = 0, 1
        while skip < total:
            [page] = yield [list_schedules(key, skip=skip, limit=MAX_ITEMS)]
            if isinstance(page, PyjobsError):
                return page
            for one in page.schedules:
                if one.name == name:
                    found[key] = one
            skip, total = skip + MAX_ITEMS, page.total
    return found


def _moved(made: Call[Any], name: str, elsewhere: dict[PartKey, StoredSchedule]) -> PartsPlan:
    """Make a schedule, and then remove those of other parts: what is refused takes nothing away,
    and the same call carries on where this broke off."""
    [answer] = yield [made]
    if isinstance(answer, PyjobsError) or not elsewhere:
        return answer
    after: list[Call[Any]] = [remove_schedules(key, [name]) for key in elsewhere]
    if any(one.paused for one in elsewhere.values()):
        # The answer of the last call says that a paused schedule has no next moment.
        after += [pause_schedules(made.keys[0], [name]), made]
    answers = yield after
    error = first_error(answers)
    return error or (answers[-1] if after[-1] is made else answer)._replace(outcome="changed")
