"""`pyjobs delete`: jobs are forgotten by id. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import (
    SOME_REFUSED,
    IdCommand,
    counted,
    marked,
    prefix_option,
    print_answers,
    url_option,
)
from pyjobs.cli.operating import admin_of, confirm, queue_argument, yes_option


@click.command(cls=IdCommand, epilog=SOME_REFUSED)
@queue_argument
@click.argument("ids", metavar="ID...", nargs=-1, required=True, callback=marked)
@yes_option
@url_option
@prefix_option
def delete(queue: str, ids: tuple[str, ...], yes: bool, url: str, prefix: str) -> int:
    """Forget jobs of QUEUE that wait or have ended. Cancel a job in flight first."""
    with admin_of(url, prefix) as admin:
        admin.stats(queue)
        confirm(yes, f"Forget {counted(len(ids), 'job')} of queue {queue}?")
        answers = admin.delete(queue, ids)
    return print_answers("deleted", queue, answers)
