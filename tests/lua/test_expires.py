"""expires and run_at: when a job may start, and from when on it never will."""

from __future__ import annotations

import pytest
from support.store import HOUR, Jobs, Q, having

from pyjobs.engine.messages import parse_results
from pyjobs.engine.reliable import Reliable

stored = having("cancel")


def is_late(jobs: Jobs, id: str) -> None:
    jobs.redis.hset(f"{Q}:job:{id}", "expires", jobs.now() - 1)


@stored
def test_a_job_that_has_not_expired_is_claimed(jobs: Jobs) -> None:
    jobs.submit("a", expires=HOUR)
    assert [job.id for job in jobs.claim().jobs] == ["a"]


@stored
def test_a_job_past_its_expiry_ends_and_its_client_hears_of_it(jobs: Jobs) -> None:
    heard = jobs.store.listen("me")
    jobs.submit("a", "b", client="me", expires=HOUR)
    is_late(jobs, "a")
    assert [job.id for job in jobs.claim().jobs] == ["b"]
    (message,) = heard.messages()
    ((id, end),) = parse_results(message)
    assert (id, end.state, end.started) == ("a", "expired", 0)
    assert jobs.job("a")["state"] == b"expired"
    assert jobs.ttl("a") > 0


@stored
def test_a_claim_that_meets_only_expired_jobs_is_empty(jobs: Jobs) -> None:
    jobs.submit("a", expires=HOUR)
    is_late(jobs, "a")
    assert jobs.claim()[:3] == (-1, [], ())


@stored
@pytest.mark.parametrize("way", ["release", "reap", "retry"])
def test_a_job_that_was_started_in_time_may_start_again_at_any_time(jobs: Jobs, way: str) -> None:
    if way != "reap" and not isinstance(jobs.mode, Reliable):
        return
    (job,) = jobs.take("a", expires=HOUR)
    if "expires" in jobs.job("a"):
        is_late(jobs, "a")
    if way == "release":
        jobs.release(job)
    elif way == "retry":
        jobs.fail(job, verdict="retry=0")
    else:
        jobs.store.age(2 * HOUR)
        jobs.reap()
    (again,) = jobs.claim().jobs
    assert (again.id, jobs.complete(again)) == ("a", ["done"])


@stored
def test_run_at_delays_a_job_to_a_moment_and_a_past_one_not_at_all(jobs: Jobs) -> None:
    at = jobs.now() + HOUR
    jobs.submit("a", run_at=at)
    assert jobs.part("delayed") == {"a": at}
    jobs.submit("b", run_at=jobs.now() - HOUR)
    assert [job.id for job in jobs.claim().jobs] == ["b"]


@stored
def test_the_later_of_delay_and_run_at_counts(jobs: Jobs) -> None:
    jobs.submit("a", run_at=jobs.now() + HOUR, delay=1)
    assert jobs.part("delayed")["a"] > jobs.now() + HOUR - 60_000


@stored
def test_a_job_that_is_too_late_has_expired_for_everybody_who_asks(jobs: Jobs) -> None:
    jobs.submit("a", "b", expires=HOUR)
    jobs.submit("later", delay=1000, expires=HOUR)
    for id in ("a", "later"):
        is_late(jobs, id)
    with jobs.store.unchanged():
        assert [one.state for one in jobs.result("a", "b", "later")] == [
            "expired",
            "pending",
            "expired",
        ]
        assert [one.state for one in jobs.watch("a", "later", client="me")] == ["expired"] * 2
        assert [tuple(one) for one in jobs.submit("a", client="me")] == [("a", "expired")]
        assert jobs.store.call(jobs.mode.cancel(Q, ["a"])) == ["expired"]  # type: ignore[union-attr]
    assert [job.id for job in jobs.claim().jobs] == ["b"]
    assert jobs.result("a")[0].state == "expired"


@stored
def test_a_key_of_a_dead_job_is_free_while_its_holder_is_too_late(jobs: Jobs) -> None:
    if not isinstance(jobs.mode, Reliable):
        return
    jobs.submit("dead", unique="one")
    jobs.fail(*jobs.claim().jobs, verdict="reject")
    jobs.submit("a", unique="one", expires=HOUR)
    assert jobs.store.call(jobs.mode.requeue(Q, ["dead"])) == ["CONFLICT"]
    is_late(jobs, "a")
    assert jobs.store.call(jobs.mode.requeue(Q, ["dead"])) == ["pending"]
