"""`pyjobs limit`: what a queue takes and keeps. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import prefix_option, url_option
from pyjobs.cli.operating import admin_of, json_option, json_ready, queue_argument
from pyjobs.cli.output import print_table, show_json
from pyjobs.cli.values import Number
from pyjobs.errors import BadArgument


@click.command()
@queue_argument
@click.option(
    "--pending",
    type=Number(0),
    metavar="NUMBER",
    help="Most pending and delayed jobs together.",
)
@click.option("--bytes", "size", type=Number(0), metavar="NUMBER", help="Most bytes of a payload.")
@click.option(
    "--dead",
    type=Number(0),
    metavar="NUMBER",
    help="How many dead jobs are kept, 10,000 at most.",
)
@click.option("--off", is_flag=True, help="Take all limits away.")
@json_option
@url_option
@prefix_option
def limit(
    queue: str,
    pending: int | None,
    size: int | None,
    dead: int | None,
    off: bool,
    as_json: bool,
    url: str,
    prefix: str,
) -> int:
    """Set limits of QUEUE and print them all. 0 takes a limit away.

    A submit beyond a limit is refused. A job that is there already is not, and neither is one that
    comes back by a retry, a requeue or a schedule.
    """
    if off and (pending, size, dead) != (None, None, None):
        raise BadArgument("off: takes all limits away, so set none beside")
    with admin_of(url, prefix) as admin:
        admin.stats(queue)
        if off:
            pending = size = dead = 0
        found = admin.limit(queue, pending=pending, bytes=size, dead=dead)
    if as_json:
        show_json(json_ready(found))
    else:
        print_table([[str(part or "-") for part in found]], "pending", "bytes", "dead")
    return 0
