"""What is wrong with the workers of queues, by what they announce. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pyjobs.admin.problem import Problem
from pyjobs.admin.queue_problems import IDLE_MS
from pyjobs.admin.workers import SeenWorker
from pyjobs.engine import QueueStats

# An event loop that is so late has a handler that blocks it.
LAG_MS = 1_000
# So many names are spelled in one line.
NAMED = 3


def service_problems(
    queue: str, stats: QueueStats, workers: Sequence[SeenWorker]
) -> Iterator[Problem]:
    """Yield what the workers of a queue say of how it is served.

    Args:
        queue: the queue's name.
        stats: its numbers.
        workers: those that have announced themselves to it.
    """
    where = f"queue {queue}"
    # With a wake token there, queue_problems.py says so.
    stands = stats.pending and not (stats.inflight or stats.paused or stats.awake)
    if stands and stats.oldest >= IDLE_MS and not workers:
        yield Problem(
            "warning", "unserved", where,
            f"jobs are pending ({stats.pending}), and no worker has announced itself",
            "nobody may run them; a worker of another program need not announce itself",
            "pyjobs work MODULE:WORKER",
        )  # fmt: skip
    other = [one for one in workers if one.mode and stats.mode and one.mode != stats.mode]
    if other:
        yield Problem(
            "error", "mode", where,
            f"{_named(other)} is for {other[0].mode} mode, and the queue is {stats.mode}",
            "the worker has set the queue aside, and claims none of its jobs",
            f"start the worker with mode={stats.mode!r}",
        )  # fmt: skip


def worker_problems(workers: Iterable[SeenWorker], version: str) -> Iterator[Problem]:
    """Yield what workers say of themselves, each once.

    Args:
        workers: the workers of all queues that are looked at.
        version: the version of pyjobs that asks.
    """
    found = {one.worker: one for one in workers}
    late = [one for one in found.values() if one.lag >= LAG_MS]
    for one in sorted(late, key=lambda one: -one.lag):
        yield Problem(
            "warning", "loop", f"worker {one.worker}",
            f"its event loop is {one.lag / 1000:.1f} s late",
            "a handler blocks the loop, and the other jobs of the worker stand still",
            "make the handler a plain function, or await what it waits for",
        )  # fmt: skip
    versions = sorted({one.version for one in found.values() if one.version} - {version})
    for other in versions:
        these = [one for one in found.values() if one.version == other]
        yield Problem(
            "note", "version", _named(these), f"pyjobs {other} there, and {version} here",
            "programs of several versions may share queues; a fix of one is not in the other",
            "deploy the workers again",
        )  # fmt: skip


def _named(workers: Sequence[SeenWorker]) -> str:
    names = sorted(one.worker for one in workers)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"worker{'s' * (len(names) > 1)} {', '.join(names[:NAMED])}{more}"
