"""release: handed back to the head of the queue, with nothing counted against the job."""

from __future__ import annotations

from support.fencing import (
    check_ended_attempt,
    check_never_claimed,
    check_nothing_written_for_lost,
    check_stale_token,
    check_twice_in_one_call,
)
from support.store import Jobs, Q, having

release = having("release")


@release
def test_released_jobs_are_the_next_in_their_old_order(jobs: Jobs) -> None:
    taken = jobs.take("a", "b")
    jobs.submit("c")
    assert jobs.release(*taken) == ["pending", "pending"]
    assert jobs.pending() == ["a", "b", "c"]
    assert jobs.part("inflight") == {}


@release
def test_a_release_counts_no_attempt_and_no_crash(jobs: Jobs) -> None:
    (job,) = jobs.take("a", max_attempts=1)
    for _ in range(5):
        jobs.release(job)
        (job,) = jobs.claim().jobs
        assert job.attempt == 1
    stored = jobs.job("a")
    assert stored["releases"] == b"5"
    assert not stored.keys() & {"failures", "crashes"}


@release
def test_a_release_leaves_a_wake_token(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.redis.delete(f"{Q}:wake")
    jobs.release(job)
    assert jobs.wakes() == 1


@release
def test_a_second_release_is_a_repeat(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.release(job)
    with jobs.store.unchanged():
        assert jobs.release(job) == ["repeat"]
        assert jobs.complete(job) == ["repeat"]


@release
def test_a_stale_token_is_lost(jobs: Jobs) -> None:
    check_stale_token(jobs, jobs.release, "pending")


@release
def test_release_of_lost_or_unknown_jobs_writes_nothing(jobs: Jobs) -> None:
    check_nothing_written_for_lost(jobs, jobs.release)


@release
def test_release_of_a_job_that_was_never_claimed_is_lost(jobs: Jobs) -> None:
    check_never_claimed(jobs, jobs.release)


@release
def test_release_of_an_ended_attempt_is_a_repeat(jobs: Jobs) -> None:
    check_ended_attempt(jobs, jobs.release)


@release
def test_a_job_twice_in_one_call_is_released_once(jobs: Jobs) -> None:
    check_twice_in_one_call(jobs, jobs.release, "pending", "repeat")
    assert jobs.pending() == ["a"]
