"""What came out, as tables for a terminal, Markdown for docs/benchmarks.md, and JSON.

Only the output lives here; every figure was measured elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmark.comparison import COLUMNS, Column, Line
from benchmark.rounds import Measured, Spread
from benchmark.workloads import Row

FACTORS = {"/s": 1.0, "ms": 1e3, "us": 1e6, "bytes": 1.0, "": 1.0}
NONE = "-"
WIDTH = 160


class Grid(NamedTuple):
    """A table before it is drawn.

    Attributes:
        headings: those of the columns; all but the first hold numbers, or begin with 'what'.
        notes: what a reader of the table must know: what failed, and what is missing.
        about: how each line was set up, for those who want to know more.
    """

    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: list[str]
    about: list[str]


def shown(value: float, unit: str) -> str:
    """A figure in the unit of its row: rates and bytes whole, others with two digits or three."""
    value *= FACTORS[unit]
    small = 0 if unit in {"/s", "bytes"} else 3
    digits = max(0, small - sum(abs(value) >= limit for limit in (0.1, 10, 100)))
    return f"{value:,.{digits}f}"


def cell(spread: Spread | None, unit: str) -> str:
    """The median, and half the range in percent when there was more than one round."""
    if spread is None:
        return NONE
    range_ = f" ±{spread.percent:.0f}%" if len(spread.values) > 1 else ""
    return f"{shown(spread.median, unit)}{range_}"


def figures(workloads: Mapping[str, Sequence[Row]], measured: Measured) -> Grid:
    """The rows of the workloads, each beside its floor."""
    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for row in (row for rows_ in workloads.values() for row in rows_):
        own, other = both(row, measured)
        part = ratio(own, other)
        beside = f"{shown(other.median, row.unit)}" if other else NONE
        label = f"{row.label}, {row.unit}" if row.unit else row.label
        rows.append((label, cell(own, row.unit), beside, part, row.about))
        points = [point for point in (row.point, row.beside) if point]
        notes += [f"{row.label}: {why}" for why in measured.faults(*points)]
    headings = ("figure", "pyjobs", "beside it", "ratio", "what is beside it")
    return Grid(headings, rows, list(dict.fromkeys(notes)), [])


def both(row: Row, measured: Measured) -> tuple[Spread | None, Spread | None]:
    """A row's own figure and the one beside it."""
    own = measured.spread(row.point, row.figure)
    return own, measured.spread(row.beside, row.other) if row.beside else None


def ratio(own: Spread | None, other: Spread | None) -> str:
    if own is None or other is None or not other.median:
        return NONE
    return f"{own.median / other.median:.2f}"


def compared(lines: Sequence[Line], measured: Measured) -> Grid:
    """The table with the peers. One that is missing, or that failed, is named with the reason."""
    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for line in lines:
        rows.append((line.name, *(peer_cell(line, column, measured) for column in COLUMNS)))
        if line.missing:
            notes.append(f"{line.name} could not be installed: {line.missing}")
        notes += [f"{line.name}: {why}" for why in measured.faults(*line.points.values())]
    about = [f"{line.name}: {line.about}" for line in lines]
    return Grid(("", *(column.heading for column in COLUMNS)), rows, notes, about)


def peer_cell(line: Line, column: Column, measured: Measured) -> str:
    if line.missing:
        return "not here"
    point = line.points.get(column.source)
    if point is None:
        return NONE
    spread = measured.spread(point, column.figure)
    if spread is None:
        return "failed" if measured.faults(point) else NONE
    return shown(spread.median, column.unit)


def printed(grid: Grid, console: Console) -> None:
    """For a terminal."""
    table = Table(grid.headings[0])
    for heading in grid.headings[1:]:
        words = heading.startswith("what")
        table.add_column(heading, justify="left" if words else "right")
    for row in grid.rows:
        table.add_row(*row)
    console.print(table)
    for note in grid.about + grid.notes:
        console.print(f"- {note}", soft_wrap=True, markup=False)


def markdown(grid: Grid) -> str:
    """For docs/benchmarks.md."""
    marks = ["---" if at == 0 or "what" in one else "--:" for at, one in enumerate(grid.headings)]
    lines = [grid.headings, tuple(marks), *grid.rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    notes = "\n".join(f"- {note}" for note in grid.notes)
    return f"{table}\n\n{notes}\n" if notes else f"{table}\n"


def headline(about: Mapping[str, str], runs: int) -> str:
    """When and where, in a sentence or two."""
    where = f"{about['machine']}; {about['server']}; {about['python']}, {about['packages']}"
    how = f"Medians of {runs} rounds" if runs > 1 else "One round"
    return f"Measured {about['date']} by `scripts/bench`: {where}. {how}."


def as_json(
    about: Mapping[str, str],
    runs: int,
    workloads: Mapping[str, Sequence[Row]],
    lines: Sequence[Line],
    measured: Measured,
) -> dict[str, Any]:
    """Everything, with every round's value, in base units (seconds, bytes, per second)."""
    return {
        "about": {**about, "runs": runs},
        "figures": [
            {
                "workload": name,
                "label": row.label,
                "unit": row.unit,
                **values("", own),
                **values("beside_", other),
                "about": row.about,
            }
            for name, rows in workloads.items()
            for row in rows
            for own, other in [both(row, measured)]
        ],
        "systems": [
            {
                "system": line.name,
                "about": line.about,
                "missing": line.missing,
                "figures": dict(system_values(line, measured)),
            }
            for line in lines
        ],
        "faults": measured.faults(
            *(row.point for rows in workloads.values() for row in rows),
            *(point for line in lines for point in line.points.values()),
        ),
    }


def values(prefix: str, spread: Spread | None) -> dict[str, Any]:
    found = spread.values if spread else ()
    return {f"{prefix}median": spread and spread.median, f"{prefix}values": list(found)}


def system_values(line: Line, measured: Measured) -> Iterator[tuple[str, Any]]:
    for column in COLUMNS:
        if point := line.points.get(column.source):
            yield column.heading, values("", measured.spread(point, column.figure))
