"""The runs: for each its name, what the server and the jobs are like, and which faults strike when.

Only these may live here.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyjobs
from chaos.field import Action, Field, Size
from chaos.log import Event, read

Faults = Iterator[tuple[float, Action]]
Kinds = Callable[[Size], list[tuple[str, float]]]
KILLS_PER_SECOND = 13 / 20
ABSENCE = 1.3  # leases
AOF = ("--appendonly", "yes", "--auto-aof-rewrite-percentage", "0", "--appendfsync")
POINTS = ("send", "answered", "start", "ended", "renew", "renewed", "write", "written")
HOUR = 3600
PARTS = 3


@dataclass(frozen=True)
class Plan:
    """A run.

    Attributes:
        name: on the command line.
        faults: gives (second of the span, what to do).
        args: the server's own.
        kinds: special jobs among the others, by the size of the run: what they do, for how long.
        suicidal: whether a worker may kill itself.
        max_crashes: what the workers ask for. As many as can't be reached, where what dies again
            and again is not the job's doing.
        clock: whether the server runs under a clock that the faults may step.
        crashless: whether no crash may be counted but for a process that was killed.
        parts: in how many parts the queue is split from the beginning on.
    """

    name: str
    faults: Callable[[Field], Faults]
    args: tuple[str, ...] = ()
    kinds: Kinds = lambda size: []
    suicidal: bool = False
    max_crashes: int = 3
    clock: bool = False
    crashless: bool = False
    parts: int = 1

    def patience(self, size: Size) -> float:
        """Seconds that a delivery may take because of the run's own jobs and its grace.

        After an absence, heartbeats have half a lease before anything is put back, and a
        long job whose lease ended in it runs again from its beginning.
        """
        if not self.crashless:
            return 0.0
        return size.lease / 2 + max((seconds for _, seconds in self.kinds(size)), default=0.0)


def kill_workers(field: Field, per_second: float = KILLS_PER_SECOND) -> Faults:
    """kill -9 of one worker or the other."""
    for at in field.moments(max(2, round(field.size.span * per_second))):
        yield at, field.rng.choice(field.workers).kill


def kill_redis(field: Field) -> Faults:
    """kill -9 of the server, three times; it is away for up to a fifth of a lease."""
    for at in field.moments(3):
        away = field.rng.uniform(0.0, field.size.lease / 5)
        yield at, partial(_restart, field, partial(time.sleep, away))


def kill_while_it_grows(field: Field) -> Faults:
    """kill -9 of the server and of workers; in the middle the queue is split in more parts."""
    yield from kill_redis(field)
    yield from kill_workers(field, KILLS_PER_SECOND / 3)
    yield field.size.span / 2, partial(field.split, 2 * PARTS)


def kill_redis_everysec(field: Field) -> Faults:
    """The same. While its disk is busy with one sync, Redis answers for up to two seconds before it
    writes: what a kill takes with it then was never kept, and is told apart."""
    for at, restart in kill_redis(field):
        yield at, partial(_restart, field, partial(_unwritten, field, restart.args[1]))


def cut_power(field: Field) -> Faults:
    """kill -9 of the server, two times; up to a second of the end of its log is gone. The log is
    written anew each time, as docs/operations.md asks; test_aof.py shows what a torn log does.
    What is answered is in the log at once: the server never waits for the disk with a write."""
    sizes = _Sizes(field.folder / "server")
    yield 0.0, sizes.start
    for at in field.moments(2):
        yield at, partial(_restart, field, partial(_cut, field, sizes))
        yield at, field.write_log_anew
    yield field.size.span, sizes.stop


def stop_workers(field: Field) -> Faults:
    """SIGSTOP of each worker for one and a half leases, one after the other, then SIGCONT."""
    away = 1.5 * field.size.lease
    for at, worker in zip((0.1, 0.2 + away), field.workers, strict=True):
        yield at, worker.stop
        yield at + away, worker.go_on


def poison(size: Size) -> list[tuple[str, float]]:
    """Jobs that kill their worker: one at once, and in a large run one that takes a while."""
    return [("poison", seconds) for seconds in (0.0, 0.1)[: 1 + size.jobs // 1000]]


def nothing(field: Field) -> Faults:
    """The jobs themselves are the fault."""
    return iter(())


def skew_clocks(field: Field) -> Faults:
    """One worker's clock an hour ahead, the other's an hour behind, and some kills."""
    for worker, offset in zip(field.workers, (HOUR, -HOUR), strict=True):
        worker.environ["CHAOS_CLOCK"] = str(offset)
    yield from kill_workers(field, KILLS_PER_SECOND / 3)


def fill(field: Field) -> Faults:
    """The server's memory is full for a third of the span and a lease; meanwhile a worker dies."""
    begin = field.size.span / 3
    yield begin, partial(_limit_memory, field, "full", 1)
    yield begin + 0.05, field.workers[0].kill
    yield 2 * begin + field.size.lease, partial(_limit_memory, field, "freed", 0)


def mix_versions(field: Field) -> Faults:
    """One worker's scripts have other shas; some kills, so that each takes over from the other.

    Nothing was released, so there are no scripts that behave otherwise: the other worker's package
    is a copy of this one, its scripts one comment longer. It shows that two sets of shas share a
    queue, that each side loads what it lacks, and takes over the other's jobs.
    """
    field.workers[1].package = str(_other_package(field.folder / "other"))
    yield from kill_workers(field, KILLS_PER_SECOND / 3)


def crash_points(field: Field) -> Faults:
    """The workers kill themselves, at one point of their cycle after the other."""
    points = itertools.cycle(field.rng.sample(POINTS, len(POINTS)))

    def arm() -> None:
        for worker in field.workers:
            point = next(points)
            passes = field.rng.randint(1, 2 if point in ("renew", "renewed") else 40)
            worker.environ["PYJOBS_CRASH_AT"] = f"{point}:{passes}"

    arm()
    return ((at, arm) for at in field.moments(round(2 * field.size.span)))


def stay_away(field: Field) -> Faults:
    """Redis is gone, refuses every write, and stands still, for longer than a lease each time."""
    begin, away = 0.5, ABSENCE * field.size.lease
    gap = away + field.size.lease
    strike, absent = (partial(field.log.write, what) for what in ("strike", "absent"))
    yield begin, strike
    yield begin, partial(_restart, field, partial(time.sleep, away))
    yield begin, absent
    begin += gap
    yield begin, strike
    yield begin, partial(field.redis.config_set, "min-replicas-to-write", 1)
    yield begin + away, partial(field.redis.config_set, "min-replicas-to-write", 0)
    yield begin + away, absent
    begin += gap
    yield begin, strike
    yield begin, lambda: os.kill(field.server.pid, signal.SIGSTOP)
    yield begin + away, lambda: os.kill(field.server.pid, signal.SIGCONT)
    yield begin + away, absent


def step_clock(field: Field) -> Faults:
    """Redis's clock goes an hour forward for a moment, three times, and for two leases; then a
    worker is killed, and the clock goes an hour back."""
    begin, lease = 0.5, field.size.lease
    for away in (lease / 10, lease / 2, lease / 10, 2 * lease):
        yield begin, partial(field.step_clock, HOUR)
        yield begin + away, partial(field.step_clock, 0)
        begin += away + lease
    yield begin, field.workers[0].kill
    yield begin + 0.05, partial(field.step_clock, -HOUR)


def long_jobs(size: Size) -> list[tuple[str, float]]:
    """Jobs that run through an absence."""
    return [("", 3 * size.lease)] * 4


PLANS = {
    plan.name: plan
    for plan in (
        Plan("workers", kill_workers),
        Plan("redis-always", kill_redis, args=(*AOF, "always")),
        Plan("redis-everysec", kill_redis_everysec, args=(*AOF, "everysec")),
        Plan("parts", kill_while_it_grows, args=(*AOF, "always"), parts=PARTS),
        Plan("power", cut_power, args=(*AOF, "no")),
        Plan("stop", stop_workers),
        Plan("poison", nothing, kinds=poison, suicidal=True),
        Plan("blocker", nothing, kinds=lambda size: [("blocker", 5 * size.lease)]),
        Plan("clocks", skew_clocks),
        Plan("full", fill),
        Plan("absence", stay_away, args=(*AOF, "always"), kinds=long_jobs, crashless=True),
        Plan("steps", step_clock, kinds=long_jobs, clock=True, crashless=True),
        Plan("skew", mix_versions),
        Plan("points", crash_points, suicidal=True, max_crashes=1000),
    )
}


def _restart(field: Field, meanwhile: Action) -> None:
    field.log.write("away")
    field.server.kill()
    meanwhile()
    field.server.start()
    field.log.write("back")


def log_of(folder: Path) -> Path:
    """The part that grows: Redis before 7 has one file, later ones a base and increments."""
    parts = [*folder.glob("appendonly.aof"), *folder.glob("*/*.incr.aof")]
    return max((part for part in parts if part.is_file()), key=lambda part: part.stat().st_mtime)


def unwritten_since(events: list[Event], written: bytes) -> float | None:
    """Return the time after which answers of a server may be missing in its log, None where all
    are there. Events are noted after the answers, in no certain order."""
    since = max((event.at for event in events if event.what == "back"), default=0.0)
    words = {"ack": "\n{0.job}\r\n", "start": "\n{0.note}\r\n", "wrote": '"{0.note}"'}
    told = [
        (event.at, words[event.what].format(event).encode() in written)
        for event in events
        if event.what in words and event.at > since
    ]
    missing = min((at for at, is_there in told if not is_there), default=None)
    if missing is None:
        return None
    return max((at for at, _ in told if at < missing), default=missing)


class _Sizes(threading.Thread):
    """How long the server's log was, at every 20th of a second."""

    def __init__(self, folder: Path) -> None:
        super().__init__(name="chaos-sizes", daemon=True)
        self._folder = folder
        self._ended = threading.Event()
        self.seen: list[tuple[float, int]] = []

    @property
    def file(self) -> Path:
        return log_of(self._folder)

    def run(self) -> None:
        while not self._ended.wait(0.05):
            # While the log is written anew, there may be none for a moment.
            with suppress(OSError, ValueError):
                self.seen.append((time.monotonic(), self.file.stat().st_size))

    def stop(self) -> None:
        self._ended.set()
        self.join()


def _unwritten(field: Field, meanwhile: Action) -> None:
    """Look for what Redis had acknowledged, and is not in its log; then wait."""
    written = log_of(field.folder / "server").read_bytes()
    since = unwritten_since(read(field.folder / "events"), written)
    meanwhile()
    if since is not None:
        field.log.write("cut", note=str(since))


def _cut(field: Field, sizes: _Sizes) -> None:
    """Cut the log back, at any byte of what was written up to a second before the end."""
    wanted = time.monotonic() - field.rng.uniform(0.1, 1.0)
    size = sizes.file.stat().st_size
    since, least = max((seen for seen in sizes.seen if seen[0] <= wanted), default=(wanted, size))
    with sizes.file.open("r+b") as file:
        file.truncate(field.rng.randint(min(least, size), size))
    field.log.write("cut", note=str(since))


def _limit_memory(field: Field, what: str, limit: int) -> None:
    if limit:
        field.log.write(what)
    field.redis.config_set("maxmemory", limit)
    if not limit:
        field.log.write(what)


def _other_package(folder: Path) -> Path:
    """A copy of pyjobs whose scripts have other shas."""
    package = folder / "pyjobs"
    shutil.copytree(Path(pyjobs.__file__).parent, package)
    built = package / "_lua"
    manifest = json.loads((built / "manifest.json").read_text())
    for about in manifest["scripts"].values():
        path = built / about["file"]
        path.write_text(path.read_text() + "\n-- of another age")
        about["sha1"] = hashlib.sha1(path.read_bytes()).hexdigest()
    (built / "manifest.json").write_text(json.dumps(manifest))
    return folder
