"""The drill of wakes: what a job costs Redis that wakes one of many idle workers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple
from unittest.mock import patch

import pyjobs
from drill.account import Account
from drill.nodes import Cluster, until
from pyjobs.worker import processor
from pyjobs.worker.claiming import wake as waiting
from pyjobs.worker.claiming.tokens import WakeListener

# A wake with so many idle workers costs Redis so many times as much CPU as with one at most.
MANY, SMALL_MANY = 50, 20
RATIO = 1.5
# The same in calls that claim or look for a token, which idle workers do not make here, and which
# no other load of the machine changes.
CALLS_RATIO = 1.3
# The commands of those calls, of which no other script of an idle worker has any.
OF_CLAIMS, OF_LOOKS = "cmdstat_lrange", "cmdstat_lpop"
QUEUES, SMALL_QUEUES = 12, 3
WAKES, SMALL_WAKES = 150, 60
ROUNDS, SMALL_ROUNDS = 3, 1
# A job each so many seconds: every worker is idle by then.
EVERY = 0.04
SETTLED = 1.0
# No worker looks for a token or ends its wait by itself: those that have started together do so
# together, and what that costs does not belong to a wake.
NO_LOOK = 3600.0
SOON = 60.0


class Used(NamedTuple):
    """What the primaries have used: seconds of CPU, calls that claim or look for a token, messages
    on shards."""

    cpu: float
    calls: float
    messages: float


class Workers:
    """Workers of the same queues in one event loop, in a thread."""

    def __init__(self, url: str, queues: Sequence[str]) -> None:
        self._url, self._queues = url, queues
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="drill-workers")
        self._thread.start()
        self._running: list[tuple[pyjobs.Worker, object]] = []
        self._ended = threading.Semaphore(0)

    def start(self, number: int) -> None:
        """Start further workers."""
        for _ in range(number):
            worker = pyjobs.Worker(self._url, queues=self._queues, concurrency=1, lease=NO_LOOK)

            @worker.handler
            async def handle(job: pyjobs.ClaimedJob) -> None:
                self._ended.release()

            future = asyncio.run_coroutine_threadsafe(worker.arun(), self._loop)
            self._running.append((worker, future))

    def wait_for_a_run(self) -> bool:
        return self._ended.acquire(timeout=SOON)

    def close(self) -> None:
        for worker, _ in self._running:
            worker.stop()
        for _, future in self._running:
            future.result(SOON)  # type: ignore[attr-defined]
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def workers_of(url: str, queues: Sequence[str]) -> Iterator[Workers]:
    """Workers that end with the block."""
    workers = Workers(url, queues)
    try:
        yield workers
    finally:
        workers.close()


def wakes(cluster: Cluster, small: bool) -> Account:
    """Jobs come one by one to queues of which one worker is idle, and then many are. What a job
    costs all primaries is compared, less what idle workers cost."""
    queues = cluster.names(SMALL_QUEUES if small else QUEUES)
    many, count = (SMALL_MANY, SMALL_WAKES) if small else (MANY, WAKES)
    times = SMALL_ROUNDS if small else ROUNDS
    account = Account()
    found: list[Used] = []
    with (
        patch.object(processor, "listener_of", lambda server: WakeListener(server, NO_LOOK)),
        patch.object(waiting, "IDLE_SECONDS", NO_LOOK),
        workers_of(cluster.url, queues) as workers,
        pyjobs.Client(cluster.url, results=False) as client,
    ):
        for number in (1, many):
            workers.start(number - len(found[:1]))
            listening = number * len(queues)
            until(lambda wanted=listening: subscribed(cluster) == wanted, "all listen", SOON)
            time.sleep(SETTLED)
            rounds = [wake(cluster, client, queues, workers, count) for _ in range(times)]
            account.acked += times * count
            found.append(Used(*map(median, zip(*rounds, strict=True))))
    one, all_idle = found
    for name, unit, most in (
        ("cpu", "us of CPU", None if small else RATIO),
        ("calls", "claims and looks", CALLS_RATIO),
        ("messages", "messages", CALLS_RATIO),
    ):
        few, more = getattr(one, name), getattr(all_idle, name)
        what = f"{few:.1f} {unit} a wake with one idle worker, {more:.1f} with {many}"
        account.promise(most is None or more <= most * few, f"{what}: {more / few:.2f} times")
    return account


def wake(
    cluster: Cluster, client: pyjobs.Client, queues: Sequence[str], workers: Workers, count: int
) -> Used:
    """What one of so many jobs costs, each of which wakes a worker; CPU in us. What idle workers
    use is measured before and behind, for as long each."""
    seconds = count * EVERY
    first = used(cluster)
    time.sleep(seconds)
    began = used(cluster)
    start = time.monotonic()
    for number in range(count):
        client.submit(1, queue=queues[number % len(queues)])
        if not workers.wait_for_a_run():
            raise TimeoutError("no worker was woken")
        time.sleep(max(0.0, start + (number + 1) * EVERY - time.monotonic()))
    share = (time.monotonic() - start) / (2 * seconds)
    ended = used(cluster)
    time.sleep(seconds)
    last = used(cluster)
    scales = (1e6, 1.0, 1.0)
    each = zip(scales, first, began, ended, last, strict=True)
    return Used(*((c - b - share * (b - a + d - c)) * scale / count for scale, a, b, c, d in each))


def used(cluster: Cluster) -> Used:
    """What the primaries have used since their start."""
    cpu = calls = messages = 0.0
    for node in cluster.primaries():
        info = node.info("cpu")
        cpu += float(info["used_cpu_user"]) + float(info["used_cpu_sys"])
        stats = node.info("commandstats")
        calls += sum(stats.get(name, {"calls": 0})["calls"] for name in (OF_CLAIMS, OF_LOOKS))
        messages += stats.get("cmdstat_spublish", {"calls": 0})["calls"]
    return Used(cpu, calls, messages)


def subscribed(cluster: Cluster) -> int:
    """How many subscriptions of sharded channels there are."""
    found = 0
    for node in cluster.primaries():
        for line in node.ask("CLIENT", "LIST").decode().splitlines():
            words = dict(word.partition("=")[::2] for word in line.split(" "))
            found += int(words.get("ssub", 0))
    return found
