"""`pyjobs mode`: the mode of an empty queue is changed. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import prefix_option, url_option
from pyjobs.cli.operating import admin_of, queue_argument
from pyjobs.cli.output import show
from pyjobs.cli.values import Word
from pyjobs.engine import MODES, ModeName


@click.command()
@queue_argument
@click.argument("new", metavar="MODE", type=Word(list(MODES)))
@url_option
@prefix_option
def mode(queue: str, new: ModeName, url: str, prefix: str) -> int:
    """Change the mode of QUEUE, which holds no job and no schedule, to MODE.

    MODE is simple, recoverable or reliable. Stop the workers of the queue first: workers of the
    mode before set it aside. Jobs that run in simple mode are seen by nobody.
    """
    with admin_of(url, prefix) as admin:
        admin.stats(queue)
        was = admin.set_mode(queue, new)
    show(f"queue {queue} is {new}" + ("" if was == new else f", and was {was}"))
    return 0
