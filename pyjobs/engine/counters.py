"""The counters of a queue: the verbs that read and switch them, and what they say. Nothing else may
live here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pyjobs.engine.call import Call
from pyjobs.engine.scripts import script
from pyjobs.engine.views import text_of

OTHERS = "~"
MOST_MINUTES = 60
KEPT_MINUTES = 4320


@dataclass(frozen=True)
class Times:
    """Holds how long many waits or runs took.

    Attributes:
        count: how many there are.
        total: their sum, ms.
        bounds: bound, ms -> how many were below the bound, and not below half of the bound.
    """

    count: int = 0
    total: int = 0
    bounds: Mapping[int, int] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """The mean, ms; 0.0 when there is none."""
        return self.total / self.count if self.count else 0.0

    def quantile(self, part: float) -> float:
        """Return the time, ms, that this part of them did not exceed; 0.0 when there is none.

        Only the two powers of two around the time are known. Between them the times count as
        spread evenly.

        Args:
            part: 0.0 to 1.0, such as 0.95.
        """
        wanted, seen = part * self.count, 0
        for bound, count in sorted(self.bounds.items()):
            if seen + count >= wanted and count:
                low = bound / 2 if bound > 1 else 0.0
                return low + (bound - low) * max(wanted - seen, 0.0) / count
            seen += count
        return 0.0


@dataclass(frozen=True)
class Counted:
    """Holds what was counted of a task, or of several tasks, in a span of time.

    Attributes:
        submitted: jobs that joined the queue, by submits and schedules.
        claimed: claims of jobs, those that came again included.
        done: runs that ended well.
        failed: runs whose worker reported an error.
        retried: of these, runs after which the job is tried again.
        snoozed: runs that put their job off, or go on later.
        released: jobs that were handed back.
        crashed: leases that ran out; in recoverable mode jobs that were reaped.
        dead: jobs that died, for any reason.
        cancelled: jobs that were cancelled, purged or deleted before their end.
        expired: jobs that were not claimed in time.
        requeued: dead jobs that got another life.
        wait: from submit to claim, of first claims; not of jobs that were delayed.
        run: from claim to end, of runs that ended well.
        fail: from claim to end, of runs that failed.
    """

    submitted: int = 0
    claimed: int = 0
    done: int = 0
    failed: int = 0
    retried: int = 0
    snoozed: int = 0
    released: int = 0
    crashed: int = 0
    dead: int = 0
    cancelled: int = 0
    expired: int = 0
    requeued: int = 0
    wait: Times = Times()
    run: Times = Times()
    fail: Times = Times()


PLAIN = (
    *("submitted", "retried", "snoozed", "released", "crashed", "dead", "cancelled", "expired"),
    "requeued",
)


def counted(values: Iterable[tuple[str, int]]) -> Counted:
    """Return what counters say together.

    Args:
        values: name and value of each counter. Those of one name are added up.
    """
    sums: dict[str, int] = {}
    for name, value in values:
        sums[name] = sums.get(name, 0) + value
    times = {}
    for what in ("wait", "run", "fail"):
        bounds = {
            int(name.partition("<")[2]): value
            for name, value in sums.items()
            if name.startswith(f"{what}<")
        }
        times[what] = Times(sum(bounds.values()), sums.get(what, 0), bounds)
    return Counted(
        claimed=times["wait"].count + sums.get("again", 0),
        done=times["run"].count,
        failed=times["fail"].count,
        wait=times["wait"],
        run=times["run"],
        fail=times["fail"],
        **{name: sums.get(name, 0) for name in PLAIN},
    )


class Counter(NamedTuple):
    """Holds one counter.

    Attributes:
        minute: when its minute began, ms since the epoch; of a sum, the first minute.
        task: the name of its task; '' is bare jobs, and '~' all tasks beyond the first hundred.
        name: what was counted, such as 'submitted' or 'wait<128'.
        value: how many, or how many ms.
    """

    minute: int
    task: str
    name: str
    value: int


@dataclass(frozen=True)
class Counters:
    """Holds the counters of a queue over some minutes.

    Attributes:
        now: when they were read, ms since the epoch.
        counting: whether the queue counts.
        minutes: how many minutes were read.
        span: how much time these minutes are, ms: the present one has only begun.
        rows: the counters.
    """

    now: int
    counting: bool
    minutes: int
    span: int
    rows: list[Counter]

    def total(self) -> Counted:
        """Return what was counted of all tasks together."""
        return counted((row.name, row.value) for row in self.rows)

    def tasks(self) -> dict[str, Counted]:
        """Return what was counted, by task: '' is bare jobs, '~' tasks beyond the first hundred."""
        found: dict[str, list[tuple[str, int]]] = {}
        for row in self.rows:
            found.setdefault(row.task, []).append((row.name, row.value))
        return {task: counted(values) for task, values in sorted(found.items())}

    def by_minute(self) -> dict[int, Counted]:
        """Return what was counted of all tasks, by minute: ms since the epoch, the first first."""
        found: dict[int, list[tuple[str, int]]] = {}
        for row in self.rows:
            found.setdefault(row.minute, []).append((row.name, row.value))
        return {minute: counted(values) for minute, values in sorted(found.items())}

    def rate(self, count: int) -> float:
        """Return how many a minute so many are."""
        return count * 60_000 / self.span if self.span else 0.0


def read_counters(
    queue: str, *, skip: int = 0, minutes: int = 5, each: bool = False
) -> Call[Counters]:
    """Return the call that reads the counters of some minutes (queue/counters).

    Args:
        queue: the queue's key.
        skip: minutes to pass over, 0 to 4320; 0 begins with the present one.
        minutes: most minutes to read, 1 to 60.
        each: whether each minute comes by itself; else they are added up.
    """
    used = script("queue/counters")
    options = used.choose(each=1 if each else None)
    words = used.bind(skip=skip, minutes=minutes, options=options)

    def parse(reply: Any) -> Counters:
        now, counting, read, *rows = reply
        span = read * 60_000 - (60_000 - now % 60_000 if skip == 0 else 0)
        named = [Counter(at, text_of(task), text_of(name), value) for at, task, name, value in rows]
        return Counters(now, counting == 1, read, max(span, 1), named)

    return Call(used, (queue,), words, parse)


def set_counting(queue: str, counting: bool) -> Call[bool]:
    """Return the call that switches the counters of a queue on or off (queue/counting).

    The reply is whether that changed anything.

    Args:
        queue: the queue's key.
        counting: whether the queue counts.
    """
    used = script("queue/counting")
    words = used.bind(counting="on" if counting else "off")
    return Call(used, (queue,), words, lambda reply: bool(reply == b"changed"))
