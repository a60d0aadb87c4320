"""The drill of results of a queue in parts: they stay on their nodes, also after a kill -9."""

from __future__ import annotations

import itertools
import time
from contextlib import suppress

import pyjobs
from drill.account import Account
from drill.nodes import Cluster, asked, until
from pyjobs.admin import Admin
from pyjobs.engine import Keys, part_key
from pyjobs.errors import PyjobsError
from pyjobs.testing import running

PARTS = 6
BATCH = 20
ROUNDS = 25
SOON = 120.0
# Nodes that have just met may lose a message to each other: its result is read then. A client that
# hears no results takes longer than the drill may.
SWEEP = 20.0


def heard(cluster: Cluster, small: bool) -> Account:
    """Workers serve a queue of six parts, and a client waits for the results, with rare sweeps.
    Once the client is subscribed to each part no result crosses the cluster; a primary is killed by
    SIGKILL while jobs run, and the same is so afterwards."""
    [queue] = cluster.names(1)
    rounds = 10 if small else ROUNDS
    account, numbers = Account(), itertools.count()
    worker = pyjobs.Worker(cluster.url, queues=[queue], concurrency=50, lease=5.0)
    worker.handler(lambda job: job.data)

    with Admin(cluster.url) as admin:
        places = admin.split(queue, PARTS, durable="replicas:1").places
    with running(worker), pyjobs.Client(cluster.url, queue=queue, sweep=SWEEP) as client:

        def round_trip() -> None:
            """Submit some jobs, again by the same ids where that is needed, and get the results."""
            first = next(numbers) * BATCH
            ids = [f"job-{first + n}" for n in range(BATCH)]
            while True:
                try:
                    jobs = client.submit_many(range(BATCH), ids=ids)
                except PyjobsError as error:
                    account.errors[type(error).__name__] += 1
                    continue
                break
            for n, job in enumerate(jobs):
                with suppress(pyjobs.ResultGone):
                    account.lost += job.result(SOON) != n
                    account.acked += 1
                    continue
                account.gone += 1

        def stays() -> bool:
            before = crossed(cluster)
            round_trip()
            return crossed(cluster) == before

        for when in ("before", "after"):
            until(stays, "results stay on their nodes", SOON)
            before = crossed(cluster)
            for _ in range(rounds):
                round_trip()
            found = crossed(cluster) - before
            account.promise(
                found == 0, f"{found} of {rounds * BATCH} results crossed the cluster {when}"
            )
            if when == "before":
                victim = cluster.owner(part_key(Keys("jobs").queue(queue), places[0]))
                killed = time.monotonic()
                victim.kill()
                round_trip()
                account.notes.append(f"results again after {time.monotonic() - killed:.1f} s")
                victim.server.start()
                until(cluster.is_whole, "the dead node is a replica", 60)
    account.promise(account.lost == 0, f"{account.lost} wrong results")
    return account


def crossed(cluster: Cluster) -> int:
    """How many messages the nodes have passed on to each other."""
    found = 0
    for node in cluster.nodes:
        if asked(lambda node=node: bool(node.ask("PING"))):
            stats = node.info("commandstats")
            found += int(stats.get("cmdstat_publish", {"calls": 0})["calls"])
    return found
