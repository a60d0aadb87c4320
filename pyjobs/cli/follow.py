"""`pyjobs submit --follow`: how far a job is, on stderr, and its output, on stdout, until it has
ended. Nothing else may live here.
"""

from __future__ import annotations

import contextlib
import sys
import threading

from pyjobs.cli.output import one_line, say, show, show_json
from pyjobs.client import Job
from pyjobs.errors import PyjobsError
from pyjobs.progress import Progress


def follow(job: Job, seconds: float | None) -> None:
    """Show how far a job is until it has ended: as a bar on a terminal, elsewhere as lines. Print
    its output as it comes: a text as it is, any other value as JSON, each in a line.

    Args:
        job: the job.
        seconds: how long to follow it; None: no limit.

    Raises:
        TimeoutError: it has not ended in time.
    """
    output = threading.Thread(target=print_output, args=(job, seconds), daemon=True)
    output.start()
    show_progress(job, seconds)
    output.join()


def print_output(job: Job, seconds: float | None) -> None:
    """Print the output of a job until it has ended; the caller reports what fails."""
    with contextlib.suppress(TimeoutError, PyjobsError):
        for chunk in job.output(seconds):
            if isinstance(chunk.value, str):
                show(chunk.value)
            else:
                show_json(chunk.value)


def show_progress(job: Job, seconds: float | None) -> None:
    """Show how far a job is until it has ended.

    Raises:
        TimeoutError: it has not ended in time.
    """
    if not sys.stderr.isatty():
        for progress in job.updates(seconds):
            say(f"job {job.id}: {line(progress)}")
        return
    # Late, because no other command of those that start most often needs it.
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    percent, text = TextColumn("{task.percentage:>3.0f} %"), TextColumn("{task.description}")
    columns = (percent, BarColumn(), text, TimeElapsedColumn())
    console = Console(stderr=True)
    # Output in a pipe stays there; on a terminal it stands above the bar.
    with Bars(
        *columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()
    ) as bars:
        bar = bars.add_task("", total=None)
        for progress in job.updates(seconds):
            total = None if progress.fraction is None else 1.0
            what = escape(one_line(progress.text))
            bars.update(bar, total=total, completed=progress.fraction or 0.0, description=what)


def line(progress: Progress) -> str:
    """Return a progress in words."""
    part = "" if progress.fraction is None else f"{progress.fraction:.0%}"
    return " ".join(filter(None, (part, progress.text)))
