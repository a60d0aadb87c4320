"""The drill of a queue in parts: how much of the work of a queue its busiest node has."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pyjobs
from drill.account import Account
from drill.nodes import Cluster
from pyjobs.admin import Admin
from pyjobs.engine import RELIABLE, Keys
from pyjobs.transport import Server, connect, run_many

NUMBER = 6
# A queue of six parts on three nodes gives its busiest node so many times less to do for a job.
RATIO = 2.2
SMALL_RATIO = 1.6
CLAIM = 100


def parts(cluster: Cluster, small: bool) -> Account:
    """A queue of one part and one of six are filled and drained. The CPU of the busiest primary for
    a job that is claimed and completed is compared."""
    count = 6_000 if small else 20_000
    plain, split = cluster.names(2)
    account = Account(acked=2 * count)
    costs: list[float] = []
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
            costs.append(max(y - x for x, y in zip(before, after, strict=True)) * 1e6 / count)
    account.promise(account.lost == 0, f"{account.lost} lost")
    one, six = costs
    what = f"the busiest node: {one:.1f} us a job with one part, {six:.1f} with {NUMBER}"
    least = SMALL_RATIO if small else RATIO
    account.promise(one >= least * six, f"{what}: {one / six:.2f} times less")
    return account


def used(cluster: Cluster) -> list[float]:
    """The CPU that each primary has used, in seconds."""
    infos = [node.info("cpu") for node in cluster.primaries()]
    return [float(info["used_cpu_user"]) + float(info["used_cpu_sys"]) for info in infos]


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
