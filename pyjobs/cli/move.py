"""`pyjobs move`: jobs go to another queue. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import SOME_REFUSED, IdCommand, print_answers
from pyjobs.cli.editing import (
    Chosen,
    counted_first,
    edit_arguments,
    print_dry_run,
    print_edited,
)
from pyjobs.cli.operating import admin_of
from pyjobs.cli.output import progress_bar


@click.command(cls=IdCommand, epilog=SOME_REFUSED)
@edit_arguments("pending", "delayed", "dead", other=True)
def move(chosen: Chosen, to: str) -> int:
    """Move jobs of QUEUE to the queue TO, which has the same mode: by their ids, or by a filter.

    Pending, delayed and dead jobs can be moved. A client that waits for such a job hears that
    it was moved. A move that breaks off is carried on by the next move of QUEUE.
    """
    queue, done = chosen.queue, f"moved to queue {to}"
    with admin_of(chosen.url, chosen.prefix) as admin:
        if chosen.ids:
            return print_answers(done, queue, admin.move(queue, to, chosen.ids))
        if chosen.dry_run:
            return print_dry_run(done, queue, counted_first(admin, chosen, "move"))
        with progress_bar("moving") as progress:
            found = admin.move_jobs(
                queue, to, chosen.where, expected=chosen.expected, progress=progress
            )
    return print_edited(done, queue, found.done, found.refused)
