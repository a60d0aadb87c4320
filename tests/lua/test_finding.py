"""queue/find, and the state that a delete and a cancel may ask for."""

from __future__ import annotations

from support.store import HOUR, Jobs, Q, having

from pyjobs.engine import OPERATOR, RELIABLE, StoredVerbs

reliable = having("extend")
stored = having("cancel")
recoverable = having("cancel", ["recoverable"])


def found(jobs: Jobs, *ids: str, **options: object) -> list[str]:
    page = jobs.store.call(OPERATOR.find_jobs(Q, ids, **options))  # type: ignore[arg-type]
    assert page.looked == len(ids)
    return [job.id for job in page.jobs]


def requeue(jobs: Jobs, *ids: str) -> list[str]:
    assert isinstance(jobs.mode, StoredVerbs)
    return jobs.store.call(jobs.mode.requeue(Q, ids))  # type: ignore[no-any-return]


@stored
def test_jobs_are_found_by_their_ids_in_whatever_state(jobs: Jobs) -> None:
    jobs.complete(*jobs.take("done", task="mail"))
    jobs.take("held")
    jobs.submit("waits")
    jobs.submit("later", delay=HOUR, task="mail")
    ids = ("done", "held", "none", "waits", "later")
    assert found(jobs, *ids) == ["done", "held", "waits", "later"]
    assert found(jobs, *ids, state="inflight") == ["held"]
    assert found(jobs, *ids, task="mail") == ["done", "later"]
    assert found(jobs, *ids, state="none") == []


@stored
def test_the_age_of_a_job_that_has_ended_counts_from_its_end(jobs: Jobs) -> None:
    [held] = jobs.take("a")
    jobs.redis.hset(f"{Q}:job:a", "_queued", jobs.now() - HOUR)
    assert found(jobs, "a", older=HOUR) == ["a"]
    jobs.complete(held)
    assert found(jobs, "a", older=HOUR) == []
    assert found(jobs, "a", newer=HOUR) == ["a"]


@reliable
def test_a_find_ends_after_4_mib_and_says_at_how_many_items_it_looked(jobs: Jobs) -> None:
    jobs.store.call(RELIABLE.submit(Q, [(f"j{n}", b"x" * 2**20) for n in range(4)]))
    jobs.submit("last")
    call = OPERATOR.find_jobs(Q, ["j0", "j1", "j2", "j3", "last"], max_bytes=3)
    page = jobs.store.call(call)
    assert (page.looked, [job.data for job in page.jobs]) == (4, [b"xxx"] * 4)
    jobs.redis.flushall()


@stored
def test_a_find_by_an_error_looks_for_a_part_of_the_text(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("a"), verdict="reject", error=b"100% of it")
    assert found(jobs, "a", error="% of") == ["a"]
    assert found(jobs, "a", error="%d") == []


@stored
def test_a_delete_and_a_cancel_leave_a_job_that_is_in_another_state(jobs: Jobs) -> None:
    jobs.submit("a")
    assert isinstance(jobs.mode, StoredVerbs)
    assert jobs.store.call(OPERATOR.delete(Q, ["a", "none"], state="dead")) == ["pending", "NOJOB"]
    assert jobs.store.call(jobs.mode.cancel(Q, ["a"], state="delayed")) == ["pending"]
    assert jobs.job("a")["state"] == b"pending"
    assert jobs.store.call(jobs.mode.cancel(Q, ["a"], state="pending")) == ["cancelled"]
    assert jobs.store.call(OPERATOR.delete(Q, ["a"], state="cancelled")) == ["deleted"]


@recoverable
def test_a_failed_job_of_a_recoverable_queue_gets_another_life(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("a", unique="key"), error=b"why")
    jobs.complete(*jobs.take("done"))
    assert requeue(jobs, "a", "done", "none", "a") == ["pending", "done", "NOJOB", "pending"]
    assert jobs.redis.pttl(f"{Q}:job:a") == -1
    assert {"error", "_processed"}.isdisjoint(jobs.job("a"))
    assert jobs.redis.get(f"{Q}:unique:key") == b"a"
    [held] = jobs.claim().jobs
    assert (held.id, held.attempt) == ("a", 1)


@recoverable
def test_a_failed_job_whose_unique_key_is_held_stays_failed(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("a", unique="key"), error=b"why")
    jobs.submit("b", unique="key")
    assert requeue(jobs, "a") == ["CONFLICT"]
    assert jobs.job("a")["state"] == b"failed"
