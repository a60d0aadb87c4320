"""What an operator asks of the counters of queues, as plans. Nothing is sent here."""

from __future__ import annotations

from dataclasses import replace

from pyjobs.admin.plan import Plan
from pyjobs.admin.plans import queues, stats
from pyjobs.engine import (
    KEPT_MINUTES,
    MOST_MINUTES,
    Counters,
    Keys,
    read_counters,
    set_counting,
)
from pyjobs.errors import PyjobsError
from pyjobs.validate import count, flag


def counters(keys: Keys, queue: str, minutes: int, skip: int, each: bool) -> Plan[Counters]:
    """Read the counters of some minutes of a queue, in as many calls as it takes.

    Raises:
        BadArgument: a number is out of its bounds, or nothing was ever submitted to the queue.
    """
    left, passed = count("minutes", minutes, 1, KEPT_MINUTES), count("skip", skip, 0, KEPT_MINUTES)
    flag("each", each)
    yield from stats(keys, queue)
    key = keys.queue(queue)
    found: Counters | None = None
    while found is None or (left > 0 and passed <= KEPT_MINUTES):
        part: Counters = yield read_counters(
            key, skip=passed, minutes=min(left, MOST_MINUTES), each=each
        )
        left, passed = left - part.minutes, passed + part.minutes
        if found is None:
            found = part
        else:
            found = replace(
                found,
                minutes=found.minutes + part.minutes,
                span=found.span + part.span,
                rows=found.rows + part.rows,
            )
    return found


def all_counters(keys: Keys, minutes: int) -> Plan[dict[str, Counters | PyjobsError]]:
    """Read the counters of the last minutes, 60 at most, of every queue of the registry.

    A queue that could not be read has its error. Where tasks are many, fewer minutes are read.

    Raises:
        BadArgument: the number is out of its bounds.
    """
    count("minutes", minutes, 1, MOST_MINUTES)
    names = list((yield from queues(keys)))
    answers = yield [read_counters(keys.queue(name), minutes=minutes) for name in names]
    return dict(zip(names, answers, strict=True))


def switch(keys: Keys, queue: str, counting: bool) -> Plan[bool]:
    """Switch the counters of a queue on or off; return whether that changed anything.

    Raises:
        BadArgument: nothing was ever submitted to the queue, or `counting` is no bool.
    """
    flag("on", counting)
    yield from stats(keys, queue)
    return bool((yield set_counting(keys.queue(queue), counting)))
