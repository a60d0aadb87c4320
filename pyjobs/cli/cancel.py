"""`pyjobs cancel`: jobs that have not ended yet are ended. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.admin import cancel_jobs
from pyjobs.cli.common import (
    SOME_REFUSED,
    IdCommand,
    connected,
    marked,
    prefix_option,
    print_answers,
    url_option,
)
from pyjobs.engine import MODES, Keys, ModeName


@click.command(cls=IdCommand, epilog=SOME_REFUSED)
@click.argument("queue", callback=marked)
@click.argument("ids", metavar="ID...", nargs=-1, required=True, callback=marked)
@click.option(
    "--mode",
    type=click.Choice([name for name, mode in MODES.items() if mode.stores]),
    help="Mode of the queue.  [default: its own]",
)
@url_option
@prefix_option
def cancel(queue: str, ids: tuple[str, ...], mode: ModeName | None, url: str, prefix: str) -> int:
    """Cancel jobs of QUEUE that have not ended yet.

    The jobs may be pending, delayed or running. When a worker runs a job that is cancelled, the
    outcome of the run is discarded.
    """
    with connected(url) as server:
        answers = cancel_jobs(server, Keys(prefix), queue, ids, mode=mode)
    return print_answers("cancelled", queue, answers)
