"""The command `scripts/million`: fills a server, asks, and ends with 1 when an answer was late."""

from __future__ import annotations

import sys
import time

import click
import redis

from million.asking import Answer, Asker
from million.field import fill
from million.touched import BOUNDS, OTHERS
from pyjobs.testing import Server, find_servers

SECONDS = 1.0


@click.command()
@click.option("--pending", default=1_000_000, show_default=True, help="Jobs that wait.")
@click.option("--dead", default=200_000, show_default=True, help="Dead jobs, in several queues.")
@click.option("--server", "name", default="redis-8.2", show_default=True)
@click.option(
    "--enough", default=0.3, show_default=True, help="Seconds until what goes on is ended."
)
@click.option(
    "--seconds", default=SECONDS, show_default=True, help="The longest that an answer may take."
)
@click.option("--calls", is_flag=True, help="Ask by the calls only, not by commands.")
def main(pending: int, dead: int, name: str, enough: float, seconds: float, calls: bool) -> None:
    """Fill a server with jobs, and ask each question of docs/operations.md by its command and call.

    A line for each says how long it takes until the first page or the progress is seen, and until
    the end, unless the command or the call is ended before that. The start of a command's process
    is left out. A line for each script says how many elements one call touched at most, and how
    many it may. Ends with 1 when an answer takes longer than --seconds, or a call touches more.
    """
    binary = {one.name: one for one in find_servers()}[name]
    bad = 0
    with Server(binary) as running, redis.Redis.from_url(running.url) as server:
        began = time.monotonic()
        fill(server, pending, dead)
        memory = int(server.info("memory")["used_memory"])
        print(
            f"{name}: {pending:,} pending, {dead:,} dead, filled in "
            f"{time.monotonic() - began:.0f} s, {memory / 1e6:.0f} MB",
            flush=True,
        )
        asker = Asker(running.url, server, enough)
        for answers in (asker.by_calls(), () if calls else asker.by_commands()):
            print("\n first     whole    question")
            for answer in answers:
                late = answer.first > seconds
                bad += late
                print(line(answer) + "  LATE" * late, flush=True)
        print("\nmost elements of a call, bound")
        for script, count in sorted(asker.touched.items()):
            more = count > BOUNDS.get(script, OTHERS)
            bad += more
            print(f"{count:6} {BOUNDS.get(script, OTHERS):6}  {script}{'  MORE' * more}")
    sys.exit(f"{bad} beyond their bounds" if bad else 0)


def line(answer: Answer) -> str:
    """An answer in a line."""
    whole = "goes on" if answer.whole is None else f"{answer.whole:.3f} s"
    return f"{answer.first:.3f} s  {whole:>8}  {answer.asked}"


if __name__ == "__main__":
    main()
