"""`pyjobs parts`: a queue is split in parts. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import prefix_option, url_option
from pyjobs.cli.operating import admin_of, queue_argument
from pyjobs.cli.output import show
from pyjobs.cli.values import Number, Word
from pyjobs.engine import MODES, MOST_PARTS, RELIABLE, ModeName, Parts
from pyjobs.errors import BadArgument


@click.command()
@queue_argument
@click.argument("number", metavar="[NUMBER]", type=Number(2, MOST_PARTS), required=False)
@click.option(
    "--settle", is_flag=True, help="Settle the latest split, when each job is in its part."
)
@click.option(
    "--mode",
    type=Word(list(MODES)),
    help="Mode of a queue to which nothing was ever submitted; else such a queue is refused.",
)
@click.option(
    "--durable",
    default="no",
    metavar="WHO",
    help="Wait until WHO has the number: replicas:N in memory, or aof, the primary's disk.",
)
@url_option
@prefix_option
def parts(
    queue: str,
    number: int | None,
    settle: bool,
    mode: ModeName | None,
    durable: str,
    url: str,
    prefix: str,
) -> int:
    """Print in how many parts QUEUE is split, or split it in NUMBER parts.

    The parts lie on the nodes of a cluster by turns. Clients and workers go on; workers serve new
    parts within a minute. There is no way back to fewer parts.

    After a split of a queue that has jobs, each submit to a new part looks first into the part that
    its job had before. --settle ends that, when each job is in its part. Jobs that have ended count
    while their results are kept.
    """
    if settle and number is not None:
        raise BadArgument("settle: settles an earlier split, and takes no number")
    with admin_of(url, prefix) as admin:
        if number is not None:
            if mode is None:
                # There is no way back, so a name that was mistyped must not become a queue.
                admin.stats(queue)
            found = admin.split(queue, number, mode=mode or RELIABLE.name, durable=durable)
        elif settle and (left := admin.settle_parts(queue)):
            show(f"queue {queue} is not settled: job {left} is where it belonged before the split")
            return 1
        else:
            admin.stats(queue)
            found = admin.parts(queue)
        show(parts_line(queue, found))
    return 0


def parts_line(queue: str, found: Parts) -> str:
    """Return what is said of a queue's parts."""
    if found.number == 1:
        return f"queue {queue} is not split"
    names = ", ".join([queue, *(f"{queue}/{place}" for place in found.places)])
    settled = "; not settled: see --settle" if found.older else ""
    return f"queue {queue} has {found.number} parts: {names}{settled}"
