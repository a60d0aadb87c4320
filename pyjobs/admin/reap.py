"""Calling the scripts that put stuck jobs back, until they have nothing more to do.

What is stuck is decided by the scripts. Only which call a queue needs, and what came of it, may
live here.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pyjobs.engine import Call, Keys, Reaped, Recoverable, Reliable, mode_named
from pyjobs.errors import BadArgument, Forbidden, PyjobsError, Unavailable
from pyjobs.transport import Server, run


class Terms(NamedTuple):
    """What the calls are given.

    Attributes:
        limit: most jobs of each kind in one call.
        older_than: ms since the claim, for recoverable queues; None when it was not given.
        max_crashes: leases that may run out until a job is dead, for reliable queues.
        named: whether the user named the queues; then one that can't be reaped is an error.
    """

    limit: int
    older_than: int | None
    max_crashes: int | None
    named: bool


@dataclass
class Row:
    """One queue, and what was done about it.

    Attributes:
        queue: its name.
        mode: its mode's name, '' when nobody knows it.
        put_back, promoted, dead: how many jobs.
        more: whether the time limit left something to do.
        skipped: why nothing was done, where that is no error.
        error: what went wrong.
    """

    queue: str
    mode: str
    put_back: int = 0
    promoted: int = 0
    dead: int = 0
    more: bool = False
    skipped: str | None = None
    error: str | None = None

    def add(self, reaped: Reaped) -> None:
        self.put_back += len(reaped.put_back)
        self.promoted += reaped.promoted
        self.dead += len(reaped.dead)
        self.more = reaped.more

    @contextlib.contextmanager
    def noting(self) -> Iterator[None]:
        """What goes wrong with this queue is noted, and the others go on."""
        try:
            yield
        except (Unavailable, Forbidden):
            raise
        except PyjobsError as error:
            self.error, self.more = str(error), False


def reap_all(server: Server, keys: Keys, rows: Sequence[Row], terms: Terms, until: float) -> None:
    """One call for each queue in turn, then again for those that have more, until none has.

    Args:
        until: when to stop all the same, on the monotonic clock.

    Raises:
        Unavailable: Redis can't be reached; what a queue alone has is noted in its row.
    """
    calls: list[tuple[Row, Call[Reaped]]] = []
    for row in rows:
        with row.noting():
            call = call_for(row, keys.queue(row.queue), terms)
            if call is not None:
                row.more = True
                calls.append((row, call))
    while calls:
        for row, call in calls:
            if time.monotonic() >= until:
                return
            with row.noting():
                row.add(run(server, call))
        calls = [(row, call) for row, call in calls if row.more]


def call_for(row: Row, queue: str, terms: Terms) -> Call[Reaped] | None:
    """The call to repeat for a queue; None when there is nothing to call.

    Raises:
        BadArgument: something that it needs is not known.
    """
    if not row.mode:
        raise BadArgument(f"queue {row.queue} is not in the registry; tell its mode with --mode")
    mode = mode_named(row.mode)
    if isinstance(mode, Reliable):
        return mode.reap(queue, limit=terms.limit, max_crashes=terms.max_crashes)
    if not isinstance(mode, Recoverable):
        return None
    if terms.older_than is not None:
        return mode.reap(queue, limit=terms.limit, older_than=terms.older_than)
    needs = f"queue {row.queue} is recoverable, and needs --older-than SECONDS"
    if terms.named:
        raise BadArgument(needs)
    row.skipped = needs
    return None
