"""max_run: how long a job may stay in flight, whatever heartbeats it has."""

from __future__ import annotations

from support.store import HOUR, Jobs, Q, having

reliable = having("extend", ["reliable"])


@reliable
def test_extend_renews_a_job_until_its_max_run_is_over(jobs: Jobs) -> None:
    jobs.submit("a", "b", max_run=60_000)
    a, b = jobs.claim().jobs
    assert jobs.extend(a, b) == ["inflight", "inflight"]
    jobs.redis.hset(f"{Q}:job:a", "_started", jobs.now() - 60_000)
    before = jobs.part("inflight")["a"]
    assert jobs.extend(a, b) == ["LOST", "inflight"]
    assert jobs.part("inflight")["a"] == before


@reliable
def test_an_outcome_counts_after_max_run_while_the_job_is_in_flight(jobs: Jobs) -> None:
    jobs.submit("a", max_run=1)
    [a] = jobs.claim(lease=HOUR).jobs
    assert jobs.complete(a) == ["done"]
