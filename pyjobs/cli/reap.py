"""`pyjobs reap`: its options, and what it prints. Nothing else may live here."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import asdict

import click

from pyjobs.admin import ReapedQueue
from pyjobs.cli.common import connected, prefix_option, seconds, url_option
from pyjobs.cli.operating import admin_of
from pyjobs.cli.output import print_table, say, show_json
from pyjobs.cli.values import SECONDS, Number, Word
from pyjobs.engine import MAX_ITEMS, MODES, Keys, ModeName
from pyjobs.errors import Forbidden, QueueFull
from pyjobs.transport import load, publish

MOST_NAMED = 100  # ids of dead jobs of a queue that are printed


@click.command()
@click.argument("queues", metavar="[QUEUE]...", nargs=-1)
@click.option(
    "--older-than",
    type=SECONDS,
    metavar="SECONDS",
    help="In recoverable queues, put back the jobs that were claimed SECONDS ago or earlier. Give "
    "more than the longest job takes.",
)
@click.option(
    "--max-crashes",
    type=Number(1, 1000),
    metavar="NUMBER",
    help="In reliable queues, give a job up when NUMBER of its leases have run out. Give the "
    "workers' own number.  [default: 3]",
)
@click.option(
    "--mode",
    type=Word(list(MODES)),
    help="Mode of the named queues.  [default: their own]",
)
@click.option(
    "--limit",
    type=Number(1, MAX_ITEMS),
    default=MAX_ITEMS,
    show_default=True,
    metavar="NUMBER",
    help="Move NUMBER jobs of each kind in one call at most.",
)
@click.option(
    "--time-limit",
    type=SECONDS,
    metavar="SECONDS",
    default=60,
    show_default=True,
    callback=seconds,
    help="Stop after SECONDS; the next reap does the rest.",
)
@click.option(
    "-v", "--verbose", is_flag=True, help="Say why a queue was left out, where that is no error."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@url_option
@prefix_option
def reap(
    queues: Sequence[str],
    older_than: float | None,
    max_crashes: int | None,
    mode: ModeName | None,
    limit: int,
    time_limit: float,
    verbose: bool,
    as_json: bool,
    url: str,
    prefix: str,
) -> int:
    """Put back the jobs of workers that died.

    Run it from cron: it does what there is to do once, and exits. Runs that overlap do no harm.

    Without QUEUE, it looks at every queue in the registry, which clients and workers write. In
    reliable queues, it puts back the jobs whose lease has run out. In recoverable queues, it needs
    --older-than, and leaves them out without. Simple queues have nothing to put back. Delayed jobs
    that are due join their queue.
    """
    if mode and not queues:
        raise click.UsageError("--mode is for named queues only")
    keys = Keys(prefix)
    load_and_publish(url, keys)
    with admin_of(url, prefix) as admin:
        rows = admin.reap(
            queues,
            mode=mode,
            older_than=older_than,
            max_crashes=max_crashes,
            limit=limit,
            seconds=time_limit,
        )
    for row in rows:
        if why := row.error or (verbose and row.skipped):
            say(why if why.startswith("queue") else f"queue {row.queue}: {why}")
        if row.dead:
            more = f" and {row.dead - MOST_NAMED} more" if row.dead > MOST_NAMED else ""
            ids = ", ".join(row.dead_ids[:MOST_NAMED])
            say(f"queue {row.queue}: dead now, since their workers kept dying: {ids}{more}")
    if any(row.more for row in rows):
        say(f"{time_limit:g} s are over and there may be more to do; the next reap goes on")
    if as_json:
        show_json({"queues": [asdict(row) for row in rows]})
    elif rows:
        print_table(map(cells, rows), "queue", "mode", "put back", "promoted", "dead")
    else:
        say(f"no queue is registered in {keys.queues}")
    return 1 if any(row.error for row in rows) else 0


def load_and_publish(url: str, keys: Keys) -> None:
    """Load the scripts, for programs that know a sha alone and met a restart of Redis."""
    with connected(url) as server:
        # Where scripts can't be loaded, calls carry them.
        with contextlib.suppress(Forbidden):
            load(server)
        # A Redis at its memory limit refuses this write, and must be reaped all the same.
        with contextlib.suppress(QueueFull):
            publish(server, keys)


def cells(row: ReapedQueue) -> list[str]:
    """Return the cells of a queue in the table."""
    counts = ("-",) * 3 if row.error or row.skipped else (row.put_back, row.promoted, row.dead)
    return [row.queue, row.mode or "?", *map(str, counts)]
