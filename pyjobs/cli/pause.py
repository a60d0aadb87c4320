"""`pyjobs pause`: workers claim nothing. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import prefix_option, some_seconds, url_option
from pyjobs.cli.operating import admin_of, queue_argument, span
from pyjobs.cli.output import show
from pyjobs.cli.values import SECONDS


@click.command()
@queue_argument
@click.option(
    "--for",
    "time",
    type=SECONDS,
    metavar="SECONDS",
    callback=some_seconds,
    help="Resume by itself after SECONDS.",
)
@url_option
@prefix_option
def pause(queue: str, time: float | None, url: str, prefix: str) -> int:
    """Let workers claim no job of QUEUE. Jobs that run go on, and submits are accepted."""
    with admin_of(url, prefix) as admin:
        admin.stats(queue)
        ms = admin.pause(queue, time)
    till = f"for {span(ms)}" if ms > 0 else f"until `pyjobs resume {queue}`"
    show(f"queue {queue} is paused {till}")
    return 0
