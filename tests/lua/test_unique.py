"""unique: one live job for each key in a queue; the key is free as soon as that job has ended."""

from __future__ import annotations

import pytest
from support.store import HOUR, Jobs, Q, having

from pyjobs.engine.reliable import Reliable
from pyjobs.engine.replies import Submitted

stored = having("cancel")


def submit(jobs: Jobs, *ids: str, unique: str = "one", **options: int) -> list[Submitted]:
    items = [(id, b"data") for id in ids]
    return jobs.store.call(jobs.mode.submit(Q, items, unique=unique, **options))  # type: ignore[no-any-return]


def held(jobs: Jobs, key: str = "one") -> bytes | None:
    return jobs.redis.get(f"{Q}:unique:{key}")  # type: ignore[return-value]


@stored
def test_a_submit_with_a_held_key_returns_the_job_that_holds_it(jobs: Jobs) -> None:
    assert submit(jobs, "a") == [("a", "new")]
    assert submit(jobs, "b") == [("a", "pending")]
    (job,) = jobs.claim().jobs
    assert submit(jobs, "c") == [("a", "inflight")]
    assert submit(jobs, "a") == [("a", "inflight")]
    jobs.complete(job)
    assert held(jobs) is None
    assert submit(jobs, "b") == [("b", "new")]


@stored
def test_a_key_holds_among_the_items_of_one_call(jobs: Jobs) -> None:
    assert submit(jobs, "a", "b") == [("a", "new"), ("a", "pending")]
    assert jobs.pending() == ["a"]


@stored
def test_another_key_is_another_job(jobs: Jobs) -> None:
    submit(jobs, "a")
    assert submit(jobs, "b", unique="two") == [("b", "new")]


@stored
def test_a_delayed_job_holds_its_key(jobs: Jobs) -> None:
    submit(jobs, "a", delay=HOUR)
    assert submit(jobs, "b") == [("a", "delayed")]


@stored
@pytest.mark.parametrize("way", ["complete", "reject", "expire", "crash"])
def test_every_end_of_a_job_frees_its_key(jobs: Jobs, way: str) -> None:
    submit(jobs, "a", **({"expires": 1000} if way == "expire" else {}))
    if way == "expire":
        jobs.redis.hset(f"{Q}:job:a", "expires", jobs.now() - 1)
        jobs.claim()
    elif way == "complete":
        jobs.complete(*jobs.claim().jobs)
    elif way == "reject":
        jobs.fail(*jobs.claim().jobs, verdict="reject")
    elif isinstance(jobs.mode, Reliable):
        jobs.claim(max_crashes=1)
        jobs.store.age(2 * HOUR)
        jobs.claim(max_crashes=1)
        assert jobs.job("a")["reason"] == b"crashed"
    else:
        return
    assert held(jobs) is None
    assert submit(jobs, "b") == [("b", "new")]


@stored
def test_a_key_whose_job_is_gone_is_free(jobs: Jobs) -> None:
    submit(jobs, "a")
    jobs.redis.delete(f"{Q}:job:a")
    assert submit(jobs, "b") == [("b", "new")]
    assert held(jobs) == b"b"
    jobs.claim()


@stored
@pytest.mark.parametrize("part", ["pending", "delayed", "inflight"])
@pytest.mark.parametrize("holder", ["a", "b"])
def test_a_job_that_is_set_aside_frees_only_its_own_key(jobs: Jobs, part: str, holder: str) -> None:
    """The key of another stays. Of a job of which nothing is left, nobody knows the key."""
    submit(jobs, "a", delay=1000 if part == "delayed" else 0)
    if part == "inflight":
        jobs.claim()
    jobs.redis.hdel(f"{Q}:job:a", "state")
    jobs.redis.set(f"{Q}:unique:one", holder)
    jobs.store.age(2 * HOUR)
    jobs.reap()
    jobs.claim()
    assert jobs.redis.lrange(f"{Q}:broken", 0, -1) == [b"a"]
    assert held(jobs) == (None if holder == "a" else b"b")
    jobs.redis.flushall()


@stored
def test_a_unique_key_of_a_wrong_type_does_not_stop_a_complete(jobs: Jobs) -> None:
    submit(jobs, "a")
    jobs.submit("b")
    claimed = jobs.claim().jobs
    jobs.redis.delete(f"{Q}:unique:one")
    jobs.redis.rpush(f"{Q}:unique:one", "x")
    assert jobs.complete(*claimed) == ["done", "done"]
    jobs.redis.delete(f"{Q}:unique:one")
