"""`pyjobs reap`: its options and what it prints. What it does lives in reaping.py."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict

import click

from pyjobs.admin import Row, Terms, reap_all
from pyjobs.cli.common import connected, prefix_option, print_table, seconds, tell, url_option
from pyjobs.engine import MODES, Keys
from pyjobs.errors import QueueFull
from pyjobs.transport import load, publish, registered
from pyjobs.validate import to_ms


@click.command()
@click.argument("queues", metavar="[QUEUE]...", nargs=-1)
@click.option(
    "--older-than",
    type=float,
    metavar="SECONDS",
    help="Recoverable queues: put back jobs that were claimed at least that long ago.",
)
@click.option(
    "--max-crashes",
    type=int,
    help="Reliable queues: leases of one job that may run out until it is dead; give what the "
    "workers have.  [default: 3]",
)
@click.option(
    "--mode",
    type=click.Choice(list(MODES)),
    help="Mode of the named queues, needed where the registry does not know it.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=1000,
    show_default=True,
    help="Most jobs of each kind to move in one call.",
)
@click.option(
    "--time-limit",
    type=float,
    metavar="SECONDS",
    default=60,
    show_default=True,
    callback=seconds,
    help="Stop after that long; the next reap goes on.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@url_option
@prefix_option
def reap(
    queues: Sequence[str],
    older_than: float | None,
    max_crashes: int | None,
    mode: str | None,
    limit: int,
    time_limit: float,
    as_json: bool,
    url: str,
    prefix: str,
) -> int:
    """Put back what dead workers held.

    It runs once and exits, as cron needs it; overlapping runs do no harm.

    Without QUEUE, it looks at all queues that clients and workers have registered. In reliable
    queues, it puts back jobs whose lease has run out; in recoverable ones, those claimed at least
    --older-than seconds ago. Jobs whose delay is over join their queue. Simple queues have nothing
    to put back.
    """
    if mode and not queues:
        raise click.UsageError("--mode is for named queues only")
    until = time.monotonic() + time_limit
    terms = Terms(limit, to_ms("older_than", older_than), max_crashes, named=bool(queues))
    keys = Keys(prefix)
    with connected(url) as server:
        load(server)
        # A Redis at its memory limit refuses this write, and must be reaped all the same.
        with contextlib.suppress(QueueFull):
            publish(server, keys)
        known = registered(server, keys)
        rows = [Row(name, mode or known.get(name, "")) for name in dict.fromkeys(queues or known)]
        reap_all(server, keys, rows, terms, until)
    for row in rows:
        if why := row.error or row.skipped:
            tell(why if why.startswith("queue") else f"queue {row.queue}: {why}")
    if any(row.more for row in rows):
        tell(f"{time_limit:g} s are over and there may be more to do; the next reap goes on")
    if as_json:
        click.echo(json.dumps({"queues": [asdict(row) for row in rows]}))
    elif rows:
        print_table(map(cells, rows), "queue", "mode", "put back", "promoted", "dead")
    else:
        tell(f"no queue is registered in {keys.queues}")
    return 1 if any(row.error for row in rows) else 0


def cells(row: Row) -> list[str]:
    counts = ("-",) * 3 if row.error or row.skipped else (row.put_back, row.promoted, row.dead)
    return [row.queue, row.mode or "?", *map(str, counts)]
