"""`pyjobs parts`: a queue is split in parts. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import mode_option, prefix_option, url_option
from pyjobs.cli.operating import admin_of, queue_argument
from pyjobs.cli.output import show
from pyjobs.engine import MOST_PARTS, ModeName, Parts
from pyjobs.errors import BadArgument


@click.command()
@queue_argument
@click.argument("number", metavar="[NUMBER]", type=click.IntRange(2, MOST_PARTS), required=False)
@click.option(
    "--settle", is_flag=True, help="End the look into the parts of before, when that is due."
)
@mode_option("Mode of a queue to which nothing was ever submitted.")
@url_option
@prefix_option
def parts(
    queue: str, number: int | None, settle: bool, mode: ModeName, url: str, prefix: str
) -> int:
    """Print in how many parts QUEUE is split, or split it in NUMBER parts.

    The parts lie on the nodes of a cluster by turns. Clients and workers go on; workers serve new
    parts within a minute. There is no way back to fewer parts.

    After a split of a queue that has jobs, each submit to a new part looks into an older part
    first. --settle ends that, when no job is left there that belongs elsewhere.
    """
    if settle and number is not None:
        raise BadArgument("settle: ends a split, so give no number beside")
    with admin_of(url, prefix) as admin:
        if number is not None:
            found = admin.split(queue, number, mode=mode)
        elif settle and (left := admin.settle_parts(queue)):
            show(f"queue {queue} is not settled: job {left} is in a part of before")
            return 1
        else:
            admin.stats(queue)
            found = admin.parts(queue)
        show(said(queue, found))
    return 0


def said(queue: str, found: Parts) -> str:
    """Return what is said of a queue's parts."""
    if found.number == 1:
        return f"queue {queue} is not split"
    names = ", ".join([queue, *(f"{queue}/{place}" for place in found.places)])
    older = f"; not settled: submits look where jobs belonged with {found.older} too"
    return f"queue {queue} has {found.number} parts: {names}{older if found.older else ''}"
