"""`pyjobs check`: every entry of a queue is held against its job. Nothing else may live here."""

from __future__ import annotations

import sys

import click

from pyjobs.cli.common import counted, prefix_option, url_option
from pyjobs.cli.operating import admin_of, json_option, json_ready, queue_argument
from pyjobs.cli.output import print_table, show, show_json


@click.command(epilog="Exits with 1 when something is wrong.")
@queue_argument
@json_option
@url_option
@prefix_option
def check(queue: str, as_json: bool, url: str, prefix: str) -> int:
    """Hold every entry of QUEUE against its job, and print what is wrong. Nothing is changed.

    A claim or a reap mends what it meets: a missing job's id goes into the list of broken entries,
    and a stray job goes into its own place.
    """
    with admin_of(url, prefix) as admin:
        stats = admin.stats(queue)
        length = stats.waiting + stats.delayed + stats.inflight + stats.dead
        with click.progressbar(
            length=length, label="checking", file=sys.stderr, hidden=not sys.stderr.isatty()
        ) as bar:
            found = admin.check(queue, progress=lambda now: bar.update(now - bar.pos))
    if as_json:
        for one in found:
            show_json(json_ready(one))
    elif found:
        print_table(found, "place", "id", "finding", "state")
    else:
        show(f"queue {queue}: {counted(length, 'job')} in their places")
    return 1 if found else 0
