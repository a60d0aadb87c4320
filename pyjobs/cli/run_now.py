"""`pyjobs run-now`: delayed jobs run at once. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import (
    SOME_REFUSED,
    IdCommand,
    marked,
    prefix_option,
    print_answers,
    url_option,
)
from pyjobs.cli.operating import admin_of, queue_argument


@click.command("run-now", cls=IdCommand, epilog=SOME_REFUSED)
@queue_argument
@click.argument("ids", metavar="ID...", nargs=-1, required=True, callback=marked)
@url_option
@prefix_option
def run_now(queue: str, ids: tuple[str, ...], url: str, prefix: str) -> int:
    """Let delayed jobs of QUEUE run now, before those that wait."""
    with admin_of(url, prefix) as admin:
        admin.stats(queue)
        answers = admin.run_now(queue, ids)
    return print_answers("moved to the head of the queue:", queue, answers)
