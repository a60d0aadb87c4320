"""The rows of the table by workload: each figure of pyjobs, and what stands beside it.

What is measured is said here, how in measure.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from benchmark.calls import VERBS
from benchmark.case import Case
from benchmark.measure import Point
from benchmark.process import System, ours

SYNC = ours("pyjobs", "benchmark.own", "sync")
ASYNC = ours("pyjobs, asyncio", "benchmark.own", "async")
BARE_SYNC = ours("redis-py alone", "benchmark.bare", "sync")
BARE = ours("redis-py alone, asyncio", "benchmark.bare", "async")
SERVER = System("the server", ())
OWN = (SYNC, ASYNC)
BATCH = 10_000
# As far as reliable mode claims short jobs ahead by itself.
AHEAD = 400
LIMIT = "redis-benchmark, a script of HSET, LPUSH and PUBLISH, -c 50 -P 16"
ALONE = "the same scripts by redis-py alone"


class Row(NamedTuple):
    """One figure, and one beside it to compare with.

    Attributes:
        label: what it is.
        unit: '/s', 'ms', 'us', 'bytes', or '' for a count.
        point: the measurement that it comes from.
        figure: its name there.
        beside: the measurement of the other one, None when there is none.
        other: that one's name there.
        about: what the other one is.
    """

    label: str
    unit: str
    point: Point
    figure: str
    beside: Point | None = None
    other: str = ""
    about: str = ""


class Size(NamedTuple):
    """How much is measured.

    Attributes:
        jobs: jobs in a measurement.
        grown: times that, where a queue has grown.
        idle: seconds of watching an idle worker.
    """

    jobs: int
    grown: int
    idle: float


# Beyond a million: from 2 ** 20 keys on Redis doubles its tables, for some hundred thousand more.
FULL, QUICK = Size(20_000, 80, 10.0), Size(2_000, 10, 2.0)


def floored(label: str, unit: str, point: Point, figure: str, about: str = ALONE) -> Row:
    """A row beside what redis-py alone does in the same case."""
    bare = BARE_SYNC if point.system is SYNC else BARE
    return Row(label, unit, point, figure, replace(point, system=bare), figure, about)


def enqueue(size: Size) -> Iterator[Row]:
    """Submitting, while no worker runs."""
    some = Case(jobs=size.jobs // 2, drain=False)
    whole = Case(jobs=size.jobs * 5, drain=False, batch=BATCH)
    one, together = replace(some, enqueue="one"), replace(some, enqueue="together")
    called = "EVALSHA of the same script, one call after the other"
    piped = "EVALSHA of the same script, 100 in a round trip"
    chunks = "the same script, 10,000 jobs in calls of 1,000"
    for system, name in ((SYNC, "submit"), (ASYNC, "submit, asyncio")):
        alone = Point("life", system, one)
        yield floored(name, "/s", alone, "enqueue", called)
        yield floored(f"{name}, client CPU", "us", alone, "client cpu", called)
    at_once = Point("life", ASYNC, together)
    yield floored("submit, asyncio, 1,000 at once", "/s", at_once, "enqueue", piped)
    yield floored("submit_many of 10,000", "/s", Point("life", SYNC, whole), "enqueue", chunks)
    aio = Point("life", ASYNC, whole)
    yield floored("submit_many of 10,000, asyncio", "/s", aio, "enqueue", chunks)


def drain(size: Size) -> Iterator[Row]:
    """One worker process and a backlog."""
    for handler in ("async", "def"):
        for concurrency in (10, 100):
            case = Case(jobs=size.jobs, concurrency=concurrency, handler=handler)
            label = f"drain, `{handler}` handler, concurrency {concurrency}"
            bare = Point("life", BARE, replace(case, handler="async"))
            yield Row(label, "/s", Point("life", ASYNC, case), "drain", bare, "drain", ALONE)


def roundtrip(size: Size) -> Iterator[Row]:
    """From the submit to the result, with an idle worker."""
    case = Case(jobs=size.jobs // 2)
    for system, name in ((SYNC, ""), (ASYNC, ", asyncio")):
        point = Point("roundtrip", system, case)
        yield floored(f"round trip{name}, p50", "ms", point, "p50")
        yield floored(f"round trip{name}, p99", "ms", point, "p99")
    yield floored("round trips, asyncio, 50 outstanding", "/s", point, "outstanding")


def cost(size: Size) -> Iterator[Row]:
    """What a job costs in its whole life, submitted in bulk or one at a time, and drained at
    concurrency 100."""
    point = Point("life", ASYNC, Case(jobs=size.jobs))
    yield floored("Redis CPU a job", "us", point, "cpu")
    yield floored("of which the drain is", "us", point, "drain cpu")
    alone = Point("life", ASYNC, Case(jobs=size.jobs // 2, enqueue="one"))
    yield floored("Redis CPU a job, submitted one at a time", "us", alone, "cpu")
    yield floored("socket reads at Redis a job", "", point, "reads")
    yield floored("commands a job, with those of scripts", "", point, "commands")
    yield floored("received by Redis a job", "bytes", point, "received")
    yield floored("sent by Redis a job", "bytes", point, "sent")
    yield floored("memory of a queued job", "bytes", point, "queued")
    yield floored("memory of a kept result", "bytes", point, "kept")
    yield floored("worker CPU a job", "us", point, "worker cpu")
    yield floored("client CPU a job", "us", point, "client cpu")
    watched = Case(seconds=size.idle)
    yield Row("commands of an idle worker a second", "", Point("idle", ASYNC, watched), "idle")


def growth(size: Size) -> Iterator[Row]:
    """Over a million jobs pending, then as many results kept (with --quick and --jobs fewer)."""
    many = size.jobs * size.grown
    grown = Point("growth", ASYNC, Case(jobs=many, batch=BATCH))
    small = Point("life", ASYNC, Case(jobs=size.jobs, batch=BATCH))
    trip = Point("roundtrip", ASYNC, Case(jobs=size.jobs // 2))
    about = "with nothing else there"

    def row(label: str, figure: str, unit: str, beside: Point, other: str) -> Row:
        return Row(label.format(f"{many:,}"), unit, grown, figure, beside, other, about)

    yield row("submit_many, {} pending", "bulk, pending", "/s", small, "enqueue")
    yield row("drain, {} pending", "drain, pending", "/s", small, "drain")
    yield row("submit_many, {} results kept", "bulk, kept", "/s", small, "enqueue")
    yield row("drain, {} results kept", "drain, kept", "/s", small, "drain")
    yield row("round trip, {} results kept, p50", "p50, kept", "ms", trip, "p50")
    yield row("slowest call of a script, {} jobs", "slowest", "ms", small, "slowest")


def modes(size: Size) -> Iterator[Row]:
    """The same in each of the three modes, with the same prefetch: two of them have none of their
    own, since they can hand nothing back."""
    reliable = Case(jobs=size.jobs, prefetch=AHEAD)
    trips = replace(reliable, jobs=size.jobs // 2)
    for mode in ("simple", "recoverable"):
        for label, unit, how, figure, case in (
            ("submit_many", "/s", "life", "enqueue", reliable),
            (f"drain, prefetch {AHEAD}", "/s", "life", "drain", reliable),
            ("drain, prefetch 0", "/s", "life", "drain", replace(reliable, prefetch=0)),
            ("round trip p50", "ms", "roundtrip", "p50", trips),
            ("Redis CPU a job", "us", "life", "cpu", reliable),
            ("memory of a queued job", "bytes", "life", "queued", reliable),
        ):
            point = Point(how, ASYNC, replace(case, mode=mode))
            beside = replace(point, case=case)
            yield Row(f"{mode}: {label}", unit, point, figure, beside, figure, "reliable")


def aof(size: Size) -> Iterator[Row]:
    """Redis appends each change to its log and syncs it every second."""
    logged = Case(jobs=size.jobs, everysec=True)
    one = replace(logged, jobs=size.jobs // 2, enqueue="one", drain=False)
    yield floored("appendfsync everysec: submit", "/s", Point("life", SYNC, one), "enqueue")
    point = Point("life", ASYNC, logged)
    yield floored("appendfsync everysec: submit_many", "/s", point, "enqueue")
    yield floored("appendfsync everysec: drain", "/s", point, "drain")


def payloads(size: Size) -> Iterator[Row]:
    """Jobs of other sizes."""
    for payload, shown, part in ((16, "16 B", 1), (1024, "1 KB", 1), (65536, "64 KB", 10)):
        point = Point("life", ASYNC, Case(jobs=max(1000, size.jobs // part), payload=payload))
        yield floored(f"payload of {shown}: submit_many", "/s", point, "enqueue")
        yield floored(f"payload of {shown}: drain", "/s", point, "drain")


def durations(size: Size) -> Iterator[Row]:
    """Jobs that take their time, 100 at once; redis-py alone waits for a whole batch together."""
    for ms, part in ((0, 1), (1, 1), (10, 4)):
        case = Case(jobs=max(1000, size.jobs // part), seconds=ms / 1000)
        yield floored(f"drain, jobs of {ms} ms", "/s", Point("life", ASYNC, case), "drain")


def processes(size: Size) -> Iterator[Row]:
    """Two worker processes beside one: with jobs of no work at all one keeps Redis busy."""
    for label, seconds, part in (("", 0.0, 2), (", jobs that compute for 0.1 ms", 1e-4, 1)):
        one = Point("life", ASYNC, Case(jobs=size.jobs * part, computes=seconds))
        two = replace(one, case=replace(one.case, workers=2))
        yield Row(f"drain, two worker processes{label}", "/s", two, "drain", one, "drain", "one")


def executors(size: Size) -> Iterator[Row]:
    """Plain handlers that compute, in child processes beside threads of one process: as many as
    the machine of the published figures has cores, which Redis and the client use too."""
    case = Case(jobs=max(20, size.jobs // 50), concurrency=2, computes=1e-2)
    threads = Point("roundtrip", ASYNC, replace(case, handler="def"))
    processes = replace(threads, case=replace(case, handler="process"))
    label, about = "jobs that compute for 10 ms, `executor='process'`", "`executor='thread'`"
    yield Row(label, "/s", processes, "outstanding", threads, "outstanding", about)


def tasks(size: Size) -> Iterator[Row]:
    """What a task adds to a job: script time in turns with and without a task, and the drain of a
    worker with 50 tasks beside that of a handler."""
    lives = Point("turns", System("task", ()), Case(jobs=size.jobs, batch=1))
    label = "script time of a job with a task, one at a time"
    yield Row(label, "us", lives, "life", lives, "less", "without a task")
    yield Row("of which the task is", "us", lives, "more")
    # In small calls, so that a claim gets jobs of several tasks.
    case = Case(jobs=size.jobs, batch=20)
    own = Point("life", ASYNC, replace(case, tasks=50))
    bare = Point("life", ASYNC, case)
    yield Row("drain, 50 tasks", "/s", own, "drain", bare, "drain", "one handler")
    yield Row("worker CPU a job, 50 tasks", "us", own, "worker cpu", bare, "worker cpu", "the same")
    yield Row("Redis CPU a job, 50 tasks", "us", own, "cpu", bare, "cpu", "the same")


def counters(size: Size) -> Iterator[Row]:
    """What counting adds to a job, in turns with a queue that does not count; beside that, what a
    bare HINCRBY adds to floor A. Each verb of a lone job writes one counter."""
    for batch in (1, 100):
        many = f"{batch} in a call" if batch > 1 else "one at a time"
        case = Case(jobs=size.jobs * (20 if batch > 1 else 1), batch=batch)
        lives = Point("turns", System("own", ()), case)
        bare = Point("turns", System("A counted", ()), case)
        yield Row(f"script time of a job, {many}", "us", lives, "life", lives, "less", "uncounted")
        for verb in VERBS:
            label, more = f"of which counting in {verb} is", f"{verb} more"
            yield Row(label, "us", lives, more, bare, more, "a bare HINCRBY in floor A")


def scripts(size: Size) -> Iterator[Row]:
    """What a job costs in the scripts alone, by the server's own count, one at a time and 100 in a
    call, beside two floors: A is the same hash and nothing else, C a hash with fewer fields."""
    for batch in (1, 100):
        case = Case(jobs=size.jobs // 2, batch=batch)
        many = f"{batch} in a call" if batch > 1 else "one at a time"
        own = Point("scripts", System("own", ()), case)
        for name in ("A", "C"):
            beside = Point("scripts", System(name, ()), case)
            about = f"floor {name}"
            for verb in VERBS:
                label = f"script time of {verb}, {many}"
                yield Row(label, "us", own, verb, beside, verb, about)
            yield Row(f"script time of a job, {many}", "us", own, "life", beside, "life", about)
            calls = "life calls"
            yield Row(f"inner calls of a job, {many}", "", own, calls, beside, calls, about)
            # With one job in a call the records of claims are counted too, until they expire.
            for state in ("queued", "kept") if batch > 1 else ():
                label = f"memory of a {state} job, {many}"
                yield Row(label, "bytes", own, state, beside, state, about)


def limits(size: Size) -> Iterator[Row]:
    """What the server itself can do."""
    yield Row(LIMIT, "/s", Point("limit", SERVER, Case(jobs=size.jobs)), "enqueue")
    pings = Point("ping", SERVER, Case(jobs=size.jobs))
    yield Row("Redis CPU of a PING, one at a time", "us", pings, "cpu")


WORKLOADS: dict[str, Callable[[Size], Iterator[Row]]] = {
    one.__name__: one
    for one in (
        enqueue,
        drain,
        roundtrip,
        cost,
        growth,
        modes,
        aof,
        payloads,
        durations,
        processes,
        executors,
        tasks,
        counters,
        scripts,
        limits,
    )
}
