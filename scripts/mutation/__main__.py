"""The command: `scripts/mutants [--language LANGUAGE] [--count N] [--seed N]`."""

from __future__ import annotations

import json
import multiprocessing
import os
import queue
import sys
from collections.abc import Iterator, Sequence
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import click

from mutation import lua, lua_lane, python, python_lane
from mutation.equivalents import Equivalents
from mutation.mutant import Mutant, spread
from mutation.subjects import LANGUAGES
from mutation.trial import Verdict

ROOT = Path(__file__).resolve().parents[2]
LANES: dict[str, Any] = {"lua": lua_lane, "python": python_lane}
MORE_NICE = 10
KINDS = {
    "lua": {kind: " ".join((make.__doc__ or "").split()) for kind, make in lua.KINDS.items()},
    "python": python.KINDS,
}
EPILOG = "\n\n".join(
    [
        "\b\n"
        + "\n".join(
            [f"Kinds of {language}:", *[f"  {kind:<11}{what}" for kind, what in kinds.items()]]
        )
        for language, kinds in KINDS.items()
    ]
)
Report = tuple[Mutant, Verdict]
fork = multiprocessing.get_context("fork")


@click.command(epilog=EPILOG)
@click.option("--language", type=click.Choice([*LANGUAGES]), default="lua", show_default=True)
@click.option(
    "--count", type=click.IntRange(1), default=100, show_default=True, help="Most mutants."
)
@click.option(
    "--seed",
    "seeds",
    type=int,
    multiple=True,
    default=[1],
    show_default=True,
    help="Which of them; may be given again, for so many of each.",
)
@click.option("--kinds", default="", metavar="KIND,KIND...", help="Only of these kinds.")
@click.option("--file", "part", default="", help="Only of files whose path contains this.")
@click.option("--tests", multiple=True, metavar="FILE", help="These tests, not those of the rule.")
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True)
@click.option("--list", "only_list", is_flag=True, help="Print them, and run nothing.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object for each mutant.")
def main(
    language: str,
    count: int,
    seeds: tuple[int, ...],
    kinds: str,
    part: str,
    tests: tuple[str, ...],
    processes: int,
    only_list: bool,
    as_json: bool,
) -> None:
    """Change one thing at a time in the rules of pyjobs, and report what no test notices.

    The rules are the Lua scripts, and the Python modules that decide without I/O. The status is 1
    when a mutant survives that is not known to be equivalent (scripts/mutation/equivalents.toml).
    No file is written: a mutant lives in the memory of a process.
    """
    wanted = {*kinds.split(",")} - {""} or KINDS[language].keys()
    if unknown := wanted - KINDS[language].keys():
        raise click.BadParameter(
            f"{language} has no {', '.join(sorted(unknown))}", param_hint="--kinds"
        )
    known = Equivalents()
    possible = [one for one in LANGUAGES[language](ROOT) if one.kind in wanted and part in one.path]
    chosen = {seed: spread(possible, count, seed) for seed in seeds}
    together = [*dict.fromkeys(one for some in chosen.values() for one in some)]
    if only_list:
        for one in together:
            click.echo(described(one))
        return
    os.nice(MORE_NICE)
    survived = set()
    tried = [one for one in together if not known.has(one)]
    for one, verdict in verdicts(language, tests, tried, processes):
        if not verdict.by:
            survived.add(one)
        if as_json:
            click.echo(json.dumps(fields(one, verdict)))
        elif not verdict.by:
            click.echo(described(one))
    for seed, some in chosen.items():
        alike, left = sum(map(known.has, some)), len(survived & {*some})
        killed = len(some) - alike - left
        share = 100 * killed / max(1, len(some) - alike)
        parts = [
            f"{len(some)} of {len(possible):,} mutants",
            f"{alike} known as equivalent",
            f"{killed} killed",
            f"{left} survived: {share:.1f} % killed",
        ]
        click.echo(f"{language}, seed {seed}: {', '.join(parts)}", err=as_json)
    sys.exit(1 if survived else 0)


def verdicts(
    language: str, tests: Sequence[str], mutants: list[Mutant], processes: int
) -> Iterator[Report]:
    """Try the mutants in so many processes at once; yields each with its verdict."""
    try:
        prepared = LANES[language].prepare(tests)
    except RuntimeError as error:
        raise click.ClickException(str(error)) from error
    waiting: Queue[Mutant] = fork.Queue()
    done: Queue[Report] = fork.Queue()
    for one in mutants:
        waiting.put(one)
    lanes = [
        fork.Process(target=lane, args=(language, tests, prepared, waiting, done), daemon=True)
        for _ in range(processes)
    ]
    for one_lane in lanes:
        one_lane.start()
    left = len(mutants)
    while left:
        try:
            yield done.get(timeout=1)
            left -= 1
        except queue.Empty:
            if not any(one_lane.is_alive() for one_lane in lanes):
                raise click.ClickException("the tests can't be run") from None
    for one_lane in lanes:
        one_lane.join()


def lane(
    language: str,
    tests: Sequence[str],
    prepared: Any,
    waiting: Queue[Mutant],
    done: Queue[Report],
) -> None:
    """Try mutants until none is waiting."""
    # What pytest prints is no report.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def mutants() -> Iterator[Mutant]:
        while True:
            try:
                yield waiting.get(timeout=1)
            except queue.Empty:
                return

    LANES[language].run(
        ROOT, tests, prepared, mutants(), lambda one, verdict: done.put((one, verdict))
    )


def described(mutant: Mutant) -> str:
    rows = [f"{mutant.place}: {mutant.kind}"]
    rows += [f"  - {row.strip()}" for row in mutant.before.splitlines()]
    rows += [f"  + {row.strip()}" for row in mutant.after.splitlines() or [""]]
    return "\n".join(rows)


def fields(mutant: Mutant, verdict: Verdict) -> dict[str, Any]:
    return {
        "file": mutant.path,
        "line": mutant.line,
        "kind": mutant.kind,
        "before": mutant.before,
        "after": mutant.after,
        "killed_by": verdict.by,
        "seconds": round(verdict.seconds, 1),
    }


if __name__ == "__main__":
    main(prog_name="scripts/mutants")
