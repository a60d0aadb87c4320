"""One measurement: a server of its own, the processes of one system, and the figures that come out.

A figure is a number by its name, in base units: rates per second, seconds, bytes, counts per job.
A fault is what a system did wrong although it could be measured, in words.
"""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import redis

from benchmark.case import Case
from benchmark.process import Client, Failed, System, Workers
from benchmark.server import Instance, Look, serving
from pyjobs.testing import Binary, StartFailed

Figures = dict[str, float]
# One measurement that comes to nothing must not cost the others of a long run.
TROUBLE = (OSError, StartFailed, redis.RedisError, subprocess.SubprocessError)
PATIENCE = 60.0
SLOWEST_RATE = 50
ALONE_JOBS, ALONE_SECONDS = 2_000, 7.0
LIMIT_SCRIPT = (
    "redis.call('HSET',KEYS[1],'a',ARGV[1],'b',ARGV[1],'c',ARGV[1],'d',ARGV[1]) "
    "redis.call('LPUSH',KEYS[2],ARGV[1]) redis.call('PUBLISH','channel',ARGV[1]) return 1"
)
BENCHMARKS = ("redis-benchmark", "valkey-benchmark")


class Sample(NamedTuple):
    """What came out of one measurement."""

    figures: Figures
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Point:
    """One measurement to make: how, of what, in which case."""

    how: str
    system: System
    case: Case

    def measure(self, binary: Binary) -> Sample:
        """Make it.

        Raises:
            Failed: the system, or the server, did not do its part.
        """
        try:
            with serving(binary, everysec=self.case.everysec) as server:
                return HOW[self.how](server, self.system, self.case)
        except TROUBLE as error:
            raise Failed(f"{self.system.name}, {self.how}: {error!r}") from error


def life(server: Instance, system: System, case: Case) -> Sample:
    """Enqueue jobs while no worker is there, then drain them: rates, costs and memory."""
    with Client(system, case, server.url) as client:
        empty = server.look()
        told = enqueue(client, case)
        queued = server.look()
        figures = {
            "enqueue": case.jobs / told["seconds"],
            "client cpu": told["cpu"] / case.jobs,
            "queued": (queued.held - empty.held) / case.jobs,
        }
        if not case.drain:
            return Sample(figures)
        with Workers(system, case, server.url) as workers:
            workers.until(case.jobs, patience(case))
            runs = workers.settled()
            done = server.look()
        kept = server.look().held - empty.held
        faults = wrong(client.ask(PATIENCE, do="check"))
    if runs.ran != case.jobs:
        faults += (f"the handler ran {runs.ran} times for {case.jobs} jobs",)
    figures |= {"drain": runs.rate, "worker cpu": runs.cpu / case.jobs, "kept": kept / case.jobs}
    figures |= cost(empty, done, case.jobs)
    figures["drain cpu"] = (done.cpu - queued.cpu) / case.jobs
    return Sample({**figures, "slowest": server.slowest()}, faults)


def roundtrip(server: Instance, system: System, case: Case) -> Sample:
    """One client and idle workers: submit and wait for the result, alone and with 50 at once."""
    case = replace(case, answers=True)
    with Client(system, case, server.url) as client, Workers(system, case, server.url):
        client.ask(PATIENCE, do="alone", jobs=5, seconds=PATIENCE)
        jobs = min(case.jobs, ALONE_JOBS)
        alone = client.ask(PATIENCE, do="alone", jobs=jobs, seconds=ALONE_SECONDS)
        fifty = {"do": "outstanding", "at_once": 50}
        client.ask(PATIENCE, **fifty, jobs=min(case.jobs, 100), seconds=ALONE_SECONDS)
        before = server.look()
        told = client.ask(PATIENCE, **fifty, jobs=case.jobs, seconds=ALONE_SECONDS)
        figures = {"p50": alone["p50"], "p99": alone["p99"]}
        figures["outstanding"] = told["jobs"] / told["seconds"]
        figures |= cost(before, server.look(), told["jobs"])
    return Sample(figures, (*wrong(alone), *wrong(told)))


def idle(server: Instance, system: System, case: Case) -> Sample:
    """A worker with nothing to do, for `seconds` of the case: what it sends all the same."""
    with Workers(system, replace(case, seconds=0.0), server.url) as workers:
        workers.settled()
        before = server.look()
        time.sleep(case.seconds)
        # The look before is a command too.
        sent = server.look().commands - before.commands - 1
        return Sample({"idle": sent / case.seconds})


def growth(server: Instance, system: System, case: Case) -> Sample:
    """Rates with so many jobs pending and, once they are drained, with so many results kept: each
    rate is one of a twentieth of them. The client of the jobs that are drained hears of them."""
    part = replace(case, jobs=max(1, case.jobs // 20))
    figures = {}
    with Client(system, case, server.url) as client:
        enqueue(client, part)
        with Client(system, case, server.url) as filling:
            enqueue(filling, replace(case, jobs=case.jobs - 2 * part.jobs))
        figures["bulk, pending"] = part.jobs / enqueue(client, part)["seconds"]
        with Workers(system, case, server.url) as workers:
            figures["drain, pending"] = workers.until(part.jobs, patience(part)).rate
            workers.until(case.jobs, patience(case))
            workers.settled()
    with Client(system, case, server.url) as client:
        figures["bulk, kept"] = part.jobs / enqueue(client, part)["seconds"]
        with Workers(system, case, server.url) as workers:
            figures["drain, kept"] = workers.until(part.jobs, patience(part)).rate
            workers.settled()
            told = client.ask(PATIENCE, do="alone", jobs=ALONE_JOBS // 2, seconds=ALONE_SECONDS)
            figures["p50, kept"] = told["p50"]
    return Sample({**figures, "slowest": server.slowest()})


def limit(server: Instance, system: System, case: Case) -> Sample:
    """What the server takes from the benchmark that comes with it: a script of HSET, LPUSH and
    PUBLISH, 50 connections, 16 calls in a round trip each."""
    program = next(filter(None, map(shutil.which, BENCHMARKS)), None)
    if program is None:
        raise Failed(f"none of {', '.join(BENCHMARKS)} is on PATH")
    port = server.url.rpartition(":")[2]
    script = ["EVAL", LIMIT_SCRIPT, "2", "job:__rand_int__", "q", "__rand_int__"]
    settings = ["-c", "50", "-P", "16", "-n", str(case.jobs * 10), "-r", "1000000", "--csv"]
    done = subprocess.run(
        [program, "-h", "127.0.0.1", "-p", port, *settings, *script],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE * 2,
    )
    [*_, row] = csv.reader(io.StringIO(done.stdout))
    return Sample({"enqueue": float(row[1])})


def ping(server: Instance, system: System, case: Case) -> Sample:
    """What the server spends on a command that does nothing, one at a time."""
    before = server.look()
    server.ping(case.jobs)
    return Sample({"cpu": (server.look().cpu - before.cpu) / case.jobs})


def scripts(server: Instance, system: System, case: Case) -> Sample:
    """The script time and the inner calls of each verb a job, and the bytes of a job, for the
    scripts that the system is named after."""
    return Sample(server.call(system.name, case))


def turns(server: Instance, system: System, case: Case) -> Sample:
    """The script time of two lives of a job that take turns, and what the one adds."""
    return Sample(server.turns(system.name, case))


HOW: dict[str, Callable[[Instance, System, Case], Sample]] = {
    one.__name__: one for one in (life, roundtrip, idle, growth, limit, ping, scripts, turns)
}


def enqueue(client: Client, case: Case) -> dict[str, Any]:
    """Let a client enqueue the jobs of a case."""
    told = client.ask(patience(case), do=case.enqueue, jobs=case.jobs)
    if told["jobs"] != case.jobs:
        raise Failed(f"enqueued {told['jobs']} of {case.jobs} jobs")
    return told


def wrong(told: dict[str, Any]) -> tuple[str, ...]:
    """The faults that a client reported."""
    found = told["wrong"]
    return (f"{len(found)} results were wrong, such as {found[0]}",) if found else ()


def patience(case: Case) -> float:
    """Seconds after which something must be wrong."""
    return PATIENCE + case.jobs / SLOWEST_RATE


def cost(before: Look, after: Look, jobs: int) -> Figures:
    """What a job cost the server."""
    names = ("commands", "reads", "cpu", "received", "sent")
    return {name: (getattr(after, name) - getattr(before, name)) / jobs for name in names}
