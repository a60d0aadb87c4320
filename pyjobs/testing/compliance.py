"""The compliance suite: a worker adds numbers, and every answer must be right.

    python -m pyjobs.testing.compliance redis://localhost
    python -m pyjobs.testing.compliance --worker COMMAND --producer COMMAND [URL]

The suite proves a server, a deployment or another implementation of the scripts. With --worker or
--producer programs are examined instead, by the rules of exam_worker.py and exam_producer.py. All
keys have a prefix of their own and are deleted at the end. The sums, the clients that ask for them,
the prefix and the command may live here.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

from pyjobs import aio
from pyjobs.client import Client
from pyjobs.engine import ModeName
from pyjobs.errors import BadArgument, JobFailed, PyjobsError, ResultGone, Undecodable
from pyjobs.ids import unguessable
from pyjobs.testing.exam import PATIENCE, Ruling
from pyjobs.testing.exam_producer import examine_producer
from pyjobs.testing.exam_worker import examine_worker
from pyjobs.testing.workers import running
from pyjobs.transport import ErrorTranslation, checked_url, connect, primaries, shown
from pyjobs.worker import ClaimedJob, Worker

Pair = tuple[int, int]
FIRST: Pair = (1, 2)
PAIRS: tuple[Pair, ...] = (
    *((0, 1), (1, 1), (1, 0), (1, 1), (0, 0), (10, 11)),
    *((k, n) for k in (0, 2, 4, 5, 7) for n in range(1, 101)),
)
CONCURRENCIES = (1, 2, 4, 8, 50)
FLAVOURS = ("sync", "async")
ANSWER_SECONDS = 30.0
NO_ANSWER = (JobFailed, ResultGone, Undecodable, TimeoutError)


class ComplianceError(AssertionError):
    """An answer was wrong or did not come, or a job ran twice; the message says which."""


@dataclass(frozen=True)
class Report:
    """Holds what one `check` did.

    Attributes:
        mode: the mode that was checked.
        flavour: 'sync' or 'async': the kind of client and handler.
        jobs: how many jobs were answered.
        seconds: how long the jobs took, in seconds, by concurrency.
    """

    mode: ModeName
    flavour: str
    jobs: int
    seconds: dict[int, float]


def check(url: str, mode: ModeName, *, flavour: str = "sync") -> Report:
    """Run the suite: a first job, then 506 sums, at each concurrency of 1, 2, 4, 8 and 50.

    Concurrency is how many sums the client asks for at once, and how many the worker runs at once.

    Args:
        url: any URL that a client takes.
        mode: 'simple', 'recoverable' or 'reliable'.
        flavour: 'sync' for `pyjobs.Client` and a plain handler, 'async' for `pyjobs.aio.Client`
            and an `async def` handler.

    Raises:
        ComplianceError: the server does not comply; the message has the first wrong answer.
        BadArgument: an argument is not what it must be.
        Unavailable: Redis can't be reached.
    """
    if flavour not in FLAVOURS:
        raise BadArgument(f"flavour: {flavour!r} is not one of {', '.join(FLAVOURS)}")
    seconds: dict[int, float] = {}
    jobs = 0
    with scratch(url, "compliance") as prefix:
        for concurrency in CONCURRENCIES:
            begun = time.monotonic()
            jobs += _round(url, mode, flavour, prefix, concurrency)
            seconds[concurrency] = time.monotonic() - begun
    return Report(mode, flavour, jobs, seconds)


@contextlib.contextmanager
def scratch(url: str, name: str) -> Iterator[str]:
    """Give a prefix that no other program has, and delete every key under it at the end.

    Args:
        url: URL of the server.
        name: what the prefix begins with.

    Raises:
        Unavailable: the keys could not be deleted.
    """
    prefix = f"{name}-{unguessable()}"
    try:
        yield prefix
    finally:
        with ErrorTranslation(url), connect(url) as server:
            for node in primaries(server):
                for key in node.scan_iter(f"{prefix}:*", count=1000):
                    node.unlink(key)


def _round(url: str, mode: ModeName, flavour: str, prefix: str, concurrency: int) -> int:
    """Run the first job and all pairs at one concurrency; return how many jobs were answered."""
    runs: list[str] = []

    def add(job: ClaimedJob) -> int:
        runs.append(job.id)
        return _sum(job.data)

    async def aadd(job: ClaimedJob) -> int:
        return add(job)

    queue = f"sums-{concurrency}"
    worker = Worker(url, mode=mode, queues=[queue], concurrency=concurrency, prefix=prefix)
    worker.handler(add if flavour == "sync" else aadd)
    with running(worker):
        if flavour == "sync":
            with Client(url, mode=mode, queue=queue, prefix=prefix) as client:
                answers = _ask(client, concurrency)
        else:
            made = partial(aio.Client, url, mode=mode, queue=queue, prefix=prefix)
            answers = asyncio.run(_aask(made, concurrency))
    for what, count in (("answers", answers), ("runs", len(runs))):
        if count != 1 + len(PAIRS):
            raise ComplianceError(
                f"{1 + len(PAIRS)} jobs, {count} {what} (at concurrency {concurrency})"
            )
    return answers


def _sum(data: Any) -> int:
    return int(data["first"] + data["second"])


def _ask(client: Client, concurrency: int) -> int:
    """Ask for all sums with a sync client and judge the answers; return how many came."""

    def ask(pair: Pair) -> int:
        answer: Any
        try:
            answer = client.submit(_data(pair)).result(timeout=ANSWER_SECONDS)
        except NO_ANSWER as error:
            answer = error
        return _judged(pair, answer, concurrency)

    first = ask(FIRST)
    with ThreadPoolExecutor(concurrency) as pool:
        return len([first, *pool.map(ask, PAIRS)])


async def _aask(made: Callable[[], aio.Client], concurrency: int) -> int:
    """Ask for all sums with an asyncio client and judge the answers; return how many came."""
    gate = asyncio.Semaphore(concurrency)
    async with made() as client:

        async def ask(pair: Pair) -> int:
            answer: Any
            try:
                async with gate:
                    job = await client.submit(_data(pair))
                    answer = await job.result(timeout=ANSWER_SECONDS)
            except NO_ANSWER as error:
                answer = error
            return _judged(pair, answer, concurrency)

        first = await ask(FIRST)
        return len([first, *await asyncio.gather(*map(ask, PAIRS))])


def _data(pair: Pair) -> dict[str, int]:
    return {"first": pair[0], "second": pair[1]}


def _judged(pair: Pair, answer: Any, concurrency: int) -> int:
    """Return the answer to a pair.

    Raises:
        ComplianceError: the answer is not the sum.
    """
    if answer == sum(pair):
        return sum(pair)
    wrong = f"{type(answer).__name__}: {answer}" if isinstance(answer, Exception) else repr(answer)
    first, second = pair
    raise ComplianceError(f"{first} + {second} gave {wrong} (at concurrency {concurrency})")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command, print a line for each thing that was checked, and return the exit code.

    0 is all right, 1 a wrong answer, a broken rule or a server that can't be reached, and 2 a wrong
    argument.

    Args:
        argv: arguments of the command; those of this process when left out.
    """
    parser = argparse.ArgumentParser(
        prog="python -m pyjobs.testing.compliance",
        description="Proves a server by sums, or programs in any language by rules.",
        epilog="Exit codes: 0 all right; 1 a wrong answer, a broken rule or no server; "
        "2 a wrong argument.",
    )
    parser.add_argument(
        "url",
        type=_url,
        nargs="?",
        help="redis://, rediss://, unix:// or memory://. With --worker or --producer it may be "
        "left out: servers on loopback are started then, which may be restarted too",
    )
    parser.add_argument(
        "--worker", metavar="COMMAND", help="examine the worker that this command starts"
    )
    parser.add_argument(
        "--producer", metavar="COMMAND", help="examine the producer that this command starts"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE,
        metavar="SECONDS",
        help="that anything may take in an examination (default: %(default)g)",
    )
    chosen = parser.parse_args(argv)
    examined = chosen.worker is not None or chosen.producer is not None
    if chosen.url is None and not examined:
        parser.error("a URL is missing, or --worker or --producer")
    try:
        return _examined(_rulings(chosen)) if examined else _checked(chosen.url)
    except BadArgument as error:
        parser.error(str(error))
    except PyjobsError as error:
        where = shown(chosen.url) if chosen.url else ""
        print(f"compliance: {'' if where in str(error) else f'{where}: '}{error}", file=sys.stderr)
        return 1


def _rulings(chosen: argparse.Namespace) -> Iterator[Ruling]:
    """Examine the programs that were chosen."""
    if chosen.worker is not None:
        yield from examine_worker(chosen.worker, chosen.url, patience=chosen.patience)
    if chosen.producer is not None:
        yield from examine_producer(chosen.producer, chosen.url, patience=chosen.patience)


def _checked(url: str) -> int:
    """Check every mode with every kind of client; return the exit code."""
    failed = False
    print(f"{'mode':<12} {'client':<6} {'jobs':>5} {'seconds':>8}  answers", flush=True)
    for mode in get_args(ModeName):
        for flavour in FLAVOURS:
            try:
                report = check(url, mode, flavour=flavour)
            except ComplianceError as error:
                failed = True
                print(f"{mode:<12} {flavour:<6} {'':>5} {'':>8}  WRONG: {error}", flush=True)
            else:
                numbers = f"{report.jobs:>5} {sum(report.seconds.values()):>8.2f}"
                print(f"{mode:<12} {flavour:<6} {numbers}  all right", flush=True)
    return 1 if failed else 0


def _examined(rulings: Iterator[Ruling]) -> int:
    """Print the table of an examination; return the exit code."""
    broken = 0
    print(f"{'about':<8}  {'':<6}  rule", flush=True)
    for scene, rule, problem in rulings:
        broken += bool(problem)
        print(f"{scene:<8}  {'BROKEN' if problem else 'passed'}  {rule}", flush=True)
        if problem:
            print(f"{'':<8}  {'':<6}  {problem}", flush=True)
    print(f"{broken or 'no'} rule{'s' * (broken != 1)} broken")
    return 1 if broken else 0


def _url(text: str) -> str:
    try:
        return checked_url(text)
    except BadArgument as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
