"""dead and requeue: dead jobs are listed, and given another life."""

from __future__ import annotations

import pytest
from support.store import Jobs, Q, having

from pyjobs.engine.reliable import RELIABLE
from pyjobs.engine.replies import DeadPage

reliable = having("extend")


def dead(jobs: Jobs, skip: int = 0, limit: int = 10) -> DeadPage:
    return jobs.store.call(RELIABLE.dead(Q, skip=skip, limit=limit))  # type: ignore[no-any-return]


def requeue(jobs: Jobs, *ids: str) -> list[str]:
    return jobs.store.call(RELIABLE.requeue(Q, ids))  # type: ignore[no-any-return]


@reliable
def test_dead_lists_jobs_with_reason_counts_and_error(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("a"), verdict="reject", error=b"why")
    jobs.fail(*jobs.take("b", max_attempts=1), error=b"again")
    page = dead(jobs)
    assert page.total == 2
    assert [(job.id, job.reason, job.failures, job.crashes, job.error) for job in page.jobs] == [
        ("a", "rejected", 1, 0, b"why"),
        ("b", "attempts", 1, 0, b"again"),
    ]
    assert all(0 <= jobs.now() - job.died < 60_000 for job in page.jobs)
    assert [job.id for job in dead(jobs, skip=1).jobs] == ["b"]
    assert [job.id for job in dead(jobs, limit=1).jobs] == ["a"]


@reliable
def test_dead_of_a_queue_without_dead_jobs_is_empty(jobs: Jobs) -> None:
    assert dead(jobs) == (0, [])


@reliable
def test_a_requeued_job_starts_afresh(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("a", max_attempts=1))
    assert requeue(jobs, "a") == ["pending"]
    assert dead(jobs).total == 0
    assert jobs.ttl("a") == -1
    (job,) = jobs.claim().jobs
    assert (job.id, job.attempt) == ("a", 1)
    assert jobs.complete(job) == ["done"]
    assert not jobs.job("a").keys() & {"reason", "error"}


@reliable
def test_a_requeued_job_keeps_nothing_of_its_former_life(jobs: Jobs) -> None:
    jobs.submit("a", client="me", backoff=5)
    submitted = jobs.job("a")
    jobs.fail(*jobs.lose(*jobs.claim().jobs), verdict="retry=0")
    (job,) = jobs.lose(*jobs.claim().jobs)
    jobs.fail(job, verdict="reject")
    assert jobs.job("a").keys() >= {"failures", "crashes", "past", "reason", "error"}
    requeue(jobs, "a")
    left = jobs.job("a")
    assert left.pop("_started")
    assert left == {**submitted, "token": b"", "past": b"0"}
    (stored,) = jobs.result("a")
    assert (stored.state, stored.reason, stored.processed, stored.body) == ("pending", "-", 0, b"")


@reliable
def test_the_token_of_a_requeued_job_s_former_life_is_lost(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.fail(job, verdict="reject")
    requeue(jobs, "a")
    with jobs.store.unchanged():
        assert jobs.complete(job) == jobs.fail(job) == jobs.extend(job) == jobs.release(job)
        assert jobs.complete(job) == ["LOST"]


@reliable
def test_requeue_of_jobs_that_are_not_dead_changes_nothing(jobs: Jobs) -> None:
    jobs.complete(*jobs.take("a"))
    jobs.submit("b")
    with jobs.store.unchanged():
        assert requeue(jobs, "a", "b", "none") == ["done", "pending", "NOJOB"]


@reliable
def test_a_job_twice_in_one_call_is_requeued_once(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("a"), verdict="reject")
    assert requeue(jobs, "a", "a") == ["pending", "pending"]
    assert jobs.pending() == ["a"]


@reliable
def test_requeue_is_a_conflict_while_another_job_holds_the_unique_key(jobs: Jobs) -> None:
    submit = RELIABLE.submit(Q, [("a", b"")], unique="one")
    jobs.store.call(submit)
    jobs.fail(*jobs.claim().jobs, verdict="reject")
    jobs.store.call(RELIABLE.submit(Q, [("b", b"")], unique="one"))
    with jobs.store.unchanged():
        assert requeue(jobs, "a") == ["CONFLICT"]
    jobs.complete(*jobs.claim().jobs)
    assert requeue(jobs, "a") == ["pending"]
    assert jobs.redis.get(f"{Q}:unique:one") == b"a"


@reliable
def test_a_requeue_leaves_a_wake_token(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("a"), verdict="reject")
    jobs.redis.delete(f"{Q}:wake")
    requeue(jobs, "a")
    assert jobs.wakes() == 1


@reliable
def test_requeued_jobs_are_pending_in_the_order_of_the_call(jobs: Jobs) -> None:
    names = [f"j{n}" for n in range(9)]
    jobs.fail(*jobs.take(*names), verdict="reject")
    requeue(jobs, *names)
    assert jobs.pending() == names


@reliable
def test_requeue_takes_a_unique_key_whose_holder_has_ended_or_is_gone(jobs: Jobs) -> None:
    jobs.store.call(RELIABLE.submit(Q, [("a", b"")], unique="one"))
    jobs.fail(*jobs.claim().jobs, verdict="reject")
    jobs.complete(*jobs.take("ended"))
    for holder in ("ended", "gone"):
        jobs.redis.set(f"{Q}:unique:one", holder)
        assert requeue(jobs, "a") == ["pending"]
        assert jobs.redis.get(f"{Q}:unique:one") == b"a"
        jobs.fail(*jobs.claim().jobs, verdict="reject")


@reliable
def test_the_first_of_two_dead_jobs_with_one_unique_key_is_requeued(jobs: Jobs) -> None:
    for id in ("a", "b"):
        jobs.store.call(RELIABLE.submit(Q, [(id, b"")], unique="one"))
        jobs.fail(*jobs.claim().jobs, verdict="reject")
    assert requeue(jobs, "a", "b", "a") == ["pending", "CONFLICT", "pending"]
    assert jobs.pending() == ["a"]
    assert jobs.redis.get(f"{Q}:unique:one") == b"a"


@reliable
def test_dead_leaves_out_jobs_whose_week_is_over_and_a_reap_forgets_them(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("old", "new"), verdict="reject")
    week = 604_800_000
    jobs.redis.zadd(f"{Q}:dead", {"old": jobs.now() - week - 1})
    jobs.redis.delete(f"{Q}:job:old")
    page = dead(jobs)
    assert (page.total, [job.id for job in page.jobs]) == (1, ["new"])
    jobs.reap()
    assert jobs.part("dead").keys() == {"new"}


@reliable
def test_dead_drops_entries_without_a_dead_job_and_fills_the_page(jobs: Jobs) -> None:
    ids = [f"j{number}" for number in range(6)]
    jobs.fail(*jobs.take(*ids), verdict="reject")
    for place, id in enumerate(ids):
        jobs.redis.zadd(f"{Q}:dead", {id: jobs.now() - 1000 + place})
    jobs.redis.delete(*(f"{Q}:job:{id}" for id in ("j0", "j1", "j3")))
    jobs.redis.hset(f"{Q}:job:j2", "state", "pending")
    jobs.redis.rpush(f"{Q}:pending", "j2")
    page = dead(jobs, limit=1)
    assert (page.total, [job.id for job in page.jobs]) == (2, ["j4"])
    assert [job.id for job in dead(jobs, skip=1, limit=1).jobs] == ["j5"]
    assert jobs.part("dead").keys() == {"j4", "j5"}
    jobs.redis.flushall()


@reliable
@pytest.mark.parametrize("call", ["dead", "requeue", "reap"])
def test_the_dead_are_dropped_by_age_when_nobody_dies(jobs: Jobs, call: str) -> None:
    jobs.fail(*jobs.take("old", "new"), verdict="reject")
    jobs.redis.zadd(f"{Q}:dead", {"old": jobs.now() - 604_800_001})
    {"dead": lambda: dead(jobs), "requeue": lambda: requeue(jobs, "new"), "reap": jobs.reap}[call]()
    assert "old" not in jobs.part("dead")
