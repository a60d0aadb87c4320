"""`pyjobs result`: the outcome of one job as JSON. Nothing else may live here."""

from __future__ import annotations

import time

import click

from pyjobs.cli.common import (
    EXIT_CODES,
    IdCommand,
    connected,
    marked,
    prefix_option,
    print_stored,
    seconds,
    url_option,
    verbose_option,
)
from pyjobs.cli.operating import admin_of, queue_argument
from pyjobs.cli.values import SECONDS
from pyjobs.client import Job, settle_stored
from pyjobs.engine import SIMPLE, Keys, fetch
from pyjobs.errors import ResultGone
from pyjobs.transport import run
from pyjobs.validate import checked

POLL_SECONDS = 0.2


@click.command(cls=IdCommand, epilog=EXIT_CODES.format("the result is on stdout"))
@queue_argument
@click.argument("id", callback=marked)
@click.option(
    "--wait",
    type=SECONDS,
    metavar="SECONDS",
    default=0,
    callback=seconds,
    help="Wait up to SECONDS for the result.",
)
@verbose_option
@url_option
@prefix_option
def result(queue: str, id: str, wait: float, verbose: bool, url: str, prefix: str) -> int:
    """Print the result of the job ID of QUEUE as JSON.

    Recoverable and reliable queues keep the result of a job for its retention, a day unless the
    submit or the worker says otherwise. Simple queues keep no results.
    """
    keys = Keys(prefix)
    call = fetch(keys.queue(queue), [checked("id", id)])
    job = Job(id, queue)
    until = time.monotonic() + wait
    with connected(url) as server:
        [stored] = run(server, call)
        while settle_stored(job, stored) is None and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
            [stored] = run(server, call)
    if not stored.state:
        with admin_of(url, prefix) as admin:
            if admin.mode(queue) == SIMPLE.name:
                raise ResultGone(f"job {id}: queue {queue} is simple, and keeps no results")
    return print_stored(job, stored, verbose)
