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
from pyjobs.cli.operating import queue_argument
from pyjobs.engine import Keys


@click.command(cls=IdCommand, epilog=SOME_REFUSED)
@queue_argument
@click.argument("ids", metavar="ID...", nargs=-1, required=True, callback=marked)
@url_option
@prefix_option
def cancel(queue: str, ids: tuple[str, ...], url: str, prefix: str) -> int:
    """Cancel jobs of QUEUE that have not ended yet.

    The jobs may be pending, delayed or running. When a worker runs a job that is cancelled, the
    outcome of the run is discarded.
    """
    with connected(url) as server:
        answers = cancel_jobs(server, Keys(prefix), queue, ids)
    return print_answers("cancelled", queue, answers)
