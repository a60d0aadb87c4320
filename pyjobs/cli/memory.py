"""`pyjobs memory`: how much memory a queue takes. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import prefix_option, url_option
from pyjobs.cli.operating import admin_of, json_option, json_ready, queue_argument
from pyjobs.cli.output import print_table, show_json


@click.command()
@queue_argument
@json_option
@url_option
@prefix_option
def memory(queue: str, as_json: bool, url: str, prefix: str) -> int:
    """Estimate how much memory of Redis QUEUE takes, in bytes.

    The jobs count by the mean of at most 100 of them. Jobs that have ended are left out, but for
    dead ones.
    """
    with admin_of(url, prefix) as admin:
        found = admin.memory(queue)
    if as_json:
        show_json(json_ready(found))
    else:
        print_table([[f"{part:,}" for part in found]], *found._fields)
    return 0
