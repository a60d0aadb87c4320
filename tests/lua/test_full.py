"""A Redis at its memory limit: it takes no more jobs, and all that it has can still be done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.store import HOUR, STORED, Jobs, Q, Store, having

from pyjobs.engine.modes import Mode
from pyjobs.engine.queue import wake
from pyjobs.errors import QueueFull


@pytest.fixture
def full(real_store: Store, mode: Mode) -> Iterator[Jobs]:
    """Jobs in several states, then no memory left."""
    jobs = Jobs(real_store, mode)
    if mode.stores:
        jobs.submit("later", delay=1000)
    jobs.submit("expired", "a", "b", "c", "d", "waits", "other")
    yield jobs
    real_store.redis.config_set("maxmemory", 0)


def fill(jobs: Jobs) -> None:
    jobs.redis.config_set("maxmemory", 1)


@having("submit")
def test_a_submit_at_the_memory_limit_is_refused_whole(full: Jobs) -> None:
    fill(full)
    with full.store.unchanged(), pytest.raises(QueueFull):
        full.submit("new", "newer")


@having("claim")
def test_a_queue_at_the_memory_limit_drains(full: Jobs) -> None:
    fill(full)
    assert full.complete(*full.claim(2).jobs) == ["done", "done"]
    assert set(full.fail(*full.claim(2).jobs)) <= {"failed", "delayed"}
    assert len(full.claim().jobs) == 3


@having("reap", STORED)
def test_a_reap_at_the_memory_limit_puts_back_and_promotes(full: Jobs) -> None:
    full.claim(1)
    full.store.age(2 * HOUR)
    fill(full)
    reaped = full.reap()
    assert (reaped.put_back, reaped.promoted) == (["expired"], 1)


@having("claim", STORED)
def test_a_claim_at_the_memory_limit_promotes_due_jobs(full: Jobs) -> None:
    full.store.age(2 * HOUR)
    fill(full)
    assert "later" in [job.id for job in full.claim().jobs]


@having("extend")
def test_extend_release_and_reject_work_at_the_memory_limit(full: Jobs) -> None:
    a, b = full.claim(2).jobs
    fill(full)
    assert full.extend(a, b) == ["inflight"] * 2
    assert full.release(b) == ["pending"]
    assert full.fail(a, verdict="reject") == ["dead"]


@having("submit", STORED)
def test_results_can_be_read_at_the_memory_limit(full: Jobs) -> None:
    fill(full)
    assert full.result("a")[0].state == "pending"
    assert full.redis.exists(f"{Q}:job:a")


@having("submit")
def test_a_wake_token_can_be_passed_on_at_the_memory_limit(full: Jobs) -> None:
    full.redis.delete(f"{Q}:wake")
    fill(full)
    assert full.store.call(wake(Q)) == 1
    assert full.wakes() == 1
