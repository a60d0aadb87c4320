"""`pyjobs status`: the numbers of every queue. Nothing else may live here."""

from __future__ import annotations

import time

import click

from pyjobs.admin import QueueStatus
from pyjobs.cli.common import prefix_option, some_seconds, url_option
from pyjobs.cli.operating import admin_of, json_option, json_ready, span
from pyjobs.cli.output import print_table, say, show_json

HEADS = (
    *("queue", "mode", "waiting", "oldest", "delayed", "in flight", "overdue", "dead", "broken"),
    "state",
)
LESS = ("broken", "overdue", "mode", "oldest", "state")


@click.command()
@click.option(
    "--watch",
    type=float,
    metavar="SECONDS",
    callback=some_seconds,
    help="Show the numbers again every SECONDS, until Ctrl-C.",
)
@json_option
@url_option
@prefix_option
def status(watch: float | None, as_json: bool, url: str, prefix: str) -> int:
    """Show what each queue holds.

    The queues are those of the registry, which clients and workers write. `oldest` is how long the
    next job has waited, and `overdue` is how long a lease has been over that nobody has taken back.
    """
    with admin_of(url, prefix) as admin:
        while True:
            rows = admin.status()
            if watch is not None and not as_json:
                click.clear()
            if as_json:
                for row in rows:
                    numbers = json_ready(row.stats) if row.stats else {"error": row.error}
                    show_json({"queue": row.queue, **numbers, "mode": row.mode})
            elif rows:
                print_table(map(cells, rows), *HEADS, less=LESS)
            else:
                say(f"no queue is registered in {prefix}:queues")
            if watch is None:
                return 1 if any(row.error for row in rows) else 0
            time.sleep(watch)


def cells(row: QueueStatus) -> list[str]:
    """Return the cells of a queue in the table."""
    if row.stats is None:
        return [row.queue, row.mode, *["-"] * 7, row.error]
    found = row.stats
    unused = "" if found.mode else "nothing was ever submitted"
    if found.paused:
        state = "paused" if found.paused < 0 else f"paused for {span(found.paused)}"
    else:
        state = f"{found.quarantined} in quarantine" if found.quarantined else unused
    return [
        row.queue,
        row.mode,
        str(found.waiting),
        span(found.oldest),
        str(found.delayed),
        "-" if found.mode == "simple" else str(found.inflight),
        span(found.overdue) if found.mode == "reliable" else "-",
        str(found.dead),
        str(found.broken),
        state,
    ]
