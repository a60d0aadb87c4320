"""`pyjobs check`: every entry of a queue is held against its job. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import number_of, prefix_option, url_option
from pyjobs.cli.operating import admin_of, json_option, json_ready, queue_argument
from pyjobs.cli.output import print_table, progress_bar, show, show_json


@click.command(epilog="Exits with 1 when something is wrong, or stays so after --repair.")
@queue_argument
@click.option("--repair", is_flag=True, help="Mend what is found, while workers run.")
@json_option
@url_option
@prefix_option
def check(queue: str, repair: bool, as_json: bool, url: str, prefix: str) -> int:
    """Hold every entry and every stored job of QUEUE against the other, and print what is wrong.

    Without --repair nothing is changed. A claim or a reap mends what it meets, and --repair the
    rest: a missing job's id goes into the list of broken entries, and each job into the one place
    of its state.
    """
    with admin_of(url, prefix) as admin:
        stats = admin.stats(queue)
        length = stats.pending + stats.delayed + stats.inflight + stats.dead
        label = "repairing" if repair else "checking"
        with progress_bar(label) as bar:

            def progress(now: int) -> None:
                bar(now, 2 * length)  # each job by its key, and by its entry

            if repair:
                mended = admin.repair(queue, progress=progress)
                rows = [{**json_ready(one.finding), "repair": one.word} for one in mended]
                wrong = any(one.word == "left" for one in mended)
            else:
                rows = [json_ready(one) for one in admin.check(queue, progress=progress)]
                wrong = bool(rows)
    if as_json:
        for row in rows:
            show_json(row)
    elif rows:
        print_table([[str(cell) for cell in row.values()] for row in rows], *rows[0])
    else:
        show(f"queue {queue}: {number_of(length, 'job')}, and each in its place")
    return 1 if wrong else 0
