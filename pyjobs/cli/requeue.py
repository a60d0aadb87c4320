"""`pyjobs requeue`: dead or failed jobs go back to their queue. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import SOME_REFUSED, IdCommand
from pyjobs.cli.editing import Chosen, edit, edit_arguments


@click.command(cls=IdCommand, epilog=SOME_REFUSED)
@edit_arguments("dead", "failed")
def requeue(chosen: Chosen) -> int:
    """Put dead jobs, in a recoverable QUEUE failed ones, back into QUEUE: by their ids, or by a
    filter.

    The jobs run again as new ones: no failed attempt and no crash counts against them. `pyjobs
    jobs QUEUE --state dead` lists their ids.
    """
    return edit(chosen, "requeue", "requeued")
