"""`pyjobs counters`: what happened in a queue in the last minutes. Nothing else may live here."""

from __future__ import annotations

from dataclasses import replace

import click

from pyjobs.cli.common import prefix_option, url_option
from pyjobs.cli.operating import admin_of, json_option, moment, queue_argument
from pyjobs.cli.output import print_table, say, show_json
from pyjobs.cli.rates import HEADS, LESS, cells, counted_json, task_name
from pyjobs.cli.values import Number
from pyjobs.engine import Counted, Counters


@click.command()
@queue_argument
@click.option(
    "--minutes",
    type=Number(1, 4320),
    default=5,
    show_default=True,
    metavar="NUMBER",
    help="How many minutes; the present one, which has only begun, is one. Three days are kept.",
)
@click.option("--each", is_flag=True, help="A row for each minute instead of each task.")
@click.option("--on", is_flag=True, help="Let QUEUE count from now on.")
@click.option("--off", is_flag=True, help="Let QUEUE count nothing from now on.")
@json_option
@url_option
@prefix_option
def counters(
    queue: str,
    minutes: int,
    each: bool,
    on: bool,
    off: bool,
    as_json: bool,
    url: str,
    prefix: str,
) -> int:
    """Show how many jobs of QUEUE came, ended and failed in the last minutes, by task.

    `fail` are runs that failed, or whose worker died. `wait` is the median of the times from submit
    to the first claim, and `run` that of runs that ended well. Each is known to lie between two
    powers of two, in ms.
    """
    if on and off:
        raise click.UsageError("--on and --off exclude each other")
    with admin_of(url, prefix) as admin:
        if on or off:
            admin.set_counting(queue, on)
        found = admin.counters(queue, minutes=minutes, each=each)
    what = "minute" if each else "task"
    parts = of_minutes(found) if each else of_tasks(found)
    if as_json:
        for part, _, of, one in parts:
            show_json({what: part, **counted_json(of, one)})
        return 0
    if not found.counting:
        say(f"queue {queue} does not count: `pyjobs counters {queue} --on`")
    if parts:
        rows = [[name, *cells(of, one)] for _, name, of, one in parts]
        print_table(rows, what, *HEADS, less=LESS)
    elif found.counting:
        say(f"nothing happened in queue {queue} in {minutes} minutes")
    return 0


# A minute or a task, its name in the table, the counters that know its span, and what it counted.
Part = tuple[int | str, str, Counters, Counted]


def of_minutes(found: Counters) -> list[Part]:
    """Return what was counted in each minute."""
    return [
        (minute, moment(minute), replace(found, span=min(found.now - minute, 60_000) or 1), one)
        for minute, one in found.by_minute().items()
    ]


def of_tasks(found: Counters) -> list[Part]:
    """Return what was counted of each task."""
    return [(task, task_name(task), found, one) for task, one in found.tasks().items()]
