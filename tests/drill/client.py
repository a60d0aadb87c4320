"""The drill of a client: the CPU of a process that submits to many queues and waits for results, on
three nodes and on one server. `python -m drill.client URL QUEUE,...` completes its jobs."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from statistics import median

import pyjobs
import pyjobs.aio
from drill.account import Account
from drill.nodes import Cluster
from pyjobs.engine import RELIABLE, Keys
from pyjobs.testing import Server
from pyjobs.transport import connect, run

# A client of three nodes uses so many times the CPU that it uses with one server at most: for a
# call that submits, and for a call with its results.
SUBMIT_RATIO, RESULTS_RATIO = 1.15, 1.25
TWELVE = 12
# Jobs a call, and how many turns are measured on each side: in a turn a call to every queue, then
# all results.
SIZES = ((1, 400), (20, 150))
SMALL_TURNS = 5
WARM_TURNS = 5
RESULT_SECONDS = 60.0
LEASE = 60_000


def client_cpu(cluster: Cluster, small: bool) -> Account:
    """A client submits to twelve queues, one call after the other, and waits for the results. The
    CPU of its process for a call is compared, on three nodes and on one server by turns.

    The jobs of each queue are completed by a call of their own on both sides, when all have been
    submitted. So the client has the same calls and the same messages on both.
    """
    account = Account()
    queues = cluster.names(TWELVE)
    with ExitStack() as stack:
        one = stack.enter_context(Server(cluster.binary))
        sides = [stack.enter_context(Side(url, queues)) for url in (one.url, cluster.url)]
        for kind, costs in (("threads", sync_costs), ("asyncio", aio_costs)):
            for size, turns in SIZES:
                number = SMALL_TURNS if small else turns
                alone, three = costs(sides, size, number)
                account.acked += 2 * (number + WARM_TURNS) * size * TWELVE
                for what, at, most in (
                    ("submits", 0, SUBMIT_RATIO),
                    ("with results", 1, RESULTS_RATIO),
                ):
                    less, more = (median(turn[at] for turn in side) for side in (alone, three))
                    account.promise(
                        small or more <= most * less,
                        f"{kind}, {size} a call, {what}: {less:.0f} us of CPU on one server, "
                        f"{more:.0f} on three nodes: {more / less:.2f} times",
                    )
    return account


class Side:
    """A server or a cluster, and a process that completes jobs there when it is asked to.

    Attributes:
        url: where.
        queues: the queues of the jobs.
    """

    def __init__(self, url: str, queues: Sequence[str]) -> None:
        self.url, self.queues = url, queues
        self._process = subprocess.Popen(
            [sys.executable, "-m", "drill.client", url, ",".join(queues)],
            stdin=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],  # where the package of the drills is found
        )

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def complete(self, size: int) -> None:
        """Have so many jobs of each queue completed, a call for each queue."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{size}\n")
        self._process.stdin.flush()


# The CPU of a call's submit, and with its results, us: of each turn.
Costs = list[tuple[float, float]]


def sync_costs(sides: Sequence[Side], size: int, turns: int) -> list[Costs]:
    """What a call of so many jobs costs a client of threads: of each side."""
    found: list[Costs] = [[] for _ in sides]
    with ExitStack() as stack:
        clients = [stack.enter_context(pyjobs.Client(side.url)) for side in sides]
        for number in range(WARM_TURNS + turns):
            for costs, side, client in zip(found, sides, clients, strict=True):
                began = time.process_time()
                jobs = [
                    job
                    for name in side.queues
                    for job in client.submit_many(range(size), queue=name)
                ]
                submitted = time.process_time()
                side.complete(size)
                for job in jobs:
                    job.result(RESULT_SECONDS)
                if number >= WARM_TURNS:
                    costs.append(a_call(side, began, submitted))
    return found


def aio_costs(sides: Sequence[Side], size: int, turns: int) -> list[Costs]:
    """What a call of so many jobs costs an asyncio client: of each side."""
    found: list[Costs] = [[] for _ in sides]

    async def measure() -> None:
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(pyjobs.aio.Client(side.url)) for side in sides
            ]
            for number in range(WARM_TURNS + turns):
                for costs, side, client in zip(found, sides, clients, strict=True):
                    began = time.process_time()
                    jobs = []
                    for name in side.queues:
                        jobs += await client.submit_many(range(size), queue=name)
                    submitted = time.process_time()
                    side.complete(size)
                    for job in jobs:
                        await job.result(RESULT_SECONDS)
                    if number >= WARM_TURNS:
                        costs.append(a_call(side, began, submitted))

    asyncio.run(measure())
    return found


def a_call(side: Side, began: float, submitted: float) -> tuple[float, float]:
    """The CPU of a call's submit, and with its results, us, by the CPU of the process before the
    turn and when all was submitted."""
    number, now = len(side.queues), time.process_time()
    return (submitted - began) / number * 1e6, (now - began) / number * 1e6


def complete(url: str, queues: Sequence[str]) -> None:
    """Complete jobs of each queue, as many as a line of stdin says."""
    keys = [Keys("jobs").queue(queue) for queue in queues]
    nonces = itertools.count()
    with connect(url) as server:
        for line in sys.stdin:
            for key in keys:
                nonce = f"drill.{os.getpid()}.{next(nonces)}"
                claim = RELIABLE.claim([key], nonce=nonce, limit=int(line), lease=LEASE)
                jobs = run(server, claim).jobs
                run(server, RELIABLE.complete(key, [(job.id, job.token, b"1") for job in jobs]))


if __name__ == "__main__":
    complete(sys.argv[1], sys.argv[2].split(","))
