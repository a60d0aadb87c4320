"""fail: tried again, or given up; and nothing that only crashed or waited counts as an attempt."""

from __future__ import annotations

import pytest
from support.fencing import (
    check_ended_attempt,
    check_never_claimed,
    check_nothing_written_for_lost,
    check_stale_token,
    check_twice_in_one_call,
)
from support.messages import bodies
from support.store import DAY, HOUR, STORED, Jobs, Q, having

from pyjobs.engine.replies import Claimed
from pyjobs.errors import BadArgument

WEEK = 7 * DAY
OUTCOME = {"simple": "failed", "recoverable": "failed", "reliable": "delayed"}
reliable = having("fail", ["reliable"])


def again(jobs: Jobs) -> Claimed:
    """The job that waits for its next attempt, claimed."""
    jobs.store.age(10 * HOUR)
    (job,) = jobs.claim().jobs
    return job


def wait_of(jobs: Jobs, job: Claimed, **options: int | str) -> int:
    """How long a failure makes the job wait, ms; give or take the time of the call."""
    before = jobs.now()
    assert jobs.fail(job, **options) == ["delayed"]  # type: ignore[arg-type]
    return jobs.part("delayed")[job.id] - before


@reliable
@pytest.mark.parametrize("verdict", ["retry", "retry=5000", "snooze=5000"])
def test_the_reply_says_after_how_long_a_job_is_tried_again(jobs: Jobs, verdict: str) -> None:
    (job,) = jobs.take("a")
    before = jobs.now()
    [word] = jobs.fail_words(job, verdict=verdict)
    after = jobs.now()
    outcome, _, delay = word.partition("=")
    assert outcome == "delayed"
    assert int(delay) == 5000 or verdict == "retry"
    assert before <= jobs.part("delayed")["a"] - int(delay) <= after


# --- recoverable and simple: recorded or published, and that is all ---


@having("fail", ["recoverable"])
def test_a_failure_is_stored_and_final(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    assert jobs.fail(job, error=b"why") == ["failed"]
    (stored,) = jobs.result("a")
    assert (stored.state, stored.reason, stored.body) == ("failed", "-", b"why")
    assert 0 < stored.queued <= stored.started <= stored.processed
    assert DAY - 60_000 < jobs.ttl("a") <= DAY
    assert jobs.part("inflight") == {}
    assert jobs.claim().jobs == []


@having("fail", ["recoverable"])
def test_the_retention_of_the_submit_goes_before_that_of_the_call(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("a", retention=2 * HOUR), retention=HOUR)
    jobs.fail(*jobs.take("b"), retention=HOUR)
    assert HOUR < jobs.ttl("a") <= 2 * HOUR
    assert 0 < jobs.ttl("b") <= HOUR


@having("fail", ["simple", "recoverable"])
def test_fail_publishes_the_error_to_the_client(jobs: Jobs) -> None:
    heard = jobs.store.listen("me")
    jobs.fail(*jobs.take("a", client="me"), error=b"wh\ny")
    (message,) = heard.messages()
    assert message.startswith(b"a failed - ")
    assert bodies([message]) == {"a": b"wh\ny"}
    heard.close()


@having("fail", ["simple"])
def test_a_simple_failure_is_not_stored(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    with jobs.store.unchanged(counters=False):
        assert jobs.fail(job) == ["failed"]


# --- tokens ---


@having("fail", STORED)
def test_a_stale_token_is_lost(jobs: Jobs) -> None:
    check_stale_token(jobs, jobs.fail, OUTCOME[jobs.mode.name])


@having("fail", STORED)
def test_fail_of_lost_or_unknown_jobs_writes_nothing(jobs: Jobs) -> None:
    check_nothing_written_for_lost(jobs, jobs.fail)


@having("fail", STORED)
def test_fail_of_a_job_that_was_never_claimed_is_lost(jobs: Jobs) -> None:
    check_never_claimed(jobs, jobs.fail)


@having("fail", STORED)
def test_fail_of_an_ended_attempt_is_a_repeat(jobs: Jobs) -> None:
    check_ended_attempt(jobs, jobs.fail)


@having("fail", STORED)
def test_a_job_twice_in_one_call_fails_once(jobs: Jobs) -> None:
    check_twice_in_one_call(jobs, jobs.fail, OUTCOME[jobs.mode.name], "repeat")


@reliable
def test_the_token_of_an_attempt_is_lost_at_the_next_attempt(jobs: Jobs) -> None:
    (first,) = jobs.take("a")
    jobs.fail(first)
    second = again(jobs)
    assert jobs.fail(first) == ["LOST"]
    assert jobs.complete(second) == ["done"]


# --- reliable: another attempt ---


@reliable
def test_a_failed_job_waits_for_its_next_attempt(jobs: Jobs) -> None:
    heard = jobs.store.listen("me")
    (job,) = jobs.take("a", client="me")
    assert jobs.fail(job, error=b"why") == ["delayed"]
    stored = jobs.job("a")
    assert (stored["state"], stored["error"], stored["failures"]) == (b"delayed", b"why", b"1")
    assert "_processed" not in stored
    assert jobs.part("delayed").keys() == {"a"}
    assert jobs.part("inflight") == {}
    assert jobs.ttl("a") == -1
    assert heard.messages() == []
    heard.close()


@reliable
def test_the_next_attempt_is_numbered(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.fail(job)
    assert again(jobs).attempt == 2


@reliable
def test_a_success_after_a_failure_is_the_result(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.fail(job, error=b"why")
    jobs.complete(again(jobs), result=b"good")
    assert jobs.result("a")[0][:2] == ("done", "-")
    assert jobs.result("a")[0].body == b"good"


@reliable
def test_a_failure_leaves_a_wake_token(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.redis.delete(f"{Q}:wake")
    jobs.fail(job)
    assert jobs.wakes() == 1


@reliable
def test_the_backoff_doubles_with_jitter_between_half_and_all_of_it(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    for whole in (10_000, 20_000, 40_000, 80_000):
        waited = wait_of(jobs, job, max_attempts=9, backoff=10_000)
        assert whole / 2 <= waited <= whole + 2000
        job = again(jobs)


@reliable
def test_the_backoff_has_an_upper_bound(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    waited = wait_of(jobs, job, backoff=HOUR, backoff_max=10_000)
    assert 5000 <= waited <= 12_000


@reliable
def test_the_first_backoff_is_a_second_by_default(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    assert 500 <= wait_of(jobs, job) <= 1000 + 2000


@reliable
def test_the_backoff_of_the_submit_goes_before_that_of_the_call(jobs: Jobs) -> None:
    (job,) = jobs.take("a", backoff=60_000)
    assert 30_000 <= wait_of(jobs, job, backoff=HOUR) <= 62_000


@reliable
def test_jobs_that_fail_together_are_due_at_different_times(jobs: Jobs) -> None:
    jobs.fail(*jobs.take(*[f"j{n}" for n in range(100)]), backoff=1_000_000)
    due = jobs.part("delayed").values()
    assert len(set(due)) > 50
    assert max(due) - min(due) > 250_000


@reliable
def test_a_retry_verdict_may_name_the_wait_in_ms(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    assert HOUR <= wait_of(jobs, job, verdict=f"retry={HOUR}") <= HOUR + 2000
    assert jobs.job("a")["failures"] == b"1"


@reliable
def test_a_retry_after_0_ms_is_claimed_at_once(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.fail(job, verdict="retry=0")
    assert [job.id for job in jobs.claim().jobs] == ["a"]


@reliable
def test_a_snooze_counts_no_attempt(jobs: Jobs) -> None:
    (job,) = jobs.take("a", max_attempts=1)
    for _ in range(3):
        assert HOUR <= wait_of(jobs, job, verdict=f"snooze={HOUR}") <= HOUR + 2000
        assert jobs.job("a").get("failures", b"0") == b"0"
        job = again(jobs)
        assert job.attempt == 1


@reliable
def test_a_continue_counts_no_attempt_and_leaves_the_last_error(jobs: Jobs) -> None:
    (job,) = jobs.take("a", max_attempts=2)
    jobs.fail(job, verdict="retry=0", error=b"why")
    (job,) = jobs.claim().jobs
    for page in (b"1", b"2"):
        assert jobs.fail(job, verdict="continue=0", error=page) == ["delayed"]
        assert (jobs.job("a")["error"], jobs.job("a")["failures"]) == (b"why", b"1")
        (job,) = jobs.claim().jobs
        assert (job.attempt, job.saved) == (2, page)


@reliable
def test_a_continue_by_a_stale_token_saves_nothing(jobs: Jobs) -> None:
    (stale,) = jobs.take("a")
    (job,) = jobs.lose(stale)
    assert jobs.fail(stale, verdict="continue=0", error=b"1") == ["LOST"]
    jobs.release(job)
    assert jobs.fail(job, verdict="continue=0", error=b"1") == ["repeat"]
    assert "saved" not in jobs.job("a")


@reliable
def test_a_continue_with_nothing_to_go_on_from_is_refused(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    with pytest.raises(BadArgument, match="error: empty, with nothing to go on from"):
        jobs.fail(job, verdict="continue=0", error=b"")
    assert jobs.job("a")["state"] == b"inflight"


# --- reliable: given up ---


@reliable
@pytest.mark.parametrize("verdict", ["retry", f"retry={HOUR}"])
def test_a_job_whose_attempts_are_used_up_is_dead(jobs: Jobs, verdict: str) -> None:
    heard = jobs.store.listen("me")
    (job,) = jobs.take("a", client="me")
    for _ in range(2):
        assert jobs.fail(job, verdict=verdict) == ["delayed"]
        job = again(jobs)
    before = jobs.now()
    assert jobs.fail(job, verdict=verdict, error=b"the last") == ["dead"]
    (stored,) = jobs.result("a")
    assert (stored.state, stored.reason, stored.body) == ("dead", "attempts", b"the last")
    assert before <= stored.processed == jobs.part("dead")["a"] <= jobs.now()
    assert jobs.part("inflight") == jobs.part("delayed") == {}
    (message,) = heard.messages()
    assert message.startswith(b"a dead attempts ")
    assert bodies([message]) == {"a": b"the last"}
    heard.close()


@reliable
def test_max_attempts_of_the_submit_go_before_those_of_the_call(jobs: Jobs) -> None:
    (a,) = jobs.take("a")
    (b,) = jobs.take("b", max_attempts=2)
    assert jobs.fail(a, b, max_attempts=1) == ["dead", "delayed"]


@reliable
def test_a_rejected_job_is_dead_at_once(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    assert jobs.fail(job, verdict="reject", error=b"no") == ["dead"]
    (stored,) = jobs.result("a")
    assert (stored.state, stored.reason, stored.body) == ("dead", "rejected", b"no")


@reliable
def test_a_crash_counts_no_attempt(jobs: Jobs) -> None:
    (job,) = jobs.lose(*jobs.take("a", max_attempts=2))
    assert job.attempt == 2
    assert jobs.fail(job) == ["delayed"]
    assert jobs.job("a")["failures"] == b"1"
    assert again(jobs).attempt == 3


@reliable
@pytest.mark.parametrize("verdict", ["retry=0", "snooze=0", "continue=0"])
def test_a_run_that_its_handler_ends_clears_the_crashes_and_the_attempt_goes_on(
    jobs: Jobs, verdict: str
) -> None:
    (job,) = jobs.take("a")
    for crashed in (1, 2, 3, 4):
        (job,) = jobs.lose(job)
        jobs.fail(job, verdict=verdict, max_attempts=9)
        before, job = job, again(jobs)
        assert "crashes" not in jobs.job("a")
        past = crashed * (1 + verdict.startswith("retry"))
        assert jobs.job("a")["past"] == b"%d" % past
        assert job.attempt == before.attempt + verdict.startswith("retry")


@reliable
def test_a_release_clears_no_crash(jobs: Jobs) -> None:
    jobs.release(*jobs.lose(*jobs.take("a")))
    assert jobs.job("a")["crashes"] == b"1"


@reliable
def test_dead_jobs_are_kept_for_a_week(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("a"), verdict="reject")
    assert WEEK - 60_000 < jobs.ttl("a") <= WEEK
    assert WEEK - 60_000 < jobs.redis.pttl(f"{Q}:dead") <= WEEK


@reliable
def test_dead_jobs_older_than_a_week_are_trimmed(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("old"), verdict="reject")
    jobs.store.age(WEEK + HOUR)
    jobs.fail(*jobs.take("new"), verdict="reject")
    assert jobs.part("dead").keys() == {"new"}


@reliable
def test_more_than_ten_thousand_dead_jobs_are_trimmed(jobs: Jobs) -> None:
    old = jobs.take("first", "second")
    jobs.fail(*old, verdict="reject")
    now = jobs.now()
    jobs.redis.zadd(f"{Q}:dead", {f"d{n:05}": now + HOUR + n for n in range(9_999)})
    jobs.fail(*jobs.take("last"), verdict="reject")
    assert jobs.redis.zcard(f"{Q}:dead") == 10_000
    assert jobs.redis.zrange(f"{Q}:dead", 0, 0) == [b"last"]
    assert jobs.job("first") == jobs.job("second") == {}


@reliable
@pytest.mark.parametrize("before", [9_998, 9_999, 10_000])
def test_ten_thousand_dead_jobs_are_kept_and_no_more(jobs: Jobs, before: int) -> None:
    now = jobs.now()
    (job,) = jobs.take("last")
    jobs.redis.zadd(f"{Q}:dead", {f"d{n:05}": now - HOUR + n for n in range(before)})
    jobs.fail(job, verdict="reject")
    assert jobs.redis.zcard(f"{Q}:dead") == min(before + 1, 10_000)
    assert jobs.redis.zrevrange(f"{Q}:dead", 0, 0) == [b"last"]
    jobs.redis.delete(f"{Q}:dead")


@reliable
def test_dead_jobs_beyond_the_limit_are_trimmed_a_hundred_a_call_beside_the_new_ones(
    jobs: Jobs,
) -> None:
    ids = [f"j{n:03}" for n in range(1000)]
    taken = jobs.take(*ids)
    now = jobs.now()
    jobs.redis.zadd(f"{Q}:dead", {f"d{n:05}": now - HOUR + n for n in range(10_300)})
    sizes = []
    for part in (taken[:500], taken[500:999], taken[999:]):
        jobs.fail(*part, verdict="reject")
        sizes.append(jobs.redis.zcard(f"{Q}:dead"))
    assert sizes == [10_200, 10_100, 10_000]
    jobs.redis.flushall()


@reliable
def test_a_dead_job_is_kept_whatever_its_retention(jobs: Jobs) -> None:
    """No entry without a job: the retention of results says nothing about the dead."""
    jobs.fail(*jobs.take("a", retention=0), verdict="reject")
    assert jobs.job("a")["state"] == b"dead"
    assert list(jobs.part("dead")) == ["a"]


@reliable
@pytest.mark.parametrize("field", ["failures", "max_attempts", "backoff"])
def test_a_job_with_a_field_that_is_no_number_fails_with_the_rest(jobs: Jobs, field: str) -> None:
    taken = jobs.take("a", "odd", "b")
    jobs.redis.hset(f"{Q}:job:odd", field, "junk")
    assert jobs.fail(*taken) == ["delayed"] * 3
