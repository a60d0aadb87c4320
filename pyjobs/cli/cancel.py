"""`pyjobs cancel`: jobs that have not ended yet are ended. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import SOME_REFUSED, IdCommand
from pyjobs.cli.editing import Chosen, edit, edit_arguments


@click.command(cls=IdCommand, epilog=SOME_REFUSED)
@edit_arguments("pending", "delayed", "inflight")
def cancel(chosen: Chosen) -> int:
    """Cancel jobs of QUEUE that have not ended yet: by their ids, or by a filter with --state.

    The jobs may be pending, delayed or in flight. When a worker runs a job that is cancelled, the
    outcome of the run is discarded. A filter asks before it cancels.
    """
    question = f"Cancel {{}} of queue {chosen.queue}?"
    return edit(chosen, "cancel", "cancelled", question)
