"""What the reading verbs of operators say of a queue: stats, show, list, explain. None writes."""

from __future__ import annotations

from typing import Any

import pytest
from support.store import DAY, HOUR, QUARANTINE, STORED, Jobs, Q, Store, having

from pyjobs.engine.modes import Mode
from pyjobs.engine.operate import OPERATOR
from pyjobs.engine.views import ListedJob
from pyjobs.errors import BadArgument

every_mode = having("submit")
every_stored = having("submit", STORED)
reliable = having("extend")


@pytest.fixture
def jobs(store: Store, mode: Mode) -> Jobs:
    """The verbs of a mode on the queue q, which the reading verbs leave as it is."""
    return Jobs(store, mode)


def look(jobs: Jobs, call: Any) -> Any:
    """The reply of a call that must not change any key."""
    with jobs.store.unchanged():
        return jobs.store.call(call)


def rows(jobs: Jobs, place: Any, **options: Any) -> list[ListedJob]:
    return list(look(jobs, OPERATOR.list_jobs(Q, place, **options)).jobs)


def ids(jobs: Jobs, place: Any, **options: Any) -> list[str]:
    return [job.id for job in rows(jobs, place, **options)]


def explained(jobs: Jobs, id: str) -> str:
    """The code; the sentence must be there."""
    found = look(jobs, OPERATOR.explain(Q, id))
    assert found.sentence
    return str(found.code)


# --- stats ---


@every_mode
def test_stats_of_a_queue_that_never_was_are_nothing(jobs: Jobs) -> None:
    found = look(jobs, OPERATOR.stats(Q))
    assert found == ("", 0, 0, 0, 0, 0, -1, 0, 0, -1, -1, 0, False)


@every_mode
def test_stats_count_the_jobs_that_wait_and_name_the_mode(jobs: Jobs) -> None:
    jobs.submit("a", "b")
    found = look(jobs, OPERATOR.stats(Q))
    assert (found.mode, found.layout, found.pending, found.awake) == (jobs.mode.name, 1, 2, True)
    assert 0 <= found.oldest < HOUR


@reliable
def test_stats_count_each_place_of_a_queue(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("dead"), verdict="reject")
    jobs.take("held")
    jobs.submit("later", "suspect", delay=HOUR)
    jobs.redis.zincrby(f"{Q}:delayed", QUARANTINE, "suspect")
    found = look(jobs, OPERATOR.stats(Q))
    jobs.redis.zincrby(f"{Q}:delayed", -QUARANTINE, "suspect")
    assert (found.delayed, found.quarantined, found.inflight, found.dead) == (2, 1, 1, 1)
    assert (found.overdue, found.oldest) == (-1, -1)
    assert HOUR - 60_000 < found.due <= HOUR
    jobs.store.age(2 * HOUR)
    found = look(jobs, OPERATOR.stats(Q))
    assert (found.due, HOUR <= found.overdue < 2 * HOUR) == (0, True)


@every_stored
def test_the_oldest_job_that_waits_is_none_that_was_cancelled(jobs: Jobs) -> None:
    jobs.submit("cancelled", "waits")
    jobs.redis.hset(f"{Q}:job:waits", "_queued", jobs.now() - HOUR)
    jobs.redis.hset(f"{Q}:job:cancelled", "_queued", jobs.now() - DAY)
    jobs.store.call(jobs.mode.cancel(Q, ["cancelled"]))  # type: ignore[union-attr]
    assert HOUR <= look(jobs, OPERATOR.stats(Q)).oldest < 2 * HOUR


# --- show ---


@every_mode
def test_show_of_no_job_has_no_state(jobs: Jobs) -> None:
    jobs.submit("a")
    found = look(jobs, OPERATOR.show(Q, "none"))
    assert (found.state, found.place, found.data) == ("", "", b"")


@reliable
def test_show_has_all_that_is_known_of_a_dead_job(jobs: Jobs) -> None:
    [held] = jobs.take(
        "a",
        client="me",
        unique="key",
        retention=1,
        timeout=2,
        max_attempts=3,
        backoff=4,
        max_run=HOUR,
    )
    jobs.fail(held, verdict="reject", error=b"why")
    found = look(jobs, OPERATOR.show(Q, "a"))
    assert (found.state, found.place, found.reason, found.attempt) == (
        "dead",
        "dead",
        "rejected",
        1,
    )
    assert (found.token, found.client, found.unique) == (held.token, "me", "key")
    assert (found.retention, found.timeout, found.max_attempts) == (1, 2, 3)
    assert (found.backoff, found.max_run, found.failures, found.crashes) == (4, HOUR, 1, 0)
    assert (found.error, found.result, found.data) == (b"why", b"", b"data")
    assert 0 < found.queued <= found.started <= found.processed
    assert 0 < found.ttl <= 7 * DAY


@every_stored
def test_show_says_which_place_has_a_live_job_and_since_or_until_when(jobs: Jobs) -> None:
    jobs.take("held")
    jobs.submit("waits")
    jobs.submit("later", delay=HOUR)
    held, waits, later = (look(jobs, OPERATOR.show(Q, id)) for id in ("held", "waits", "later"))
    assert [one.place for one in (held, waits, later)] == ["inflight", "", "delayed"]
    assert later.at == jobs.part("delayed")["later"]
    assert held.at == jobs.part("inflight")["held"]
    assert {one.ttl for one in (held, waits, later)} == {-1}
    assert (waits.retention, waits.max_run, waits.expires) == (-1, -1, 0)


# --- list ---


@every_mode
def test_a_page_of_waiting_jobs_begins_with_the_next(jobs: Jobs) -> None:
    jobs.submit("a", "b", "c")
    assert ids(jobs, "pending") == ["a", "b", "c"]
    assert ids(jobs, "pending", newest=True) == ["c", "b", "a"]
    [job] = rows(jobs, "pending", limit=1, max_bytes=2)
    assert (job.state, job.data, job.attempt, job.error) == ("pending", b"da", 1, b"")


@every_stored
def test_pages_of_every_place_meet_each_job_once(jobs: Jobs) -> None:
    names = [f"j{n}" for n in range(7)]
    jobs.submit(*names)
    jobs.submit(*(f"d{n}" for n in range(5)), delay=HOUR)
    for place, wanted in (("pending", names), ("delayed", [f"d{n}" for n in range(5)])):
        for newest in (False, True):
            found, cursor = [], ""
            for _ in range(9):
                page = look(
                    jobs, OPERATOR.list_jobs(Q, place, cursor=cursor, limit=2, newest=newest)
                )
                found += [job.id for job in page.jobs]
                cursor = page.cursor
                if not cursor:
                    break
            assert (sorted(found), page.total) == (sorted(wanted), len(wanted))


@reliable
def test_a_page_goes_on_where_the_job_of_its_cursor_is_gone(jobs: Jobs) -> None:
    jobs.submit(*(f"d{n}" for n in range(4)), delay=HOUR)
    page = look(jobs, OPERATOR.list_jobs(Q, "delayed", limit=2))
    jobs.store.call(jobs.mode.cancel(Q, ["d1"]))  # type: ignore[union-attr]
    assert {"d2", "d3"} <= set(ids(jobs, "delayed", cursor=page.cursor))


@reliable
def test_dead_jobs_are_filtered_by_error_and_by_age(jobs: Jobs) -> None:
    a, b = jobs.take("a", "b")
    jobs.fail(a, verdict="reject", error=b"Timeout: no answer")
    jobs.fail(b, verdict="reject", error=b"KeyError: [x]")
    jobs.redis.zincrby(f"{Q}:dead", -HOUR, "a")
    assert ids(jobs, "dead", error="no answer") == ["a"]
    assert ids(jobs, "dead", error="[x]") == ["b"]
    assert ids(jobs, "dead", older=HOUR) == ["a"]
    assert ids(jobs, "dead", newer=HOUR // 2) == ["b"]
    page = look(jobs, OPERATOR.list_jobs(Q, "dead", error="none"))
    assert (page.jobs, page.looked, page.total, page.cursor) == ([], 2, 2, "")


@every_stored
def test_waiting_jobs_are_filtered_by_task(jobs: Jobs) -> None:
    jobs.submit("a", "b")
    jobs.redis.hset(f"{Q}:job:b", "task", "send mail")
    [job] = rows(jobs, "pending", task="send mail")
    assert (job.id, job.task) == ("b", "send mail")


@reliable
def test_a_delayed_job_in_quarantine_is_marked_and_has_its_own_time(jobs: Jobs) -> None:
    jobs.submit("a", delay=HOUR)
    due = jobs.part("delayed")["a"]
    jobs.redis.zincrby(f"{Q}:delayed", QUARANTINE, "a")
    [job] = rows(jobs, "delayed")
    jobs.redis.zincrby(f"{Q}:delayed", -QUARANTINE, "a")
    assert (job.reason, job.at) == ("quarantine", due)


@having("submit", ["simple"])
def test_an_entry_of_a_simple_queue_that_is_no_job_is_listed(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.redis.rpush(f"{Q}:pending", "junk")
    job, _ = rows(jobs, "pending", max_bytes=9)
    assert (job.id, job.state, job.data) == ("", "", b"junk")


# --- explain ---


@every_stored
def test_a_job_that_waits_is_explained_by_what_stands_before_it(jobs: Jobs) -> None:
    jobs.submit("a", "b", "c")
    assert [explained(jobs, id) for id in ("a", "b", "none")] == ["next", "pending", "nojob"]
    sentence = look(jobs, OPERATOR.explain(Q, "c")).sentence
    assert sentence.startswith("2 jobs stand before it, of 3 in the list")


@every_stored
def test_a_job_that_has_ended_or_is_too_late_is_explained(jobs: Jobs) -> None:
    jobs.complete(*jobs.take("done"))
    jobs.submit("late", expires=1)
    jobs.redis.hset(f"{Q}:job:late", "expires", 1)
    assert [explained(jobs, id) for id in ("done", "late")] == ["ended", "expired"]


@reliable
def test_a_job_in_flight_is_explained_by_its_lease(jobs: Jobs) -> None:
    jobs.take("held")
    assert explained(jobs, "held") == "running"
    jobs.store.age(2 * HOUR)
    assert explained(jobs, "held") == "overdue"
    jobs.redis.hset(f"{Q}:meta", "grace", jobs.now() + HOUR)
    assert explained(jobs, "held") == "grace"
    jobs.redis.hdel(f"{Q}:meta", "grace")


@having("claim", ["recoverable"])
def test_a_job_in_flight_without_a_lease_runs_until_a_reap(jobs: Jobs) -> None:
    jobs.take("held")
    assert explained(jobs, "held") == "running"


@reliable
def test_a_delayed_job_is_explained_by_why_it_waits(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("failed"), verdict="retry=1000000")
    jobs.submit("later", "suspect", delay=HOUR)
    jobs.submit("due", delay=1)
    jobs.redis.zadd(f"{Q}:delayed", {"due": 1})
    jobs.redis.zincrby(f"{Q}:delayed", QUARANTINE, "suspect")
    found = [explained(jobs, id) for id in ("failed", "later", "due", "suspect")]
    jobs.redis.zincrby(f"{Q}:delayed", -QUARANTINE, "suspect")
    assert found == ["backoff", "delayed", "due", "quarantine"]


@reliable
@pytest.mark.parametrize("part", ["pending", "delayed", "inflight"])
def test_a_job_that_is_in_no_place_is_lost(jobs: Jobs, part: str) -> None:
    jobs.take("inflight")
    jobs.submit("pending")
    jobs.submit("delayed", delay=HOUR)
    jobs.redis.delete(f"{Q}:{part}")
    assert explained(jobs, part) == "lost"
    jobs.redis.flushall()


@having("submit", ["simple"])
def test_a_job_of_a_simple_queue_can_t_be_explained(jobs: Jobs) -> None:
    jobs.submit("a")
    assert explained(jobs, "a") == "simple"


@every_mode
def test_a_cursor_of_another_place_is_refused_in_the_list(jobs: Jobs) -> None:
    for cursor in ("3:x", "-1:"):
        with pytest.raises(BadArgument, match="cursor"):
            rows(jobs, "pending", cursor=cursor)
    assert rows(jobs, "pending", cursor="3:") == []
