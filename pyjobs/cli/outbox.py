"""`pyjobs outbox`: jobs on their way to another queue. Nothing else may live here."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from pyjobs.cli.common import prefix_option, print_answers, url_option
from pyjobs.cli.operating import admin_of, json_option, json_ready, queue_argument, span
from pyjobs.cli.output import print_table, say, show_json

HEADS = ("id", "state", "to", "for", "finding")


@click.command()
@queue_argument
@click.option("--gone", multiple=True, metavar="ID", help="The other queue has this stale job.")
@click.option("--back", multiple=True, metavar="ID", help="The other queue never got it.")
@json_option
@url_option
@prefix_option
def outbox(
    queue: str, gone: Sequence[str], back: Sequence[str], as_json: bool, url: str, prefix: str
) -> int:
    """Show the jobs of QUEUE that are on their way to another queue, and what holds them up.

    The next `pyjobs move` of QUEUE carries them on, and so does `pyjobs check QUEUE --repair`. A
    job is `taken` when its id was submitted again, and `stale` when it was parked over a day ago:
    look for it in the other queue, and then name it by --gone, which forgets it here, or --back,
    which puts it back to its place.
    """
    if both := set(gone) & set(back):
        raise click.UsageError(f"--gone and --back exclude each other, and both name {min(both)}")
    with admin_of(url, prefix) as admin:
        worst = 0
        for done, word, ids in (("forgot", "gone", gone), ("put back", "back", back)):
            if ids:
                worst |= print_answers(done, queue, admin.settle(queue, ids, word))
        if gone or back:
            return worst
        found = admin.outbox(queue)
    if as_json:
        for job in found:
            show_json(json_ready(job))
    elif found:
        now = time.time() * 1000
        print_table(
            [
                [job.id, job.state, job.to, span(max(int(now - job.parked), 0)), job.finding]
                for job in found
            ],
            *HEADS,
        )
    else:
        say(f"no job of queue {queue} is on its way to another queue")
    return 0
