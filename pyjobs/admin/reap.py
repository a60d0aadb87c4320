"""The plan that puts stuck jobs back, queue by queue, until there is no more to do.

The scripts decide what is stuck. Which queues there are, which call each queue needs, and what the
calls did may live here.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pyjobs.admin.plan import Plan
from pyjobs.admin.plans import queues
from pyjobs.admin.queues import no_queue
from pyjobs.engine import (
    OPERATOR,
    Call,
    Keys,
    ModeName,
    QueueStats,
    Reaped,
    Recoverable,
    Reliable,
    mode_named,
)
from pyjobs.errors import BadArgument, Forbidden, PyjobsError, Unavailable
from pyjobs.validate import integer, name_list, to_ms, wait_seconds


@dataclass
class ReapedQueue:
    """Holds what a reap did to one queue.

    Attributes:
        queue: the queue's name.
        mode: the name of its mode, '' when nothing was ever submitted to it.
        put_back: how many jobs were put back.
        promoted: how many delayed jobs joined the queue.
        dead: how many jobs died.
        dead_ids: their ids.
        more: whether the time was over while there was more to do.
        skipped: why nothing was done, where that is no error.
        error: why nothing more was done, where that is an error.
    """

    queue: str
    mode: str
    put_back: int = 0
    promoted: int = 0
    dead: int = 0
    dead_ids: list[str] = field(default_factory=list)
    more: bool = False
    skipped: str | None = None
    error: str | None = None


class _Terms(NamedTuple):
    """Holds the arguments of `reap` that decide on the call of a queue.

    Attributes:
        limit: most jobs of each kind in one call.
        older_than: ms since the claim of jobs of recoverable queues; None leaves them out.
        max_crashes: how many leases of a job may run out; None is the script's number.
        named: whether the operator named the queues: one that can't be reaped is an error then.
        known: the names in the registry.
    """

    limit: int
    older_than: int | None
    max_crashes: int | None
    named: bool
    known: Iterable[str]


def reap(
    keys: Keys,
    named: Iterable[str],
    *,
    mode: ModeName | None,
    older_than: float | None,
    max_crashes: int | None,
    limit: int,
    seconds: float | None,
) -> Plan[list[ReapedQueue]]:
    """Put back the jobs that dead workers held, until no queue has more, or the time is over.

    The queues are called in turn, one call each. What goes wrong with one queue is noted in its
    `error`, and the other queues go on. Simple queues have nothing to put back.

    The arguments are those of `Admin.reap`, which says what is raised.
    """
    integer("limit", limit)
    if max_crashes is not None:
        integer("max_crashes", max_crashes)
    wait = wait_seconds("seconds", seconds)
    until = math.inf if wait is None else time.monotonic() + wait
    age = to_ms("older_than", older_than)
    chosen = tuple(dict.fromkeys(name_list("queues", named, "queue")))
    if mode and not chosen:
        raise BadArgument("mode: it is for named queues only")
    known = yield from queues(keys)
    wanted = chosen or tuple(known)
    rows = [
        _row(name, found, mode, known)
        for name, found in zip(
            wanted, (yield [OPERATOR.stats(keys.queue(name)) for name in wanted]), strict=True
        )
    ]
    terms = _Terms(limit, age, max_crashes, named=bool(chosen), known=known)
    yield from _reap(_calls(keys, rows, terms), until)
    return rows


def _row(
    name: str, found: QueueStats | PyjobsError, mode: ModeName | None, known: Mapping[str, str]
) -> ReapedQueue:
    """Return the row of a queue to which nothing was done yet.

    Raises:
        Unavailable: Redis can't be reached.
        Forbidden: Redis's access rules forbid to ask.
    """
    if isinstance(found, Unavailable | Forbidden):
        raise found
    if isinstance(found, PyjobsError):
        return ReapedQueue(name, mode or known.get(name, ""), error=str(found))
    if mode and found.mode and mode != found.mode:
        return ReapedQueue(name, found.mode, error=f"queue {name} is {found.mode}, not {mode}")
    return ReapedQueue(name, mode or found.mode or known.get(name, ""))


def _calls(
    keys: Keys, rows: Sequence[ReapedQueue], terms: _Terms
) -> list[tuple[ReapedQueue, Call[Reaped]]]:
    """Return the call to repeat for each queue that has one."""
    calls = []
    for row in rows:
        if row.error:
            continue
        with _noting(row):
            call = _call(row, keys.queue(row.queue), terms)
            if call is not None:
                row.more = True
                calls.append((row, call))
    return calls


def _call(row: ReapedQueue, key: str, terms: _Terms) -> Call[Reaped] | None:
    """Return the call to repeat for a queue, or None where there is nothing to call.

    Raises:
        BadArgument: the call needs what is not known.
    """
    if not row.mode:
        missing = no_queue(row.queue, terms.known)
        if terms.named:
            raise missing
        row.skipped = str(missing)
        return None
    mode = mode_named(row.mode)
    if isinstance(mode, Reliable):
        return mode.reap(key, limit=terms.limit, max_crashes=terms.max_crashes)
    if not isinstance(mode, Recoverable):
        return None
    if terms.older_than is not None:
        return mode.reap(key, limit=terms.limit, older_than=terms.older_than)
    needs = f"queue {row.queue} is recoverable, and needs --older-than SECONDS"
    if terms.named:
        raise BadArgument(needs)
    row.skipped = needs
    return None


def _reap(calls: Sequence[tuple[ReapedQueue, Call[Reaped]]], until: float) -> Plan[None]:
    """Make each call in turn, then again those that have more to do."""
    while calls:
        for row, call in calls:
            if time.monotonic() >= until:
                return
            [reaped] = yield [call]
            with _noting(row):
                if isinstance(reaped, PyjobsError):
                    raise reaped
                row.put_back += len(reaped.put_back)
                row.promoted += reaped.promoted
                row.dead += len(reaped.dead)
                row.dead_ids += reaped.dead
                row.more = reaped.more
        calls = [(row, call) for row, call in calls if row.more]


@contextlib.contextmanager
def _noting(row: ReapedQueue) -> Iterator[None]:
    """Note an error of one queue in its row, unless every queue has the same error."""
    try:
        yield
    except (Unavailable, Forbidden):
        raise
    except PyjobsError as error:
        row.error, row.more = str(error), False
