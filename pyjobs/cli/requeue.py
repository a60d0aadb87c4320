"""`pyjobs requeue`: dead jobs go back to their queue. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.admin import requeue_all, requeue_jobs
from pyjobs.cli.common import (
    SOME_REFUSED,
    IdCommand,
    connected,
    marked,
    prefix_option,
    print_answers,
    say_if_missing,
    url_option,
)
from pyjobs.cli.operating import queue_argument
from pyjobs.engine import Keys
from pyjobs.errors import BadArgument


@click.command(cls=IdCommand, epilog=SOME_REFUSED)
@queue_argument
@click.argument("ids", metavar="[ID]...", nargs=-1, callback=marked)
@click.option("--all", "every", is_flag=True, help="Requeue all jobs that are dead now.")
@url_option
@prefix_option
def requeue(queue: str, ids: tuple[str, ...], every: bool, url: str, prefix: str) -> int:
    """Put dead jobs back into a reliable QUEUE.

    The jobs run again as new ones: no failed attempt and no crash counts against them. `pyjobs
    dead` lists their ids.
    """
    if every == bool(ids):
        raise BadArgument("ids: name the jobs, or say --all")
    keys = Keys(prefix)
    with connected(url) as server:
        if every:
            answers = requeue_all(server, keys, queue)
        else:
            answers = requeue_jobs(server, keys, queue, ids)
        if not any(answer.done for answer in answers):
            say_if_missing(server, keys, queue)
    return print_answers("requeued", queue, answers)
