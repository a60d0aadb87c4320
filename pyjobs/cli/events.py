"""`pyjobs events`: what happened to the jobs of a queue. Nothing else may live here."""

from __future__ import annotations

import datetime

import click

from pyjobs.cli.common import number_of, prefix_option, some_seconds, url_option
from pyjobs.cli.operating import admin_of, json_option, json_ready, queue_argument
from pyjobs.cli.output import one_line, print_table, say, show, show_json
from pyjobs.cli.values import SECONDS, Number
from pyjobs.engine import MOST_EVENTS, Event

HEADS = ("when", "event", "job", "task", "attempt", "reason")
LESS = ("reason", "task")


@click.command()
@queue_argument
@click.option(
    "--limit",
    type=Number(1, 1000),
    default=50,
    show_default=True,
    metavar="NUMBER",
    help="How many of the latest events to show.",
)
@click.option("--after", metavar="ENTRY", default="", help="Only events behind this one.")
@click.option("--follow", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@click.option(
    "--every",
    type=SECONDS,
    default=0.25,
    show_default=True,
    metavar="SECONDS",
    callback=some_seconds,
    help="How often to look, with --follow.",
)
@click.option(
    "--keep",
    type=Number(1, MOST_EVENTS),
    metavar="NUMBER",
    help="Let QUEUE keep so many of its latest events from now on.",
)
@click.option("--off", is_flag=True, help="Let QUEUE keep no events, and forget those it has.")
@json_option
@url_option
@prefix_option
def events(
    queue: str,
    limit: int,
    after: str,
    follow: bool,
    every: float,
    keep: int | None,
    off: bool,
    as_json: bool,
    url: str,
    prefix: str,
) -> int:
    """Show what happened to the jobs of QUEUE. QUEUE keeps no events until --keep says how many.

    `attempt` is the run that began or ended. Of an event that is no run, such as `submitted`, it is
    how many runs the job has had.
    With --follow, an outage of Redis ends nothing: the command goes on behind the last event.
    """
    if keep is not None and off:
        raise click.UsageError("--keep and --off exclude each other")
    with admin_of(url, prefix) as admin:
        if keep is not None or off:
            changed = admin.keep_events(queue, keep or 0)
            say(kept_now(queue, keep or 0, changed))
        if off:
            return 0
        page = admin.events(queue, after=after, limit=limit, newest=True)
        if not page.kept:
            say(f"queue {queue} keeps no events: `pyjobs events {queue} --keep 10000`")
        elif page.lost:
            say(f"event {after} is gone, and events behind it may be gone too")
        elif not page.events and keep is None and not follow:
            say(f"no events of queue {queue}" + (f" behind {after}" if after else " yet"))
        print_events(page.events, as_json, follow)
        latest = page.events[-1].entry if page.events else after
        if follow:
            for event in admin.follow_events(queue, after=latest, every=every):
                print_events([event], as_json, follow)
    return 0


def kept_now(queue: str, keep: int, changed: bool) -> str:
    """Return what a queue keeps from now on, as a sentence."""
    number = f"its latest {number_of(keep, 'event')}" if keep else "no events"
    return f"queue {queue} keeps {number}" + ("" if changed else ", as before")


def print_events(found: list[Event], as_json: bool, follow: bool) -> None:
    """Print events: as JSON, as lines that others may follow, or as a table."""
    if as_json:
        for event in found:
            show_json(json_ready(event))
    elif follow:
        for event in found:
            show(one_line("  ".join(filter(None, cells(event)))))
    elif found:
        print_table(map(cells, found), *HEADS, less=LESS)


def cells(event: Event) -> list[str]:
    """Return the cells of an event."""
    when = datetime.datetime.fromtimestamp(event.at / 1000).isoformat(" ", "milliseconds")
    return [when, event.event, event.id, event.task, str(event.attempt), event.reason]
