"""`pyjobs status`: the numbers of every queue. Nothing else may live here."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from pyjobs.admin import Admin, QueueStatus
from pyjobs.cli import rates
from pyjobs.cli.common import marked, number_of, prefix_option, some_seconds, url_option
from pyjobs.cli.operating import admin_of, complete_queue, json_option, json_ready, span
from pyjobs.cli.output import draw_table, print_table, say, show, show_json
from pyjobs.cli.screen import watch
from pyjobs.cli.values import SECONDS
from pyjobs.engine import Counters

HEADS = (
    *("queue", "mode", "pending", "oldest", "delayed", "in flight", "overdue", "dead", "broken"),
    "state",
)
LESS = ("broken", "overdue", "mode", "oldest", "state")


@click.command(epilog="Exits with 1 when a queue could not be read: its node may not answer.")
@click.argument(
    "queues", metavar="[QUEUE]...", nargs=-1, callback=marked, shell_complete=complete_queue
)
@click.option(
    "--watch",
    "pause",
    type=SECONDS,
    metavar="SECONDS",
    callback=some_seconds,
    help="Show the numbers again every SECONDS, until Ctrl-C, or q on a terminal.",
)
@json_option
@url_option
@prefix_option
def status(
    queues: tuple[str, ...], pause: float | None, as_json: bool, url: str, prefix: str
) -> int:
    """Show what each QUEUE holds, and what happened in it in the last 5 minutes.

    Without a name, the queues are those of the registry, which clients and workers write. `oldest`
    is how long the next pending job has waited, and `overdue` is how long a lease has been over
    that nobody has taken back.
    `wait` and `run` are medians; `pyjobs counters QUEUE` says more.
    """
    with admin_of(url, prefix) as admin:
        for queue in queues:
            admin.stats(queue)  # a queue that is not there is refused, with the nearest name
        while pause is not None and as_json:
            print_json(*read(admin, queues))
            time.sleep(pause)
        if pause is not None:
            watch(lambda: drawn(prefix, *read(admin, queues)), pause)
            return 0
        rows, counted = read(admin, queues)
    if as_json:
        print_json(rows, counted)
    elif not rows:
        say(f"no queue is registered in {prefix}:queues")
    else:
        print_table(map(cells, rows), *HEADS, less=LESS)
        if happened := rate_rows(counted):
            show("")
            print_table(happened, "last 5 min", *rates.HEADS, less=rates.LESS)
    errors = [row.error for row in rows if row.error]
    for error in dict.fromkeys(errors):
        say(f"{error}: {number_of(errors.count(error), 'queue')} could not be read")
    return 1 if errors else 0


CountersByQueue = dict[str, Counters]  # by queue; without those that could not be read


def read(admin: Admin, queues: Sequence[str] = ()) -> tuple[list[QueueStatus], CountersByQueue]:
    """Ask for the numbers of some queues, or of every queue."""
    found = admin.all_counters(minutes=5)
    rows = [row for row in admin.status() if not queues or row.queue in queues]
    shown = {row.queue for row in rows}
    return rows, {
        queue: one for queue, one in found.items() if queue in shown and isinstance(one, Counters)
    }


def print_json(rows: list[QueueStatus], counted: CountersByQueue) -> None:
    """Print an object for each queue."""
    for row in rows:
        numbers = json_ready(row.stats) if row.stats else {"error": row.error}
        last = counted.get(row.queue)
        happened = {} if last is None else {"last": rates.counted_json(last, last.total())}
        show_json({"queue": row.queue, **numbers, "mode": row.mode, **happened})


def drawn(prefix: str, rows: list[QueueStatus], counted: CountersByQueue) -> str:
    """Return the tables as a text."""
    if not rows:
        return f"no queue is registered in {prefix}:queues"
    text, _ = draw_table(map(cells, rows), *HEADS, less=LESS)
    happened = rate_rows(counted)
    if not happened:
        return text
    more, _ = draw_table(happened, "last 5 min", *rates.HEADS, less=rates.LESS)
    return f"{text}\n\n{more}"


def rate_rows(counted: CountersByQueue) -> list[list[str]]:
    """Return the rows of the queues in which something happened."""
    return [[queue, *rates.cells(one, one.total())] for queue, one in counted.items() if one.rows]


def cells(row: QueueStatus) -> list[str]:
    """Return the cells of a queue in the table."""
    if row.stats is None:
        return [row.queue, row.mode, *["-"] * 7, "not read"]
    found = row.stats
    unused = "" if found.mode else "nothing was ever submitted"
    if found.paused:
        state = "paused" if found.paused < 0 else f"paused for {span(found.paused)}"
    else:
        state = f"{found.quarantined} in quarantine" if found.quarantined else unused
    return [
        row.queue,
        row.mode,
        str(found.pending),
        span(found.oldest),
        str(found.delayed),
        "-" if found.mode == "simple" else str(found.inflight),
        span(found.overdue) if found.mode == "reliable" else "-",
        str(found.dead),
        str(found.broken),
        state,
    ]
