"""`pyjobs schedules`: schedules of a queue are listed and changed. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from pyjobs.admin import Admin, ScheduleEdit
from pyjobs.cli.common import number_of, prefix_option, url_option
from pyjobs.cli.operating import (
    admin_of,
    confirm,
    json_option,
    json_ready,
    moment,
    queue_argument,
    span,
    yes_option,
)
from pyjobs.cli.output import print_table, say, show, show_json
from pyjobs.engine import StoredSchedule

RUNS_SHOWN = 3
HEADS = ("name", "next", "when", "zone", "missed", "task", "paused", "last runs")
DONE = {
    "paused": "is paused; `pyjobs schedules {queue} --resume {name}` lets it go on",
    "resumed": "is resumed",
    "running": "was not paused",
    "removed": "is removed; its jobs stay",
}


def edit_option(name: str, words: str) -> Callable[[Any], Any]:
    """Return an option that takes the name of a schedule."""
    return click.option(f"--{name}", f"to_{name}", metavar="NAME", help=words)


@click.command()
@queue_argument
@edit_option("pause", "Let this schedule make no jobs.")
@edit_option("resume", "Let this schedule go on with its next moment.")
@edit_option("run", "Make a job of this schedule now.")
@edit_option("remove", "Forget this schedule. Its jobs stay.")
@yes_option
@json_option
@url_option
@prefix_option
def schedules(
    queue: str,
    to_pause: str | None,
    to_resume: str | None,
    to_run: str | None,
    to_remove: str | None,
    yes: bool,
    as_json: bool,
    url: str,
    prefix: str,
) -> int:
    """List the schedules of QUEUE, or pause, resume, run or remove one."""
    edits: list[tuple[ScheduleEdit, str | None]] = [
        ("pause", to_pause),
        ("resume", to_resume),
        ("remove", to_remove),
    ]
    wanted = [(edit, name) for edit, name in edits if name is not None]
    if len(wanted) + (to_run is not None) > 1:
        raise click.UsageError("one of --pause, --resume, --run and --remove at a time")
    with admin_of(url, prefix) as admin:
        if to_run is not None:
            run_one(admin, queue, to_run)
        elif wanted:
            [(edit, name)] = wanted
            if edit == "remove":
                confirm(yes, f"Forget the schedule {name} of queue {queue}?")
            done = DONE[admin.edit_schedule(queue, name, edit)].format(queue=queue, name=name)
            show(f"schedule {name} {done}")
        else:
            list_all(queue, admin.schedules(queue), as_json)
    return 0


def run_one(admin: Admin, queue: str, name: str) -> None:
    """Make a job of a schedule, and print its id."""
    id, word = admin.run_schedule(queue, name)
    if word == "new":
        show(f"schedule {name} has made job {id}")
    else:
        show(f"schedule {name} has made no job: job {id} has its unique key, and is {word}")


def list_all(queue: str, found: Sequence[StoredSchedule], as_json: bool) -> None:
    """Print schedules as JSON, one a line, or as a table."""
    if as_json:
        for one in found:
            show_json(json_ready(one))
    elif found:
        print_table(map(cells, found), *HEADS)
    say(f"{number_of(len(found), 'schedule')} on queue {queue}")


def cells(one: StoredSchedule) -> Sequence[str]:
    """Return the cells of a schedule in the table."""
    when = f"every {span(one.every)}" if one.every else one.cron or "-"
    runs = ", ".join(moment(ms) for ms in one.ran[-RUNS_SHOWN:]) or "-"
    paused = "yes" if one.paused else "-"
    return [one.name, moment(one.next), when, one.zone or "-", one.missed, one.task, paused, runs]
