"""A server full of jobs: many that wait in one queue, and dead ones in twenty. Nothing is measured
here."""

from __future__ import annotations

from collections.abc import Iterator

import redis

from pyjobs import codec
from pyjobs.engine import OPERATOR, RELIABLE
from pyjobs.transport import run, run_many

Q = "jobs:{words}"
BATCH = 1000
CALLS = 10
# A queue keeps no more dead jobs than these.
MOST_DEAD = 10_000
ERRORS = [
    codec.encode_error(kind, f"no answer from host {n}", f'  File "mail.py", line {n}, in send\n')
    for n, kind in enumerate(("Timeout", "ConnectionError", "ValueError"))
]
# The jobs that a question is about, by a verb in it.
IDS = {"run": "later", "delete": "w0.1", "cancel": "held", "requeue": "dead"}


def fill(server: redis.Redis, pending: int, dead: int) -> None:
    """Fill a server.

    Args:
        server: an empty one.
        pending: jobs that wait in the queue `words`.
        dead: dead jobs, 10,000 in each of some queues, the first of which is `words`.
    """
    queues = [Q, *(f"jobs:{{more{n}}}" for n in range(1, -(-dead // MOST_DEAD)))]
    names = [queue[6:-1] for queue in queues]
    server.hset("jobs:queues", mapping=dict.fromkeys([*names, "empty"], "reliable"))
    run(server, RELIABLE.submit("jobs:{empty}", [("gone", b"1")]))
    run(server, OPERATOR.purge("jobs:{empty}", "pending", limit=1))
    run(server, RELIABLE.submit(Q, [("dead", b"1"), ("held", b"1")]))
    (one, _) = run(server, RELIABLE.claim([Q], nonce="n", limit=2, lease=86_400_000)).jobs
    run(server, RELIABLE.fail(Q, [(one.id, one.token, "reject", ERRORS[0])]))
    for queue in queues:
        fill_dead(server, queue, min(dead, MOST_DEAD) - (queue == Q))
        dead -= min(dead, MOST_DEAD)
    run(server, RELIABLE.submit(Q, [("later", b"1")], delay=3_600_000))
    run(server, RELIABLE.schedule(Q, "report", b"1", every=3_600_000))
    fill_waiting(server, pending)


def fill_dead(server: redis.Redis, queue: str, count: int) -> None:
    """Let so many jobs of a queue die."""
    for first, size in batches(count):
        jobs = [(f"d{first}.{n}", b'{"to":"ann@example.org"}') for n in range(size)]
        run(server, RELIABLE.submit(queue, jobs, task="mail.send"))
        nonce = f"d{first}"
        held = run(server, RELIABLE.claim([queue], nonce=nonce, limit=size, lease=60_000)).jobs
        ends = [(job.id, job.token, "reject", ERRORS[n % 3]) for n, job in enumerate(held)]
        run(server, RELIABLE.fail(queue, ends))


def fill_waiting(server: redis.Redis, count: int) -> None:
    """Let so many jobs wait."""
    calls = [
        RELIABLE.submit(
            Q, [(f"w{first // BATCH}.{n}", b'{"to":"bob@example.org"}') for n in range(size)],
            task="mail.send",
        )
        for first, size in batches(count)
    ]  # fmt: skip
    for at in range(0, len(calls), CALLS):
        run_many(server, calls[at : at + CALLS])


def batches(count: int) -> Iterator[tuple[int, int]]:
    """First number and size of each batch of so many jobs."""
    for first in range(0, count, BATCH):
        yield first, min(BATCH, count - first)
