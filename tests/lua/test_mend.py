"""Two sides of a record that have parted: what claim and reap meet of it, they make whole again.

Deleting a key by hand, or an eviction, parts them. What no call meets stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.store import HOUR, QUARANTINE, STORED, Jobs, Q, having, leaks

from pyjobs.engine.replies import Claimed

stored = having("reap", STORED)
reliable = having("reap", ["reliable"])
META = f"{Q}:meta"


def lose_meta(jobs: Jobs) -> None:
    jobs.redis.delete(META)


@stored
@pytest.mark.parametrize("call", ["claim", "reap"])
def test_a_queue_with_jobs_that_has_lost_its_meta_gets_it_again(jobs: Jobs, call: str) -> None:
    jobs.submit("a", "b")
    lose_meta(jobs)
    if call == "claim":
        assert [job.id for job in jobs.claim(1).jobs] == ["a"]
    else:
        jobs.reap()
    mode, layout = jobs.redis.hmget(META, "mode", "layout")
    assert (mode, layout) == (jobs.mode.name.encode(), b"1")
    assert jobs.claim().jobs[-1].id == "b"


@stored
@pytest.mark.parametrize("call", ["claim", "reap"])
def test_suspects_leave_quarantine_although_meta_was_lost(jobs: Jobs, call: str) -> None:
    jobs.submit("a", delay=HOUR)
    jobs.redis.hset(f"{Q}:job:a", "crashes", 2)
    jobs.redis.zadd(f"{Q}:delayed", {"a": QUARANTINE + 1})
    lose_meta(jobs)
    if call == "reap":
        jobs.reap()
    assert [job.id for job in jobs.claim().jobs] == ["a"]


@reliable
def test_a_job_in_flight_whose_meta_was_lost_comes_back_after_its_lease(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.claim(lease=60_000)
    lose_meta(jobs)
    jobs.store.age(HOUR)
    jobs.claim()  # begins a grace: nobody knows who was there
    jobs.redis.hset(META, "grace", jobs.now() - 1)
    assert [job.id for job in jobs.claim().jobs] == ["a"]


@stored
def test_a_claim_of_a_queue_that_never_was_writes_no_meta(jobs: Jobs) -> None:
    jobs.claim()
    jobs.reap()
    assert jobs.store.snapshot() == {}


@stored
@pytest.mark.parametrize("part", ["inflight", "delayed"])
def test_a_live_job_that_stands_in_the_list_and_not_in_its_own_set_is_put_there(
    jobs: Jobs, part: str
) -> None:
    jobs.submit("a", delay=HOUR if part == "delayed" else 0)
    jobs.claim()
    jobs.redis.delete(f"{Q}:{part}")
    jobs.redis.lpush(f"{Q}:pending", "a")
    jobs.claim()
    assert jobs.part(part).keys() == {"a"}
    assert jobs.pending() == []


@reliable
@pytest.mark.parametrize("lease", [50, HOUR])
def test_a_job_in_flight_that_is_put_there_again_has_the_longest_lease_and_a_second_at_least(
    jobs: Jobs, lease: int
) -> None:
    jobs.submit("a")
    jobs.claim(lease=lease)
    jobs.redis.delete(f"{Q}:inflight")
    jobs.redis.lpush(f"{Q}:pending", "a")
    before = jobs.now()
    jobs.claim(lease=lease)
    held = max(lease, 1000)
    assert before + held <= jobs.part("inflight")["a"] <= jobs.now() + held


HOLDER: dict[str, tuple[Callable[[Jobs, Claimed], object], str]] = {
    "extend": (lambda jobs, job: jobs.extend(job), "inflight"),
    "release": (lambda jobs, job: jobs.release(job), "pending"),
    "complete": (lambda jobs, job: jobs.complete(job), "done"),
    "fail": (lambda jobs, job: jobs.fail(job, verdict="retry=9000"), "delayed"),
    "reject": (lambda jobs, job: jobs.fail(job, verdict="reject"), "dead"),
}


@reliable
@pytest.mark.parametrize("verb", HOLDER)
def test_a_verb_of_the_holder_of_a_job_that_is_in_no_set_leaves_the_job_in_its_place(
    jobs: Jobs, verb: str
) -> None:
    (job,) = jobs.take("a")
    jobs.redis.delete(f"{Q}:inflight")
    call, word = HOLDER[verb]
    assert call(jobs, job) == [word]
    assert leaks(jobs.store) == []


@stored
def test_a_live_job_that_stands_in_the_list_and_in_its_own_set_stays_as_it_is(jobs: Jobs) -> None:
    jobs.take("a")
    jobs.submit("b", delay=HOUR)
    before = jobs.part("inflight"), jobs.part("delayed")
    jobs.redis.lpush(f"{Q}:pending", "a", "b")
    assert jobs.claim().jobs == []
    assert (jobs.part("inflight"), jobs.part("delayed")) == before


@stored
@pytest.mark.parametrize("state", ["pending", "delayed", "done"])
def test_a_job_that_is_not_in_flight_leaves_the_flight_for_its_own_place(
    jobs: Jobs, state: str
) -> None:
    (job,) = jobs.take("a")
    if state == "done":
        jobs.complete(job)
    else:
        jobs.redis.hset(f"{Q}:job:a", "state", state)
    jobs.redis.zadd(f"{Q}:inflight", {"a": 1})
    assert jobs.reap().put_back == []
    assert jobs.part("inflight") == {}
    assert jobs.job("a").get("crashes") is None
    assert [job.id for job in jobs.claim().jobs] == ([] if state == "done" else ["a"])


@stored
@pytest.mark.parametrize("state", ["pending", "inflight", "done"])
def test_a_job_that_is_not_delayed_leaves_the_delayed_for_its_own_place(
    jobs: Jobs, state: str
) -> None:
    (job,) = jobs.take("a")
    if state == "done":
        jobs.complete(job)
    elif state == "pending":
        jobs.redis.hset(f"{Q}:job:a", "state", state)
        jobs.redis.zrem(f"{Q}:inflight", "a")
    jobs.redis.zadd(f"{Q}:delayed", {"a": 1})
    claimed = [job.id for job in jobs.claim().jobs]
    assert claimed == (["a"] if state == "pending" else [])
    assert jobs.part("delayed") == {}
    assert jobs.part("inflight").keys() == ({"a"} if state != "done" else set())


@reliable
def test_a_suspect_in_flight_that_is_in_no_set_keeps_the_others_for_a_lease_at_most(
    jobs: Jobs,
) -> None:
    jobs.submit("a", "b", delay=HOUR)
    for id in ("a", "b"):
        jobs.redis.hset(f"{Q}:job:{id}", "crashes", 2)
    jobs.store.age(2 * HOUR)
    (held,) = jobs.claim(max_crashes=9).jobs
    jobs.redis.delete(f"{Q}:inflight")
    assert jobs.claim(max_crashes=9).jobs == []
    assert jobs.part("inflight").keys() == {held.id}
    jobs.store.age(2 * HOUR)
    assert [job.id for job in jobs.claim(max_crashes=9).jobs] == ["b" if held.id == "a" else "a"]


@stored
def test_a_reap_drops_what_is_not_to_be_run_at_the_head_of_the_list(jobs: Jobs) -> None:
    heard = jobs.store.listen("me")
    jobs.submit("x1", "x2", "late", "gone", client="me", expires=HOUR)
    jobs.submit("a", "x3")
    jobs.store.call(jobs.mode.cancel(Q, ["x1", "x2", "x3"]))  # type: ignore[union-attr]
    jobs.redis.hset(f"{Q}:job:late", "expires", 1)
    jobs.redis.delete(f"{Q}:job:gone")
    heard.messages()
    assert jobs.reap(3).more
    assert not jobs.reap(3).more
    assert jobs.pending() == ["a", "x3"]
    assert jobs.job("late")["state"] == b"expired"
    assert jobs.ttl("x1") > 0
    assert [b" expired " in message for message in heard.messages()] == [True]
    heard.close()


@stored
def test_a_reap_of_a_list_whose_head_may_run_changes_nothing(jobs: Jobs) -> None:
    jobs.submit("a", "x")
    jobs.store.call(jobs.mode.cancel(Q, ["x"]))  # type: ignore[union-attr]
    with jobs.store.unchanged():
        jobs.reap()
