"""`pyjobs dead`, `pyjobs requeue` and `pyjobs cancel`: what an operator does about single jobs.

Nothing else may live here.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator

import click
import redis

from pyjobs import codec
from pyjobs.cli.common import (
    connected,
    counted,
    prefix_option,
    print_table,
    tell,
    url_option,
)
from pyjobs.errors import BadArgument
from pyjobs.keys import Keys, checked
from pyjobs.modes import MODES, mode_named
from pyjobs.reliable import RELIABLE
from pyjobs.run import run
from pyjobs.verbs import MAX_ITEMS, Dead, StoredVerbs

PAGE = 100
ERROR_CHARS = 80
WHY_NOT = {
    "NOJOB": "there is no such job",
    "CONFLICT": "another live job holds its unique key",
}

ids_argument = click.argument("ids", metavar="[ID]...", nargs=-1)


@click.command()
@click.argument("queue")
@click.option("--skip", type=click.IntRange(0), default=0, help="Leave out that many.")
@click.option("--limit", type=click.IntRange(1, MAX_ITEMS), default=PAGE, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of a table.")
@url_option
@prefix_option
def dead(queue: str, skip: int, limit: int, as_json: bool, url: str, prefix: str) -> int:
    """List dead jobs of a reliable queue.

    The longest dead come first, each with what killed it.
    """
    key = Keys(prefix).queue(queue)
    with connected(url) as server:
        page = run(server, RELIABLE.dead(key, skip=skip, limit=limit))
    if as_json:
        for job in page.jobs:
            click.echo(json.dumps(as_dict(job)))
        return 0
    if page.jobs:
        print_table(map(row, page.jobs), "id", "reason", "died", "attempts", "crashes", "error")
    shown = "" if len(page.jobs) == page.total else f"; {len(page.jobs)} shown"
    tell(f"{counted(page.total, 'dead job')} on queue {queue}{shown}")
    return 0


def as_dict(job: Dead) -> dict[str, object]:
    type, message, traceback = codec.decode_error(job.error)
    error = {"type": type, "message": message, "traceback": traceback}
    return {**job._asdict(), "error": error}


def row(job: Dead) -> list[str]:
    type, message, _ = codec.decode_error(job.error)
    died = datetime.datetime.fromtimestamp(job.died / 1000).astimezone()
    error = ": ".join(part for part in (type, message) if part)[:ERROR_CHARS]
    when = died.isoformat(" ", "seconds")
    return [job.id, job.reason, when, str(job.attempts), str(job.crashes), error]


@click.command()
@click.argument("queue")
@ids_argument
@click.option("--all", "every", is_flag=True, help="All that are dead now.")
@url_option
@prefix_option
def requeue(queue: str, ids: tuple[str, ...], every: bool, url: str, prefix: str) -> int:
    """Give dead jobs another life.

    They go back to their queue, with nothing counted against them.
    """
    if every == bool(ids):
        raise BadArgument("ids: name some, or say --all")
    key = Keys(prefix).queue(queue)
    names = [checked("id", id) for id in ids]
    with connected(url) as server:
        answers: list[tuple[str, str]] = []
        for page in every_dead(server, key) if every else parts(names):
            words = run(server, RELIABLE.requeue(key, page))
            answers += zip(page, words, strict=True)
    return report("requeued", answers, "pending")


def parts(ids: list[str]) -> Iterator[list[str]]:
    return (ids[at : at + MAX_ITEMS] for at in range(0, len(ids), MAX_ITEMS))


def every_dead(server: redis.Redis, key: str) -> Iterator[list[str]]:
    """The ids of all dead jobs, a page at a time; those that stay dead are met once."""
    seen: set[str] = set()
    while page := run(server, RELIABLE.dead(key, skip=len(seen), limit=MAX_ITEMS)).jobs:
        yield [job.id for job in page]
        first = run(server, RELIABLE.dead(key, skip=0, limit=MAX_ITEMS)).jobs
        seen.update({job.id for job in first} & {job.id for job in page})


@click.command()
@click.argument("queue")
@ids_argument
@click.option(
    "--mode",
    type=click.Choice([name for name, mode in MODES.items() if mode.stores]),
    default=RELIABLE.name,
    show_default=True,
    help="The queue's mode.",
)
@url_option
@prefix_option
def cancel(queue: str, ids: tuple[str, ...], mode: str, url: str, prefix: str) -> int:
    """End jobs that have not ended yet.

    Wherever they are: pending, delayed or running. A worker that runs one has lost it.
    """
    verbs = mode_named(mode)
    assert isinstance(verbs, StoredVerbs)
    if not ids:
        raise BadArgument("ids: name some")
    names = [checked("id", id) for id in ids]
    key = Keys(prefix).queue(queue)
    with connected(url) as server:
        words = [word for part in parts(names) for word in run(server, verbs.cancel(key, part))]
    return report("cancelled", list(zip(names, words, strict=True)), "cancelled")


def report(done: str, answers: list[tuple[str, str]], wanted: str) -> int:
    """Say for how many jobs it was done, and for which it was not. Returns the exit code."""
    refused = [(id, word) for id, word in answers if word != wanted]
    for id, word in refused:
        tell(f"job {id}: {WHY_NOT.get(word, f'it is {word}')}")
    jobs = counted(len(answers), "job")
    some = f"{len(answers) - len(refused)} of {jobs}" if refused else jobs
    click.echo(f"{done} {some}")
    return 1 if refused else 0
