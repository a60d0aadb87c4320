"""extend: the holder of a job's token renews its lease, and nobody else does."""

from __future__ import annotations

from support.fencing import (
    check_ended_attempt,
    check_never_claimed,
    check_nothing_written_for_lost,
    check_stale_token,
    check_twice_in_one_call,
)
from support.store import HOUR, Jobs, having

extend = having("extend")


@extend
def test_an_extended_lease_runs_from_now(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    before = jobs.now()
    for lease in (5 * HOUR, HOUR):
        assert jobs.extend(job, lease=lease) == ["inflight"]
        assert before + lease <= jobs.part("inflight")["a"] <= jobs.now() + lease


@extend
def test_extend_changes_nothing_but_the_lease(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    before = jobs.job("a")
    jobs.extend(job)
    assert jobs.job("a") == before
    assert jobs.part("inflight").keys() == {"a"}


@extend
def test_a_lease_that_ran_out_unnoticed_can_still_be_renewed(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.store.age(2 * HOUR)
    assert jobs.extend(job) == ["inflight"]
    assert jobs.reap().put_back == []


@extend
def test_a_renewed_job_is_not_put_back(jobs: Jobs) -> None:
    kept, dropped = jobs.take("a", "b")
    jobs.store.age(2 * HOUR)
    jobs.extend(kept)
    assert jobs.reap().put_back == [dropped.id]


@extend
def test_a_stale_token_is_lost(jobs: Jobs) -> None:
    check_stale_token(jobs, jobs.extend, "inflight")


@extend
def test_extend_of_lost_or_unknown_jobs_writes_nothing(jobs: Jobs) -> None:
    check_nothing_written_for_lost(jobs, jobs.extend)


@extend
def test_extend_of_a_job_that_was_never_claimed_is_lost(jobs: Jobs) -> None:
    check_never_claimed(jobs, jobs.extend)


@extend
def test_extend_of_an_ended_attempt_is_a_repeat(jobs: Jobs) -> None:
    check_ended_attempt(jobs, jobs.extend)


@extend
def test_a_job_twice_in_one_call_is_extended_once_and_then_a_repeat(jobs: Jobs) -> None:
    check_twice_in_one_call(jobs, jobs.extend, "inflight", "repeat")
