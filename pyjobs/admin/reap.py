"""Calling the scripts that put stuck jobs back, queue by queue, until they have no more to do.

The scripts decide what is stuck. Which queues there are, which call each queue needs, and what the
calls did may live here.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pyjobs.admin.queues import no_queue
from pyjobs.engine import MAX_ITEMS, Call, Keys, ModeName, Reaped, Recoverable, Reliable, mode_named
from pyjobs.errors import BadArgument, Forbidden, PyjobsError, QueueFull, Unavailable
from pyjobs.transport import Server, load, modes_of, publish, registered, run
from pyjobs.validate import checked


@dataclass
class ReapedQueue:
    """Holds what a reap did to one queue.

    Attributes:
        queue: the queue's name.
        mode: the name of its mode, '' when nothing was ever submitted to it.
        put_back: how many jobs were put back.
        promoted: how many delayed jobs joined the queue.
        dead: how many jobs died.
        more: whether the time was over while there was more to do.
        skipped: why nothing was done, where that is no error.
        error: why nothing more was done, where that is an error.
    """

    queue: str
    mode: str
    put_back: int = 0
    promoted: int = 0
    dead: int = 0
    more: bool = False
    skipped: str | None = None
    error: str | None = None


class _Terms(NamedTuple):
    """Holds the arguments of `reap_queues` that decide on the call of a queue.

    `named` is whether the operator named the queues: a queue that can't be reaped is an error then.
    `known` has the names in the registry.
    """

    limit: int
    older_than: int | None
    max_crashes: int | None
    named: bool
    known: Iterable[str]


def reap_queues(
    server: Server,
    keys: Keys,
    queues: Iterable[str] = (),
    *,
    mode: ModeName | None = None,
    older_than: int | None = None,
    max_crashes: int | None = None,
    limit: int = MAX_ITEMS,
    until: float = math.inf,
) -> list[ReapedQueue]:
    """Put back the jobs that dead workers held, until no queue has more (<mode>/reap).

    The scripts are loaded and published first, so that programs which only have a sha1 work again
    after a restart of Redis. The queues are called in turn, one call each. What goes wrong with one
    queue is noted in its `error`, and the other queues go on. Simple queues have nothing to put
    back.

    Args:
        server: a connection from `pyjobs.transport.server`.
        keys: the names under the prefix.
        queues: names of queues; none is every queue in the registry.
        mode: mode of the named queues; the queues' own when left out.
        older_than: put back jobs of recoverable queues that were claimed this long ago, ms.
        max_crashes: how many leases of a job of a reliable queue may run out until it is dead.
        limit: most jobs of each kind in one call, 1 to 1000.
        until: when to stop although there is more to do, on the clock of `time.monotonic`.

    Returns:
        What was done, a row for each queue.

    Raises:
        BadArgument: a mode is given and no queue is named.
        Unavailable: Redis can't be reached, or refuses to work.
        Forbidden: Redis's access rules forbid a call.
    """
    names = tuple(dict.fromkeys(queues))
    if mode and not names:
        raise BadArgument("mode: it is for named queues only")
    # Where scripts can't be loaded, the calls carry them.
    with contextlib.suppress(Forbidden):
        load(server)
    # A Redis at its memory limit refuses this write, and must be reaped all the same.
    with contextlib.suppress(QueueFull):
        publish(server, keys)
    known = registered(server, keys)
    wanted = names or tuple(known)
    for name in wanted:
        checked("queue", name)
    modes = modes_of(server, keys, wanted)
    rows = [
        ReapedQueue(name, mode or own or known.get(name, ""))
        if not (mode and own) or mode == own
        else ReapedQueue(name, own, error=f"queue {name} is {own}, not {mode}")
        for name, own in zip(wanted, modes, strict=True)
    ]
    terms = _Terms(limit, older_than, max_crashes, named=bool(names), known=known)
    _reap(server, _calls(keys, rows, terms), until)
    return rows


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


def _reap(server: Server, calls: Sequence[tuple[ReapedQueue, Call[Reaped]]], until: float) -> None:
    """Make each call in turn, then again those that have more to do."""
    while calls:
        for row, call in calls:
            if time.monotonic() >= until:
                return
            with _noting(row):
                reaped = run(server, call)
                row.put_back += len(reaped.put_back)
                row.promoted += reaped.promoted
                row.dead += len(reaped.dead)
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
