"""How much memory of the server a queue takes, as a plan. Nothing is sent here."""

from __future__ import annotations

from typing import NamedTuple

from pyjobs.admin.plan import Plan, Words
from pyjobs.admin.plans import stats
from pyjobs.admin.split import each_part
from pyjobs.engine import OPERATOR, PLACES, SIMPLE, Keys

SAMPLED = 25


class QueueMemory(NamedTuple):
    """Holds an estimate of the memory that a queue takes.

    Attributes:
        total: bytes of the queue: its keys, and its jobs by the mean of the sampled ones. Jobs that
            are done, failed, cancelled or expired are left out.
        keys: bytes of the keys that are no jobs: the list, the sorted sets, the hash of the queue.
        jobs: jobs that are pending, delayed, in flight or dead.
        mean: bytes of a job, as a mean of the sampled ones.
        sampled: how many jobs were sampled.
    """

    total: int
    keys: int
    jobs: int
    mean: int
    sampled: int


def memory(keys: Keys, queue: str) -> Plan[QueueMemory]:
    """Estimate how much memory a queue takes."""
    found = yield from stats(keys, queue)
    held = found.pending + found.delayed + found.inflight + found.dead
    own, sizes = 0, list[int]()
    for part in (one.queue(queue) for one in (yield from each_part(keys, queue))):
        for name in Keys.own(part):
            own += (yield Words(("MEMORY", "USAGE", name), near=part)) or 0
        for place in PLACES if found.mode != SIMPLE.name else ():
            page = yield OPERATOR.list_jobs(part, place, limit=SAMPLED)
            for job in page.jobs:
                size = yield Words(("MEMORY", "USAGE", Keys.job(part, job.id)), near=part)
                sizes += [size] if size else []
    mean = sum(sizes) // len(sizes) if sizes else 0
    return QueueMemory(own + mean * held, own, held, mean, len(sizes))
