"""`pyjobs failures`: the dead jobs of a queue by their error. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import prefix_option, url_option
from pyjobs.cli.operating import admin_of, json_option, json_ready, moment, queue_argument
from pyjobs.cli.output import print_table, progress_bar, say, show_json


@click.command()
@queue_argument
@json_option
@url_option
@prefix_option
def failures(queue: str, as_json: bool, url: str, prefix: str) -> int:
    """Count the dead jobs of QUEUE by the type of their error and the place that raised it.

    The most frequent come first. The place is the file and the function, where the error has a
    traceback of Python.
    """
    with admin_of(url, prefix) as admin:
        number = admin.stats(queue).dead
        with progress_bar("looking") as bar:
            found = admin.failures(queue, progress=lambda now: bar(now, number))
    if as_json:
        for one in found:
            show_json(json_ready(one))
    elif found:
        rows = [
            [
                str(one.jobs),
                one.type or "-",
                one.place or "-",
                one.message[:80],
                moment(one.latest),
                one.id,
            ]
            for one in found
        ]
        print_table(
            rows,
            "jobs",
            "error",
            "place",
            "latest message",
            "latest death",
            "latest id",
            wraps=("error", "place", "latest message"),
            less=("latest death", "place"),
        )
    else:
        say(f"no dead jobs on queue {queue}")
    return 0
