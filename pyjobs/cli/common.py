"""What several commands share: options, messages, the connection, tables. No command of its own."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterable, Iterator, Sequence

import click

from pyjobs.errors import BadArgument
from pyjobs.transport import DEFAULT_URL, ErrorTranslation, Server, connect
from pyjobs.validate import to_ms

LONGEST_WAIT = 1_000_000.0
WIDTH_IN_PIPES = 120


def shared(url: str) -> str:
    """`url`, or BadArgument when it is that of a server which no other process can see."""
    if url.startswith("memory://"):
        raise BadArgument(f"url: {url} is a server inside this process, which nobody else sees")
    return url


url_option = click.option(
    "--url",
    envvar="PYJOBS_URL",
    default=DEFAULT_URL,
    show_default=True,
    show_envvar=True,
    callback=lambda _context, _option, url: shared(url),
    help="Where Redis is: redis://, rediss://, redis+sentinel:// or unix://.",
)
prefix_option = click.option(
    "--prefix", default="jobs", show_default=True, help="What every key begins with."
)


def tell(message: str) -> None:
    """One message on stderr."""
    click.echo(f"pyjobs: {message}", err=True)


def counted(number: int, what: str) -> str:
    """A number of things: `1 job`, `2 jobs`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def seconds(_: click.Context, option: click.Parameter, value: float | None) -> float | None:
    """Callback of an option: seconds to wait, or BadArgument that names the option."""
    ms = to_ms(option.name or "", value)
    return None if ms is None else min(ms / 1000, LONGEST_WAIT)


@contextlib.contextmanager
def connected(url: str) -> Iterator[Server]:
    """A connection for the plain commands and the calls of one command."""
    with ErrorTranslation(url), connect(url) as server:
        yield server


def print_table(rows: Iterable[Sequence[str]], *heads: str) -> None:
    """Rows, under their heads if there are any; long texts are wrapped, nothing is cut."""
    # Imported here, for only some commands print a table, and --help must be quick.
    console = importlib.import_module("rich.console").Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_IN_PIPES
    table = importlib.import_module("rich.table").Table(
        box=None, pad_edge=False, padding=(0, 2), show_header=bool(heads)
    )
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)
