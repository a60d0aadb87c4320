"""What calls count in a queue, by minute and task, and what queue/counters reads of that."""

from __future__ import annotations

import time
from typing import Any

import pytest
from support.store import DAY, HOUR, STORED, Jobs, Q, having

from pyjobs.engine.counters import Counted, Counters, read_counters, set_counting
from pyjobs.engine.operate import OPERATOR

MINUTE = 60_000
DAYS = 3 * DAY
TIMES = ("wait", "run", "fail")


def read(jobs: Jobs, **options: Any) -> Counters:
    return jobs.store.call(read_counters(Q, **{"minutes": 3, **options}))  # type: ignore[no-any-return]


def counts(found: Counted) -> dict[str, int]:
    """What is not 0, without the times."""
    return {name: n for name, n in vars(found).items() if name not in TIMES and n}


def total(jobs: Jobs) -> dict[str, int]:
    return counts(read(jobs).total())


def minutes(jobs: Jobs) -> list[bytes]:
    return sorted(jobs.redis.keys(f"{Q}:counters:*"))


# --- what is counted ---


@having("complete")
def test_a_submit_a_claim_and_a_complete_count_their_jobs_once(jobs: Jobs) -> None:
    jobs.complete(*jobs.take("a", "b", "c"))
    assert total(jobs) == {"submitted": 3, "claimed": 3, "done": 3}


@having("complete")
def test_counters_tell_tasks_and_bare_jobs_apart(jobs: Jobs) -> None:
    jobs.submit("a", "b", task="mail.send")
    jobs.submit("c")
    jobs.submit("d", task="thumbs", client="me")
    jobs.complete(*jobs.claim().jobs)
    found = {task: counts(one) for task, one in read(jobs).tasks().items()}
    assert found == {
        "": {"submitted": 1, "claimed": 1, "done": 1},
        "mail.send": {"submitted": 2, "claimed": 2, "done": 2},
        "thumbs": {"submitted": 1, "claimed": 1, "done": 1},
    }


@having("fail")
def test_a_failed_run_counts_and_what_follows_too(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("a", "b"), verdict="retry")
    jobs.fail(*jobs.take("c"), verdict="reject")
    after = {"retried": 2, "dead": 1} if jobs.mode.leases else {}
    assert total(jobs) == {"submitted": 3, "claimed": 3, "failed": 3, **after}


@having("release")
def test_a_snooze_a_release_and_an_unknown_task_count_as_no_failure(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("a"), verdict="snooze=1000")
    jobs.fail(*jobs.take("b"), verdict="continue=1000", error=b"page 4")
    jobs.release(*jobs.take("c"), unknown=True)
    jobs.release(*jobs.take("d"))
    assert total(jobs) == {"submitted": 4, "claimed": 4, "snoozed": 2, "released": 2}


@having("release")
@pytest.mark.parametrize("unknown", [False, True])
def test_a_job_that_was_handed_back_counts_its_wait_once(jobs: Jobs, unknown: bool) -> None:
    (job,) = jobs.take("a")
    for _ in range(2):
        jobs.release(job, unknown=unknown)
        jobs.store.age(2 * HOUR)
        (job,) = jobs.claim().jobs
        assert job.attempt == 1
    found = read(jobs).total()
    assert (found.claimed, found.wait.count) == (3, 1)


@having("reap")
def test_a_lost_run_counts_as_crashed(jobs: Jobs) -> None:
    taken = jobs.take("a", "b", task="mail.send")
    jobs.lose(*taken)
    assert counts(read(jobs).tasks()["mail.send"]) == {"submitted": 2, "claimed": 4, "crashed": 2}


@having("reap", ["reliable"])
def test_a_job_that_crashed_too_often_counts_as_dead(jobs: Jobs) -> None:
    jobs.take("a")
    jobs.store.age(2 * HOUR)
    jobs.reap(max_crashes=1)
    assert total(jobs) == {"submitted": 1, "claimed": 1, "crashed": 1, "dead": 1}


@having("claim", ["reliable"])
def test_a_claim_counts_the_leases_that_it_finds_over(jobs: Jobs) -> None:
    jobs.take("a")
    jobs.store.age(2 * HOUR)
    jobs.claim()
    assert total(jobs) == {"submitted": 1, "claimed": 2, "crashed": 1}


@having("cancel")
def test_cancelled_purged_deleted_and_expired_jobs_count_once(jobs: Jobs) -> None:
    jobs.submit("a", "b", "c")
    jobs.submit("d", expires=1)
    jobs.store.call(jobs.mode.cancel(Q, ["a"]))  # type: ignore[attr-defined]
    jobs.store.call(OPERATOR.delete(Q, ["b"]))
    time.sleep(0.002)
    jobs.claim(1)
    jobs.claim(1)
    jobs.submit("e")
    jobs.store.call(OPERATOR.purge(Q, "pending"))
    assert total(jobs) == {"submitted": 5, "claimed": 1, "cancelled": 3, "expired": 1}


@having("submit", ["simple"])
def test_a_purge_counts_the_messages_of_a_simple_queue(jobs: Jobs) -> None:
    jobs.submit("a", "b", task="mail.send")
    jobs.store.call(OPERATOR.purge(Q, "pending"))
    assert counts(read(jobs).tasks()["mail.send"]) == {"submitted": 2, "cancelled": 2}


@having("requeue")
def test_a_requeue_counts_and_its_next_claim_has_no_wait(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("a"), verdict="reject")
    waits = read(jobs).total().wait
    jobs.store.call(jobs.mode.requeue(Q, ["a"]))  # type: ignore[attr-defined]
    jobs.claim()
    dead = {"dead": 1} if jobs.mode.leases else {}
    assert total(jobs) == {"submitted": 1, "claimed": 2, "failed": 1, "requeued": 1, **dead}
    assert read(jobs).total().wait == waits


@having("schedule")
def test_a_job_of_a_schedule_counts_as_submitted(jobs: Jobs) -> None:
    jobs.schedule("nightly", every=HOUR, task="mail.send")
    jobs.redis.zadd(f"{Q}:schedules", {"nightly": jobs.now() - 1})
    jobs.redis.hset(f"{Q}:meta", "scheduled", jobs.now() - 1)
    jobs.claim()
    assert counts(read(jobs).tasks()["mail.send"]) == {"submitted": 1, "claimed": 1}


# --- times ---


@having("submit", STORED)
def test_waits_are_counted_below_the_next_power_of_two_and_added_up(jobs: Jobs) -> None:
    for id, waited in (("a", 5000), ("b", 40_000), ("c", 5000)):
        jobs.submit(id)
        jobs.redis.hset(f"{Q}:job:{id}", "_queued", jobs.now() - waited)
    jobs.claim()
    found = read(jobs).total().wait
    assert (found.count, found.bounds) == (3, {8192: 2, 65536: 1})
    assert found.total == pytest.approx(50_500, abs=600)


@having("complete", STORED)
def test_a_run_is_counted_from_its_claim_to_its_end(jobs: Jobs) -> None:
    done, failed = jobs.take("a", "b")
    for job, ran in ((done, 10_000), (failed, 100_000)):
        jobs.redis.hset(f"{Q}:job:{job.id}", "_started", jobs.now() - ran)
    jobs.complete(done)
    jobs.fail(failed)
    found = read(jobs).total()
    assert found.run.bounds == {16384: 1}
    assert found.fail.bounds == {131072: 1}
    assert found.run.total == pytest.approx(10_400, abs=500)
    assert found.fail.total == pytest.approx(100_400, abs=500)


@having("submit", STORED)
def test_a_job_that_was_delayed_or_ran_before_is_claimed_and_has_no_wait(jobs: Jobs) -> None:
    jobs.submit("later", delay=HOUR)
    jobs.store.age(2 * HOUR)
    jobs.lose(*jobs.claim().jobs)
    found = read(jobs).total()
    assert (found.claimed, found.wait.count) == (2, 0)


@having("submit")
def test_a_clock_that_stepped_back_makes_no_negative_time(jobs: Jobs) -> None:
    jobs.submit("a")
    if jobs.mode.stores:
        jobs.redis.hset(f"{Q}:job:a", "_queued", jobs.now() + HOUR)
    jobs.complete(*jobs.claim().jobs)
    assert read(jobs).total().wait.bounds.keys() <= {1, 2, 4, 8, 16, 32, 64, 128, 256}


# --- repeated calls ---


@having("submit", STORED)
def test_a_repeated_call_counts_nothing(jobs: Jobs) -> None:
    call = jobs.claim_call(nonce="same")
    jobs.submit("a", "b")
    taken = jobs.store.call(call).jobs
    with jobs.store.unchanged():
        jobs.submit("a", "b")
        assert len(jobs.store.call(call).jobs) == 2
    jobs.complete(taken[0])
    jobs.fail(taken[1])
    with jobs.store.unchanged():
        assert jobs.complete(*taken) == ["repeat", "repeat"]
        assert jobs.fail(*taken) == ["repeat", "repeat"]


@having("submit", STORED)
def test_an_id_twice_in_a_call_counts_once(jobs: Jobs) -> None:
    jobs.submit("a", "a")
    (job,) = jobs.claim().jobs
    jobs.complete(job, job)
    assert total(jobs) == {"submitted": 1, "claimed": 1, "done": 1}


# --- bounds ---


@having("submit", ["simple"])
def test_a_number_with_more_digits_than_lua_counts_exactly_is_read_right(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.redis.hset(minutes(jobs)[0], "run<8", 3_000_001 * 10**12 + 3_000_001 * 512)
    found = read(jobs).total().run
    assert (found.count, found.total) == (3_000_001, 12_000_004)


@having("submit")
def test_counters_go_after_three_days(jobs: Jobs) -> None:
    jobs.submit("a", task="mail.send")
    keys = [*minutes(jobs), f"{Q}:counters".encode()]
    assert len(keys) == 2
    for key in keys:
        assert DAYS - 5000 <= jobs.redis.pttl(key) <= DAYS


@having("submit", ["simple"])
def test_tasks_beyond_the_first_hundred_are_counted_together(jobs: Jobs) -> None:
    for n in range(103):
        jobs.submit("a", task=f"task-{n}")
    jobs.submit("b", task="task-0")
    found = {task: one.submitted for task, one in read(jobs).tasks().items()}
    assert len(found) == 101
    assert found["~"] == 3
    assert found["task-0"] == 2
    assert "task-100" not in found
    assert jobs.redis.zcard(f"{Q}:counters") == 101
    assert len(minutes(jobs)) in (101, 102, 103)  # when the minute ends meanwhile


@having("submit", ["simple"])
def test_a_task_takes_the_place_of_one_that_was_not_counted_for_three_days(jobs: Jobs) -> None:
    long_ago = jobs.now() // MINUTE - 4321
    jobs.redis.zadd(f"{Q}:counters", {f"task-{n}": long_ago for n in range(100)})
    jobs.submit("a", task="mail.send")
    assert read(jobs).tasks()["mail.send"].submitted == 1
    assert jobs.redis.zrange(f"{Q}:counters", 0, -1) == [b"mail.send"]


@having("submit", ["reliable"])
def test_a_counter_key_of_a_wrong_type_stops_no_call(jobs: Jobs) -> None:
    now = jobs.now() // MINUTE
    for minute in (now, now + 1):
        jobs.redis.set(f"{Q}:counters:{minute}:", "not a hash", ex=60)
    jobs.redis.set(f"{Q}:counters", "no set", ex=60)
    assert jobs.complete(*jobs.take("a")) == ["done"]


# --- reading ---


@having("submit", ["simple"])
def test_minutes_are_added_up_or_come_one_by_one_the_latest_first(jobs: Jobs) -> None:
    now = jobs.now() // MINUTE
    for ago, n in ((0, 1), (1, 2), (2, 4)):
        jobs.redis.hset(f"{Q}:counters:{now - ago}:", "submitted", n)
        jobs.redis.expire(f"{Q}:counters:{now - ago}:", 60)
    jobs.redis.zadd(f"{Q}:counters", {"": now})
    jobs.redis.expire(f"{Q}:counters", 60)
    found = read(jobs, minutes=10)
    assert (found.minutes, found.total().submitted) == (10, 7)
    assert 9 * MINUTE <= found.span <= 10 * MINUTE
    rows = read(jobs, minutes=10, each=True).rows
    assert [(row.minute // MINUTE, row.value) for row in rows] == [
        (now, 1),
        (now - 1, 2),
        (now - 2, 4),
    ]
    before = read(jobs, skip=jobs.now() // MINUTE - now + 1, minutes=1)
    assert (before.total().submitted, before.span) == (2, MINUTE)


@having("submit", ["simple"])
def test_a_call_reads_five_hundred_minutes_of_tasks_at_most_and_says_how_many(jobs: Jobs) -> None:
    now = jobs.now() // MINUTE
    jobs.redis.zadd(f"{Q}:counters", {f"task-{n}": now for n in range(100)})
    jobs.redis.expire(f"{Q}:counters", 60)
    assert read(jobs, minutes=60).minutes == 5
    assert read(jobs, minutes=2).minutes == 2


@having("submit")
def test_a_queue_that_was_told_not_to_count_counts_nothing_and_says_so(jobs: Jobs) -> None:
    assert jobs.store.call(set_counting(Q, False)) is True
    assert jobs.store.call(set_counting(Q, False)) is False
    jobs.complete(*jobs.take("a"))
    found = read(jobs)
    assert (found.counting, found.rows) == (False, [])
    assert minutes(jobs) == []
    assert jobs.store.call(set_counting(Q, True)) is True
    jobs.submit("b")
    assert read(jobs).counting
    assert total(jobs) == {"submitted": 1}


@having("submit")
def test_reading_counters_changes_nothing(jobs: Jobs) -> None:
    jobs.submit("a")
    with jobs.store.unchanged():
        read(jobs, minutes=60)
