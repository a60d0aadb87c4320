"""The model and the real scripts, through the same steps: they must agree after each.

Time is the model's: after each step leases and delays are moved to where the model has them; what a
script writes is compared before. A power cut puts back a copy of all keys.
"""

from __future__ import annotations

import random
from typing import Any

from support.store import HOUR, QUARANTINE, Jobs, Q

from pyjobs.engine.replies import Claimed

from .batches import Batches, Lists, Reply
from .engine import (
    A_DAY,
    AHEAD,
    DUE,
    FAR,
    FRESH,
    GRACE_FAR,
    GRACE_OVER,
    GRACE_RUNS,
    HALF,
    OLD,
    OVER,
    PAST,
    QUARANTINED,
    WAITS,
    Call,
    Engine,
    Server,
)
from .world import Limits, Step, System

DAY = 24 * HOUR
AWAY = 2 * HOUR  # a lease or delay that is not over in any walk

# What is modelled, and which of it the scripts have: the rest is left out of walks, and of what
# mutants are tried on, until its word is added to BUILT.
MODELLED = {
    "grace": "absences: the fields seen, lease and grace of :meta in claim, extend and reap",
    "loss": "extend puts a job in flight back into a set that has lost it",
    "bytes": "claim: the option bytes, and a limit that does not count what is passed over",
    "listeners": "queue/watch, and submit of a live job: no walk follows listeners.py yet",
}
BUILT = frozenset({"bytes", "grace", "loss"})

# Where the fields of :meta stand from now, under a lease of AWAY.
SEEN = {FRESH: 0, HALF: -AWAY * 3 // 4, OLD: -AWAY * 2, AHEAD: AWAY}
GRACE = {GRACE_RUNS: AWAY // 2, GRACE_OVER: -HOUR // 60, GRACE_FAR: AWAY * 2}


class Apart(AssertionError):
    """The model and the scripts did not do the same. The words hold the steps."""


class Tied:
    """A queue that follows a system's steps. `seen` is what happened: verb and word, or fault."""

    def __init__(self, jobs: Jobs, limits: Limits) -> None:
        self.jobs, self.redis, self.limits = jobs, jobs.redis, limits
        self.saved: dict[bytes, tuple[int, bytes]] = {}
        self.done: list[Step] = []
        self.seen: set[tuple[str, str]] = set()
        self.redis.flushall()

    def walk(self, engine: type[Engine], length: int, seed: int) -> None:
        """Random steps from the start. The seed gives the same ones again."""
        dice, system = random.Random(seed), System(engine, self.limits)
        world = system.start()
        for _ in range(length):
            steps = list(system.steps(world))
            weights = [1 if step.fault or step.who == "disk" else 3 for step in steps]
            (step,) = dice.choices(steps, weights)
            self.follow(step)
            world = step.after

    def follow(self, step: Step) -> None:
        """One step on the real keys; raises Apart."""
        self.done.append(step)
        before = self.jobs.now()
        self._carry_out(step)
        self._compare("the keys", self._read(before), seen_by_redis(step.after.server))
        self._records(step.after.server)
        self._set_times(step.after.server)

    def _carry_out(self, step: Step) -> None:
        what = step.what
        if isinstance(what, Call):
            reply = getattr(self, what.verb)(*what.args)
            self._compare("the reply", reply, step.reply)
            self.seen.add((what.verb, step.reply if isinstance(step.reply, str) else ""))
        elif step.who == "disk":
            self.saved = {
                key: (self._ttl(key), self.redis.dump(key)) for key in self.redis.keys("*")
            }
        elif step.who == "power":
            self.redis.flushall()
            for key, (ttl, value) in self.saved.items():
                self.redis.restore(key, ttl, value)
        elif step.fault == "loss":
            self.redis.delete(f"{Q}:inflight")
        elif what.startswith("the record"):
            self.redis.delete(f"{Q}:claim:{what.split()[4]}")
        else:
            self._set_times(step.after.server)
        if step.fault:
            self.seen.add((step.fault, ""))

    # The verbs, with the arguments and replies of the model's.

    def submit(self, id: str) -> str:
        crashed = self.limits.crashed
        ((told, outcome),) = self.jobs.submit(id, delay=AWAY if crashed else 0)
        if crashed and outcome == "new":
            self.redis.hset(f"{Q}:job:{id}", "crashes", crashed)
        return outcome if told == id else f"{outcome} of {told}"

    def claim(self, nonce: int) -> tuple[Any, ...]:
        crashes = self.limits.crashes
        batch = self.jobs.claim(1, nonce=f"n{nonce}", lease=AWAY, max_crashes=crashes)
        return next(((job.id, token(job.token)) for job in batch.jobs), ())

    def complete(self, id: str, shown: tuple[int, int]) -> str:
        return self.jobs.complete(claimed(id, shown))[0]

    def fail(self, id: str, shown: tuple[int, int]) -> str:
        return self.jobs.fail(claimed(id, shown), max_attempts=self.limits.attempts, backoff=AWAY)[
            0
        ]

    def extend(self, id: str, shown: tuple[int, int]) -> str:
        return self.jobs.extend(claimed(id, shown), lease=AWAY)[0]

    def release(self, id: str, shown: tuple[int, int], why: str = "") -> str:
        key = f"{Q}:job:{id}"
        since = self.redis.hget(key, "unknown_since") if why == A_DAY else None
        if since:
            self.redis.hset(key, "unknown_since", int(since) - DAY)
        word = self.jobs.release(claimed(id, shown), unknown=bool(why))[0]
        if since and self.redis.hexists(key, "unknown_since"):
            self.redis.hset(key, "unknown_since", since)
        return word

    def reap(self) -> tuple[str, ...]:
        self.jobs.reap(max_crashes=self.limits.crashes)
        return ()

    def cancel(self, id: str) -> str:
        return self.jobs.store.call(self.jobs.mode.cancel(Q, [id]))[0]  # type: ignore[attr-defined,no-any-return]

    # What is in Redis, in the words of the model.

    def _read(self, before: int) -> dict[str, Any]:
        ids = [key.decode().rpartition(":")[2] for key in self.redis.keys(f"{Q}:job:*")]
        found = {
            "counter": int(self.redis.hget(f"{Q}:meta", "token") or 0),
            "suspect": self._suspect(),
            "pending": self.jobs.pending(),
            "inflight": {id: at <= before for id, at in self.jobs.part("inflight").items()},
            "delayed": {
                id: QUARANTINED if at >= QUARANTINE else DUE if at <= before else WAITS
                for id, at in self.jobs.part("delayed").items()
            },
            "dead": set(self.jobs.part("dead")),
            "jobs": {id: self._job(id) for id in ids},
        }
        if "grace" in BUILT:
            found |= self._read_absence(before) if found["inflight"] else NOT_LOOKED_AT
        return found

    def _read_absence(self, before: int) -> dict[str, Any]:
        """The fields about absences; of a queue with nothing in flight they do not count."""
        seen, grace = (
            None if value is None else int(value) - before
            for value in self.redis.hmget(f"{Q}:meta", "seen", "grace")
        )
        far = {id for id, at in self.jobs.part("inflight").items() if at - before > AWAY + HOUR}
        return {
            "seen": None if seen is None else nearest(SEEN, seen),
            "grace": None if grace is None else nearest(GRACE, grace),
            "far": far,
        }

    def _suspect(self) -> str | None:
        found = self.redis.hget(f"{Q}:meta", "suspect")
        return None if found is None else found.decode()

    def _job(self, id: str) -> tuple[Any, ...]:
        job = self.jobs.job(id)
        counts = [int(job.get(name, 0)) for name in COUNTS]
        unknown = "unknown_since" in job
        return (job["state"].decode(), token(job.get("token", b"").decode()), *counts, unknown)

    def _records(self, server: Server) -> None:
        """The model drops records that nobody asks for; those that it has must be there."""
        for nonce, (number, id) in server.claims:
            record = self.redis.get(f"{Q}:claim:n{nonce}")
            self._compare(f"the record of n{nonce}", record, f"{number} {id}".encode())

    def _set_times(self, server: Server) -> None:
        now = self.jobs.now()
        # Only after a grace does it matter when a lease was over: before its end, or after.
        over = now - 1000 if server.grace == GRACE_OVER else 0
        moments = {OVER: over, PAST: 0, DUE: 0, QUARANTINED: QUARANTINE, FAR: now + 4 * AWAY}
        for part, entries in ("inflight", server.inflight), ("delayed", server.delayed):
            there = {
                id: place + moments.get(when, now + HOUR)
                for place, (id, when) in enumerate(entries, 1)
            }
            if there:
                self.redis.zadd(f"{Q}:{part}", there, xx=True)
        if "grace" in BUILT and server.inflight:
            self.redis.hset(f"{Q}:meta", "seen", now + SEEN[server.seen])
            if server.grace:
                self.redis.hset(f"{Q}:meta", "grace", now + GRACE[server.grace])

    def _ttl(self, key: bytes) -> int:
        return max(int(self.redis.pttl(key)), 0)

    def _compare(self, what: str, real: Any, model: Any) -> None:
        if real != model:
            walk = "\n".join(f"  {number:2}. {step}" for number, step in enumerate(self.done, 1))
            raise Apart(f"{what}\n  of the scripts: {real}\n  of the model:   {model}\n{walk}")


COUNTS = ("failures", "crashes", "releases", "past")
NOT_LOOKED_AT: dict[str, Any] = {"seen": FRESH, "grace": None, "far": set()}


def nearest(moments: dict[str, int], ms: int) -> str:
    """The word of the moment that is nearest to this one."""
    return min(moments, key=lambda word: abs(moments[word] - ms))


def seen_by_redis(server: Server) -> dict[str, Any]:
    found = {
        "counter": server.counter,
        "suspect": server.suspect,
        "pending": list(server.pending),
        "inflight": {id: lease in (OVER, PAST) for id, lease in server.inflight},
        "delayed": dict(server.delayed),
        "dead": set(server.dead),
        "jobs": {id: tuple(job[:7]) for id, job in server.jobs},
    }
    if "grace" in BUILT:
        far = {id for id, lease in server.inflight if lease == FAR}
        told = {"seen": server.seen, "grace": server.grace, "far": far}
        found |= told if server.inflight else NOT_LOOKED_AT
    return found


UNIT = 1000  # bytes


def claim_of(jobs: Jobs, lists: Lists) -> Reply:
    """What a real claim makes of these lists, whose entries are numbered, as the model says it."""
    jobs.redis.flushall()
    queues, entries = (Q, f"{Q[:-1]}2}}"), {}
    for queue, found in zip(queues, lists, strict=True):
        for entry in found:
            entries[f"j{entry.place}"] = entry
            jobs.submit((f"j{entry.place}", b"x" * (entry.size * UNIT)), queue=queue)
            if not entry.runs:
                jobs.store.call(jobs.mode.cancel(queue, [f"j{entry.place}"]))  # type: ignore[attr-defined]
    bound = {"max_bytes": Batches.bound * UNIT} if "bytes" in BUILT else {}
    batch = jobs.claim(Batches.limit, queues=queues, **bound)
    left = tuple(tuple(entries[id] for id in jobs.pending(queue)) for queue in queues)
    return Reply(tuple(entries[job.id] for job in batch.jobs), left, batch.wait == 0)


def token(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    number, _, nonce = text.partition("-n")
    return int(number), int(nonce)


def claimed(id: str, shown: tuple[int, int]) -> Claimed:
    number, nonce = shown
    return Claimed(0, id, f"{number}-n{nonce}", b"", 1, 0, 0)
