"""The peers: their versions, and how each is set up. This is the one place where versions stand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """One of the other queues.

    Attributes:
        key: its driver's module, and the folder of its environment.
        name: as in the table.
        packages: what is installed for it, with versions.
        concurrency: of its worker; the best of 1, 10, 50 and 100 on two cores.
        about: how it is set up, where that is not its default, and what it promises.
        share: the part of the jobs that is measured; slow ones get fewer.
        node: whether it is one for Node.
    """

    key: str
    name: str
    packages: tuple[str, ...]
    concurrency: int
    about: str
    share: float = 1.0
    node: bool = False


HIREDIS = "hiredis==3.5.0"
REDIS = "redis==8.1.0"
UVLOOP = "uvloop==0.23.0"

PEERS = (
    Peer(
        "bullmq_node",
        "BullMQ 6.7 (Node)",
        ("bullmq@6.7.0", "ioredis@6.0.0"),
        100,
        "bulk is `addBulk`; results by `waitUntilFinished`",
        node=True,
    ),
    Peer(
        "bullmq",
        "bullmq 3.4 (Python)",
        ("bullmq==3.4.4", REDIS, HIREDIS, UVLOOP),
        10,
        "bulk is `addBulk`; no call waits for a result, so the client listens to `QueueEvents`",
    ),
    Peer(
        "huey",
        "huey 3.5 (loses jobs in a crash)",
        ("huey==3.5.4", REDIS, HIREDIS),
        10,
        "bulk is a `group`; for round trips `notify_result=True`, since it polls otherwise",
    ),
    Peer(
        "saq",
        "saq 0.26",
        ("saq==0.26.4", "redis==7.4.1", HIREDIS, UVLOOP, "typing_extensions==4.15.0"),
        10,
        "no bulk call, so 100 at once; results by `Job.refresh`, since `Queue.apply` polls",
    ),
    Peer(
        "taskiq",
        "taskiq 0.13 (streams)",
        ("taskiq==0.13.0", "taskiq-redis==1.2.4", REDIS, HIREDIS, UVLOOP),
        100,
        "no bulk call, so 100 at once; its polling for results is turned up from 200 ms to 5 ms",
    ),
    Peer(
        "dramatiq",
        "dramatiq 2.2",
        ("dramatiq==2.2.1", REDIS, HIREDIS),
        100,
        "bulk is a `group`",
    ),
    Peer(
        "arq",
        "arq 0.28",
        ("arq==0.28.0", "redis==5.3.1", HIREDIS, UVLOOP),
        50,
        "no bulk call, so 100 at once; its polling for jobs and results is turned up from 500 ms"
        " to 5 ms",
    ),
    Peer(
        "streaq",
        "streaq 7.2",
        ("streaq==7.2.0", "coredis==6.9.0", UVLOOP),
        10,
        "bulk is `enqueue_many`",
        share=0.5,
    ),
    Peer(
        "celery",
        "celery 5.7",
        ("celery[redis]==5.7.0", "kombu==5.7.0", REDIS, HIREDIS),
        100,
        "threads; bulk is a `group`; `worker_prefetch_multiplier=128`, as for short tasks",
        share=0.25,
    ),
    Peer(
        "rq",
        "rq 3.0",
        ("rq==3.0.0", REDIS, HIREDIS),
        1,
        "`SimpleWorker`, which does not fork; bulk is `enqueue_many`",
        share=0.1,
    ),
)
