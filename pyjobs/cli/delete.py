"""`pyjobs delete`: jobs are forgotten. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import SOME_REFUSED, IdCommand, number_of
from pyjobs.cli.editing import Chosen, edit, edit_arguments
from pyjobs.cli.operating import confirm
from pyjobs.engine import ENDED


@click.command(cls=IdCommand, epilog=SOME_REFUSED)
@edit_arguments("pending", "delayed", "dead", *ENDED)
def delete(chosen: Chosen) -> int:
    """Forget jobs of QUEUE that are pending or delayed, or have ended: by their ids, or by a filter
    with --state.

    Cancel a job in flight first. Clients of a job that had not ended hear that it is cancelled.
    """
    question = f"Forget {{}} of queue {chosen.queue}?"
    if chosen.ids:
        confirm(chosen.yes, question.format(number_of(len(chosen.ids), "job")))
    return edit(chosen, "delete", "deleted", question)
