"""Random histories: whatever happens in whatever order, the scripts do what the model does.

After each step every job is in the one place that fits its state, and nothing is left over.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.model import LIVE, MAX_ATTEMPTS, Model
from support.servers import MEMORY_PLACES, at
from support.store import HOUR, QUARANTINE, STORED, Jobs, Q, having, leaks

from pyjobs.engine.events import keep_events, read_events
from pyjobs.engine.replies import Claimed

EXAMPLES = int(os.environ.get("PYJOBS_EXAMPLES", "80"))  # in memory; a tenth elsewhere
FEW = min(EXAMPLES, 20)  # where it is not long
STEPS = 30
AGE = 3 * HOUR  # more than any lease or wait below; STEPS of it are less than the dead are kept

ids = st.sampled_from(["a", "b", "c", "d", "e"])
claims = st.integers(0, 20)  # which of all claimed tokens so far
verdicts = st.sampled_from(
    ["retry", "retry", "reject", *(f"{word}={HOUR}" for word in ("retry", "snooze", "continue"))]
)
crashes = st.sampled_from([1, 2, 2, 4, 4])
step = st.one_of(
    st.tuples(st.just("submit"), ids, st.sampled_from([b"1", b"1", b"1", b"2"]), st.booleans()),
    st.tuples(st.just("claim"), st.integers(1, 3), crashes),
    st.tuples(st.just("claim_again"), claims),
    st.tuples(st.just("complete"), st.lists(claims, min_size=1, max_size=3, unique=True)),
    st.tuples(st.just("fail"), st.lists(claims, min_size=1, max_size=3, unique=True), verdicts),
    st.tuples(st.just("extend"), claims),
    st.tuples(st.just("save"), claims, st.sampled_from([b"1", b"22"])),
    st.tuples(st.just("append"), claims, st.booleans()),
    st.tuples(st.just("append"), claims, st.booleans()),
    st.tuples(st.just("release"), st.lists(claims, min_size=1, max_size=3, unique=True)),
    st.tuples(st.just("reap"), crashes),
    st.tuples(st.just("age")),
)
histories = st.lists(step, min_size=10, max_size=STEPS)


# What state a job may have after an event: a delayed one may have become due.
SOON = {"pending", "delayed"}
AFTER = {
    **dict.fromkeys(("submitted", "retried", "snoozed", "released", "crashed"), SOON),
    **{event: {event} for event in ("done", "failed", "dead", "expired", "cancelled")},
    "claimed": {"inflight"},
}


class History:
    """One queue and its model, through the same steps."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs, self.model = jobs, Model(leases=jobs.mode.leases)
        self.claimed: list[Claimed] = []
        self.nonces: list[str] = []
        self.written: Counter[str] = Counter()  # chunks of a token
        self.entry = ""  # the latest event
        self.begun: list[tuple[str, int]] = []  # id and attempt of each run
        self.events: dict[str, str] = {}  # id -> its latest event
        jobs.store.call(keep_events(Q, 10_000))

    def run(self, steps: list[tuple[Any, ...]]) -> None:
        for verb, *args in steps:
            if self.jobs.mode.leases or verb not in ("extend", "release", "save"):
                getattr(self, verb)(*args)
                self.check()

    def submit(self, id: str, data: bytes, delayed: bool) -> None:
        told = self.jobs.submit((id, data), delay=HOUR if delayed else 0)
        assert told == [(id, self.model.submit(id, data, delayed))]

    def claim(self, limit: int, max_crashes: int) -> None:
        self.nonces.append(f"n{len(self.nonces)}")
        self._claim(self.nonces[-1], limit, max_crashes)

    def claim_again(self, which: int) -> None:
        if self.nonces:
            self._claim(self.nonces[which % len(self.nonces)], 3, 1)

    def _claim(self, nonce: str, limit: int, max_crashes: int) -> None:
        replayed = nonce in self.model.claims
        wanted = self.model.claim(nonce, limit, max_crashes, self._order())
        named = {"names_deaths": True} if self.model.leases else {}
        batch = self.jobs.claim(limit, nonce=nonce, max_crashes=max_crashes, **named)
        assert sorted(id for _, id in batch.deaths) == sorted(self.model.deaths)
        assert [(job.id, job.token, job.data, job.attempt) for job in batch.jobs] == wanted
        if replayed:
            return
        self.claimed += batch.jobs
        self.begun += [(job.id, job.attempt) for job in batch.jobs]
        coming = [
            job.state
            for job in self.model.jobs.values()
            if job.state != "inflight" or self.model.leases
        ]
        if self.model.pending:
            assert batch.wait == 0
        elif "delayed" in coming or "inflight" in coming:
            assert 0 < batch.wait <= 2 * HOUR
        else:
            assert batch.wait == -1

    def complete(self, which: list[int]) -> None:
        taken = self._taken(which)
        if taken:
            wanted = [self.model.complete(job.id, job.token) for job in taken]
            assert self.jobs.complete(*taken) == wanted

    def fail(self, which: list[int], verdict: str) -> None:
        taken = self._taken(which)
        if taken:
            error = verdict.encode()
            wanted = [self.model.fail(job.id, job.token, verdict, error) for job in taken]
            options = {"max_attempts": MAX_ATTEMPTS, "backoff": HOUR} if self.model.leases else {}
            told = self.jobs.fail(*taken, verdict=verdict, error=error, **options)
            assert told == wanted

    def extend(self, which: int) -> None:
        for job in self._taken([which]):
            assert self.jobs.extend(job) == [self.model.extend(job.id, job.token)]

    def save(self, which: int, saved: bytes) -> None:
        for job in self._taken([which]):
            assert self.jobs.update(job, saved=saved) == [self.model.save(job.id, job.token, saved)]

    def append(self, which: int, again: bool) -> None:
        """Append the next chunk of a run, or its latest one again."""
        for job in self._taken([which]):
            self.written[job.token] += not (again and self.written[job.token])
            number = self.written[job.token]
            told = self.model.append(job.id, job.token, number, b"%d" % which)
            assert self.jobs.append(job, number, b"%d" % which) == [told]

    def release(self, which: list[int]) -> None:
        taken = self._taken(which)
        if taken:
            # The first of a call ends at the very head.
            wanted = [self.model.release(job.id, job.token) for job in reversed(taken)]
            assert self.jobs.release(*taken) == wanted[::-1]

    def reap(self, max_crashes: int) -> None:
        order = self._order()
        back, dead = self.model.put_back(order, max_crashes)
        promoted = self.model.promote(order)
        options = {"max_crashes": max_crashes} if self.model.leases else {}
        reaped = self.jobs.reap(older_than=HOUR, **options)
        told = (reaped.more, reaped.promoted, sorted(reaped.put_back), sorted(reaped.dead))
        assert told == (False, promoted, sorted(back), sorted(dead))

    def age(self) -> None:
        self.jobs.store.age(AGE)
        self.model.age()

    def check(self) -> None:
        assert leaks(self.jobs.store) == []
        assert self.jobs.pending() == self.model.pending
        for id, job in self.model.jobs.items():
            stored = self.jobs.job(id)
            assert stored["state"] == job.state.encode()
            assert int(stored.get("failures", 0)) == job.attempts
            assert int(stored.get("crashes", 0)) == job.crashes
            assert stored.get("reason", b"-") == job.reason.encode()
            assert stored.get("saved", b"") == job.saved
            written = [stored[f"output:{n}"] for n in range(1, len(job.output) + 1)]
            assert written == job.output
            assert sum(name.startswith("output:") for name in stored) == len(written)
            if job.state in ("failed", "dead"):
                assert stored["error"] == job.error
        if self.model.leases:
            assert len(self.model.out_of_quarantine()) <= 1
        there = {*self.jobs.pending(), *self.jobs.part("inflight"), *self.jobs.part("delayed")}
        assert there == {id for id, job in self.model.jobs.items() if job.state in LIVE}
        dead = {id for id, job in self.model.jobs.items() if job.state == "dead"}
        assert self.jobs.part("dead").keys() == dead

        self.check_events()

    def check_events(self) -> None:
        """The latest event of each job says its state, and each run has begun once."""
        page = self.jobs.store.call(read_events(Q, after=self.entry))
        assert not page.lost
        begun = [(event.id, event.attempt) for event in page.events if event.event == "claimed"]
        assert begun == self.begun
        self.begun = []
        for event in page.events:
            self.entry, self.events[event.id] = event.entry, event.event
        states = {id: job.state for id, job in self.model.jobs.items()}
        assert states.keys() == self.events.keys()
        assert all(states[id] in AFTER[event] for id, event in self.events.items())

    def _taken(self, which: list[int]) -> list[Claimed]:
        """Of the claims so far, the last for low numbers; each but once."""
        found = {-1 - place % len(self.claimed): None for place in which} if self.claimed else {}
        return [self.claimed[place] for place in found]

    def _order(self) -> list[str]:
        delayed = self.jobs.part("delayed")
        return [
            *self.jobs.part("inflight"),
            *sorted(delayed, key=lambda id: (delayed[id] % QUARANTINE, id)),
        ]


@having("reap", STORED)
def test_random_histories_match_the_model(jobs: Jobs) -> None:
    in_memory = jobs.store.url.startswith("memory:")
    run_histories(jobs, FEW if in_memory else max(EXAMPLES // 10, 1))


@pytest.mark.long
@at(MEMORY_PLACES)
@having("reap", STORED)
def test_many_random_histories_match_the_model(jobs: Jobs) -> None:
    run_histories(jobs, EXAMPLES)


def run_histories(jobs: Jobs, most: int) -> None:
    """Find a history that parts from the model among so many; fails when there is one."""

    @settings(
        max_examples=most,
        derandomize=os.environ.get("CI") == "true",
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=[*HealthCheck],
    )
    @given(histories)
    def run(steps: list[tuple[Any, ...]]) -> None:
        jobs.redis.flushall()
        History(jobs).run(steps)

    run()
    jobs.redis.flushall()
