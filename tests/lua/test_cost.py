"""What jobs cost the server, in counts: commands, their words, socket reads. Nothing is timed.

A bound is what it costs today: that and a word or two where one call decides it, and with some room
where the timing of a worker does. When a change makes something cheaper, lower its bound; when one
must make it dearer, raise it here and say why in the change.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from support.running import wait_until, working
from support.servers import REAL_SERVER_PLACES, SOCKET_PLACES, at
from support.store import STORED, Q, Store, having

import pyjobs
import pyjobs.aio
from pyjobs.engine.call import Call
from pyjobs.engine.counters import set_counting
from pyjobs.engine.modes import Mode
from pyjobs.engine.outcome import Policy
from pyjobs.engine.queue import watch
from pyjobs.engine.reliable import Reliable
from pyjobs.engine.simple import Simple
from pyjobs.ids import new_id

everywhere = at(REAL_SERVER_PLACES)
HOUR = 3_600_000
CANCEL = f"{Q}:cancel".encode()
MANY = 101
WORD = re.compile(rb'"(?:[^"\\]|\\.)*"')
MARK = b"the end of this measurement"


# --- one call of a script ---


class Cost(NamedTuple):
    """What a script does: its commands, and their words (a command's name and its arguments)."""

    commands: int
    words: int

    def within(self, bound: Cost) -> bool:
        return self.commands <= bound.commands and self.words <= bound.words


# For one job, and for MANY, in a queue that does not count.
BOUNDS = {
    # A read of the clock, since a job that is over its `expires` has expired. With two counts
    # of a dead job.
    "queue/watch": (Cost(3, 18), Cost(103, 1318)),
    # A word of each call is the name of the field that switches counters off. Three words of each
    # submit are the names of the limits that its queue may have, and of the number of its parts.
    "simple/submit": (Cost(4, 14), Cost(4, 114)),
    # Messages are read in pieces of 16, since their sizes show only then.
    "simple/claim": (Cost(7, 21), Cost(13, 45)),
    "simple/complete": (Cost(3, 9), Cost(3, 9)),
    "recoverable/submit": (Cost(6, 27), Cost(106, 1227)),
    # With the fields `paused` and `scheduled` of :meta.
    "recoverable/claim": (Cost(10, 53), Cost(210, 2053)),
    # With the field `task` of each job, by which its run is counted.
    "recoverable/complete": (Cost(7, 33), Cost(307, 2233)),
    "reliable/submit": (Cost(6, 27), Cost(106, 1227)),
    # With the field `saved` of each job. The lease is written when it changes.
    "reliable/claim": (Cost(10, 59), Cost(210, 2159)),
    # One HSET of the stamp.
    "reliable/extend": (Cost(6, 29), Cost(106, 1229)),
    # A lease of more than a minute: the record of the claim is shortened. With the fields `saved`
    # and `task`.
    "reliable/complete": (Cost(8, 38), Cost(308, 2338)),
}


# How many functions each call makes in the life of a lone job.
FUNCTIONS = {
    "simple/submit": 5,
    "simple/claim": 7,
    "simple/complete": 3,
    "recoverable/submit": 6,
    "recoverable/claim": 14,
    "recoverable/complete": 3,
    "reliable/submit": 6,
    "reliable/claim": 15,
    "reliable/extend": 4,
    "reliable/complete": 3,
    "queue/watch": 4,
}
FUNCTION = re.compile(r"^( *)(?=local function )", re.MULTILINE)


def showing_functions(call: Call[Any]) -> Call[Any]:
    """A call whose script says ECHO made whenever it makes a function."""
    body = FUNCTION.sub(r"\1redis.call('ECHO', 'made') ", call.script.body)
    changed = replace(call.script, body=body, sha1=hashlib.sha1(body.encode()).hexdigest())
    return call._replace(script=changed)


def counted(store: Store, call: Call[Any]) -> tuple[Any, Cost]:
    """The reply to a call, and what its script did."""
    with store.redis.monitor() as monitor:
        reply = store.call(call)
        store.redis.echo(MARK)
        commands = words = 0
        while MARK not in (line := monitor.connection.read_response(disable_decoding=True)):
            if re.match(rb"[0-9.]+ \[\d+ lua\]", line):
                commands += 1
                words += len(WORD.findall(line))
    return reply, Cost(commands, words)


def a_life(
    store: Store,
    mode: Mode,
    jobs: int,
    change: Callable[[Call[Any]], Call[Any]] = lambda call: call,
) -> dict[str, Cost]:
    """What each call costs in the life of so many jobs, by the name of its script."""
    costs = {}

    def do(call: Call[Any]) -> Any:
        reply, costs[call.script.name] = counted(store, change(call))
        return reply

    named = [(new_id(), b"1") for _ in range(jobs)]
    do(mode.submit(Q, named, client="c"))
    if isinstance(mode, Simple):
        batch = do(mode.claim([Q], limit=jobs))
    elif isinstance(mode, Reliable):
        batch = do(mode.claim([Q], nonce=new_id(), limit=jobs, lease=HOUR))
        do(mode.extend(Q, [(job.id, job.token) for job in batch.jobs], lease=HOUR))
    else:
        batch = do(mode.claim([Q], nonce=new_id(), limit=jobs))
    if mode.stores:
        do(watch(Q, [job.id for job in batch.jobs], client="c"))
    assert len(batch.jobs) == jobs
    do(mode.complete(Q, [(job.id, job.token, b"2") for job in batch.jobs]))
    return costs


def start(store: Store, mode: Mode, *, counting: bool = False) -> None:
    """A queue with a past, so that no first time is counted."""
    if not counting:
        store.call(set_counting(Q, False))
    a_life(store, mode, 1)


@everywhere
@having("submit")
def test_each_call_of_a_script_costs_no_more_commands_and_words_than_its_bound(
    store: Store, mode: Mode
) -> None:
    start(store, mode)
    for place, jobs in enumerate((1, MANY)):
        for name, cost in a_life(store, mode, jobs).items():
            assert cost.within(BOUNDS[name][place]), (name, jobs, cost)


@everywhere
@having("submit")
def test_a_call_of_a_lone_job_makes_no_more_functions_than_its_bound(
    store: Store, mode: Mode
) -> None:
    start(store, mode)
    plain, shown = a_life(store, mode, 1), a_life(store, mode, 1, showing_functions)
    made = {name: cost.commands - plain[name].commands for name, cost in shown.items()}
    assert not {name: n for name, n in made.items() if n > FUNCTIONS[name]}


# What a call of a queue that counts does besides, whatever its number of jobs: a HINCRBY.
TOUCHES = {"submit": 1, "claim": 1, "complete": 1, "extend": 0, "watch": 0}


@everywhere
@having("submit")
def test_counters_cost_a_call_one_command_for_each_field_that_it_touches(
    store: Store, mode: Mode
) -> None:
    start(store, mode)
    costs = {jobs: a_life(store, mode, jobs) for jobs in (1, MANY)}
    store.call(set_counting(Q, True))
    for jobs, plain in costs.items():
        for _ in range(20):
            # Jobs may have waited for different powers of two of ms, and the first of each in a
            # minute costs more.
            more = {
                name: Cost(cost.commands - plain[name].commands, cost.words - plain[name].words)
                for name, cost in a_life(store, mode, jobs).items()
            }
            touches = {name: TOUCHES[name.partition("/")[2]] for name in more}
            found = all(more[name].within(Cost(n, 4 * n)) for name, n in touches.items())
            if found:
                break
        assert found, more


# Of a claim that finds nothing: commands for each queue, beside one for the clock.
IDLE = {"simple": 4, "recoverable": 3, "reliable": 3}


@everywhere
@having("claim")
@pytest.mark.parametrize("queues", [1, 3])
def test_a_claim_that_finds_nothing_costs_so_many_commands_a_queue(
    store: Store, mode: Mode, queues: int
) -> None:
    """However many jobs there were. A queue without :meta is asked for schedules too."""
    named = [f"jobs:{{q{n}}}" for n in range(queues)]
    for queue in named:
        store.redis.hset(f"{queue}:meta", mapping={"mode": mode.name, "layout": 1})
    nonce = {} if isinstance(mode, Simple) else {"nonce": new_id()}
    lease = {"lease": HOUR} if isinstance(mode, Reliable) else {}
    claim: Any = mode.claim
    idle = claim(named, limit=9, **nonce, **lease)
    for jobs in (0, 1, MANY):
        for queue in named[:jobs]:
            items = [(new_id(), b"1") for _ in range(jobs)]
            store.call(mode.submit(queue, items))
            taken = store.call(
                claim([queue], limit=jobs, **lease, **dict.fromkeys(nonce, new_id()))
            )
            store.call(mode.complete(queue, [(job.id, job.token, b"2") for job in taken.jobs]))
        reply, cost = counted(store, idle)
        assert (reply.wait, reply.jobs) == (-1, [])
        assert cost.commands == 1 + IDLE[mode.name] * queues


@everywhere
@having("submit")
def test_a_task_costs_two_words_a_job_in_submit_and_none_in_claim(store: Store, mode: Mode) -> None:
    costs = []
    for task in (None, "mail.send"):
        store.redis.flushall()
        start(store, mode)
        named = [(new_id(), b"1") for _ in range(MANY)]
        _, submit = counted(store, mode.submit(Q, named, task=task))
        _, claim = counted(store, mode.claim_with([Q], MANY, None, new_id(), Policy(lease=HOUR)))
        costs.append((submit, claim))
    (bare, bare_claim), (submit, claim) = costs
    # Simple mode has one message a job.
    assert submit == Cost(bare.commands, bare.words + (2 * MANY if mode.stores else 0))
    assert claim.within(bare_claim)


@everywhere
@having("submit")
def test_a_trace_context_costs_a_claim_that_does_not_ask_nothing(store: Store, mode: Mode) -> None:
    costs = []
    for context, traces in ((None, False), ("00-1-2-01", False), ("00-1-2-01", True)):
        store.redis.flushall()
        start(store, mode)
        named = [(new_id(), b"1") for _ in range(MANY)]
        _, submit = counted(store, mode.submit(Q, named, traceparent=context))
        policy = Policy(lease=HOUR, traces=traces)
        _, claim = counted(store, mode.claim_with([Q], MANY, None, new_id(), policy))
        costs.append((submit, claim))
    (plain, plain_claim), (submit, claim), (_, asking) = costs
    # Simple mode has one message a job. A claim that asks reads two fields more, in recoverable
    # mode three.
    assert submit == Cost(plain.commands, plain.words + (2 * MANY if mode.stores else 0))
    assert claim.within(plain_claim)
    assert asking.within(Cost(claim.commands, claim.words + (3 * MANY if mode.stores else 0)))


@everywhere
@having("extend")
@pytest.mark.parametrize("flying", [0, 1])
def test_an_idle_claim_costs_four_commands_and_one_more_while_jobs_run_and_writes_seldom(
    store: Store, mode: Reliable, flying: int
) -> None:
    start(store, mode)

    def idle() -> Cost:
        reply, cost = counted(store, mode.claim([Q], nonce=new_id(), limit=9, lease=HOUR))
        assert not reply.jobs
        return cost

    if flying:
        store.call(mode.submit(Q, [(new_id(), b"1")]))
        store.call(mode.claim([Q], nonce=new_id(), limit=1, lease=HOUR))
    assert idle().commands <= 4 + flying
    seen = store.redis.hget(f"{Q}:meta", "seen")
    store.redis.hset(f"{Q}:meta", "seen", int(seen) - HOUR // 10)
    assert idle().commands <= (17 if flying else 5)
    assert idle().commands <= 4 + flying


@everywhere
@having("submit")
def test_a_call_costs_no_more_in_a_long_queue(store: Store, mode: Mode) -> None:
    start(store, mode)
    few = a_life(store, mode, MANY)
    options = {} if isinstance(mode, Simple) else {"delay": HOUR}
    for chosen in ({}, options):
        for _ in range(3):
            named = [(new_id(), b"1") for _ in range(1000)]
            store.call(mode.submit(Q, named, client="c", **chosen))
    # A claim looks at sets and at a wake token that are there.
    seen = Cost(4, 14)
    for name, cost in a_life(store, mode, MANY).items():
        most = Cost(few[name].commands + seen.commands, few[name].words + seen.words)
        assert cost.within(most if name.endswith("/claim") else few[name]), (name, cost, few[name])


@everywhere
@having("submit", STORED)
def test_a_new_listener_costs_one_write_a_job_and_one_a_call(store: Store, mode: Mode) -> None:
    named = [(new_id(), b"1") for _ in range(MANY)]
    ids = [id for id, _ in named]
    store.call(mode.submit(Q, named, client="c"))
    _, known = counted(store, watch(Q, ids, client="c"))
    _, added = counted(store, watch(Q, ids, client="d"))
    assert added.commands <= known.commands + MANY + 1
    _, repeated = counted(store, mode.submit(Q, named, client="d"))
    assert repeated.commands <= MANY + 6
    _, joined = counted(store, mode.submit(Q, named, client="e"))
    assert joined.commands <= repeated.commands + MANY + 1


# --- jobs that go round ---


class Counts(NamedTuple):
    """What a server has counted: calls by command, and reads from sockets."""

    calls: dict[str, int]
    reads: int

    @property
    def commands(self) -> int:
        """All, those of scripts too."""
        return sum(self.calls.values())


class Meter:
    """What has been counted since the last look; the looks themselves are left out."""

    def __init__(self, store: Store) -> None:
        self._redis = store.redis
        self.looks = 0
        self._before = self._look()

    def _look(self) -> dict[str, Any]:
        self.looks += 1
        return self._redis.info("everything")

    def idle(self) -> bool:
        """Whether the worker waits for a wake token, and for nothing else."""
        self.looks += 1
        return self._redis.info("clients")["blocked_clients"] == 1

    def counts(self) -> Counts:
        before, self._before = self._before, self._look()
        looks, self.looks = self.looks - 1, 1
        calls = {
            key.removeprefix("cmdstat_"): told["calls"] - before.get(key, {"calls": 0})["calls"]
            for key, told in self._before.items()
            if key.startswith("cmdstat_") and key != "cmdstat_info"
        }
        read = "total_reads_processed"
        return Counts(calls, self._before[read] - before[read] - looks)


JOBS = 1000
DATA = {"first": 3, "second": 4}


async def add(job: pyjobs.ClaimedJob) -> int:
    return job.data["first"] + job.data["second"]


@contextmanager
def client_of(store: Store) -> Iterator[pyjobs.Client]:
    """A client that has connected, and does not sweep meanwhile."""
    with pyjobs.Client(store.url, queue="q", sweep=60.0) as client:
        client.submit(DATA)
        yield client


@everywhere
def test_a_thousand_jobs_in_bulk_cost_no_more_calls_and_reads_than_their_bound(
    store: Store,
) -> None:
    with client_of(store) as client, working(store.url, add, concurrency=100) as running:
        meter = Meter(store)
        wait_until(meter.idle)
        running.worker.stop()
        running.ended()

        meter.counts()
        jobs = client.submit_many([DATA] * JOBS)
        submitted = meter.counts()
        # In a few calls, so that none of them keeps Redis busy for long.
        assert submitted.calls["evalsha"] == 4
        assert submitted.reads <= 20
        assert submitted.commands <= 2.02 * JOBS

        with working(store.url, add, concurrency=100):
            assert {job.result(20) for job in jobs} == {7}
            wait_until(meter.idle)
            drained = meter.counts()
        assert drained.reads <= 0.08 * JOBS, drained
        assert drained.calls["evalsha"] <= 0.06 * JOBS, drained
        assert drained.commands <= 5.9 * JOBS, drained


@everywhere
def test_a_lone_round_trip_costs_no_more_calls_and_reads_than_its_bound(store: Store) -> None:
    with client_of(store) as client, working(store.url, add):
        meter = Meter(store)
        # The next announcement of the worker comes ten seconds later.
        wait_until(lambda: store.redis.zcard(f"{Q}:workers"))
        for trip in range(5):
            wait_until(meter.idle)
            counts = meter.counts()
            if trip > 1:
                # A submit, a claim, a complete and a claim in one, and the wait for a wake token.
                assert counts.calls["evalsha"] <= 4, counts
                assert counts.calls["blpop"] <= 1, counts
                assert counts.reads <= 4, counts
                assert counts.commands <= 57, counts
            assert client.submit(DATA).result(30) == 7


@at(SOCKET_PLACES)
def test_an_idle_worker_sends_one_command_in_two_seconds_at_most(store: Store) -> None:
    with working(store.url, add):
        meter = Meter(store)
        # The heartbeat's thread comes when it comes, subscribes first and announces the worker.
        wait_until(lambda: meter.idle() and store.redis.pubsub_numsub(CANCEL)[0][1])
        wait_until(lambda: store.redis.zcard(f"{Q}:workers") and meter.idle())
        meter.counts()
        time.sleep(2.0)
        assert meter.counts().commands <= 1


@everywhere
def test_many_submits_of_one_loop_turn_cost_two_calls_at_most(store: Store) -> None:
    async def submit() -> Counts:
        async with pyjobs.aio.Client(store.url, queue="q", sweep=60.0) as client:
            await client.submit(DATA)
            meter = Meter(store)
            await asyncio.gather(*(client.submit(DATA) for _ in range(MANY)))
            return meter.counts()

    counts = asyncio.run(submit())
    assert counts.calls["evalsha"] <= 2, counts
    assert counts.reads <= 4, counts
    assert counts.commands <= 2.4 * MANY, counts


@everywhere
def test_a_job_holds_no_more_memory_than_its_bound(store: Store) -> None:
    def held(keys: str) -> float:
        found = store.redis.keys(keys)
        return sum(store.redis.memory_usage(key, samples=0) for key in found) / JOBS

    with client_of(store) as client:
        jobs = client.submit_many([DATA] * JOBS)
        assert held("*") <= 215
        with working(store.url, add, concurrency=100):
            assert {job.result(20) for job in jobs} == {7}
        # What remains of claims ends with their leases.
        assert held("*:job:*") <= 270
