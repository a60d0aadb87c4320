"""reap: what dead workers held comes back, a bounded number at a time, and never for ever."""

from __future__ import annotations

import pytest
from support.messages import bodies
from support.store import HOUR, STORED, Jobs, Q, having

reliable = having("reap", ["reliable"])
both = having("reap", STORED)


@both
def test_a_reap_of_an_empty_queue_writes_nothing(jobs: Jobs) -> None:
    assert jobs.reap() == (False, 0, [], [])
    assert jobs.store.snapshot() == {}


@both
def test_a_reap_of_one_says_that_no_more_is_left_where_nothing_is_to_be_moved(jobs: Jobs) -> None:
    jobs.take("held")
    jobs.submit("waits")
    jobs.submit("later", delay=HOUR)
    assert jobs.reap(1) == (False, 0, [], [])


@both
def test_a_reap_leaves_jobs_that_are_still_held(jobs: Jobs) -> None:
    jobs.take("a")
    with jobs.store.unchanged():
        assert jobs.reap() == (False, 0, [], [])


@both
def test_reaped_jobs_are_the_next_in_their_old_order(jobs: Jobs) -> None:
    jobs.take("b", "a")
    jobs.store.age(2 * HOUR)
    jobs.redis.zincrby(f"{Q}:inflight", -1, "b")
    jobs.submit("c")
    reaped = jobs.reap()
    assert (reaped.more, reaped.promoted, sorted(reaped.put_back), reaped.dead) == (
        False,
        0,
        ["a", "b"],
        [],
    )
    assert jobs.pending() == ["b", "a", "c"]
    assert jobs.part("inflight") == {}


@both
def test_a_reaped_job_has_one_crash_and_another_token_when_claimed_again(jobs: Jobs) -> None:
    (old,) = jobs.take("a")
    (new,) = jobs.lose(old)
    stored = jobs.job("a")
    assert (stored["state"], stored["crashes"]) == (b"inflight", b"1")
    assert (new.attempt, new.token != old.token) == (2, True)


@both
def test_the_old_holder_of_a_reaped_job_is_lost(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.store.age(2 * HOUR)
    jobs.reap()
    with jobs.store.unchanged():
        assert jobs.complete(job) == ["LOST"]


@both
def test_a_second_reap_changes_nothing(jobs: Jobs) -> None:
    jobs.take("a")
    jobs.store.age(2 * HOUR)
    jobs.reap()
    with jobs.store.unchanged():
        assert jobs.reap() == (False, 0, [], [])


@both
def test_a_reap_puts_back_its_limit_and_says_that_more_are_left(jobs: Jobs) -> None:
    jobs.take("a", "b", "c")
    jobs.store.age(2 * HOUR)
    counts = []
    while (reaped := jobs.reap(2)).more:
        counts.append(len(reaped.put_back))
    assert [*counts, len(reaped.put_back)] == [2, 1]


@both
def test_a_reap_that_meets_only_gone_jobs_says_that_more_are_left(jobs: Jobs) -> None:
    jobs.take("gone", "a")
    jobs.store.age(2 * HOUR)
    jobs.redis.zincrby(f"{Q}:inflight", -1, "gone")
    jobs.redis.delete(f"{Q}:job:gone")
    assert jobs.reap(1) == (True, 0, [], [])
    assert jobs.redis.lrange(f"{Q}:broken", 0, -1) == [b"gone"]
    assert jobs.reap().put_back == ["a"]


@both
def test_a_reap_promotes_its_limit_and_says_that_more_are_due(jobs: Jobs) -> None:
    jobs.submit("a", "b", "c", delay=1000)
    jobs.store.age(HOUR)
    assert jobs.reap(2) == (True, 2, [], [])
    assert jobs.reap(2) == (False, 1, [], [])
    assert sorted(jobs.pending()) == ["a", "b", "c"]
    assert jobs.job("a")["state"] == b"pending"


@both
@pytest.mark.parametrize("part", ["inflight", "delayed"])
def test_a_reap_leaves_a_wake_token(jobs: Jobs, part: str) -> None:
    jobs.submit("a", delay=1000 if part == "delayed" else 0)
    jobs.claim()
    jobs.redis.delete(f"{Q}:wake")
    jobs.store.age(2 * HOUR)
    jobs.reap()
    assert jobs.wakes() == 1


@both
def test_a_reap_puts_back_a_thousand_jobs_in_order(jobs: Jobs) -> None:
    ids = [f"j{n:03}" for n in range(1000)]
    jobs.take(*ids)
    jobs.store.age(2 * HOUR)
    assert sorted(jobs.reap(1000).put_back) == ids
    assert jobs.pending() == ids


@having("reap", ["recoverable"])
def test_a_recoverable_reap_puts_back_jobs_older_than_the_caller_says(jobs: Jobs) -> None:
    jobs.take("old")
    jobs.store.age(2 * HOUR)
    jobs.take("new")
    assert jobs.reap(older_than=3 * HOUR).put_back == []
    assert jobs.reap(older_than=HOUR).put_back == ["old"]
    assert jobs.reap(older_than=0).put_back == ["new"]


@having("reap", ["recoverable"])
def test_a_recoverable_job_is_put_back_after_any_number_of_crashes(jobs: Jobs) -> None:
    taken = jobs.take("a")
    for attempt in range(2, 12):
        taken = jobs.lose(*taken)
        assert taken[0].attempt == attempt


# --- reliable: what keeps killing its workers ---


@reliable
def test_the_wait_after_a_crash_grows(jobs: Jobs) -> None:
    jobs.take("a")
    for wait in (0, 500, 2500, 12_500, 60_000, 60_000):
        jobs.store.age(2 * HOUR)
        before = jobs.now()
        assert jobs.reap(max_crashes=100).put_back == ["a"]
        if wait:
            assert before + wait <= jobs.part("delayed")["a"] <= jobs.now() + wait
            assert jobs.job("a")["state"] == b"delayed"
            jobs.store.age(2 * HOUR)
        assert [job.id for job in jobs.claim(max_crashes=100).jobs] == ["a"]


@reliable
def test_at_max_crashes_a_job_is_dead(jobs: Jobs) -> None:
    heard = jobs.store.listen("me")
    jobs.take("a", client="me")
    for _ in range(2):
        jobs.store.age(2 * HOUR)
        assert jobs.reap().put_back == ["a"]
        jobs.store.age(2 * HOUR)
        assert len(jobs.claim().jobs) == 1
    jobs.store.age(2 * HOUR)
    assert jobs.reap() == (False, 0, [], ["a"])
    (stored,) = jobs.result("a")
    assert (stored.state, stored.reason, stored.body) == ("dead", "crashed", b"")
    assert stored.processed == jobs.part("dead")["a"]
    (message,) = heard.messages()
    assert message.startswith(b"a dead crashed ")
    assert bodies([message]) == {"a": b""}
    heard.close()


@reliable
def test_the_last_error_is_kept_when_a_job_dies_of_a_crash(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.fail(job, verdict="retry=0", error=b"why")
    jobs.claim()
    jobs.store.age(2 * HOUR)
    assert jobs.reap(max_crashes=1).dead == ["a"]
    assert jobs.result("a")[0].body == b"why"


@reliable
def test_crashes_count_apart_from_attempts(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.fail(job, verdict="retry=0")
    (job,) = jobs.claim().jobs
    (job,) = jobs.lose(job)
    stored = jobs.job("a")
    assert (stored["failures"], stored["crashes"], job.attempt) == (b"1", b"1", 3)


@reliable
def test_the_holder_of_a_job_that_a_reap_made_dead_is_lost(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.store.age(2 * HOUR)
    jobs.reap(max_crashes=1)
    with jobs.store.unchanged():
        assert jobs.complete(job) == ["LOST"]
