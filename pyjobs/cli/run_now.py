"""`pyjobs run-now`: delayed jobs run at once. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import SOME_REFUSED, IdCommand
from pyjobs.cli.editing import Chosen, edit, edit_arguments


@click.command("run-now", cls=IdCommand, epilog=SOME_REFUSED)
@edit_arguments("delayed")
def run_now(chosen: Chosen) -> int:
    """Let delayed jobs of QUEUE run now, before those that wait: by their ids, or by a filter."""
    return edit(chosen, "run", "moved forward")
