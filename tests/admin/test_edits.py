"""Jobs that a filter chooses: counted, requeued, cancelled, deleted and run, in either flavour."""

from __future__ import annotations

from typing import Any

import pytest
from support.servers import SOCKET_PLACES, at
from support.store import HOUR, Jobs, Q, Store

from pyjobs.admin import Filter
from pyjobs.codec import encode_error
from pyjobs.engine import MODES, RELIABLE
from pyjobs.errors import BadArgument
from pyjobs.transport import run

pytestmark = at(SOCKET_PLACES)


def killed(jobs: Jobs, kind: str, *ids: str) -> None:
    for job in jobs.take(*ids):
        jobs.fail(job, verdict="reject", error=encode_error(kind, "why", ""))


def test_dead_jobs_of_one_error_are_counted_and_requeued(ask: Any, jobs: Jobs) -> None:
    killed(jobs, "Timeout", "a", "b")
    killed(jobs, "KeyError", "c")
    where = Filter(error="Timeout")
    seen: list[tuple[int, int]] = []
    assert ask("count_jobs", "q", "requeue", where) == 2
    found = ask("edit_jobs", "q", "requeue", where, expected=2, progress=lambda *n: seen.append(n))
    assert (found.done, found.refused, seen) == (2, [], [(2, 0), (2, 2)])
    assert jobs.pending() == ["a", "b"]
    assert ask("count_jobs", "q", "requeue") == 1
    jobs.claim(limit=9)


@pytest.mark.parametrize(("expected", "does"), [(18, False), (19, True), (21, True), (23, False)])
def test_an_edit_is_refused_when_the_number_moved_by_more_than_a_tenth(
    ask: Any, jobs: Jobs, expected: int, does: bool
) -> None:
    jobs.submit(*(f"j{n}" for n in range(20)), delay=HOUR)
    if does:
        assert ask("edit_jobs", "q", "run", expected=expected).done == 20
    else:
        with pytest.raises(BadArgument, match=rf"^expected: {expected} jobs, and now there are 20"):
            ask("edit_jobs", "q", "run", expected=expected)
    assert len(jobs.pending()) == (20 if does else 0)


def test_jobs_of_each_place_are_cancelled_and_deleted_by_their_state(ask: Any, jobs: Jobs) -> None:
    jobs.take("held")
    jobs.submit("a", "b", task="mail")
    jobs.submit("c")
    jobs.submit("later", delay=HOUR)
    assert ask("edit_jobs", "q", "cancel", Filter("pending", task="mail")).done == 2
    assert ask("edit_jobs", "q", "cancel", Filter("inflight")).done == 1
    assert ask("edit_jobs", "q", "delete", Filter("delayed")).done == 1
    assert ask("edit_jobs", "q", "delete", Filter("cancelled")).done == 3
    assert ask("edit_jobs", "q", "delete", Filter("pending")).done == 1
    # What stood in the list is marked, and goes when a claim meets it.
    assert jobs.claim(limit=9).jobs == []
    assert [ask("stats", "q")[n] for n in (2, 3, 5)] == [0, 0, 0]


def test_a_state_must_be_named_before_jobs_are_destroyed(ask: Any, jobs: Jobs) -> None:
    jobs.submit("a")
    with pytest.raises(BadArgument, match=r"^state: say which jobs: pending, delayed, inflight$"):
        ask("edit_jobs", "q", "cancel")
    with pytest.raises(BadArgument, match=r"^state: delete takes jobs that are .*, not inflight$"):
        ask("edit_jobs", "q", "delete", Filter("inflight"))
    with pytest.raises(BadArgument, match=r"^edit: 'forget' is not one of"):
        ask("count_jobs", "q", "forget")
    with pytest.raises(BadArgument, match=r"nothing was ever submitted"):
        ask("count_jobs", "none", "run")


def test_a_job_that_dies_again_meanwhile_is_not_requeued_twice(ask: Any, jobs: Jobs) -> None:
    killed(jobs, "Timeout", *(f"j{n}" for n in range(500)))
    again = []

    def kill_some(done: int, counted: int) -> None:
        for job in jobs.claim(limit=50).jobs if counted else ():
            again.append(job.id)
            jobs.fail(job, verdict="reject")

    found = ask("edit_jobs", "q", "requeue", progress=kill_some)
    assert (found.done, len(again)) == (500, 100)
    jobs.claim(limit=1000)


def test_refused_jobs_that_stay_dead_are_passed_over(ask: Any, jobs: Jobs) -> None:
    ids = [f"j{n:04}" for n in range(900)]
    killed(jobs, "Timeout", *ids)
    for id in ids[:-1]:
        jobs.redis.hset(f"{Q}:job:{id}", "unique", "key")
    jobs.submit("holder", unique="key")
    found = ask("edit_jobs", "q", "requeue")
    assert (found.done, len(found.refused)) == (1, 899)
    assert {answer.word for answer in found.refused} == {"CONFLICT"}


def test_dead_jobs_behind_entries_whose_job_is_gone_are_requeued(ask: Any, jobs: Jobs) -> None:
    killed(jobs, "Timeout", "a", "b")
    jobs.redis.zadd(f"{Q}:dead", {f"gone{n}": jobs.now() - 1000 for n in range(1200)})
    assert ask("edit_jobs", "q", "requeue").done == 2
    jobs.claim(limit=9)
    jobs.redis.delete(f"{Q}:dead")


def test_entries_of_one_moment_are_each_looked_at(ask: Any, jobs: Jobs) -> None:
    for begin in (0, 750):
        killed(jobs, "Timeout", *(f"j{n:04}" for n in range(begin, begin + 750)))
    jobs.redis.zadd(f"{Q}:dead", {f"j{n:04}": jobs.now() - 5 for n in range(1500)})
    for n in (0, 999, 1000, 1499):
        jobs.redis.hset(f"{Q}:job:j{n:04}", "task", "mail")
    assert ask("edit_jobs", "q", "requeue", Filter(task="mail")).done == 4
    assert sorted(jobs.pending()) == ["j0000", "j0999", "j1000", "j1499"]
    jobs.claim(limit=9)


def test_done_jobs_are_listed_page_by_page_among_all_keys(ask: Any, jobs: Jobs) -> None:
    jobs.complete(*jobs.take(*(f"j{n}" for n in range(30)), task="mail"))
    jobs.complete(*jobs.take("other"))
    jobs.submit("waits", task="mail")
    jobs.redis.mset({f"key{n}": 1 for n in range(3000)})
    found, cursor = [], ""
    while True:
        page = ask("jobs", "q", "done", task="mail", cursor=cursor, limit=7, max_bytes=9)
        assert len(page.jobs) <= 7
        found += page.jobs
        if not (cursor := page.cursor):
            break
    assert sorted(job.id for job in found) == sorted(f"j{n}" for n in range(30))
    assert {(job.state, job.data) for job in found} == {("done", b"data")}
    with pytest.raises(BadArgument, match=r"^cursor: 'x' is not one that a call returned"):
        ask("jobs", "q", "done", cursor="x")
    with pytest.raises(BadArgument, match=r"^newest: jobs that are done have no order"):
        ask("jobs", "q", "done", newest=True)
    assert ask("edit_jobs", "q", "delete", Filter("done", older=3600)).done == 0
    assert ask("edit_jobs", "q", "delete", Filter("done", newer=3600)).done == 31
    jobs.redis.flushall()


def test_failed_jobs_of_a_recoverable_queue_are_requeued(ask: Any, store: Store) -> None:
    jobs = Jobs(store, MODES["recoverable"])
    for id, kind in (("a", "Timeout"), ("b", "KeyError"), ("c", "Timeout")):
        jobs.fail(*jobs.take(id), error=encode_error(kind, "why", ""))
    assert ask("edit_jobs", "q", "requeue", Filter(error="Timeout")).done == 2
    assert sorted(jobs.pending()) == ["a", "c"]
    [one] = ask("requeue", "q", ["b"])
    assert (one.word, one.done) == ("pending", True)
    with pytest.raises(BadArgument, match=r"^state: requeue takes jobs that are failed, not dead$"):
        ask("edit_jobs", "q", "requeue", Filter("dead"))
    jobs.claim(limit=9)


def test_a_simple_queue_has_no_jobs_to_choose_from(ask: Any, store: Store) -> None:
    store.redis.hset(f"{Q}:meta", mapping={"mode": "simple", "layout": 1})
    with pytest.raises(BadArgument, match=r"^cancel: a queue of simple mode does not have it$"):
        ask("edit_jobs", "q", "cancel", Filter("pending"))


def test_a_call_of_an_edit_touches_no_more_than_its_bound(ask: Any, jobs: Jobs) -> None:
    """1,000 entries looked at, 400 jobs changed: whatever the queue holds."""
    run(jobs.redis, RELIABLE.submit(Q, [(f"j{n}", b"1") for n in range(1000)], delay=HOUR))
    run(jobs.redis, RELIABLE.submit(Q, [(f"k{n}", b"1") for n in range(1000)], delay=HOUR))
    steps: list[int] = []

    def look(done: int, counted: int) -> None:
        if counted:
            steps.append(done)

    assert ask("edit_jobs", "q", "run", progress=look).done == 2000
    assert steps == [400, 800, 1200, 1600, 2000]
    jobs.redis.flushall()


def test_the_memory_of_a_queue_is_that_of_its_keys_and_of_its_jobs(ask: Any, jobs: Jobs) -> None:
    jobs.submit(*((f"j{n}", b"x" * 10_000) for n in range(200)))
    found = ask("memory", "q")
    assert (found.jobs, found.sampled) == (200, 25)
    assert 10_000 < found.mean < 20_000
    assert found.total == found.keys + 200 * found.mean
    jobs.redis.flushall()
