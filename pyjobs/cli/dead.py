"""`pyjobs dead`, `pyjobs requeue` and `pyjobs cancel`: what an operator does about single jobs.

Nothing else may live here.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator

import click

from pyjobs import codec
from pyjobs.cli.common import connected, counted, prefix_option, print_table, tell, url_option
from pyjobs.engine import MAX_ITEMS, MODES, RELIABLE, Dead, Keys, StoredVerbs, mode_named
from pyjobs.errors import BadArgument
from pyjobs.transport import Server, run
from pyjobs.validate import checked

PAGE = 100
MAX_SKIP = 1_000_000
ERROR_CHARS = 80
WHY_NOT = {
    "NOJOB": "there is no such job",
    "CONFLICT": "another live job holds its unique key",
}

SOME_REFUSED = "Exits with 1 when it was not done for some of the jobs; stderr says which and why."


@click.command()
@click.argument("queue")
@click.option(
    "--skip",
    type=click.IntRange(0, MAX_SKIP),
    default=0,
    help="Skip this many, from the longest dead on.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_ITEMS),
    default=PAGE,
    show_default=True,
    help="Most jobs to list.",
)
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


@click.command(epilog=SOME_REFUSED)
@click.argument("queue")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All that are dead now.")
@url_option
@prefix_option
def requeue(queue: str, ids: tuple[str, ...], every: bool, url: str, prefix: str) -> int:
    """Give dead jobs another life.

    They go back to their queue, with nothing counted against them.
    """
    if every == bool(ids):
        raise BadArgument("ids: name the jobs, or say --all")
    key = Keys(prefix).queue(queue)
    names = [checked("id", id) for id in ids]
    with connected(url) as server:
        answers = requeue_all(server, key) if every else requeue_these(server, key, names)
    return report("requeued", queue, answers, "pending")


def parts(ids: list[str]) -> Iterator[list[str]]:
    return (ids[at : at + MAX_ITEMS] for at in range(0, len(ids), MAX_ITEMS))


def requeue_these(server: Server, key: str, ids: list[str]) -> list[tuple[str, str]]:
    """Returns each id and what the script says of it."""
    words = [word for part in parts(ids) for word in run(server, RELIABLE.requeue(key, part))]
    return list(zip(ids, words, strict=True))


def requeue_all(server: Server, key: str) -> list[tuple[str, str]]:
    """The same for as many as are dead now, the longest dead first: jobs that die again in the
    meantime come last. Those that stay dead stand at the front, and are skipped."""
    answers: list[tuple[str, str]] = []
    page = run(server, RELIABLE.dead(key, skip=0, limit=MAX_ITEMS))
    left, stay = page.total, 0
    while ids := [job.id for job in page.jobs[:left]]:
        told = requeue_these(server, key, ids)
        answers += told
        left -= len(ids)
        stay += sum(word == "CONFLICT" for _, word in told)
        page = run(server, RELIABLE.dead(key, skip=stay, limit=MAX_ITEMS))
    return answers


@click.command(epilog=SOME_REFUSED)
@click.argument("queue")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
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
    names = [checked("id", id) for id in ids]
    key = Keys(prefix).queue(queue)
    with connected(url) as server:
        words = [word for part in parts(names) for word in run(server, verbs.cancel(key, part))]
    return report("cancelled", queue, list(zip(names, words, strict=True)), "cancelled")


def report(done: str, queue: str, answers: list[tuple[str, str]], wanted: str) -> int:
    """Say for how many jobs it was done, and for which it was not. Returns the exit code."""
    refused = [(id, word) for id, word in answers if word != wanted]
    for id, word in refused:
        tell(f"job {id} on queue {queue}: {WHY_NOT.get(word, f'it is {word}')}")
    jobs = counted(len(answers), "job")
    some = f"{len(answers) - len(refused)} of {jobs}" if refused else jobs
    click.echo(f"{done} {some}")
    return 1 if refused else 0
