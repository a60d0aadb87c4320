"""How the command line shows counters: what happened in the last minutes, in cells and as JSON.

No command of its own may live here.
"""

from __future__ import annotations

from typing import Any

from pyjobs.cli.operating import UNITS
from pyjobs.engine import OTHERS, Counted, Counters, Times

HEADS = ("in/min", "done/min", "fail/min", "dead", "wait", "wait p95", "run", "run p95")
LESS = ("wait p95", "dead", "run p95", "in/min")


def rate(number: float) -> str:
    """Return a rate in three digits, or in whole numbers from 1000 on; '-' when it is 0."""
    if number >= 1000:
        return f"{number:.0f}"
    return f"{number:.3g}" if number else "-"


def short(ms: float) -> str:
    """Return a duration in two digits, such as `1.2 s`."""
    for unit, size in UNITS:
        if ms >= size:
            number = ms / size
            return f"{number:.0f} {unit}" if number >= 10 else f"{number:.1f} {unit}"
    return f"{ms:.0f} ms"


def times_cells(times: Times) -> list[str]:
    """Return the median and the 95th percentile in words; '-' when nothing was counted."""
    if not times.count:
        return ["-", "-"]
    return [short(times.quantile(part)) for part in (0.5, 0.95)]


def cells(found: Counters, counted: Counted) -> list[str]:
    """Return the cells of what was counted, in the order of `HEADS`.

    Args:
        found: the counters of the queue, which know their span.
        counted: what was counted of the queue, or of one of its tasks.
    """
    numbers = (counted.submitted, counted.done, counted.failed + counted.crashed)
    return [
        *(rate(found.rate(number)) for number in numbers),
        str(counted.dead or "-"),
        *times_cells(counted.wait),
        *times_cells(counted.run),
    ]


def task_name(task: str) -> str:
    """Return how a task is shown: bare jobs and the tasks beyond the first hundred have words."""
    return {"": "(no task)", OTHERS: "(other tasks)"}.get(task, task)


def times_json(times: Times) -> dict[str, Any]:
    """Return times as JSON shows them: ms."""
    return {
        "count": times.count,
        "mean": round(times.mean, 1),
        "p50": round(times.quantile(0.5), 1),
        "p95": round(times.quantile(0.95), 1),
        "below": {str(bound): count for bound, count in sorted(times.bounds.items())},
    }


def counted_json(found: Counters, counted: Counted) -> dict[str, Any]:
    """Return what was counted as JSON shows it: numbers of the whole span, which is in ms."""
    return {"span": found.span} | {
        name: times_json(value) if isinstance(value, Times) else value
        for name, value in vars(counted).items()
    }
