"""Leases after an absence: living workers extend before anything is put back.

Time passes by the keys: the stamp `seen` of :meta, the end of a grace, and the deadlines.
"""

from __future__ import annotations

import pytest
from support.store import Jobs, Q, having

reliable = having("extend", ["reliable"])
LEASE = 30_000
OTHER = "jobs:{other}"
META = f"{Q}:meta"


def pass_time(jobs: Jobs, ms: int) -> None:
    """So long nobody calls: as if Redis's clock were that much further."""
    for id, deadline in jobs.part("inflight").items():
        jobs.redis.zadd(f"{Q}:inflight", {id: deadline - ms})
    for field in ("seen", "grace"):
        if (value := jobs.redis.hget(META, field)) is not None:
            jobs.redis.hset(META, field, int(value) - ms)


def in_flight(jobs: Jobs, *ids: str, lease: int = LEASE) -> list:  # type: ignore[type-arg]
    jobs.submit(*ids)
    return jobs.claim(len(ids), lease=lease).jobs


def crashes(jobs: Jobs, id: str) -> int:
    return int(jobs.job(id).get("crashes", b"0"))


@reliable
@pytest.mark.parametrize("away", [21_000, 60_000, 86_400_000])
@pytest.mark.parametrize("first", ["claim", "reap", "extend"])
def test_a_worker_that_lived_through_an_absence_keeps_its_job_without_a_crash(
    jobs: Jobs, away: int, first: str
) -> None:
    held, other = in_flight(jobs, "a", "b")
    pass_time(jobs, away)
    calls = {"claim": jobs.claim, "reap": jobs.reap, "extend": lambda: jobs.extend(other)}
    calls[first]()
    assert jobs.extend(held, other, lease=LEASE) == ["inflight", "inflight"]
    pass_time(jobs, LEASE // 2 + 1)
    jobs.claim()
    jobs.reap()
    assert (crashes(jobs, "a"), crashes(jobs, "b")) == (0, 0)
    assert jobs.complete(held, other) == ["done", "done"]


@reliable
@pytest.mark.parametrize("call", ["claim", "reap"])
def test_the_job_of_a_dead_worker_comes_back_after_the_grace(jobs: Jobs, call: str) -> None:
    in_flight(jobs, "a")
    pass_time(jobs, 60_000)
    act = {"claim": lambda: jobs.claim(lease=LEASE).jobs, "reap": lambda: jobs.reap().put_back}
    assert act[call]() == []
    assert jobs.part("inflight").keys() == {"a"}
    pass_time(jobs, LEASE // 2 + 1)
    assert act[call]() != []
    assert crashes(jobs, "a") == 1


@reliable
def test_a_reap_by_cron_alone_puts_a_job_back_at_its_second_run(jobs: Jobs) -> None:
    in_flight(jobs, "a")
    pass_time(jobs, 60_000)
    assert jobs.reap().put_back == []
    pass_time(jobs, 60_000)
    assert jobs.reap().put_back == ["a"]


@reliable
def test_a_reap_that_stops_at_its_limit_goes_on_after_the_grace(jobs: Jobs) -> None:
    in_flight(jobs, "a", "b")
    pass_time(jobs, 60_000)
    assert jobs.reap(1).put_back == []
    pass_time(jobs, 60_000)
    first = jobs.reap(1)
    assert (len(first.put_back), first.more) == (1, True)
    assert sorted(first.put_back + jobs.reap(1).put_back) == ["a", "b"]


@reliable
@pytest.mark.parametrize("queues", [(Q,), (Q, OTHER), (OTHER, Q)], ids=["one", "first", "last"])
def test_a_claim_that_stops_at_its_limit_after_the_grace_takes_no_job_yet(
    jobs: Jobs, queues: tuple[str, ...]
) -> None:
    """A claim writes when a call was there last, and would hide the absence from the next call."""
    in_flight(jobs, *[f"j{n}" for n in range(101)])
    jobs.submit("other", queue=OTHER)
    pass_time(jobs, 60_000)
    assert jobs.claim(1, lease=LEASE).jobs == []
    pass_time(jobs, 60_000)
    assert jobs.claim(lease=LEASE, queues=queues) == (0, [], (), [])
    assert len(jobs.pending()) == 100
    claimed = jobs.claim(200, lease=LEASE, queues=queues).jobs
    assert len(claimed) == 100 + len(queues)
    assert crashes(jobs, "j0") == 1


@reliable
def test_a_job_comes_back_at_the_end_of_its_lease_while_an_idle_worker_is_there(jobs: Jobs) -> None:
    in_flight(jobs, "a")
    for _ in range(3):
        wait = jobs.claim(lease=LEASE).wait
        assert 0 < wait <= LEASE // 3
        pass_time(jobs, wait)
    assert [job.id for job in jobs.claim(lease=LEASE).jobs] == ["a"]


@reliable
def test_a_heartbeat_that_comes_late_in_a_grace_keeps_its_job(jobs: Jobs) -> None:
    """A heartbeat every third of a lease, sent just before an absence, and a busy machine."""
    [job] = in_flight(jobs, "a")
    pass_time(jobs, 60_000)
    assert jobs.claim(lease=LEASE).jobs == []
    pass_time(jobs, LEASE // 3 + LEASE // 8)
    assert jobs.claim(lease=LEASE).jobs == []
    jobs.extend(job, lease=LEASE)
    pass_time(jobs, LEASE // 6)
    assert jobs.claim(lease=LEASE).jobs == []
    assert crashes(jobs, "a") == 0


@reliable
def test_an_idle_claim_inside_a_grace_says_to_wait_for_its_end(jobs: Jobs) -> None:
    in_flight(jobs, "a")
    pass_time(jobs, 60_000)
    first = jobs.claim(lease=LEASE).wait
    assert LEASE // 3 - 1000 < first <= LEASE // 3
    pass_time(jobs, first)
    assert LEASE // 6 - 1000 < jobs.claim(lease=LEASE).wait <= LEASE // 6 + 1


@reliable
def test_a_second_absence_counts_no_crash_for_who_extended_after_the_first(jobs: Jobs) -> None:
    [held] = in_flight(jobs, "a")
    pass_time(jobs, 60_000)
    jobs.claim()
    assert jobs.extend(held, lease=LEASE) == ["inflight"]
    pass_time(jobs, 60_000)
    assert jobs.reap().put_back == []
    assert jobs.extend(held, lease=LEASE) == ["inflight"]
    pass_time(jobs, LEASE // 2 + 1)
    assert jobs.reap().put_back == [] and crashes(jobs, "a") == 0


@reliable
def test_a_clock_that_steps_an_hour_forward_and_back_counts_no_crash(jobs: Jobs) -> None:
    [held] = in_flight(jobs, "a")
    hour = 3_600_000
    for step in (hour, -hour):
        pass_time(jobs, step)
        jobs.claim()
        assert jobs.extend(held, lease=LEASE) == ["inflight"]
        pass_time(jobs, LEASE // 2 + 1)
        jobs.reap()
    assert crashes(jobs, "a") == 0
    assert jobs.complete(held) == ["done"]


@reliable
def test_a_lease_that_ends_an_hour_ahead_since_the_clock_went_back_is_not_believed(
    jobs: Jobs,
) -> None:
    in_flight(jobs, "a")
    pass_time(jobs, -3_600_000)
    assert jobs.reap().put_back == []
    pass_time(jobs, LEASE // 2 + 1)
    assert jobs.reap().put_back == ["a"]


@reliable
def test_the_longest_lease_in_use_is_forgotten_when_nothing_is_in_flight(jobs: Jobs) -> None:
    long, short = *in_flight(jobs, "a", lease=10 * LEASE), *in_flight(jobs, "b", lease=LEASE)
    assert jobs.redis.hget(META, "lease") == b"300000"
    jobs.complete(long, short)
    in_flight(jobs, "c", lease=LEASE)
    assert jobs.redis.hget(META, "lease") == b"30000"


@reliable
@pytest.mark.parametrize("field", ["seen", "lease", "grace"])
def test_nonsense_in_a_field_about_leases_counts_as_absent(jobs: Jobs, field: str) -> None:
    [held] = in_flight(jobs, "a")
    jobs.redis.hset(META, field, "x")
    jobs.claim()
    jobs.reap()
    assert jobs.extend(held, lease=LEASE) == ["inflight"]
    assert jobs.complete(held) == ["done"]


@reliable
def test_extend_puts_a_job_back_into_a_set_that_has_lost_it(jobs: Jobs) -> None:
    [held] = in_flight(jobs, "a")
    jobs.redis.delete(f"{Q}:inflight")
    assert jobs.extend(held, lease=LEASE) == ["inflight"]
    assert jobs.part("inflight").keys() == {"a"}


@reliable
def test_a_claim_that_finds_nothing_in_flight_writes_nothing(jobs: Jobs) -> None:
    jobs.submit("later", delay=60_000)
    before = jobs.redis.hgetall(META)
    jobs.claim()
    assert jobs.redis.hgetall(META) == before
