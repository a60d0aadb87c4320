"""`pyjobs workers`: the workers that have announced themselves. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.admin import SeenWorker
from pyjobs.cli.common import marked, prefix_option, url_option
from pyjobs.cli.operating import admin_of, complete_queue, json_option, json_ready, span
from pyjobs.cli.output import print_table, say, show_json

HEADS = ("worker", "queues", "mode", "slots", "runs", "for", "lag", "up", "seen", "version")
LESS = ("version", "mode", "up", "lag", "seen", "for", "runs")


@click.command()
@click.argument(
    "queue", required=False, callback=lambda *given: given[-1] and marked(*given),
    shell_complete=complete_queue,
)  # fmt: skip
@json_option
@url_option
@prefix_option
def workers(queue: str | None, as_json: bool, url: str, prefix: str) -> int:
    """Show the workers of QUEUE, or those of every queue.

    A worker announces itself every ten seconds to its queues, and is shown for half a minute after
    its latest word. `runs` is the job that has run longest, `for` how long it has run, `lag` how
    late the event loop of the worker turns, and `seen` how old all this is.
    """
    with admin_of(url, prefix) as admin:
        found = admin.workers(queue)
    for name, why in found.unread.items():
        say(f"queue {name}: {why}")
    if as_json:
        for one in found.workers:
            show_json({**json_ready(one), "jobs": [json_ready(job) for job in one.jobs]})
    elif found.workers:
        print_table(map(cells, found.workers), *HEADS, wraps=("queues", "runs"), less=LESS)
    elif not found.unread:
        say("no worker has announced itself")
    return 1 if found.unread else 0


def cells(one: SeenWorker) -> list[str]:
    """Return the cells of a worker in the table."""
    longest = one.jobs[0] if one.jobs else None
    more = f" +{one.running - 1}" if one.running > 1 else ""
    return [
        f"{one.worker}{' (stops)' if one.stopping else ''}",
        ", ".join(one.queues) or "?",
        one.mode or "?",
        f"{one.running}/{one.slots}",
        "" if longest is None else f"{longest.task or longest.id}{more}",
        "" if longest is None else span(longest.ran),
        span(one.lag),
        span(one.up),
        span(one.ago),
        one.version or "?",
    ]
