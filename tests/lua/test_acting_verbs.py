"""What the acting verbs of operators do to a queue: pause, resume, purge, delete and run."""

from __future__ import annotations

import pytest
from support.store import HOUR, STORED, Jobs, Q, Store, having

from pyjobs.engine.modes import Mode
from pyjobs.engine.operate import OPERATOR
from pyjobs.errors import QueueFull, TooLarge, WrongMode

every_mode = having("submit")
every_stored = having("submit", STORED)
reliable = having("extend")


@pytest.fixture
def jobs(store: Store, mode: Mode) -> Jobs:
    """The verbs of a mode on the queue q."""
    return Jobs(store, mode)


def claimed(jobs: Jobs) -> list[str]:
    return [job.id for job in jobs.claim().jobs]


# --- pause and resume ---


@every_mode
def test_a_paused_queue_gives_no_job_until_it_is_resumed(jobs: Jobs) -> None:
    jobs.submit("a")
    assert jobs.store.call(OPERATOR.pause(Q)) == -1
    reply = jobs.claim()
    assert (reply.jobs, reply.wait) == ([], -1)
    assert jobs.store.call(OPERATOR.stats(Q)).paused == -1
    jobs.redis.delete(f"{Q}:wake")
    assert jobs.store.call(OPERATOR.resume(Q)) is True
    assert jobs.wakes() == 1
    assert claimed(jobs) == ["a"]


@every_stored
def test_a_resume_of_a_queue_whose_jobs_are_all_delayed_is_0_and_wakes_a_worker(
    jobs: Jobs,
) -> None:
    """While a queue is paused, no claim says when a delayed job is due."""
    jobs.submit("a", delay=HOUR)
    jobs.store.call(OPERATOR.pause(Q))
    assert jobs.claim().wait == -1
    jobs.redis.delete(f"{Q}:wake")
    assert jobs.store.call(OPERATOR.resume(Q)) is False
    assert jobs.wakes() == 1


@every_mode
def test_a_pause_with_an_end_says_when_to_claim_again_and_ends_by_itself(jobs: Jobs) -> None:
    jobs.submit("a")
    assert jobs.store.call(OPERATOR.pause(Q, span=HOUR)) == HOUR
    reply = jobs.claim()
    assert (reply.jobs, HOUR - 60_000 < reply.wait <= HOUR) == ([], True)
    jobs.redis.hset(f"{Q}:meta", "paused", jobs.now() - 1)
    assert claimed(jobs) == ["a"]


@every_mode
def test_a_pause_that_ends_sooner_than_the_one_before_wakes_a_worker(jobs: Jobs) -> None:
    """An idle worker waits for the end that its claim was given."""
    jobs.submit("a")
    for span, wakes in ((HOUR, 0), (2 * HOUR, 0), (HOUR // 2, 1), (HOUR, 0), (0, 0), (HOUR, 1)):
        jobs.redis.delete(f"{Q}:wake")
        jobs.store.call(OPERATOR.pause(Q, span=span))
        assert (span, jobs.wakes()) == (span, wakes)


@every_mode
def test_a_pause_of_a_queue_without_jobs_that_ends_sooner_wakes_nobody(jobs: Jobs) -> None:
    for span in (HOUR, HOUR // 2):
        jobs.store.call(OPERATOR.pause(Q, span=span))
    assert jobs.wakes() == 0


@every_stored
def test_a_pause_that_ends_sooner_wakes_a_worker_where_all_jobs_are_delayed(jobs: Jobs) -> None:
    jobs.submit("a", delay=HOUR)
    jobs.redis.delete(f"{Q}:wake")
    for span in (HOUR, HOUR // 2):
        jobs.store.call(OPERATOR.pause(Q, span=span))
    assert jobs.wakes() == 1


@every_mode
def test_a_claim_of_a_paused_and_another_queue_takes_from_the_other(jobs: Jobs) -> None:
    other = "jobs:{other}"
    jobs.submit("a")
    jobs.submit("b", queue=other)
    jobs.store.call(OPERATOR.pause(Q))
    assert [job.id for job in jobs.claim(queues=(Q, other)).jobs] == ["b"]
    jobs.store.call(OPERATOR.resume(Q))
    jobs.redis.flushall()


@reliable
def test_a_paused_queue_promotes_and_takes_back_leases(jobs: Jobs) -> None:
    jobs.take("held")
    jobs.submit("later", delay=HOUR)
    jobs.store.call(OPERATOR.pause(Q))
    jobs.store.age(2 * HOUR)
    assert claimed(jobs) == []
    assert jobs.store.call(OPERATOR.explain(Q, "held")).code == "paused"
    assert sorted(jobs.pending()) == ["held", "later"]


@every_stored
def test_a_claim_is_repeated_with_the_same_jobs_while_its_queue_is_paused(jobs: Jobs) -> None:
    jobs.submit("a")
    first = jobs.claim(nonce="same").jobs
    jobs.store.call(OPERATOR.pause(Q))
    assert jobs.claim(nonce="same").jobs == first


# --- purge ---


@every_mode
def test_a_purge_takes_waiting_jobs_away_and_says_whether_there_are_more(jobs: Jobs) -> None:
    jobs.submit("a", "b", "c", client="me")
    listener = jobs.store.listen("me")
    assert jobs.store.call(OPERATOR.purge(Q, "pending", limit=2)) == (2, True)
    assert [line.split()[:2] for line in listener.messages()] != []
    listener.close()
    assert jobs.store.call(OPERATOR.purge(Q, "pending")) == (1, False)
    assert jobs.store.call(OPERATOR.purge(Q, "pending")) == (0, False)
    assert jobs.redis.keys(f"{Q}:job:*") == []


@every_stored
def test_a_purge_of_delayed_jobs_frees_their_unique_key(jobs: Jobs) -> None:
    jobs.submit("a", delay=HOUR, unique="key")  # type: ignore[arg-type]
    assert jobs.store.call(OPERATOR.purge(Q, "delayed")) == (1, False)
    assert jobs.redis.keys(f"{Q}:unique:*") == []
    assert jobs.part("delayed") == {}


@reliable
def test_a_purge_of_dead_jobs_takes_the_longest_dead_first(jobs: Jobs) -> None:
    a, b = jobs.take("a", "b")
    jobs.fail(a, verdict="reject")
    jobs.redis.zincrby(f"{Q}:dead", -HOUR, "a")
    jobs.fail(b, verdict="reject")
    assert jobs.store.call(OPERATOR.purge(Q, "dead", limit=1)) == (1, True)
    assert [*jobs.part("dead")] == ["b"]
    assert jobs.job("a") == {}


@every_stored
def test_a_purge_leaves_a_job_that_has_no_business_in_the_place(jobs: Jobs) -> None:
    jobs.take("held")
    jobs.redis.rpush(f"{Q}:pending", "held", "gone")
    assert jobs.store.call(OPERATOR.purge(Q, "pending")) == (2, False)
    assert jobs.job("held")["state"] == b"inflight"
    assert jobs.redis.lrange(f"{Q}:broken", 0, -1) == [b"gone"]


# --- delete ---


@reliable
def test_delete_forgets_jobs_that_wait_or_have_ended(jobs: Jobs) -> None:
    done, dead, held = jobs.take("done", "dead", "held")
    jobs.complete(done)
    jobs.fail(dead, verdict="reject")
    jobs.submit("waits")
    jobs.submit("later", delay=HOUR)
    names = ["done", "dead", "held", "waits", "later", "none", "done"]
    words = jobs.store.call(OPERATOR.delete(Q, names))
    assert words == ["deleted", "deleted", "inflight", "deleted", "deleted", "NOJOB", "deleted"]
    assert [one.state for one in jobs.result("done", "dead", "later")] == ["", "", ""]
    assert (jobs.part("dead"), jobs.part("delayed")) == ({}, {})
    assert jobs.job("waits")["state"] == b"cancelled"
    assert jobs.complete(held) == ["done"]
    assert claimed(jobs) == []
    assert jobs.job("waits") == {}


@every_stored
def test_delete_of_a_job_that_was_cancelled_in_the_list_waits_for_its_claim(jobs: Jobs) -> None:
    jobs.submit("a", "b")
    jobs.store.call(jobs.mode.cancel(Q, ["a"]))  # type: ignore[union-attr]
    assert jobs.store.call(OPERATOR.delete(Q, ["a"])) == ["deleted"]
    assert claimed(jobs) == ["b"]
    assert jobs.job("a") == {}
    assert not jobs.redis.exists(f"{Q}:broken")


# --- run ---


@every_stored
def test_run_makes_delayed_jobs_the_next_of_their_queue_in_order(jobs: Jobs) -> None:
    jobs.submit("waits")
    jobs.submit("a", "b", "c", delay=HOUR)
    words = jobs.store.call(OPERATOR.run_now(Q, ["b", "a", "waits", "none", "b"]))
    assert words == ["pending", "pending", "pending", "NOJOB", "pending"]
    assert claimed(jobs) == ["b", "a", "waits"]


@every_stored
def test_run_with_a_delay_changes_when_a_delayed_job_is_due_and_wakes_a_worker(jobs: Jobs) -> None:
    jobs.submit("waits")
    jobs.submit("a", delay=HOUR)
    jobs.redis.delete(f"{Q}:wake")
    call = OPERATOR.run_now(Q, ["a", "waits", "none"], delay=5000)
    assert jobs.store.call(call) == ["delayed", "pending", "NOJOB"]
    assert 0 < jobs.part("delayed")["a"] - jobs.now() <= 5000
    assert jobs.redis.llen(f"{Q}:wake") == 1
    assert claimed(jobs) == ["waits"]
    assert jobs.store.call(OPERATOR.run_now(Q, ["a"], delay=0)) == ["delayed"]
    assert claimed(jobs) == ["a"]


@reliable
def test_run_leaves_a_job_in_quarantine_where_it_is(jobs: Jobs) -> None:
    jobs.submit("a", delay=HOUR)
    jobs.redis.hset(f"{Q}:job:a", "crashes", 2)
    with jobs.store.unchanged():
        assert jobs.store.call(OPERATOR.run_now(Q, ["a"])) == ["quarantine"]
        assert jobs.store.call(OPERATOR.run_now(Q, ["a"], delay=5)) == ["quarantine"]


# --- mode and limit ---


@every_mode
def test_the_mode_of_an_empty_queue_is_changed_and_that_of_another_is_not(jobs: Jobs) -> None:
    jobs.submit("a")
    other = "simple" if jobs.mode.stores else "reliable"
    name = jobs.mode.name
    assert jobs.store.call(OPERATOR.set_mode(Q, name)) == ("same", name, 1, 0)
    with jobs.store.unchanged():
        assert jobs.store.call(OPERATOR.set_mode(Q, other)) == ("kept", name, 1, 0)
    jobs.complete(*jobs.claim().jobs)
    assert jobs.store.call(OPERATOR.set_mode(Q, other)) == ("changed", name, 0, 0)
    with pytest.raises(WrongMode):
        jobs.submit("b")


@every_stored
def test_a_queue_with_a_schedule_or_a_delayed_job_keeps_its_mode(jobs: Jobs) -> None:
    jobs.submit("later", delay=HOUR)
    assert jobs.store.call(OPERATOR.set_mode(Q, "simple"))[2:] == (1, 0)
    jobs.store.call(OPERATOR.delete(Q, ["later"]))
    jobs.schedule("good", moments=[jobs.now() + HOUR])
    assert jobs.store.call(OPERATOR.set_mode(Q, "simple")) == ("kept", jobs.mode.name, 0, 1)
    jobs.redis.flushall()


@every_mode
def test_a_queue_takes_no_more_jobs_than_its_limit_and_writes_nothing_then(jobs: Jobs) -> None:
    assert jobs.store.call(OPERATOR.limit(Q, pending=2)) == (2, 1_048_576, 10_000)
    jobs.submit("a", "b")
    with jobs.store.unchanged(), pytest.raises(QueueFull, match="holds 2 jobs and takes 2, not 1"):
        jobs.submit("c")
    jobs.claim(1)
    jobs.submit("c")
    assert jobs.store.call(OPERATOR.limit(Q, pending=0)) == (0, 1_048_576, 10_000)
    jobs.submit("d", "e")


@every_stored
def test_a_limit_counts_delayed_jobs_and_refuses_no_job_that_is_there(jobs: Jobs) -> None:
    jobs.submit("later", delay=HOUR)
    jobs.store.call(OPERATOR.limit(Q, pending=1))
    jobs.submit("later", delay=HOUR)
    with jobs.store.unchanged(), pytest.raises(QueueFull):
        jobs.submit("new", delay=HOUR)


@every_mode
def test_a_payload_over_the_limit_of_its_queue_is_refused(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.store.call(OPERATOR.limit(Q, bytes=3))
    with jobs.store.unchanged(), pytest.raises(TooLarge, match="4 bytes, and queue q takes 3"):
        jobs.submit("b")
    assert jobs.store.call(OPERATOR.limit(Q)) == (0, 3, 10_000)


@reliable
def test_no_more_dead_jobs_are_kept_than_the_limit(jobs: Jobs) -> None:
    jobs.store.call(OPERATOR.limit(Q, dead=2))
    for id in "abc":
        jobs.fail(*jobs.take(id), verdict="reject")
    assert jobs.store.call(OPERATOR.stats(Q)).dead == 2
    assert not jobs.redis.exists(f"{Q}:job:a")
