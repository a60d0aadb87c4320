"""A log that is cut anywhere loads into a state that the queue really was in.

A history goes through every verb of a mode on a server that logs all it does (AOF). After each
step the length of the log and all keys are written down. Then, for each cut, the server is killed,
its log is cut to so many bytes, and the same program is started on it: what is judged is what the
server itself makes of a torn log, nothing is replayed here. A start takes about 15 ms, so the cuts
before and after every command of the log, and some within commands, fit into a test. With
PYJOBS_AOF=every in the environment each byte is a cut, on every server: some 5 minutes for each of
them and each mode.

A cut must give the keys as they stood after the last step whose bytes are all there: a script is in
the log whole or not at all. A job in two places, or in none, would be found by `leaks` too.
"""

from __future__ import annotations

import os
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.running import wait_until
from support.servers import PREFERRED
from support.store import HOUR, Jobs, Q, Store, leaks

import pyjobs
from pyjobs.admin import Admin
from pyjobs.engine import hash_of, part_key, set_parts, settle_parts
from pyjobs.engine.call import Call
from pyjobs.engine.modes import MODES
from pyjobs.engine.queue import fetch, wake, watch
from pyjobs.engine.replies import Claimed
from pyjobs.engine.schedule import (
    pause_schedules,
    refill_schedules,
    remove_schedules,
    resume_schedules,
    run_schedules,
)
from pyjobs.engine.scripts import everything
from pyjobs.testing import find_servers, servers

EVERY = os.environ.get("PYJOBS_AOF") == "every"
FOUND = {binary.name: binary for binary in find_servers()}
WITHIN = 40  # cuts within commands, unless it is every byte
FEW = 4  # of the cuts, unless it is long, one in so many
ENDS = {
    "recoverable": {"done", "failed", "cancelled", "expired"},
    "reliable": {"done", "dead attempts", "dead crashed", "dead rejected", "cancelled", "expired"},
}
WHERE = sorted({PREFERRED, *FOUND}) if EVERY else [PREFERRED]

pytestmark = pytest.mark.timeout(3600 if EVERY else 120)
Keys = dict[bytes, tuple[str, Any, bool]]


class Logged:
    """A server that logs all it does, and can be started on a part of its log."""

    def __init__(self, binary: servers.Binary, directory: Path) -> None:
        self._directory = directory
        self._server = servers.Server(
            binary, args=["--appendonly", "yes", "--appendfsync", "no"], directory=directory
        )
        self._server.start()

    @property
    def url(self) -> str:
        return self._server.url

    def log(self) -> Path:
        """From version 7 on the log has parts; all that is written here goes to the last one."""
        [path] = [
            *self._directory.glob("appendonly.aof"),
            *self._directory.glob("appendonlydir/*.incr.aof"),
        ]
        return path

    def load(self, log: bytes) -> None:
        """Start the server anew on this log."""
        self._server.kill()
        self.log().write_bytes(log)
        self._server.start()

    def restart(self) -> None:
        """As after a crash: with all that was written."""
        self._server.kill()
        self._server.start()

    def close(self) -> None:
        self._server.close()


class Watched(Store):
    """A store that writes down how long the log was, and what the keys were, after each step."""

    def __init__(self, url: str, log: Path) -> None:
        super().__init__(url, None)
        self._log = log
        self.ran: set[str] = set()
        self.sizes = [0]
        self.states: list[Keys] = [{}]

    def call(self, call: Call[Any]) -> Any:
        answer = super().call(call)
        self.ran.add(call.script.name)
        self.note()
        return answer

    def age(self, ms: int, queue: str = Q) -> None:
        for part in ("inflight", "delayed"):
            for member in self.redis.zrange(f"{queue}:{part}", 0, -1):
                self.redis.zincrby(f"{queue}:{part}", -ms, member)
                self.note()

    def note(self) -> None:
        self.sizes.append(self._log.stat().st_size)
        self.states.append(lasting(self))

    def told(self) -> set[str]:
        """All states that any job ever was in, those of the dead with their reason."""
        jobs = [
            dict(value)
            for state in self.states
            for key, (_, value, _) in state.items()
            if key.startswith(f"{Q}:job:".encode())
        ]
        words = [(job[b"state"], job.get(b"reason", b"")) for job in jobs]
        return {b" ".join(pair).decode().rstrip() for pair in words}


def lasting(store: Store) -> Keys:
    """All keys but the memory of claims, which a minute ends: every byte takes longer."""
    return {key: value for key, value in store.snapshot().items() if b":claim:" not in key}


def live(jobs: Jobs) -> None:
    """A job for each way through the mode; every verb has its say, and some say it twice."""
    store, mode = jobs.store, jobs.mode
    reliable = mode.name == "reliable"
    verdict = {"max_attempts": 2} if reliable else {}
    jobs.submit("done", "retried", "back", "crashes", client="me")
    jobs.submit("done")
    store.call(mode.submit(Q, [("alone", b"1")], unique="key"))
    store.call(mode.submit(Q, [("refused", b"1")], unique="key"))
    jobs.submit("later", "never", delay=HOUR)
    jobs.submit("late", expires=1)
    jobs.submit("unwanted", "mistake")
    done, retried, back, _ = jobs.claim(4, nonce="first").jobs
    jobs.claim(4, nonce="first")
    cancel(jobs, "never", "unwanted", "unknown")
    begin = jobs.now()
    wait_until(lambda: jobs.now() > begin + 1)
    if reliable:
        jobs.extend(done, retried)
        jobs.release(back)
        jobs.release(back)
    jobs.update(retried, progress=b"half", saved=b"page 40" if reliable else b"")
    jobs.append(retried, 1, b"page 39")
    jobs.complete(done)
    jobs.complete(done)
    jobs.fail(retried, **verdict)
    lose(jobs)
    found = {job.id: job for job in jobs.claim().jobs}
    assert "late" not in found
    assert "unwanted" not in found
    cancel(jobs, "mistake")
    jobs.complete(found["alone"])
    store.call(mode.submit(Q, [("next", b"1")], unique="key"))
    if reliable:
        for _ in range(3):
            lose(jobs)
            jobs.claim()
        assert jobs.job("crashes")["reason"] == b"crashed"
        lose(jobs)
        jobs.fail(*jobs.claim(1).jobs, verdict="reject")
        jobs.store.call(MODES["reliable"].dead(Q, skip=0, limit=10))  # type: ignore[attr-defined]
        requeue(jobs, "crashes", "next", "unknown")
    store.call(wake(Q))
    store.call(fetch(Q, ["done", "crashes"]))
    store.call(watch(Q, ["done", "crashes"], client="w"))
    for _ in range(5):
        jobs.fail(*drawn, **verdict) if (drawn := jobs.claim(1).jobs) else None
        jobs.complete(*drawn) if (drawn := jobs.claim().jobs) else None
        store.age(2 * HOUR)
    schedule(jobs)
    assert not jobs.pending()


def schedule(jobs: Jobs) -> None:
    """A schedule from its beginning to its end: each of its moments makes one job."""
    due = jobs.now() + 300
    later = [due + HOUR, due + 2 * HOUR]
    version = jobs.schedule("timed", moments=[due, later[0]]).version
    wait_until(lambda: jobs.now() > due)
    jobs.complete(*jobs.claim().jobs)
    for verb in (pause_schedules, pause_schedules, resume_schedules):
        jobs.store.call(verb(Q, ["timed"]))
    jobs.store.call(refill_schedules(Q, [("timed", version, later)]))
    for _ in range(2):
        jobs.store.call(run_schedules(Q, [("timed", "timed:now")]))
    jobs.complete(*jobs.claim().jobs)
    assert jobs.schedules()["timed"].ran == (due,)
    jobs.store.call(remove_schedules(Q, ["timed"]))


def cancel(jobs: Jobs, *ids: str) -> None:
    jobs.store.call(jobs.mode.cancel(Q, ids))  # type: ignore[attr-defined]


def requeue(jobs: Jobs, *ids: str) -> None:
    jobs.store.call(jobs.mode.requeue(Q, ids))  # type: ignore[attr-defined]


def lose(jobs: Jobs) -> None:
    """What is in flight is put back, as after the death of its worker; what is delayed is due."""
    jobs.store.age(2 * HOUR)
    jobs.reap()


def ends(log: bytes) -> list[int]:
    """Where the commands of a log end; a line that is a comment (#) is one of them."""
    found, at = [0], 0
    while at < len(log):
        line = log.index(b"\r\n", at) + 2
        parts = int(log[at + 1 : line - 2]) if log[at : at + 1] == b"*" else 0
        at = line
        for _ in range(parts):
            line = log.index(b"\r\n", at) + 2
            at = line + int(log[at + 1 : line - 2]) + 2
        found.append(at)
    return found


def cuts(log: bytes, one_in: int) -> list[int]:
    if EVERY:
        return list(range(len(log) + 1))
    some = random.Random(1).sample(range(len(log)), WITHIN)
    return sorted({*ends(log), *some})[::-one_in]


@pytest.fixture(params=WHERE)
def logged(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Logged]:
    if request.param not in FOUND:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no such server is here")
    logged = Logged(FOUND[request.param], tmp_path)
    yield logged
    logged.close()


def look(logged: Logged, log: bytes, work: Callable[[Store], Any]) -> Any:
    logged.load(log)
    store = Store(logged.url, None)
    try:
        return work(store)
    finally:
        store.close()


# What reads only, what operators do, and schedules: these have histories of their own.
NOT_LIVED = {
    *("queue/stats", "queue/show", "queue/list", "queue/explain", "queue/walk", "queue/check"),
    *("queue/output", "queue/find", "recoverable/requeue"),
    *("queue/send", "queue/receive", "queue/sent", "queue/outbox"),
    *("queue/announce", "queue/workers", "queue/listen", "queue/counters", "queue/counting"),
    *("queue/events", "queue/keep"),
    *("queue/pause", "queue/resume", "queue/purge", "queue/delete", "queue/run"),
    *("queue/mode", "queue/limit", "queue/repair", "queue/counters", "queue/counting"),
    "queue/parts",
}
few_or_all = pytest.mark.parametrize("one_in", [FEW, pytest.param(1, marks=pytest.mark.long)])


@few_or_all
@pytest.mark.parametrize("mode", ENDS)
def test_every_prefix_of_a_log_is_a_state_that_was(logged: Logged, mode: str, one_in: int) -> None:
    watched = Watched(logged.url, logged.log())
    live(Jobs(watched, MODES[mode]))
    mine = {one.name for one in everything() if one.name.startswith((mode, "queue", "schedule"))}
    assert mine - watched.ran == NOT_LIVED & mine
    assert watched.told() >= {"pending", "inflight", "delayed", *ENDS[mode]}
    watched.close()
    log = logged.log().read_bytes()
    assert watched.sizes[-1] == len(log)
    for cut in cuts(log, one_in):
        # Where a step wrote nothing, the last of equals is the same state.
        step = bisect_right(watched.sizes, cut) - 1
        state, disorder = look(logged, log[:cut], lambda store: (lasting(store), leaks(store)))
        where = f"{cut} of {len(log)} bytes, after step {step}"
        assert not disorder, where
        assert state == watched.states[step], where


@few_or_all
def test_a_log_cut_after_any_call_is_a_queue_that_drains(logged: Logged, one_in: int) -> None:
    """Cut after each call, everything can still be done to its end."""
    watched = Watched(logged.url, logged.log())
    live(Jobs(watched, MODES["reliable"]))
    watched.close()
    log = logged.log().read_bytes()
    for size in sorted(set(watched.sizes))[::-one_in]:
        left = look(logged, log[:size], drained)
        assert left == {}, f"{size} of {len(log)} bytes"


def test_a_log_cut_amid_a_split_is_a_queue_whose_split_is_carried_on(logged: Logged) -> None:
    """Cut after each call of a split under load: what was acknowledged by then is there once, also
    when it is submitted again, and every job can be done."""
    watched = Watched(logged.url, logged.log())
    mode, parts = MODES["reliable"], [Q, part_key(Q, 1), part_key(Q, 2)]
    acked: list[tuple[int, str]] = []

    def submit(number: int, ids: Sequence[str]) -> None:
        for id in ids:
            part = parts[hash_of(id) % number]
            [(_, word)] = watched.call(mode.submit(part, [(id, b"1")], unique=id, parts=number))
            assert word == "new"
            acked.append((watched.sizes[-1], id))

    # None of them is in a part that is not its own when the first split is settled.
    submit(1, [id for id in map("a{}".format, range(12)) if hash_of(id) % 2 == 0])
    for part in parts[:2]:
        watched.call(set_parts(part, 2, (1,), "reliable"))
    submit(2, [f"b{n}" for n in range(5)])
    watched.call(settle_parts(Q))
    for part in parts:
        watched.call(set_parts(part, 3, (1, 2), "reliable"))
    submit(3, [f"c{n}" for n in range(5)])
    sizes = sorted(set(watched.sizes))
    watched.close()
    log = logged.log().read_bytes()
    for size in sizes:
        there = [id for at, id in acked if at <= size]
        found = look(logged, log[:size], lambda store, there=there: carried_on(store, there))
        assert found == {}, f"{size} of {len(log)} bytes"


def carried_on(store: Store, acked: Sequence[str]) -> dict[str, Any]:
    """Carry a split on, submit again, and do all jobs; what is not right."""
    wrong: dict[str, Any] = {}
    with Admin(store.url) as admin, pyjobs.Client(store.url, queue="q", results=False) as client:
        number = max(2, admin.parts("q").number)
        admin.split("q", number)
        for id in acked:
            if client.submit(1, id=id, unique=id).created:
                wrong[id] = "was gone"
        client.submit_many(range(20))
        for found in admin.check("q"):
            wrong[found.id] = found.finding
        jobs, ran = Jobs(store, MODES["reliable"]), list[str]()
        for key in admin.parts("q").keys(Q):
            claimed = store.call(jobs.claim_call(100, queues=(key,))).jobs
            ran += [job.id for job in claimed]
        for id in acked:
            if ran.count(id) != 1:
                wrong[id] = ran.count(id)
        if len(ran) != 20 + len(acked):
            wrong["jobs"] = len(ran)
    return wrong


@pytest.mark.parametrize("anew", [False, True], ids=["as it is", "written anew"])
@pytest.mark.parametrize("name", sorted(FOUND))
def test_a_torn_log_of_redis_needs_a_rewrite_before_it_grows(
    tmp_path: Path, name: str, anew: bool
) -> None:
    """A fact about Redis, and what README says to do: up to 8.2 it leaves the beginning of a torn
    transaction in its log, skips it at this start, and carries it out at the next."""
    logged = Logged(FOUND[name], tmp_path)
    store = Store(logged.url, None)
    jobs = Jobs(store, MODES["reliable"])
    jobs.submit("before")
    begin = logged.log().stat().st_size
    jobs.submit("torn")
    log = logged.log().read_bytes()
    # Within the command that stores the job; the one that puts the id into the list is whole.
    logged.load(log[: log.index(b"HSET", log.index(b"LPUSH", begin)) + 3])
    assert jobs.pending() == ["before"] and not leaks(store)
    if anew:
        store.redis.bgrewriteaof()
        wait_until(lambda: not store.redis.info("persistence")["aof_rewrite_in_progress"])
    jobs.submit("after")
    logged.restart()
    half = not anew and name.startswith("redis-")
    assert jobs.pending() == ["before", *["torn"] * half, "after"]
    assert bool(leaks(store)) is half
    store.close()
    logged.close()


def drained(store: Store) -> dict[str, int]:
    """Take and finish whatever is left, and tell which places are not empty then."""
    jobs = Jobs(store, MODES["reliable"])
    for round in range(10):
        store.age(2 * HOUR)
        batch: list[Claimed] = jobs.claim(nonce=f"again{round}", max_crashes=1000).jobs
        if batch:
            jobs.complete(*batch)
    counted = {"pending": len(jobs.pending())}
    counted |= {part: len(jobs.part(part)) for part in ("inflight", "delayed")}
    return {part: count for part, count in counted.items() if count}


def test_a_job_moved_by_plain_commands_is_found_between_them(logged: Logged) -> None:
    """A reap made of plain commands, and the check that it must not pass."""
    store = Store(logged.url, None)
    jobs = Jobs(store, MODES["reliable"])
    jobs.take("a")
    store.redis.zrem(f"{Q}:inflight", "a")
    store.redis.lpush(f"{Q}:pending", "a")
    store.redis.hset(f"{Q}:job:a", "state", "pending")
    store.close()
    log = logged.log().read_bytes()
    found = [look(logged, log[:cut], leaks) for cut in ends(log)]
    assert found[-1] == []
    assert found[-2] == ["a of jobs:{q} is inflight, in ['pending'], no TTL"]
    assert found[-3] == ["a of jobs:{q} is inflight, in [], no TTL"]
    assert found[-4] == []
