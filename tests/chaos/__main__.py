"""The command of the chaos runs: `scripts/chaos [options] NAME ...`. It prints a table of what came
of them, and ends with 1 when a promise was broken. Only the command and its output live here.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from chaos.checker import SECONDS_OVER_LEASE, Report
from chaos.field import Size
from chaos.once import once
from chaos.runs import PLANS
from pyjobs.testing import Binary, find_servers

PREFERRED = "redis-8.2"
LISTS = (
    "lost",
    "unexpected",
    "duplicated",
    "unexplained",
    "unwritten",
    "overlap",
    "stuck",
    "miscounted",
)
SHOWN = 5
TABLE_WIDTH = 150


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, type=click.Choice(list(PLANS)))
@click.option("--all", "everything", is_flag=True, help="Every run.")
@click.option("--jobs", default=Size.jobs, show_default=True, type=click.IntRange(40))
@click.option("--lease", default=Size.lease, show_default=True, help="Seconds.")
@click.option("--seed", default=1, show_default=True, help="The first run's.")
@click.option("--runs", default=1, show_default=True, help="So many seeds in a row, for each.")
@click.option(
    "--patience",
    default=SECONDS_OVER_LEASE,
    show_default=True,
    help="Seconds that the delivery may take beyond a lease.",
)
@click.option("--server", help="Which server, such as redis-8.2; by default that, or the first.")
@click.option("--json", "as_json", is_flag=True, help="JSON, an object for each run, no table.")
def main(
    names: tuple[str, ...],
    everything: bool,
    jobs: int,
    lease: float,
    seed: int,
    runs: int,
    patience: float,
    server: str | None,
    as_json: bool,
) -> None:
    """Let faults strike at a queue in use, and check that nothing was lost."""
    if not (names or everything):
        raise click.UsageError(f"which run? --all, or some of: {', '.join(PLANS)}")
    plans = list(PLANS.values()) if everything else [PLANS[name] for name in names]
    binary, size = _binary(server), Size(jobs, lease)
    broken = False
    table = _table(f"{binary.name}, leases of {lease:g} s")
    notes: list[str] = []
    for plan in plans:
        for number in range(seed, seed + runs):
            report, folder = once(plan, binary, size, number, over_lease=patience)
            broken = broken or report.broken
            if as_json:
                print(json.dumps({"run": plan.name, "seed": number, **_values(report)}))
                continue
            table.add_row(plan.name, str(number), *_cells(report))
            notes += [f"{plan.name} {number}: {note}" for note in _notes(report, folder)]
            print(f"{plan.name} {number}: {'BROKEN' if report.broken else 'ok'}", file=sys.stderr)
    if not as_json:
        # Too wide for some terminals, but headings cut to two letters tell nobody anything.
        Console(width=max(Console().width, TABLE_WIDTH)).print(table)
        print(*notes, sep="\n")
    sys.exit(broken)


def _binary(name: str | None) -> Binary:
    found = {binary.name: binary for binary in find_servers()}
    if not found or (name and name not in found):
        raise click.UsageError(f"no server {name or ''}; found: {', '.join(found) or 'none'}")
    return found[name] if name else found.get(PREFERRED) or next(iter(found.values()))


def _values(report: Report) -> dict[str, Any]:
    return {**dataclasses.asdict(report), "broken": report.broken}


def _table(title: str) -> Table:
    table = Table(title=title)
    table.add_column("run")
    for name in ("seed", "jobs", "acknowledged", "done", "dead", "void", *LISTS, "delivery s"):
        table.add_column(name, justify="right")
    return table


def _cells(report: Report) -> list[str]:
    counts = (report.jobs, report.acknowledged, report.done, report.dead, report.void)
    found = (len(getattr(report, name)) for name in LISTS)
    delivery = "-" if report.delivery is None else f"{report.delivery:.1f}"
    return [*map(str, counts), *map(str, found), delivery]


def _notes(report: Report, folder: Path) -> list[str]:
    if not report.broken:
        return []
    ids = {name: getattr(report, name) for name in LISTS if name != "duplicated"}
    listed = [f"{name}: {' '.join(found[:SHOWN])}" for name, found in ids.items() if found]
    return [*listed, *report.words[:SHOWN], f"its logs are in {folder}"]


if __name__ == "__main__":
    main(prog_name="scripts/chaos")
