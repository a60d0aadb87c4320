"""result: what is stored of jobs, in any mode."""

from __future__ import annotations

from support.store import STORED, Jobs, Q, having

from pyjobs.engine.replies import Stored

UNKNOWN = Stored("", "-", 0, 0, 0, b"")


@having("submit")
def test_an_unknown_job_has_no_state(jobs: Jobs) -> None:
    jobs.submit("a")
    with jobs.store.unchanged():
        assert jobs.result("unknown") == [UNKNOWN]


@having("submit")
def test_a_result_of_a_missing_queue_has_no_state_and_writes_nothing(jobs: Jobs) -> None:
    assert jobs.result("unknown") == [UNKNOWN]
    assert jobs.store.snapshot() == {}


@having("submit", ["simple"])
def test_a_result_in_simple_mode_has_no_state(jobs: Jobs) -> None:
    jobs.complete(*jobs.take("a"))
    assert jobs.result("a") == [UNKNOWN]


@having("submit", STORED)
def test_results_come_in_the_order_of_the_call_with_state_and_times(jobs: Jobs) -> None:
    done, _ = jobs.take("done", "held")
    jobs.submit("waits")
    jobs.submit("later", delay=1000)
    jobs.complete(done, result=b"\x00\n")
    with jobs.store.unchanged():
        found = jobs.result("later", "held", "unknown", "done", "waits")
    assert [job.state for job in found] == ["delayed", "inflight", "", "done", "pending"]
    assert [job.body for job in found] == [b"", b"", b"", b"\x00\n", b""]
    assert [job.started > 0 for job in found] == [False, True, False, True, False]
    assert [job.processed > 0 for job in found] == [False, False, False, True, False]


@having("submit", STORED)
def test_the_result_of_a_job_that_waits_for_a_retry_has_its_last_error(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("a"), error=b"why")
    (stored,) = jobs.result("a")
    assert stored.state == ("delayed" if jobs.mode.leases else "failed")
    assert stored.body == b"why"


@having("submit", STORED)
def test_a_result_whose_retention_is_over_is_gone(jobs: Jobs) -> None:
    jobs.complete(*jobs.take("a"), retention=0)
    assert jobs.result("a") == [UNKNOWN]


@having("submit", STORED)
def test_a_key_of_a_wrong_type_has_no_state_and_the_rest_is_returned(jobs: Jobs) -> None:
    jobs.submit("a", "b")
    jobs.redis.rpush(f"{Q}:job:other", "poison")
    assert [job.state for job in jobs.result("a", "other", "b")] == ["pending", "", "pending"]
    jobs.redis.delete(f"{Q}:job:other")


@having("submit", STORED)
def test_a_reply_ends_behind_4_mib_of_results_and_has_one_at_least(jobs: Jobs) -> None:
    body = bytes(1 << 20)
    ids = [f"j{number}" for number in range(6)]
    for job in jobs.take(*ids):
        jobs.complete(job, result=body)
    for _ in range(2):
        found = jobs.result(*ids)
        assert [job.body for job in found] == [body] * min(4, len(ids))
        ids = ids[len(found) :]
    assert ids == []


@having("submit", STORED)
def test_the_bound_of_a_reply_counts_the_errors_of_jobs_that_will_run_again(jobs: Jobs) -> None:
    ids = [f"j{number}" for number in range(5)]
    for job in jobs.take(*ids):
        jobs.fail(job, error=bytes(1 << 20))
    assert len(jobs.result(*ids)) == 4
