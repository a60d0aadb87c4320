"""How the command line writes: the only file that does. Nothing else may live here.

What a job carries, and names in Redis, are written by others, and a terminal obeys the control
characters in them. So no control character but a line break is written, and none that turns the
direction of text.
"""

from __future__ import annotations

import importlib
import io
import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, NoReturn

import click

WIDTH_IN_PIPES = 120
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


def show_error(error: click.ClickException) -> None:
    """Print an error of click on stderr, with what click says of the usage."""
    said = io.StringIO()
    error.show(said)
    click.echo(safe(said.getvalue()), err=True, nl=False)


def print_table(rows: Iterable[Sequence[str]], *heads: str) -> None:
    """Print rows, under their heads if there are any. Long texts are wrapped, nothing is cut."""
    show(drawn(Table(rows, heads)))


class Table(NamedTuple):
    """Holds a table that is to be drawn.

    Attributes:
        rows: the cells of each row.
        heads: the head of each column; none is a table without heads.
    """

    rows: Iterable[Sequence[str]]
    heads: Sequence[str]


def drawn(*parts: Table | str) -> str:
    """Return tables and lines as a text of the terminal's width, with an empty line between two."""
    # Imported here, because only some commands print a table, and --help must be quick.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDTH_IN_PIPES
    file = io.StringIO()
    console = importlib.import_module("rich.console").Console(
        file=file, width=width, markup=False, highlight=False, emoji=False
    )
    for part in parts:
        if file.tell():
            console.print()
        console.print(one_line(part) if isinstance(part, str) else _rich_table(part))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def _rich_table(part: Table) -> Any:
    table = importlib.import_module("rich.table").Table(
        box=None, pad_edge=False, padding=(0, 2), show_header=bool(part.heads)
    )
    for head in part.heads:
        table.add_column(head, overflow="fold")
    for row in part.rows:
        table.add_row(*map(one_line, row))
    return table


def watch(draw: Callable[[], Sequence[Table | str]], seconds: float) -> NoReturn:
    """Draw again and again, until Ctrl-C: on a terminal in its place, else one below the other.

    Args:
        draw: returns what to draw.
        seconds: the pause after each.
    """
    if not sys.stdout.isatty():
        while True:
            show(drawn(*draw()))
            time.sleep(seconds)
    text = importlib.import_module("rich.text").Text
    with importlib.import_module("rich.live").Live(screen=True, auto_refresh=False) as live:
        while True:
            live.update(text(safe(drawn(*draw()))), refresh=True)
            time.sleep(seconds)
