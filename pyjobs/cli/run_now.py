"""`pyjobs run-now`: delayed jobs run at once, or at another time. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import SOME_REFUSED, IdCommand, print_answers, seconds
from pyjobs.cli.editing import Chosen, edit, edit_arguments
from pyjobs.cli.operating import admin_of
from pyjobs.cli.values import SECONDS
from pyjobs.errors import BadArgument


@click.command("run-now", cls=IdCommand, epilog=SOME_REFUSED)
@edit_arguments("delayed")
@click.option(
    "--delay",
    type=SECONDS,
    metavar="SECONDS",
    callback=seconds,
    help="Let the named jobs be due SECONDS from now, and not at once.",
)
def run_now(chosen: Chosen, delay: float | None) -> int:
    """Let delayed jobs of QUEUE run now, before pending ones: by their ids, or by a filter.

    With --delay, jobs that are named are due at another moment, later or sooner.
    """
    if delay is None:
        return edit(chosen, "run", "moved forward")
    if not chosen.ids:
        raise BadArgument("ids: --delay is for jobs that are named")
    with admin_of(chosen.url, chosen.prefix) as admin:
        answers = admin.run_now(chosen.queue, chosen.ids, delay=delay)
    return print_answers("delayed", chosen.queue, answers)
