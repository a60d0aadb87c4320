"""`pyjobs dead`: the dead jobs of a queue. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.admin import DeadJob
from pyjobs.cli.common import number_of, prefix_option, url_option
from pyjobs.cli.operating import admin_of, json_option, moment, queue_argument
from pyjobs.cli.output import print_table, say, show_json
from pyjobs.cli.values import Number
from pyjobs.engine import MAX_ITEMS, MAX_SKIP

DEFAULT_LIMIT = 100
ERROR_CHARS = 80


@click.command()
@queue_argument
@click.option(
    "--skip",
    type=Number(0, MAX_SKIP),
    default=0,
    metavar="NUMBER",
    help="Leave out the first NUMBER jobs.",
)
@click.option(
    "--limit",
    type=Number(1, MAX_ITEMS),
    default=DEFAULT_LIMIT,
    show_default=True,
    metavar="NUMBER",
    help="List NUMBER jobs at most.",
)
@json_option
@url_option
@prefix_option
def dead(queue: str, skip: int, limit: int, as_json: bool, url: str, prefix: str) -> int:
    """List the dead jobs of a reliable QUEUE.

    A job is dead when its attempts are used up, its handler rejected it, its workers kept dying, or
    no worker knew its task. The jobs that have been dead longest come first. `pyjobs requeue` runs
    them again.
    """
    with admin_of(url, prefix) as admin:
        found = admin.dead(queue, skip=skip, limit=limit)
    if as_json:
        for job in found.jobs:
            show_json({**job._asdict(), "error": job.error._asdict()})
        return 0
    if found.jobs:
        tasks = any(job.task for job in found.jobs)
        heads = (
            "id",
            *(["task"] if tasks else []),
            "reason",
            "died",
            "failures",
            "crashes",
            "error",
        )
        print_table(
            (cells(job, tasks) for job in found.jobs), *heads, less=("crashes", "failures", "died")
        )
    shown = "" if len(found.jobs) == found.total else f"; {len(found.jobs)} shown"
    say(f"{number_of(found.total, 'dead job')} on queue {queue}{shown}")
    return 0


def cells(job: DeadJob, tasks: bool) -> list[str]:
    """Return the cells of a job in the table; with `tasks`, the name of its task too."""
    error = ": ".join(part for part in (job.error.type, job.error.message) if part)[:ERROR_CHARS]
    task = [job.task] if tasks else []
    return [job.id, *task, job.reason, moment(job.died), str(job.failures), str(job.crashes), error]
