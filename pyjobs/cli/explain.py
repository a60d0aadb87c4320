"""`pyjobs explain`: why a job is not running. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import IdCommand, marked, prefix_option, url_option
from pyjobs.cli.operating import admin_of, json_option, queue_argument, with_workers
from pyjobs.cli.output import show, show_json


@click.command(cls=IdCommand)
@queue_argument
@click.argument("id", callback=marked)
@json_option
@url_option
@prefix_option
def explain(queue: str, id: str, as_json: bool, url: str, prefix: str) -> int:
    """Say why the job ID of QUEUE is not running, as a word and a sentence."""
    with admin_of(url, prefix) as admin:
        admin.stats(queue)
        job, why = admin.show(queue, id), admin.explain(queue, id)
        why = with_workers(admin, queue, job.task, why)
    if as_json:
        show_json({"id": id, **why._asdict()})
    else:
        show(f"{why.code}: {why.sentence}")
    return 1 if why.code == "nojob" else 0
