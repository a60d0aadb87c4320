"""Schedules: which jobs claims make, and when. Time passes by the keys."""

from __future__ import annotations

from typing import Any

import pytest
from support.store import HOUR, STORED, Jobs, Q, having

from pyjobs.engine.schedule import (
    pause_schedules,
    refill_schedules,
    remove_schedules,
    resume_schedules,
    run_schedules,
)
from pyjobs.errors import BadArgument

stored = having("schedule", STORED)
MINUTE = 60_000
NEVER = 9_999_999_999_999


def pass_time(jobs: Jobs, ms: int) -> None:
    """So long nobody calls: as if Redis's clock were that much further.

    Moments move, and the ids of jobs do not. So a test lets different times pass: else one moment
    would stand where another one has been.
    """
    for name, moment in jobs.redis.zrange(f"{Q}:schedules", 0, -1, withscores=True):
        key = f"{Q}:schedule:{name.decode()}"
        for field in ("moments", "last", "ran", "next"):
            if text := jobs.redis.hget(key, field):
                moved = " ".join(str(int(word) - ms) for word in text.split())
                jobs.redis.hset(key, field, moved)
        if moment < NEVER:
            jobs.redis.zadd(f"{Q}:schedules", {name: moment - ms})
    if first := jobs.redis.hget(f"{Q}:meta", "scheduled"):
        jobs.redis.hset(f"{Q}:meta", "scheduled", int(first) - ms)


def claimed(jobs: Jobs, limit: int = 1000) -> list[str]:
    return [job.id for job in jobs.claim(limit).jobs]


def moments(jobs: Jobs, *offsets: int) -> list[int]:
    now = jobs.now()
    return [now + offset for offset in offsets]


@stored
def test_a_claim_makes_the_job_of_a_moment_once_it_has_come(jobs: Jobs) -> None:
    made = jobs.schedule("report", data=b"payload", every=HOUR)
    assert made.outcome == "new"
    assert claimed(jobs) == []
    pass_time(jobs, HOUR)
    [job] = jobs.claim().jobs
    assert (job.id, job.data) == (f"report:{made.next - HOUR}", b"payload")
    assert claimed(jobs) == []


@stored
def test_an_idle_claim_says_to_come_again_at_the_next_moment(jobs: Jobs) -> None:
    jobs.schedule("report", every=HOUR)
    assert HOUR - 5000 < jobs.claim().wait <= HOUR


def takes_token(jobs: Jobs) -> bool:
    return jobs.redis.delete(f"{Q}:wake") == 1


@stored
def test_a_first_moment_that_comes_nearer_leaves_a_wake_token_and_no_other_does(
    jobs: Jobs,
) -> None:
    """An idle worker waits for the first moment that its claim has read, or for half a minute."""
    version = jobs.schedule("some", moments=moments(jobs, 4 * HOUR)).version
    assert takes_token(jobs)
    jobs.schedule("each", every=2 * HOUR)
    assert takes_token(jobs)
    jobs.schedule("each", every=2 * HOUR)
    jobs.schedule("later", every=3 * HOUR)
    assert not takes_token(jobs)
    jobs.store.call(refill_schedules(Q, [("some", version, moments(jobs, 5 * HOUR))]))
    assert not takes_token(jobs)
    jobs.redis.hset(f"{Q}:schedule:some", "moments", "")
    jobs.store.call(refill_schedules(Q, [("some", version, moments(jobs, HOUR))]))
    assert takes_token(jobs)
    jobs.store.call(pause_schedules(Q, ["some"]))
    assert not takes_token(jobs)
    jobs.store.call(resume_schedules(Q, ["some"]))
    assert takes_token(jobs)
    jobs.store.call(resume_schedules(Q, ["some"]))
    assert not takes_token(jobs)


@stored
def test_the_first_moment_may_be_given(jobs: Jobs) -> None:
    [at] = moments(jobs, 5 * MINUTE)
    assert jobs.schedule("report", every=HOUR, at=at).next == at


@stored
@pytest.mark.parametrize(("missed", "made"), [("all", 3), ("last", 1), ("skip", 0)])
@pytest.mark.parametrize("stores", [False, True], ids=["every", "moments"])
def test_missed_says_which_of_the_moments_of_an_idle_time_make_a_job(
    jobs: Jobs, missed: str, made: int, stores: bool
) -> None:
    hours = moments(jobs, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR)
    when: dict[str, Any] = {"moments": hours} if stores else {"every": HOUR, "at": hours[0]}
    jobs.schedule("report", missed=missed, late=MINUTE, **when)
    pass_time(jobs, 3 * HOUR + 2 * MINUTE)
    due = [moment - 3 * HOUR - 2 * MINUTE for moment in hours[:3]]
    assert claimed(jobs) == [f"report:{moment}" for moment in due[3 - made :]]
    assert jobs.schedules()["report"].next == hours[3] - 3 * HOUR - 2 * MINUTE


@stored
def test_a_moment_that_is_not_later_than_late_makes_a_job_where_missed_ones_are_skipped(
    jobs: Jobs,
) -> None:
    jobs.schedule("report", missed="skip", late=MINUTE, every=HOUR)
    pass_time(jobs, HOUR + MINUTE // 2)
    assert len(claimed(jobs)) == 1


@stored
def test_more_missed_moments_than_one_claim_makes_are_made_by_the_next_ones(jobs: Jobs) -> None:
    jobs.schedule("report", missed="all", every=MINUTE)
    pass_time(jobs, 250 * MINUTE)
    assert [len(claimed(jobs)) for _ in range(4)] == [100, 100, 50, 0]
    jobs.schedule("other", missed="all", every=MINUTE)
    pass_time(jobs, 250 * MINUTE + 1)
    ids = [id for _ in range(6) for id in claimed(jobs)]
    assert len(ids) == len(set(ids)) == 500


@stored
def test_stored_moments_run_out_and_the_schedule_says_so(jobs: Jobs) -> None:
    jobs.schedule("report", moments=moments(jobs, MINUTE))
    pass_time(jobs, MINUTE)
    assert len(claimed(jobs)) == 1
    schedule = jobs.schedules()["report"]
    assert (schedule.next, schedule.left, len(schedule.ran)) == (0, 0, 1)
    assert jobs.claim().wait == -1 or jobs.mode.leases


@stored
def test_further_moments_are_added_once_and_in_order(jobs: Jobs) -> None:
    first, second, third = moments(jobs, MINUTE, 2 * MINUTE, 3 * MINUTE)
    version = jobs.schedule("report", moments=[first, second]).version
    refill = refill_schedules(Q, [("report", version, [second, third])])
    assert jobs.store.call(refill) == ["refilled"]
    assert jobs.store.call(refill) == ["refilled"]
    assert jobs.schedules()["report"].left == 3


@stored
def test_moments_that_have_made_jobs_are_not_added_again(jobs: Jobs) -> None:
    given = moments(jobs, MINUTE, 2 * MINUTE)
    version = jobs.schedule("report", moments=given, missed="all").version
    pass_time(jobs, 3 * MINUTE)
    assert len(claimed(jobs)) == 2
    late = [moment - 3 * MINUTE for moment in given]
    jobs.store.call(refill_schedules(Q, [("report", version, late)]))
    assert jobs.schedules()["report"].left == 0
    assert claimed(jobs) == []


@stored
def test_moments_of_an_older_version_are_stale(jobs: Jobs) -> None:
    given = moments(jobs, MINUTE, 2 * MINUTE)
    version = jobs.schedule("report", moments=given[:1]).version
    jobs.schedule("report", data=b"other", moments=given[:1])
    refills = [("report", version, given), ("none", 1, given)]
    assert jobs.store.call(refill_schedules(Q, refills)) == ["stale", "NOSCHEDULE"]


@stored
def test_a_schedule_that_is_made_again_is_the_same_and_keeps_its_moment(jobs: Jobs) -> None:
    made = jobs.schedule("report", every=HOUR, timeout=5)
    pass_time(jobs, MINUTE)
    again = jobs.schedule("report", every=HOUR, timeout=5)
    assert again == ("same", made.next - MINUTE, 1)


@stored
@pytest.mark.parametrize(
    "other",
    [{"data": b"other"}, {"every": 2 * HOUR}, {"timeout": 6}, {"timeout": None}, {"missed": "all"}],
    ids=str,
)
def test_a_schedule_that_is_made_otherwise_is_changed(jobs: Jobs, other: dict[str, Any]) -> None:
    first: dict[str, Any] = {"every": HOUR, "timeout": 5}
    jobs.schedule("report", **first)
    changed = jobs.schedule("report", **{**first, **other})
    assert changed.outcome == "changed"
    assert changed.version == 2
    assert jobs.schedule("report", **{**first, **other}).outcome == "same"


@stored
def test_a_change_forgets_the_moments_of_the_former_definition(jobs: Jobs) -> None:
    first, second = moments(jobs, MINUTE, 2 * MINUTE)
    jobs.schedule("report", moments=[first], cron="a")
    assert jobs.schedule("report", moments=[second], cron="b").next == second
    assert jobs.schedules()["report"].left == 1


@stored
def test_the_jobs_of_a_schedule_get_its_options(jobs: Jobs) -> None:
    jobs.schedule(
        "report",
        every=HOUR,
        timeout=5000,
        retention=7000,
        expires=MINUTE,
        unique="key",
        task="report",
    )
    pass_time(jobs, HOUR)
    [job] = jobs.claim().jobs
    assert (job.timeout, job.task) == (5000, "report")
    fields = jobs.job(job.id)
    assert (fields["retention"], fields["unique"]) == (b"7000", b"key")
    jobs.complete(job)
    assert 0 < jobs.ttl(job.id) <= 7000


@stored
def test_a_moment_makes_no_job_while_a_live_job_holds_the_unique_key(jobs: Jobs) -> None:
    jobs.schedule("report", every=HOUR, unique="key")
    pass_time(jobs, HOUR)
    [job] = jobs.claim().jobs
    pass_time(jobs, HOUR + 1)
    assert claimed(jobs) == []
    jobs.complete(job)
    pass_time(jobs, HOUR + 2)
    assert len(claimed(jobs)) == 1


@stored
def test_a_paused_schedule_makes_no_jobs_and_none_of_the_pause_when_it_is_resumed(
    jobs: Jobs,
) -> None:
    jobs.schedule("each", every=HOUR, missed="all")
    given = moments(jobs, HOUR, 2 * HOUR, 4 * HOUR)
    jobs.schedule("some", moments=given, missed="all")
    pause = pause_schedules(Q, ["each", "some", "none"])
    assert jobs.store.call(pause) == ["paused", "paused", "NOSCHEDULE"]
    assert jobs.store.call(pause) == ["paused", "paused", "NOSCHEDULE"]
    pass_time(jobs, 2 * HOUR + MINUTE)
    assert claimed(jobs) == []
    resume = resume_schedules(Q, ["each", "some", "none"])
    assert jobs.store.call(resume) == ["resumed", "resumed", "NOSCHEDULE"]
    assert jobs.store.call(resume) == ["running", "running", "NOSCHEDULE"]
    assert claimed(jobs) == []
    pass_time(jobs, HOUR + 1)
    assert [id.partition(":")[0] for id in claimed(jobs)] == ["each"]
    pass_time(jobs, HOUR + 2)
    assert sorted(id.partition(":")[0] for id in claimed(jobs)) == ["each", "some"]


@stored
def test_a_refill_of_before_a_pause_brings_no_moment_of_the_pause_back(jobs: Jobs) -> None:
    [past] = moments(jobs, -MINUTE)
    version = jobs.schedule("report", moments=moments(jobs, HOUR), missed="all").version
    jobs.store.call(pause_schedules(Q, ["report"]))
    jobs.store.call(resume_schedules(Q, ["report"]))
    jobs.redis.hset(f"{Q}:schedule:report", "moments", "")
    jobs.store.call(refill_schedules(Q, [("report", version, [past])]))
    assert claimed(jobs) == []


@stored
def test_a_paused_schedule_that_is_changed_or_refilled_stays_paused(jobs: Jobs) -> None:
    jobs.schedule("report", every=HOUR)
    jobs.store.call(pause_schedules(Q, ["report"]))
    given = moments(jobs, MINUTE, 2 * MINUTE)
    version = jobs.schedule("report", moments=given[:1]).version
    jobs.store.call(refill_schedules(Q, [("report", version, given)]))
    pass_time(jobs, 3 * MINUTE)
    assert claimed(jobs) == []
    assert jobs.schedules()["report"].paused


@stored
def test_a_schedule_that_is_made_again_while_paused_keeps_its_phase(jobs: Jobs) -> None:
    jobs.schedule("report", every=HOUR)
    next_moment = jobs.schedules()["report"].next
    jobs.store.call(pause_schedules(Q, ["report"]))
    assert jobs.schedule("report", every=HOUR).outcome == "same"
    jobs.store.call(resume_schedules(Q, ["report"]))
    assert jobs.schedules()["report"].next == next_moment


@stored
def test_another_first_moment_changes_a_schedule(jobs: Jobs) -> None:
    first, second = moments(jobs, MINUTE, 2 * HOUR)
    jobs.schedule("report", every=HOUR, at=first)
    changed = jobs.schedule("report", every=HOUR, at=second)
    assert changed[:2] == ("changed", second)


@stored
def test_a_changed_definition_of_the_same_calendar_keeps_moments_that_are_due(jobs: Jobs) -> None:
    jobs.schedule("report", cron="c", zone="z", moments=moments(jobs, MINUTE))
    pass_time(jobs, MINUTE)
    jobs.schedule("report", cron="c", zone="z", moments=moments(jobs, HOUR), data=b"other")
    assert len(claimed(jobs)) == 1


@stored
def test_schedules_are_found_again_after_meta_was_lost(jobs: Jobs) -> None:
    for again in (lambda: None, lambda: jobs.submit("writes-meta", delay=HOUR)):
        jobs.store.redis.flushall()
        jobs.schedule("report", every=HOUR)
        jobs.redis.delete(f"{Q}:meta")
        again()
        assert claimed(jobs) == []
        pass_time(jobs, HOUR)
        assert len(claimed(jobs)) == 1


@stored
def test_a_unique_key_of_another_type_stops_no_other_schedule(jobs: Jobs) -> None:
    jobs.schedule("bad", every=HOUR, unique="key")
    jobs.schedule("good", every=HOUR)
    jobs.redis.rpush(f"{Q}:unique:key", "poison")
    pass_time(jobs, HOUR + MINUTE)
    assert [id.partition(":")[0] for id in claimed(jobs)] == ["good"]
    jobs.redis.delete(f"{Q}:unique:key")


@stored
def test_a_schedule_of_another_type_is_dropped(jobs: Jobs) -> None:
    jobs.schedule("bad", every=HOUR)
    jobs.schedule("good", every=HOUR)
    jobs.redis.delete(f"{Q}:schedule:bad")
    jobs.redis.set(f"{Q}:schedule:bad", "poison")
    past = jobs.now() - HOUR
    jobs.redis.zadd(f"{Q}:schedules", {"bad": past, "good": past})
    jobs.redis.hset(f"{Q}:meta", "scheduled", past)
    assert [id.partition(":")[0] for id in claimed(jobs)] == ["good"]
    assert jobs.schedules().keys() == {"good"}


@stored
def test_large_payloads_of_schedules_are_made_by_several_claims(jobs: Jobs) -> None:
    for n in range(3):
        jobs.schedule(f"report{n}", every=HOUR, data=b"x" * 1_048_576, missed="all")
    pass_time(jobs, 2 * HOUR + MINUTE)
    waiting = 0
    for _ in range(3):
        jobs.claim(1)
        waiting = int(jobs.redis.llen(f"{Q}:pending"))
    assert waiting > 0
    made = len(jobs.redis.keys(f"{Q}:job:report*"))
    assert made == 6


@stored
def test_a_paused_queue_makes_no_jobs_of_schedules(jobs: Jobs) -> None:
    jobs.schedule("report", every=HOUR)
    jobs.redis.hset(f"{Q}:meta", "paused", 9_999_999_999_999)
    pass_time(jobs, HOUR)
    assert claimed(jobs) == []
    assert not jobs.redis.exists(f"{Q}:pending")
    jobs.redis.hdel(f"{Q}:meta", "paused")
    assert len(claimed(jobs)) == 1


@stored
def test_a_removed_schedule_makes_no_jobs(jobs: Jobs) -> None:
    jobs.schedule("report", every=HOUR)
    remove = remove_schedules(Q, ["report", "none"])
    assert jobs.store.call(remove) == ["removed", "NOSCHEDULE"]
    pass_time(jobs, HOUR)
    assert claimed(jobs) == []
    assert jobs.schedules() == {}
    assert not jobs.redis.exists(f"{Q}:schedule:report", f"{Q}:schedules")


@stored
def test_a_schedule_runs_now_once_for_each_name_of_a_run(jobs: Jobs) -> None:
    jobs.schedule("report", every=HOUR)
    run = run_schedules(Q, [("report", "report:now"), ("none", "none:now")])
    assert jobs.store.call(run) == [("report:now", "new"), ("none:now", "NOSCHEDULE")]
    assert jobs.store.call(run)[0] == ("report:now", "pending")
    assert claimed(jobs) == ["report:now"]
    assert jobs.wakes() <= 1


@stored
def test_a_run_of_a_schedule_finds_the_job_that_holds_its_unique_key(jobs: Jobs) -> None:
    jobs.schedule("report", every=HOUR, unique="key")
    jobs.store.call(run_schedules(Q, [("report", "report:one")]))
    assert jobs.store.call(run_schedules(Q, [("report", "report:two")])) == [
        ("report:one", "pending")
    ]


@stored
def test_a_clock_that_steps_back_makes_no_job_twice(jobs: Jobs) -> None:
    jobs.schedule("report", every=HOUR)
    pass_time(jobs, HOUR)
    assert len(claimed(jobs)) == 1
    pass_time(jobs, -2 * HOUR)
    assert claimed(jobs) == []
    again = jobs.schedule("report", every=HOUR)
    assert again.outcome == "same"
    pass_time(jobs, 2 * HOUR)
    assert claimed(jobs) == []


@stored
def test_a_schedule_whose_hash_is_gone_is_dropped(jobs: Jobs) -> None:
    jobs.schedule("report", every=HOUR)
    jobs.schedule("other", every=HOUR)
    jobs.redis.delete(f"{Q}:schedule:report")
    pass_time(jobs, HOUR)
    assert [id.partition(":")[0] for id in claimed(jobs)] == ["other"]
    assert jobs.schedules().keys() == {"other"}


@stored
def test_schedules_are_found_again_after_meta_was_lost_by_the_next_refill(jobs: Jobs) -> None:
    version = jobs.schedule("report", moments=moments(jobs, MINUTE)).version
    jobs.redis.delete(f"{Q}:meta")
    jobs.store.call(refill_schedules(Q, [("report", version, [])]))
    jobs.submit("writes-the-mode", delay=HOUR)
    pass_time(jobs, MINUTE)
    assert len(claimed(jobs)) == 1


@stored
def test_the_latest_moments_that_made_jobs_are_remembered(jobs: Jobs) -> None:
    jobs.schedule("report", every=HOUR, missed="all")
    pass_time(jobs, 12 * HOUR)
    made = claimed(jobs)
    ran = jobs.schedules()["report"].ran
    assert [f"report:{moment}" for moment in ran] == made[-10:]


@stored
@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({}, "every"),
        ({"every": HOUR, "moments": "1"}, "every"),
        ({"moments": "2,1"}, "moments"),
        ({"moments": "1,1"}, "moments"),
        ({"moments": "1,,2"}, "moments"),
        ({"moments": ",".join(map(str, range(1, 66)))}, "moments"),
        ({"every": 999}, "every"),
        ({"every": HOUR, "missed": "some"}, "missed"),
    ],
    ids=str,
)
def test_a_schedule_that_says_no_moments_or_too_many_is_refused(
    jobs: Jobs, options: dict[str, Any], word: str
) -> None:
    with jobs.store.unchanged(), pytest.raises(BadArgument, match=f"{word}:"):
        jobs.schedule("report", **options)


@stored
def test_a_schedule_name_of_101_characters_is_refused_by_every_verb(jobs: Jobs) -> None:
    name = 101 * "x"
    calls = [
        pause_schedules(Q, [name]),
        resume_schedules(Q, [name]),
        remove_schedules(Q, [name]),
        run_schedules(Q, [(name, "a")]),
        refill_schedules(Q, [(name, 1, [])]),
    ]
    for call in calls:
        with jobs.store.unchanged(), pytest.raises(BadArgument, match="schedule: not 1 to 100"):
            jobs.store.call(call)
    with jobs.store.unchanged(), pytest.raises(BadArgument, match="schedule: not 1 to 100"):
        jobs.schedule(name, every=HOUR)
