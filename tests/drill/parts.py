"""The drill of a queue in parts: how much of the work of a queue its busiest node has."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyjobs
from drill.account import Account
from drill.nodes import Cluster
from pyjobs.admin import Admin
from pyjobs.engine import RELIABLE, Keys
from pyjobs.transport import Server, connect, run_many

NUMBER = 6
# A queue of six parts on three nodes gives its busiest node so many times less to do for a job, in
# CPU and in commands, which no other load of the machine changes.
RATIO = 2.2
CALLS_RATIO = 2.6
CLAIM = 100
CPU = "us of CPU"
WORK = (CPU, "commands")
# What is no work for jobs.
OTHER_COMMANDS = ("info", "client", "cluster", "replconf", "ping", "config")


class Used(NamedTuple):
    """What a primary has used: us of CPU, and commands, also those of scripts."""

    cpu: float
    calls: float


def parts(cluster: Cluster, small: bool) -> Account:
    """A queue of one part and one of six are filled and drained. The work of the busiest primary
    for a job that is claimed and completed is compared."""
    count = 6_000 if small else 20_000
    plain, split = cluster.names(2)
    account = Account(acked=2 * count)
    costs: list[Used] = []
    with Admin(cluster.url) as admin, connect(cluster.url) as server:
        admin.split(split, NUMBER)
        for queue in (plain, split):
            with pyjobs.Client(cluster.url, queue=queue, results=False) as client:
                client.submit_many(range(count))
            keys = admin.parts(queue).keys(Keys("jobs").queue(queue))
            before = used(cluster)
            drained = drain(server, keys)
            after = used(cluster)
            account.lost += count - drained
            costs.append(busiest(before, after, count))
    account.promise(account.lost == 0, f"{account.lost} lost")
    for what, least, one, six in zip(WORK, (RATIO, CALLS_RATIO), *costs, strict=True):
        shown = f"the busiest node: {one:.1f} {what} a job with one part, {six:.1f} with {NUMBER}"
        is_kept = one >= least * six or (small and what == CPU)
        account.promise(is_kept, f"{shown}: {one / six:.2f} times less")
    return account


def used(cluster: Cluster) -> list[Used]:
    """What each primary has used."""
    found = []
    for node in cluster.primaries():
        info, stats = node.info("cpu"), node.info("commandstats")
        cpu = float(info["used_cpu_user"]) + float(info["used_cpu_sys"])
        calls = {name.removeprefix("cmdstat_"): float(row["calls"]) for name, row in stats.items()}
        jobs = (n for name, n in calls.items() if name.partition("|")[0] not in OTHER_COMMANDS)
        found.append(Used(cpu * 1e6, sum(jobs)))
    return found


def busiest(before: Sequence[Used], after: Sequence[Used], jobs: int) -> Used:
    """The most of each kind that a node has used for a job, by what all used before and after."""
    return Used(
        *(max(y[at] - x[at] for x, y in zip(before, after, strict=True)) / jobs for at in (0, 1))
    )


def drain(server: Server, keys: Sequence[str]) -> int:
    """Claim and complete the jobs of all parts by turns; return how many there were."""
    ended: dict[str, list[tuple[str, str, bytes]]] = {}
    turns, nonces = itertools.cycle(keys), itertools.count()
    drained = empty = 0
    while empty < len(keys):
        key = next(turns)
        calls: list[Any] = [RELIABLE.complete(part, jobs) for part, jobs in ended.items()]
        calls.append(RELIABLE.claim([key], nonce=f"drill.{next(nonces)}", limit=CLAIM, lease=30000))
        jobs = run_many(server, calls)[-1].jobs
        ended = {key: [(job.id, job.token, b"1") for job in jobs]} if jobs else {}
        drained += len(jobs)
        empty = 0 if jobs else empty + 1
    return drained
