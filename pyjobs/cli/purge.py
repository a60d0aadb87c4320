"""`pyjobs purge`: the jobs of one place of a queue are forgotten. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import number_of, prefix_option, url_option
from pyjobs.cli.operating import admin_of, confirm, queue_argument, yes_option
from pyjobs.cli.output import progress_bar, show
from pyjobs.cli.values import Word
from pyjobs.engine import Place


@click.command()
@queue_argument
@click.option(
    "--state",
    "place",
    type=Word(["pending", "delayed", "dead"]),
    default="pending",
    show_default=True,
    help="Which jobs.",
)
@yes_option
@url_option
@prefix_option
def purge(queue: str, place: Place, yes: bool, url: str, prefix: str) -> int:
    """Cancel and forget all pending jobs of QUEUE, or all that are delayed or dead.

    Their clients hear that the jobs are cancelled. Jobs that are submitted meanwhile stay.
    """
    with admin_of(url, prefix) as admin:
        number = getattr(admin.stats(queue), place)
        if number:
            confirm(yes, f"Forget {number_of(number, f'{place} job')} of queue {queue}?")
        with progress_bar("purging") as bar:
            gone = admin.purge(queue, place, progress=lambda now: bar(now, number))
    show(f"purged {number_of(gone, f'{place} job')}")
    return 0
