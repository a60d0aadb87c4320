"""`pyjobs resume`: workers claim again. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import prefix_option, url_option
from pyjobs.cli.operating import admin_of, queue_argument
from pyjobs.cli.output import show


@click.command()
@queue_argument
@url_option
@prefix_option
def resume(queue: str, url: str, prefix: str) -> int:
    """Let workers claim jobs of QUEUE again."""
    with admin_of(url, prefix) as admin:
        admin.stats(queue)
        pending = admin.resume(queue)
    show(f"queue {queue} is resumed, and {'jobs are' if pending else 'no job is'} pending")
    return 0
