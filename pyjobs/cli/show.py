"""`pyjobs show`: all that is known of one job. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import IdCommand, marked, prefix_option, url_option
from pyjobs.cli.operating import (
    admin_of,
    as_text,
    error_line,
    json_option,
    json_ready,
    moment,
    queue_argument,
    span,
    with_workers,
)
from pyjobs.cli.output import print_table, show_json
from pyjobs.engine import ShownJob
from pyjobs.errors import NoJob

MOMENT_FIELDS = ("at", "queued", "started", "processed", "expires")
# What the moment of a job is, by its place.
AT = {"delayed": "due", "quarantine": "due", "inflight": "lease until", "dead": "died"}
SPANS = ("ttl", "retention", "timeout", "backoff", "max_run")


@click.command(cls=IdCommand)
@queue_argument
@click.argument("id", callback=marked)
@json_option
@url_option
@prefix_option
def show(queue: str, id: str, as_json: bool, url: str, prefix: str) -> int:
    """Show all that is known of the job ID of QUEUE, and why it is not running."""
    with admin_of(url, prefix) as admin:
        admin.stats(queue)
        job, why = admin.show(queue, id), admin.explain(queue, id)
        why = with_workers(admin, queue, job.task, why)
    if not job.state:
        raise NoJob(f"job {id}: {why.sentence}")
    if as_json:
        show_json({"id": id, **json_ready(job), **why._asdict()})
    else:
        print_table([["id", id], *rows(job), ["why", f"{why.code}: {why.sentence}"]])
    return 0


def rows(job: ShownJob) -> list[list[str]]:
    """Return name and value of what the job has."""
    found = []
    for name, value in job._asdict().items():
        if value in ("", b"", 0, -1):
            continue
        if name in MOMENT_FIELDS:
            text = moment(value)
        elif name in SPANS:
            text = span(value)
        elif name == "error":
            text = error_line(value, 1000)
        else:
            text = as_text(value) if isinstance(value, bytes) else str(value)
        found.append([moment_name(job) if name == "at" else name, text])
    return found


def moment_name(job: ShownJob) -> str:
    """Return what the moment of a job in its place is."""
    # In recoverable mode a job in flight has no lease: the moment is that of its claim.
    if job.place == "inflight" and job.at <= job.started:
        return "claimed"
    return AT.get(job.place, "at")
