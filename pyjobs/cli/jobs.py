"""`pyjobs jobs`: a page of the jobs of a queue. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pyjobs.cli.common import number_of, prefix_option, url_option
from pyjobs.cli.editing import filter_options
from pyjobs.cli.operating import (
    admin_of,
    as_text,
    error_line,
    json_option,
    json_ready,
    moment,
    queue_argument,
    shortened,
)
from pyjobs.cli.output import print_table, progress_bar, say, show_json
from pyjobs.cli.values import Number, Word
from pyjobs.engine import MAX_ITEMS, STATES, ListedJob, State

SHOWN_BYTES = 4096
JSON_BYTES = 65_536
JSON_PAGE = 50  # jobs of a call; the reply is read whole
DATA_CHARS = 40
LESS = ("queued", "task", "data", "state", "attempt", "reason", "error", "at")
HEADS = ("id", "state", "reason", "task", "queued", "at", "attempt", "error", "data")


@click.command()
@queue_argument
@click.option(
    "--state",
    type=Word(list(STATES)),
    default="pending",
    show_default=True,
    help="Which jobs.",
)
@click.option(
    "--limit",
    type=Number(1, MAX_ITEMS),
    default=50,
    show_default=True,
    metavar="NUMBER",
    help="List NUMBER jobs at most.",
)
@click.option("--cursor", default="", metavar="CURSOR", help="Go on where the page before ended.")
@filter_options
@click.option("--newest", is_flag=True, help="Begin at the other end.")
@json_option
@url_option
@prefix_option
def jobs(
    queue: str,
    state: State,
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
    """List jobs of QUEUE that are pending, or in another state.

    The next job comes first, or the job that has been dead longest. Jobs that are done, failed,
    cancelled or expired have no order, and are found among all keys of the server.

    `at` is when a delayed job is due, when the lease of a job in flight ends (when it was claimed,
    in recoverable mode), and when a dead job died.
    """
    with admin_of(url, prefix) as admin:
        admin.stats(queue)
        found: list[ListedJob] = []
        looked = 0
        with progress_bar("looking") as progress:
            while True:
                page = admin.jobs(
                    queue,
                    state,
                    cursor=cursor,
                    limit=min(limit - len(found), JSON_PAGE if as_json else limit),
                    task=task,
                    error=error,
                    older=older,
                    newer=newer,
                    newest=newest,
                    max_bytes=JSON_BYTES if as_json else SHOWN_BYTES,
                )
                found += page.jobs
                looked, cursor = looked + page.looked, page.cursor
                progress(looked, max(page.total, 0))
                if not cursor or len(found) == limit:
                    break
    if as_json:
        for job in found:
            show_json(json_ready(job))
    elif found:
        print_table(map(cells, found), *HEADS, wraps=("error", "data"), less=LESS)
    filtered = page.total < 0 or (task, error, older, newer) != (None,) * 4
    total = len(found) if page.total < 0 else page.total
    part = f"{len(found)} of " if total != len(found) else ""
    beside = f"; {looked} looked at" if filtered else ""
    say(f"{part}{number_of(total, f'{state} job')} on queue {queue}{beside}")
    if state == "pending" and (ended := sum(job.state != state for job in found)):
        say(f"{ended} of these ended before a run, and leave the list when a claim meets them")
    if cursor:
        say(f"there may be more: --cursor {cursor}")
    return 0


def cells(job: ListedJob) -> Sequence[str]:
    """Return the cells of a job in the table."""
    return [
        *(job.id, job.state or "gone", job.reason, job.task),
        *(moment(job.queued), moment(job.at), str(job.attempt)),
        error_line(job.error, 60),
        shortened(as_text(job.data), DATA_CHARS),
    ]
