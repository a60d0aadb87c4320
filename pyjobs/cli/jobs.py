"""`pyjobs jobs`: a page of the jobs of a queue. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pyjobs.cli.common import counted, prefix_option, seconds, url_option
from pyjobs.cli.operating import (
    admin_of,
    as_text,
    error_line,
    json_option,
    json_ready,
    moment,
    queue_argument,
)
from pyjobs.cli.output import print_table, say, show_json
from pyjobs.engine import MAX_ITEMS, PLACES, ListedJob, Place

SHOWN_BYTES = 4096
DATA_CHARS = 40
LESS = ("queued", "task", "data", "state", "attempt", "error", "at")
HEADS = ("id", "state", "task", "queued", "at", "attempt", "error", "data")


@click.command()
@queue_argument
@click.option(
    "--state",
    "place",
    type=click.Choice(list(PLACES)),
    default="waiting",
    show_default=True,
    help="Which jobs.",
)
@click.option("--limit", type=click.IntRange(1, MAX_ITEMS), default=50, show_default=True)
@click.option("--cursor", default="", help="Go on where the page before ended.")
@click.option("--task", help="Only jobs of this task.")
@click.option("--error", help="Only jobs whose last error has this text in it.")
@click.option(
    "--older",
    type=float,
    metavar="SECONDS",
    callback=seconds,
    help="Only jobs at least so old.",
)
@click.option(
    "--newer",
    type=float,
    metavar="SECONDS",
    callback=seconds,
    help="Only jobs at most so old.",
)
@click.option("--newest", is_flag=True, help="Begin at the other end.")
@json_option
@url_option
@prefix_option
def jobs(
    queue: str,
    place: Place,
    limit: int,
    cursor: str,
    task: str | None,
    error: str | None,
    older: float | None,
    newer: float | None,
    newest: bool,
    as_json: bool,
    url: str,
    prefix: str,
) -> int:
    """List jobs of QUEUE: those that wait, or are delayed, in flight or dead.

    The next job comes first, or the job that has been dead longest. The age of a dead job counts
    from its death, and that of another job from its submit.
    """
    with admin_of(url, prefix) as admin:
        admin.stats(queue)
        found: list[ListedJob] = []
        looked = 0
        while True:
            page = admin.jobs(
                queue,
                place,
                cursor=cursor,
                limit=limit - len(found),
                task=task,
                error=error,
                older=older,
                newer=newer,
                newest=newest,
                max_bytes=SHOWN_BYTES,
            )
            found += page.jobs
            looked, cursor = looked + page.looked, page.cursor
            if not cursor or len(found) == limit:
                break
    if as_json:
        for job in found:
            show_json(json_ready(job))
    elif found:
        print_table(map(cells, found), *HEADS, wraps=("error", "data"), less=LESS)
    shown = counted(len(found), "job")
    say(f"{shown} of {page.total} {place} on queue {queue}, {looked} looked at")
    if cursor:
        say(f"there may be more: --cursor {cursor}")
    return 0


def cells(job: ListedJob) -> Sequence[str]:
    """Return the cells of a job in the table."""
    state = job.reason or job.state or "gone"
    return [
        *(job.id, state, job.task, moment(job.queued), moment(job.at), str(job.attempt)),
        error_line(job.error, 60),
        as_text(job.data)[:DATA_CHARS],
    ]
