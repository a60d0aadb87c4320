"""queue/repair: what was planted is found and mended, and jobs that are right stay as they are."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from support.store import HOUR, STORED, Jobs, Q, Store, having, leaks

from pyjobs.engine.modes import Mode
from pyjobs.engine.operate import OPERATOR
from pyjobs.errors import WrongMode

every_stored = having("submit", STORED)
reliable = having("extend")


@pytest.fixture
def jobs(store: Store, mode: Mode) -> Jobs:
    """The verbs of a mode on the queue q."""
    return Jobs(store, mode)


def furnish(jobs: Jobs) -> None:
    """A job in each place: done, held, waits (with a unique key), later, and dead where it can."""
    jobs.complete(*jobs.take("done"))
    jobs.take("held")
    if jobs.mode.leases:
        jobs.fail(*jobs.take("dead"), verdict="reject")
    jobs.submit("waits", unique="key")
    jobs.submit("later", delay=HOUR)


def repaired(jobs: Jobs, *ids: str) -> list[str]:
    items = [(id, "-") for id in ids]
    return list(jobs.store.call(OPERATOR.repair(Q, jobs.mode.name, items)))


def found(jobs: Jobs, *ids: str) -> list[str]:
    return [one.finding for one in jobs.store.call(OPERATOR.check(Q, ids))]


def set_of(name: str, id: str) -> Callable[[Jobs], object]:
    return lambda jobs: jobs.redis.zadd(f"{Q}:{name}", {id: jobs.now()})


def out_of(name: str, id: str) -> Callable[[Jobs], object]:
    return lambda jobs: jobs.redis.zrem(f"{Q}:{name}", id)


CORRUPTIONS: dict[str, tuple[str, str, Callable[[Jobs], object]]] = {
    "an entry without a job": ("none", "missing", set_of("inflight", "none")),
    "a pending job also in a set": ("waits", "stray", set_of("delayed", "waits")),
    "an ended job also in a set": ("done", "stray", set_of("inflight", "done")),
    "a pending job in no place": ("waits", "unlisted", lambda j: j.redis.delete(f"{Q}:pending")),
    "a delayed job in no place": ("later", "unlisted", out_of("delayed", "later")),
    "a job in flight in no place": ("held", "unlisted", out_of("inflight", "held")),
    "an ended job kept for ever": ("done", "kept", lambda j: j.redis.persist(f"{Q}:job:done")),
    "a live job that would go": (
        *("later", "going"),
        lambda j: j.redis.pexpire(f"{Q}:job:later", HOUR),
    ),
    "a unique key that is gone": ("waits", "unique", lambda j: j.redis.delete(f"{Q}:unique:key")),
    "a unique key of nobody": ("waits", "unique", lambda j: j.redis.set(f"{Q}:unique:key", "no")),
}
DEAD = {
    "a dead job in no place": ("dead", "unlisted", out_of("dead", "dead")),
    "a dead job kept for ever": ("dead", "kept", lambda j: j.redis.persist(f"{Q}:job:dead")),
}


@every_stored
@pytest.mark.parametrize("planted", CORRUPTIONS)
def test_a_planted_corruption_is_found_and_mended(jobs: Jobs, planted: str) -> None:
    id, finding, plant = CORRUPTIONS[planted]
    furnish(jobs)
    plant(jobs)
    assert found(jobs, id) == [finding]
    assert repaired(jobs, id) == ["mended"]
    assert found(jobs, id) == [""]
    assert repaired(jobs, id) == ["right"]
    assert leaks(jobs.store) == []


@reliable
@pytest.mark.parametrize("planted", DEAD)
def test_a_corruption_of_a_dead_job_is_found_and_mended(jobs: Jobs, planted: str) -> None:
    id, finding, plant = DEAD[planted]
    furnish(jobs)
    plant(jobs)
    assert found(jobs, id) == [finding]
    assert repaired(jobs, id) == ["mended"]
    assert found(jobs, id) == [""]
    assert jobs.ttl(id) > 0


@every_stored
def test_a_repair_of_jobs_that_are_right_writes_nothing(jobs: Jobs) -> None:
    furnish(jobs)
    with jobs.store.unchanged():
        assert repaired(jobs, "waits", "later", "held", "done", "none") == ["right"] * 5


@every_stored
def test_a_repair_writes_a_lost_mode_and_refuses_another_one(jobs: Jobs) -> None:
    furnish(jobs)
    jobs.redis.delete(f"{Q}:meta")
    repaired(jobs, "waits")
    assert jobs.redis.hget(f"{Q}:meta", "mode") == jobs.mode.name.encode()
    with pytest.raises(WrongMode):
        jobs.store.call(OPERATOR.repair(Q, "simple", [("waits", "-")]))


@every_stored
def test_entries_of_the_list_that_do_not_belong_there_are_taken_away(jobs: Jobs) -> None:
    furnish(jobs)
    jobs.redis.lpush(f"{Q}:pending", "done", "none")
    jobs.redis.rpush(f"{Q}:pending", "held")
    assert repaired(jobs, "done", "none", "held") == ["mended"] * 3
    assert jobs.pending() == ["waits"]
    assert jobs.redis.lrange(f"{Q}:broken", 0, -1) == [b"none"]


@every_stored
def test_a_unique_key_of_another_live_job_is_left(jobs: Jobs) -> None:
    furnish(jobs)
    jobs.redis.set(f"{Q}:unique:key", "later")
    assert repaired(jobs, "waits") == ["left"]
    assert jobs.redis.get(f"{Q}:unique:key") == b"later"
    jobs.redis.set(f"{Q}:unique:key", "waits")


@every_stored
def test_a_job_that_a_whole_walk_did_not_meet_goes_back_into_a_long_list(jobs: Jobs) -> None:
    jobs.submit("lost")
    jobs.redis.delete(f"{Q}:pending")
    jobs.submit(*(f"j{n}" for n in range(1000)))
    jobs.submit("last")
    assert repaired(jobs, "lost", "last") == ["left", "left"]
    words = jobs.store.call(OPERATOR.repair(Q, jobs.mode.name, [("lost", ""), ("last", "-")]))
    assert words == ["mended", "left"]
    assert jobs.pending()[0] == "lost"
    jobs.redis.flushall()


@every_stored
def test_a_second_entry_of_a_job_gives_no_second_run(jobs: Jobs) -> None:
    """What a repair may write when a walk and a claim cross."""
    jobs.submit("a")
    jobs.redis.rpush(f"{Q}:pending", "a")
    [job] = jobs.claim().jobs
    assert jobs.claim().jobs == []
    jobs.complete(job)
    assert (jobs.claim().jobs, jobs.pending()) == ([], [])


def damage(jobs: Jobs, rng: random.Random, id: str) -> None:
    key = f"{Q}:{rng.choice(['inflight', 'delayed', 'dead'])}"
    ways: list[Callable[[], object]] = [
        lambda: jobs.redis.zadd(key, {id: jobs.now() + HOUR}),
        lambda: jobs.redis.zrem(key, id),
        lambda: jobs.redis.lrem(f"{Q}:pending", 0, id),
        lambda: jobs.redis.lpush(f"{Q}:pending", id),
        lambda: jobs.redis.pexpire(f"{Q}:job:{id}", HOUR),
    ]
    rng.choice(ways)()


@every_stored
@pytest.mark.parametrize("seed", range(4))
def test_a_queue_with_random_damage_is_whole_after_a_repair_and_runs_each_job_once(
    jobs: Jobs, seed: int
) -> None:
    rng = random.Random(seed)
    names = [f"j{n}" for n in range(12)]
    jobs.submit(*names[:8])
    jobs.submit(*names[8:], delay=HOUR)
    held = {job.id: job for job in jobs.claim(3).jobs}
    for _ in range(8):
        damage(jobs, rng, rng.choice(names))
    for _ in range(3):
        repaired(jobs, *names)
    assert set(found(jobs, *names)) == {""}
    assert jobs.complete(*held.values()) == ["done"] * 3
    jobs.store.call(OPERATOR.run_now(Q, names[8:]))
    ran: list[str] = [*held]
    while taken := jobs.claim().jobs:
        ran += [job.id for job in taken]
        jobs.complete(*taken)
    assert sorted(ran) == sorted(names)
    assert leaks(jobs.store) == []


@every_stored
def test_a_cancelled_job_that_the_list_has_lost_is_forgotten_in_its_time(jobs: Jobs) -> None:
    jobs.submit("a", retention=5000)
    jobs.store.call(jobs.mode.cancel(Q, ["a"]))  # type: ignore[union-attr]
    assert found(jobs, "a") == [""]
    jobs.redis.delete(f"{Q}:pending")
    assert found(jobs, "a") == ["kept"]
    assert repaired(jobs, "a") == ["mended"]
    assert 0 < jobs.ttl("a") <= 5000
    assert found(jobs, "a") == [""]


@every_stored
def test_a_job_deep_in_a_long_list_whose_unique_key_is_lost_is_found(jobs: Jobs) -> None:
    jobs.submit(*(f"j{n}" for n in range(1000)))
    jobs.submit("deep", unique="key")
    jobs.redis.delete(f"{Q}:unique:key")
    assert found(jobs, "deep") == ["unique"]
    assert repaired(jobs, "deep") == ["mended"]
    assert found(jobs, "deep") == ["unseen"]
    jobs.redis.flushall()
