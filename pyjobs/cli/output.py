"""How the command line writes: the only file that does. Nothing else may live here.

What a job carries, and names in Redis, are written by others, and a terminal obeys the control
characters in them. So no control character but a line break is written, and none that turns the
direction of text.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

# In a pipe a row is one line: what reads the lines is a program.
WIDTH_IN_PIPES = 1_000_000
# Between two columns; and as narrow as a column becomes whose texts go on in further lines.
GAP = 2
WRAPPED = 20
# C0 without the line break, DEL, C1, marks of direction, separators of lines, and halves of
# surrogate pairs, which no encoding writes.
UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def safe(text: str) -> str:
    """Return a text whose unsafe characters are escaped as Python writes them, such as `\\x1b`."""
    return UNSAFE.sub(lambda found: ascii(found[0])[1:-1], text)


def indented(text: str) -> str:
    """Return a safe text whose lines but the first are indented, so that none of them can be taken
    for an entry of a log."""
    return safe(text).replace("\n", "\n  ")


def safe_json(text: str) -> str:
    """Return some JSON whose unsafe characters are escaped as JSON does."""
    return UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str) -> str:
    """Return a safe text without line breaks, which could forge a line."""
    return safe(text).replace("\n", "\\n")


def show(text: str) -> None:
    """Print a text on stdout. Its line breaks stand."""
    click.echo(safe(text))


def show_json(value: Any, *, indent: int | None = None) -> None:
    """Print a value as JSON on stdout, in one line. Unsafe characters are escaped as JSON does.

    Args:
        value: the value, or JSON as bytes.
        indent: spaces of each level, which then has lines of its own; None for one line.
    """
    text = value.decode() if isinstance(value, bytes) else json.dumps(value, indent=indent)
    # A line break between two lines is no part of a text.
    click.echo("\n".join(map(safe_json, text.split("\n"))) if indent else safe_json(text))


def say(message: str) -> None:
    """Print one message, which is one line, on stderr."""
    click.echo(one_line(f"pyjobs: {message}"), err=True)


def say_lines(text: str) -> None:
    """Print a text of several lines on stderr, indented, so that no line looks like a message."""
    if text:
        click.echo("\n".join(f"  {line}" for line in safe(text).splitlines()), err=True)


def open_streams() -> None:
    """Let a standard stream that the caller has closed be the null device. A connection would get
    its number else, and be taken for it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


class Warnings(logging.Handler):
    """Prints what the library logs, warnings and errors, as the messages of a command are."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one entry."""
        say(record.getMessage())


def say_warnings() -> None:
    """Let warnings of the library look like messages, where nobody has configured logging."""
    logging.lastResort = Warnings(logging.WARNING)


def drop_output() -> None:
    """Let what is not written yet be dropped, so that the end of the process writes nothing."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how far a command is; yield a function that is called with how many
    things are done, and how many there are, 0 while nobody knows."""
    rich = importlib.import_module("rich.progress")
    console = importlib.import_module("rich.console").Console(stderr=True)
    columns = (
        *("{task.description}", rich.BarColumn(), "{task.completed:,.0f}"),
        rich.TimeElapsedColumn(),
    )
    with rich.Progress(
        *columns, console=console, transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def terminal_width() -> int | None:
    """Return the columns of the terminal that stdout is; None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def longest_text(cells: Sequence[Sequence[str]], place: int) -> int:
    """Return the length of the longest text of a column."""
    return max((len(row[place]) for row in cells), default=0)


def print_table(
    rows: Iterable[Sequence[str]],
    *heads: str,
    wraps: Collection[str] = (),
    less: Sequence[str] = (),
) -> None:
    """Print rows as `draw_table` draws them. A line on stderr names the columns that do not fit."""
    text, missing = draw_table(rows, *heads, wraps=wraps, less=less)
    show(text)
    if missing:
        say(f"left out for want of width: {', '.join(missing)}; --json has all")


def draw_table(
    rows: Iterable[Sequence[str]],
    *heads: str,
    wraps: Collection[str] = (),
    less: Sequence[str] = (),
) -> tuple[str, list[str]]:
    """Return rows as a text, under their heads if there are any, and the columns that do not fit.

    Nothing is cut. An id, a date or a number stands on one line, so that it can be copied. Where
    the rows do not fit, columns are left out.

    Args:
        rows: the cells of each row.
        heads: the names of the columns; none is a table of names and values.
        wraps: the columns whose texts may go on in a further line; none is the last column.
        less: the columns that are left out first, the least important first. One that is empty in
            every row is left out without a word.
    """
    # Imported here, because only some commands print a table, and --help must be quick.
    console = importlib.import_module("rich.console")
    cell_len = importlib.import_module("rich.cells").cell_len
    width = terminal_width() or WIDTH_IN_PIPES
    cells = [[one_line(cell) for cell in row] for row in rows]
    columns = range(len(heads) or max(map(len, cells), default=0))
    free = {at for at in columns if heads and heads[at] in wraps} or {len(columns) - 1}
    longest = [
        max([cell_len(row[place]) for row in cells] + [cell_len(heads[place]) if heads else 0])
        for place in columns
    ]
    least = [min(size, WRAPPED) if at in free else size for at, size in enumerate(longest)]
    empty = {at for at in columns if heads and heads[at] in less and longest_text(cells, at) <= 1}
    shown, missing = [place for place in columns if place not in empty], []
    for head in less:
        if sum(least[place] for place in shown) + GAP * (len(shown) - 1) <= width:
            break
        if (place := heads.index(head)) in shown:
            shown.remove(place)
            missing.append(head)
    needed = sum(least[place] for place in shown) + GAP * (len(shown) - 1)
    most = sum(longest[place] for place in shown) + GAP * (len(shown) - 1)
    drawn = io.StringIO()
    table = importlib.import_module("rich.table").Table(
        box=None, pad_edge=False, padding=(0, GAP), collapse_padding=True, show_header=bool(heads)
    )
    for place in shown:
        kept = place not in free
        head = heads[place] if heads else ""
        table.add_column(head, overflow="fold", no_wrap=kept, min_width=least[place])
    for row in cells:
        table.add_row(*(row[place] for place in shown))
    console.Console(
        file=drawn, width=max(min(width, most), needed), markup=False, highlight=False, emoji=False
    ).print(table)
    return "\n".join(line.rstrip() for line in drawn.getvalue().splitlines()), missing
