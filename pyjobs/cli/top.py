"""`pyjobs top`: queues and tasks by what happens in them. Nothing else may live here."""

from __future__ import annotations

import sys
from typing import Any

import click

from pyjobs.admin import Admin, QueueStatus
from pyjobs.cli import rates
from pyjobs.cli.common import prefix_option, some_seconds, url_option
from pyjobs.cli.operating import admin_of, json_option, json_ready, span
from pyjobs.cli.output import draw_table, say, show, show_json
from pyjobs.cli.screen import watch
from pyjobs.cli.values import SECONDS, Number
from pyjobs.engine import Counted, Counters

QUEUE_HEADS = ("queue", "pending", "oldest", "in flight")
Row = tuple[QueueStatus, Counters | None]


@click.command()
@click.option(
    "--minutes",
    type=Number(1, 60),
    default=5,
    show_default=True,
    metavar="NUMBER",
    help="How many minutes the rates are of; the present one, which has only begun, is one.",
)
@click.option(
    "--every",
    "pause",
    type=SECONDS,
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    callback=some_seconds,
    help="How often to look.",
)
@json_option
@url_option
@prefix_option
def top(minutes: int, pause: float, as_json: bool, url: str, prefix: str) -> int:
    """Show queues and tasks on the screen, the busiest first, until q or Ctrl-C.

    `fail` are runs that failed, or whose worker died. `wait` and `run` are medians. With --json, or
    where the output is no terminal, the numbers are printed once.
    """
    with admin_of(url, prefix) as admin:
        if sys.stdout.isatty() and not as_json:
            watch(lambda: drawn(read(admin, minutes), minutes), pause)
            return 0
        rows = read(admin, minutes)
    if as_json:
        for row, counted in rows:
            show_json(as_object(row, counted))
    elif rows:
        show(drawn(rows, minutes))
    else:
        say(f"no queue is registered in {prefix}:queues")
    return 1 if any(row.error for row, _ in rows) else 0


def read(admin: Admin, minutes: int) -> list[Row]:
    """Ask for the numbers of every queue; the busiest comes first."""
    counted = admin.all_counters(minutes=minutes)
    rows: list[Row] = []
    for row in admin.status():
        found = counted.get(row.queue)
        rows.append((row, found if isinstance(found, Counters) else None))
    return sorted(rows, key=lambda row: (-busy(row[1].total()) if row[1] else 0, row[0].queue))


def busy(counted: Counted) -> int:
    """Return by how many events tasks and queues are sorted."""
    return counted.done + counted.failed + counted.submitted


def drawn(rows: list[Row], minutes: int) -> str:
    """Return the tables as a text: queues, and below them tasks."""
    if not rows:
        return "no queue is registered"
    queues, _ = draw_table(map(queue_cells, rows), *QUEUE_HEADS, *rates.HEADS, less=rates.LESS)
    found = [
        (busy(one), row.queue, task, counted, one)
        for row, counted in rows
        if counted is not None
        for task, one in counted.tasks().items()
    ]
    found.sort(key=lambda one: (-one[0], one[1], one[2]))
    if not found:
        return f"{queues}\n\nnothing happened in the last {minutes} minutes"
    cells = [
        [queue, rates.task_name(task), *rates.cells(counted, one)]
        for _, queue, task, counted, one in found
    ]
    tasks, _ = draw_table(cells, "queue", "task", *rates.HEADS, less=rates.LESS)
    return f"{queues}\n\n{tasks}"


def queue_cells(row: Row) -> list[str]:
    """Return the cells of a queue."""
    status, counted = row
    stats = status.stats
    held = ["-", "-", status.error] if stats is None else [
        str(stats.pending), span(stats.oldest), str(stats.inflight)
    ]  # fmt: skip
    happened = (
        ["-"] * len(rates.HEADS) if counted is None else rates.cells(counted, counted.total())
    )
    return [status.queue, *held, *happened]


def as_object(row: QueueStatus, counted: Counters | None) -> dict[str, Any]:
    """Return a queue and its tasks as JSON shows them."""
    held = {"error": row.error} if row.stats is None else json_ready(row.stats)
    held["mode"] = row.mode
    if counted is None:
        return {"queue": row.queue, **held}
    tasks = {task: rates.counted_json(counted, one) for task, one in counted.tasks().items()}
    last = rates.counted_json(counted, counted.total())
    return {"queue": row.queue, **held, "last": last, "tasks": tasks}
