"""What calls write of the events of a queue, and what queue/events reads of that."""

from __future__ import annotations

import pytest
from support.monitor import commands_of
from support.servers import REAL_SERVER_PLACES, SOCKET_PLACES, at
from support.store import HOUR, STORED, Jobs, Q, Store, having

from pyjobs.engine import (
    EVENTS,
    OPERATOR,
    RELIABLE,
    EventPage,
    keep_events,
    read_events,
    receive_jobs,
    send_jobs,
    set_counting,
    settle_jobs,
)
from pyjobs.engine.schedule import run_schedules
from pyjobs.errors import BadArgument

Seen = tuple[str, str, int]


def read(jobs: Jobs, after: str = "", limit: int = 1000, newest: bool = False) -> EventPage:
    return jobs.store.call(read_events(Q, after=after, limit=limit, newest=newest))  # type: ignore[no-any-return]


def keep(jobs: Jobs, number: int = 1000) -> bool:
    return jobs.store.call(keep_events(Q, number))  # type: ignore[no-any-return]


def seen(jobs: Jobs) -> list[Seen]:
    """What happened, to which job, in which attempt."""
    return [(event.event, event.id, event.attempt) for event in read(jobs).events]


# --- what is written ---


@having("submit")
def test_a_queue_keeps_no_events_until_it_is_told_to(jobs: Jobs) -> None:
    jobs.submit("a")
    assert read(jobs) == EventPage(0, False, [])
    assert not jobs.redis.exists(f"{Q}:events")


@having("complete")
def test_a_life_is_a_submit_a_claim_and_an_end(jobs: Jobs) -> None:
    assert keep(jobs)
    before = jobs.now()
    jobs.complete(*jobs.take("a", "b", task="mail.send"))
    page = read(jobs)
    assert (page.kept, page.lost) == (1000, False)
    assert [(event.event, event.id, event.attempt) for event in page.events] == [
        ("submitted", "a", 0),
        ("submitted", "b", 0),
        ("claimed", "a", 1),
        ("claimed", "b", 1),
        ("done", "a", 1),
        ("done", "b", 1),
    ]
    assert {event.task for event in page.events} == {"mail.send"}
    assert all(before - 1000 <= event.at <= jobs.now() + 1000 for event in page.events)
    assert {event.event for event in page.events} <= {*EVENTS}


@having("fail")
def test_failures_say_what_becomes_of_the_job_and_in_which_attempt(jobs: Jobs) -> None:
    keep(jobs)
    jobs.fail(*jobs.take("a"), verdict="retry")
    if not jobs.mode.leases:
        assert seen(jobs)[2:] == [("failed", "a", 1)]
        return
    jobs.store.age(HOUR)
    jobs.fail(*jobs.claim().jobs, verdict="snooze=0")
    jobs.fail(*jobs.claim().jobs, verdict="reject")
    assert seen(jobs)[1:] == [
        ("claimed", "a", 1),
        ("retried", "a", 1),
        ("claimed", "a", 2),
        ("snoozed", "a", 2),
        ("claimed", "a", 2),
        ("dead", "a", 2),
    ]
    assert read(jobs).events[-1].reason == "rejected"


@having("reap")
def test_a_lease_that_ran_out_is_a_crash_and_at_last_the_death(jobs: Jobs) -> None:
    keep(jobs)
    jobs.lose(*jobs.take("a"))
    wanted = [("submitted", "a", 0), ("claimed", "a", 1), ("crashed", "a", 1), ("claimed", "a", 2)]
    assert seen(jobs) == wanted
    if jobs.mode.leases:
        jobs.store.age(2 * HOUR)
        jobs.reap(max_crashes=2)
        assert seen(jobs)[4:] == [("dead", "a", 2)]
        assert read(jobs).events[-1].reason == "crashed"


@having("release")
def test_a_hand_back_ends_a_run_that_does_not_count(jobs: Jobs) -> None:
    keep(jobs)
    jobs.release(*jobs.take("a"))
    jobs.release(*jobs.claim().jobs, unknown=True)
    assert seen(jobs)[1:] == [("claimed", "a", 1), ("released", "a", 1)] * 2


@having("cancel")
def test_ends_by_others_have_an_event_each(jobs: Jobs) -> None:
    keep(jobs)
    jobs.take("runs")
    jobs.submit("late", expires=HOUR)
    jobs.submit("waits", "gone")
    jobs.redis.hset(f"{Q}:job:late", "expires", 1)
    jobs.store.call(jobs.mode.cancel(Q, ["runs"]))  # type: ignore[union-attr]
    jobs.claim(1)
    jobs.store.call(OPERATOR.delete(Q, ["gone"]))
    jobs.submit("more")
    jobs.store.call(OPERATOR.purge(Q, "pending", limit=100))
    ends = [one for one in seen(jobs) if one[0] not in ("submitted", "claimed")]
    assert ends == [("cancelled", "runs", 1), ("expired", "late", 0), ("cancelled", "gone", 0),
                    ("cancelled", "more", 0)]  # fmt: skip


@having("requeue")
def test_another_life_begins_with_an_event(jobs: Jobs) -> None:
    keep(jobs)
    jobs.fail(*jobs.take("a"), verdict="reject")
    jobs.store.call(jobs.mode.requeue(Q, ["a"]))  # type: ignore[union-attr]
    jobs.claim()
    assert seen(jobs)[3:] == [("requeued", "a", 0), ("claimed", "a", 1)]


@having("schedule")
def test_a_job_of_a_schedule_is_submitted_by_its_claim_or_by_hand(jobs: Jobs) -> None:
    keep(jobs)
    jobs.schedule("tick", every=HOUR, task="mail.send")
    jobs.store.call(run_schedules(Q, [("tick", "by-hand")]))
    assert seen(jobs) == [("submitted", "by-hand", 0)]
    jobs.redis.zadd(f"{Q}:schedules", {"tick": jobs.now() - 1})
    jobs.redis.hset(f"{Q}:meta", "scheduled", 1)
    jobs.claim()
    assert [one[0] for one in seen(jobs)] == ["submitted", "submitted", "claimed", "claimed"]


@having("submit", ["simple"])
def test_a_purge_of_simple_jobs_has_events(jobs: Jobs) -> None:
    keep(jobs)
    jobs.submit("a")
    jobs.store.call(OPERATOR.purge(Q, "pending", limit=100))
    assert seen(jobs) == [("submitted", "a", 0), ("cancelled", "a", 0)]


@having("submit")
def test_a_pause_and_a_resume_have_events_without_a_job(jobs: Jobs) -> None:
    keep(jobs)
    for call in (OPERATOR.pause(Q), OPERATOR.resume(Q), OPERATOR.resume(Q)):
        jobs.store.call(call)
    assert seen(jobs) == [("paused", "", 0), ("resumed", "", 0)]


@having("submit", STORED)
def test_a_move_has_events_in_both_queues(jobs: Jobs) -> None:
    keep(jobs)
    jobs.submit("a", "b", task="mail.send")
    other = "jobs:{other}"
    jobs.store.call(keep_events(other, 1000))
    a, b = jobs.store.call(send_jobs(Q, ["a", "b"], to="other", nonce="n")).jobs
    assert jobs.store.call(receive_jobs(other, jobs.mode.name, [a])) == ["received"]
    words = [(a.id, a.move, "received"), (b.id, b.move, "CONFLICT")]
    assert jobs.store.call(settle_jobs(Q, words)) == ["moved", "kept"]
    pages = [jobs.store.call(read_events(queue)) for queue in (Q, other)]
    left, arrived = [[one[2:] for one in page.events] for page in pages]
    assert left[2:] == [
        ("moved", "a", "mail.send", 0, "other"),
        ("moved", "b", "mail.send", 0, "other"),
        ("returned", "b", "mail.send", 0, ""),
    ]
    assert arrived == [("received", "a", "mail.send", 0, "")]


@having("claim", STORED)
def test_a_repeated_call_has_no_event(jobs: Jobs) -> None:
    keep(jobs)
    jobs.submit("a")
    jobs.submit("a")
    for _ in range(2):
        (job,) = jobs.claim(nonce="n").jobs
    for _ in range(2):
        jobs.complete(job)
    assert [one[0] for one in seen(jobs)] == ["submitted", "claimed", "done"]


@having("complete", STORED)
def test_a_job_whose_outcome_is_not_kept_has_its_end_too(jobs: Jobs) -> None:
    keep(jobs)
    jobs.complete(*jobs.take("a", retention=0))
    assert seen(jobs)[-1] == ("done", "a", 1)


# --- how many are kept ---


@having("submit")
def test_about_as_many_events_are_kept_as_the_queue_was_told(jobs: Jobs) -> None:
    keep(jobs, 100)
    for part in range(10):
        jobs.submit(*(f"{part}.{n}" for n in range(50)))
    assert 100 <= jobs.redis.xlen(f"{Q}:events") <= 250
    assert read(jobs).events[-1].id == "9.49"


@having("submit")
def test_switching_off_forgets_the_events(jobs: Jobs) -> None:
    assert (keep(jobs), keep(jobs)) == (True, False)
    jobs.submit("a")
    assert (keep(jobs, 0), keep(jobs, 0)) == (True, False)
    assert not jobs.redis.exists(f"{Q}:events")
    jobs.submit("b")
    assert read(jobs) == EventPage(0, False, [])


@having("submit")
def test_counters_and_events_are_switched_apart(jobs: Jobs) -> None:
    keep(jobs)
    jobs.store.call(set_counting(Q, False))
    jobs.submit("a")
    assert (jobs.redis.keys(f"{Q}:counters*"), len(seen(jobs))) == ([], 1)
    keep(jobs, 0)
    jobs.submit("b")
    assert jobs.redis.keys(f"{Q}:counters*") == []
    keep(jobs)
    jobs.store.call(set_counting(Q, True))
    jobs.submit("c")
    assert (len(jobs.redis.keys(f"{Q}:counters:*")), len(seen(jobs))) == (1, 1)


@at(REAL_SERVER_PLACES)
@having("submit")
def test_a_queue_without_events_runs_no_command_for_them(store: Store, jobs: Jobs) -> None:
    jobs.submit("a")
    plain = commands_of(store, jobs.mode.submit(Q, [("b", b"1")]))
    keep(jobs)
    with_events = commands_of(store, jobs.mode.submit(Q, [("c", b"1")]))
    assert not any(b"events" in word for words in plain for word in words)
    assert {words[0] for words in plain} == {words[0] for words in with_events} - {b"XADD"}
    # No call reads more to know it.
    looks = [[len(one) for one in all if one[0] == b"HMGET"] for all in (plain, with_events)]
    assert looks[0] == looks[1]


@having("submit")
def test_a_stream_that_can_not_be_written_stops_no_call(jobs: Jobs) -> None:
    keep(jobs)
    jobs.redis.set(f"{Q}:events", "no stream")
    jobs.submit("a")
    assert [job.id for job in jobs.claim().jobs] == ["a"]


# --- reading ---


@having("submit", ["reliable"])
def test_events_are_read_in_pages_from_either_end(jobs: Jobs) -> None:
    keep(jobs)
    jobs.submit(*(f"{n}" for n in range(5)))
    first = read(jobs, limit=2).events
    assert [event.id for event in first] == ["0", "1"]
    assert [event.id for event in read(jobs, after=first[-1].entry).events] == ["2", "3", "4"]
    assert [event.id for event in read(jobs, limit=2, newest=True).events] == ["3", "4"]
    newest = read(jobs, after=first[-1].entry, limit=100, newest=True)
    assert [event.id for event in newest.events] == ["2", "3", "4"]
    assert not newest.lost


@having("submit", ["reliable"])
def test_a_reader_whose_last_event_is_gone_hears_that(jobs: Jobs) -> None:
    keep(jobs)
    jobs.submit("a", "b", "c")
    first, second, third = read(jobs).events
    jobs.redis.xtrim(f"{Q}:events", maxlen=1, approximate=False)
    assert not read(jobs, after=third.entry).lost
    assert read(jobs, after=first.entry) == EventPage(1000, True, [third])
    assert read(jobs, after=second.entry).lost


@having("submit", ["reliable"])
@pytest.mark.parametrize("after", ["x", "1", "1-", "-1", "1-2-3", "9" * 16 + "-0", "0-" + "9" * 16])
def test_what_is_no_name_of_an_event_is_refused(jobs: Jobs, after: str) -> None:
    with pytest.raises(BadArgument, match="not the name of an event"):
        read(jobs, after=after)


@having("submit", ["reliable"])
def test_entries_that_no_script_wrote_are_left_out(jobs: Jobs) -> None:
    keep(jobs)
    jobs.redis.xadd(f"{Q}:events", {"foo": "bar"})
    jobs.redis.xadd(f"{Q}:events", {"event": "odd"})
    assert [event[2:] for event in read(jobs).events] == [("odd", "", "", 0, "")]


@at(SOCKET_PLACES)
def test_events_beyond_the_bounds_are_refused(store: Store) -> None:
    jobs = Jobs(store, RELIABLE)
    for number in (-1, 1_000_001):
        with pytest.raises(BadArgument, match="events"):
            keep(jobs, number)
