"""`pyjobs doctor`: what is wrong with the server and the queues. Nothing else may live here."""

from __future__ import annotations

import textwrap

import click

from pyjobs.admin import Problem
from pyjobs.cli.common import marked, number_of, prefix_option, seconds, url_option
from pyjobs.cli.operating import admin_of, complete_queue, json_option, json_ready
from pyjobs.cli.output import show, show_json, terminal_width
from pyjobs.cli.values import SECONDS, Word
from pyjobs.engine import ROLES

INDENT = " " * 8  # of a line that goes on
EXIT_CODES = """\b
Exit codes:
  0  nothing is wrong, or there are notes only
  1  jobs are lost, refused or never run as things are; or Redis can't be asked
  2  there are warnings, and no error"""


@click.command(epilog=EXIT_CODES)
@click.argument(
    "queues", metavar="[QUEUE]...", nargs=-1, callback=marked, shell_complete=complete_queue
)
@click.option(
    "--role",
    type=Word(list(ROLES)),
    default="operator",
    show_default=True,
    help="Whose rights the user of --url needs.",
)
@click.option(
    "--oldest",
    type=SECONDS,
    metavar="SECONDS",
    default=300,
    show_default=True,
    callback=seconds,
    help="How long a job may be pending.",
)
@json_option
@url_option
@prefix_option
def doctor(
    queues: tuple[str, ...], role: str, oldest: float, as_json: bool, url: str, prefix: str
) -> int:
    """Say what is wrong with Redis and with each QUEUE, why it matters, and what mends it.

    Without QUEUE, the queues are those of the registry. Nothing is written. Settings of Redis are
    for a user who may read them: others get a note about what could not be seen.
    """
    with admin_of(url, prefix) as admin:
        found = admin.doctor(queues, role=role, oldest=oldest)
    for problem in found:
        if as_json:
            show_json(json_ready(problem))
        else:
            show(problem_lines(problem, terminal_width()))
    levels = [problem.level for problem in found]
    if not as_json:
        counts = ", ".join(
            number_of(levels.count(level), level) for level in ("error", "warning", "note")
        )
        show(counts if found else "nothing is wrong")
    return 1 if "error" in levels else 2 if "warning" in levels else 0


def problem_lines(problem: Problem, width: int | None) -> str:
    """Return a problem as lines. What mends it can be copied, and is in one line.

    Args:
        problem: what is wrong.
        width: columns of the terminal; None for lines of any length.
    """
    lines = [f"{problem.level}: {problem.where}: {problem.wrong}", f"  why:  {problem.why}"]
    if width is not None:
        wrap = textwrap.TextWrapper(
            *(width, "", INDENT), break_long_words=False, break_on_hyphens=False
        )
        lines = [wrap.fill(line) for line in lines]
    return "\n".join(lines + [f"  mend: {problem.mend}"] * bool(problem.mend)) + "\n"
