"""Jobs that crashed twice or more run one at a time: the one that kills workers dies alone."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from support.servers import SERVER_PLACES, at
from support.store import HOUR, QUARANTINE, Jobs, Q, having

from pyjobs.engine.reliable import RELIABLE
from pyjobs.engine.replies import Claimed

OTHER = "jobs:{other}"
reliable = having("reap", ["reliable"])


def suspect(jobs: Jobs, *ids: str, queue: str = Q) -> None:
    """These jobs have crashed twice, and their wait is over."""
    jobs.submit(*ids, queue=queue)
    jobs.claim(len(ids), queues=(queue,))
    for place, id in enumerate(ids):
        jobs.redis.hset(f"{queue}:job:{id}", "crashes", 1)
        jobs.redis.zadd(f"{queue}:inflight", {id: place + 1})
    jobs.store.call(RELIABLE.reap(queue, limit=1000))
    due = jobs.now() - len(ids)
    for place, id in enumerate(ids):
        jobs.redis.zadd(f"{queue}:delayed", {id: due + place})


def claimed(jobs: Jobs, limit: int = 100, queues: tuple[str, ...] = (Q,)) -> list[str]:
    return [job.id for job in jobs.claim(limit, queues=queues).jobs]


@reliable
def test_suspects_are_claimed_one_at_a_time_in_the_order_of_their_waits(jobs: Jobs) -> None:
    suspect(jobs, "a", "b", "c")
    for id in ("a", "b", "c"):
        (job,) = jobs.claim().jobs
        assert (job.id, job.attempt) == (id, 3)
        assert claimed(jobs) == []
        assert jobs.complete(job) == ["done"]
    assert claimed(jobs) == []
    assert "suspect" not in {name.decode() for name in jobs.redis.hkeys(f"{Q}:meta")}


@reliable
def test_delayed_jobs_that_crashed_once_are_no_suspects(jobs: Jobs) -> None:
    jobs.submit("a", "b", delay=HOUR)
    for id in ("a", "b"):
        jobs.redis.hset(f"{Q}:job:{id}", "crashes", 1)
    jobs.store.age(2 * HOUR)
    assert sorted(claimed(jobs)) == ["a", "b"]
    assert "suspect" not in {name.decode() for name in jobs.redis.hkeys(f"{Q}:meta")}


@reliable
def test_a_reap_leaves_due_suspects_to_the_next_claim(jobs: Jobs) -> None:
    suspect(jobs, "a", "b")
    reaped = jobs.reap()
    assert (reaped.promoted, jobs.pending()) == (2, [])
    assert jobs.wakes() == 1
    assert all(score >= QUARANTINE for score in jobs.part("delayed").values())
    with jobs.store.unchanged():
        assert jobs.reap() == (False, 0, [], [])
    assert claimed(jobs) == ["a"]


@reliable
def test_other_jobs_do_not_wait_for_suspects(jobs: Jobs) -> None:
    suspect(jobs, "a", "b")
    jobs.submit("x", "y")
    assert claimed(jobs) == ["a", "x", "y"]
    jobs.submit("z")
    assert claimed(jobs) == ["z"]


@reliable
def test_a_suspect_is_claimed_before_pending_jobs(jobs: Jobs) -> None:
    """It would last as long as the queue is otherwise."""
    suspect(jobs, "a")
    jobs.submit("x", "y")
    assert claimed(jobs, limit=2) == ["a", "x"]


def lose(jobs: Jobs, job: Claimed) -> None:
    jobs.redis.zadd(f"{Q}:inflight", {job.id: 1})


def delete(jobs: Jobs, job: Claimed) -> None:
    jobs.redis.delete(f"{Q}:job:{job.id}")
    jobs.redis.zrem(f"{Q}:inflight", job.id)


ENDS: dict[str, Callable[[Jobs, Claimed], object]] = {
    "complete": lambda jobs, job: jobs.complete(job),
    "retry": lambda jobs, job: jobs.fail(job, verdict=f"retry={HOUR}"),
    "snooze": lambda jobs, job: jobs.fail(job, verdict=f"snooze={HOUR}"),
    "reject": lambda jobs, job: jobs.fail(job, verdict="reject"),
    "cancel": lambda jobs, job: jobs.store.call(RELIABLE.cancel(Q, [job.id])),
    "lost lease": lose,
    "deleted": delete,
    "released, then cancelled": lambda jobs, job: (
        jobs.release(job),
        jobs.store.call(RELIABLE.cancel(Q, [job.id])),
    ),
    "dead, then requeued": lambda jobs, job: (
        jobs.fail(job, verdict="reject"),
        jobs.store.call(RELIABLE.requeue(Q, [job.id])),
    ),
}


@reliable
@pytest.mark.parametrize("end", ENDS)
def test_any_end_of_a_suspect_lets_the_next_suspect_out(jobs: Jobs, end: str) -> None:
    suspect(jobs, "a", "b")
    (job,) = jobs.claim().jobs
    ENDS[end](jobs, job)
    assert "b" in claimed(jobs)
    assert claimed(jobs) == []


@reliable
def test_a_released_suspect_is_claimed_before_other_suspects(jobs: Jobs) -> None:
    suspect(jobs, "a", "b")
    (job,) = jobs.claim().jobs
    jobs.release(job)
    assert claimed(jobs) == ["a"]
    assert claimed(jobs) == []


@reliable
def test_a_suspect_whose_lease_is_renewed_keeps_other_suspects_waiting(jobs: Jobs) -> None:
    suspect(jobs, "a", "b")
    (job,) = jobs.claim().jobs
    for _ in range(5):
        jobs.store.age(HOUR // 2)
        assert jobs.extend(job) == ["inflight"]
        assert claimed(jobs) == []
    jobs.store.age(2 * HOUR)
    assert claimed(jobs) == ["b"]


@reliable
@pytest.mark.parametrize("verdict", ["snooze=0", "continue=0", "retry=0"])
def test_a_suspect_whose_run_its_handler_ended_is_no_suspect(jobs: Jobs, verdict: str) -> None:
    suspect(jobs, "a", "b")
    jobs.fail(*jobs.claim().jobs, verdict=verdict)
    assert claimed(jobs) == ["b", "a"]


@reliable
def test_a_requeued_suspect_is_no_suspect(jobs: Jobs) -> None:
    suspect(jobs, "a", "b")
    jobs.fail(*jobs.claim().jobs, verdict="reject")
    jobs.store.call(RELIABLE.requeue(Q, ["a"]))
    assert claimed(jobs) == ["b", "a"]


@reliable
def test_a_suspect_cancelled_or_gone_while_it_waited_is_passed_over(jobs: Jobs) -> None:
    suspect(jobs, "a", "b", "c")
    jobs.reap()
    jobs.store.call(RELIABLE.cancel(Q, ["a"]))
    jobs.redis.delete(f"{Q}:job:b")
    assert claimed(jobs) == []
    assert jobs.redis.lrange(f"{Q}:broken", 0, -1) == [b"b"]
    assert claimed(jobs) == ["c"]


@reliable
def test_a_claim_of_several_queues_takes_one_suspect(jobs: Jobs) -> None:
    """The worker that serves both would hold both."""
    suspect(jobs, "a")
    suspect(jobs, "x", queue=OTHER)
    (job,) = jobs.claim(queues=(OTHER, Q)).jobs
    assert job.id == "x"
    assert claimed(jobs, queues=(Q, OTHER)) == []
    jobs.store.call(RELIABLE.complete(OTHER, [("x", job.token, b"")]))
    assert claimed(jobs, queues=(OTHER, Q)) == ["a"]
    suspect(jobs, "y", queue=OTHER)
    assert claimed(jobs, queues=(OTHER,)) == ["y"]  # who serves this queue only holds no other


@reliable
def test_a_claim_without_room_leaves_the_suspect_to_the_next(jobs: Jobs) -> None:
    suspect(jobs, "a")
    jobs.submit("x", queue=OTHER)
    assert claimed(jobs, limit=1, queues=(OTHER, Q)) == ["x"]
    assert jobs.pending() == []
    assert claimed(jobs, limit=1, queues=(OTHER, Q)) == ["a"]


@reliable
def test_wait_ignores_suspects_that_wait_for_another(jobs: Jobs) -> None:
    suspect(jobs, "a", "b")
    batch = jobs.claim(lease=HOUR)
    assert 0 < batch.wait <= HOUR  # not when the other one is due
    jobs.complete(*batch.jobs)
    assert jobs.claim(lease=HOUR).jobs[0].id == "b"


@reliable
def test_hundreds_of_suspects_are_parked_once_and_stay_unchanged(jobs: Jobs) -> None:
    """Each is moved once, a bounded number in a call; who has no turn stays where it is."""
    ids = [f"j{n:03}" for n in range(300)]
    suspect(jobs, *ids)
    jobs.submit("x")
    assert claimed(jobs) == [ids[0], "x"]
    while min(jobs.part("delayed").values()) < QUARANTINE:
        assert claimed(jobs) == []
    before = jobs.part("delayed")
    jobs.submit("y")
    assert claimed(jobs) == ["y"]
    assert jobs.part("delayed") == before


@reliable
def test_suspects_are_let_out_at_the_memory_limit(jobs: Jobs) -> None:
    if jobs.store.url.startswith("memory:"):
        return
    suspect(jobs, "a", "b")
    jobs.reap()
    jobs.redis.config_set("maxmemory", 1)
    try:
        for _ in range(2):
            assert jobs.complete(*jobs.claim().jobs) == ["done"]
        assert claimed(jobs) == []
    finally:
        jobs.redis.config_set("maxmemory", 0)


class Workers:
    """Processes that die whenever they feel like it, once they hold the poison."""

    def __init__(self, jobs: Jobs, seed: int, queues: tuple[str, ...]) -> None:
        self.jobs, self.dice, self.queues = jobs, random.Random(seed), queues
        self.held: list[list[tuple[str, Claimed]]] = [[], [], []]

    def step(self) -> None:
        held = self.dice.choice(self.held)
        if any(job.id == "poison" for _, job in held) and self.dice.random() < 0.3:
            self.die(held)
        elif self.dice.random() < 0.5 or not held:
            queues = tuple(self.dice.sample(self.queues, len(self.queues)))
            batch = self.jobs.claim(self.dice.randint(1, 4), queues=queues)
            held += [(queues[job.queue_index], job) for job in batch.jobs]
        elif self.dice.random() < 0.3:
            self.end(held, held[self.dice.randrange(len(held))])
        else:
            self.time_passes()

    def end(self, held: list[tuple[str, Claimed]], one: tuple[str, Claimed]) -> None:
        queue, job = one
        if job.id != "poison":
            told = self.jobs.store.call(RELIABLE.complete(queue, [(job.id, job.token, b"")]))
            assert told == ["done"]
            held.remove(one)

    def die(self, held: list[tuple[str, Claimed]]) -> None:
        for queue, job in held:
            self.jobs.redis.zadd(f"{queue}:inflight", {job.id: 1}, xx=True)
        held.clear()

    def time_passes(self) -> None:
        for queue in self.queues:
            for id, score in self.jobs.redis.zrange(f"{queue}:delayed", 0, -1, withscores=True):
                if score < QUARANTINE:
                    self.jobs.redis.zadd(f"{queue}:delayed", {id: 1})


@at(SERVER_PLACES, long=SERVER_PLACES[1:])
@reliable
@pytest.mark.parametrize("queues", [(Q,), (Q, OTHER)], ids=["one queue", "two queues"])
def test_a_job_that_kills_workers_is_the_only_one_dead(jobs: Jobs, queues: tuple[str, ...]) -> None:
    """However long its neighbours run beside it: it alone is dead in the end."""
    for seed in range(5):
        jobs.redis.flushall()
        workers = Workers(jobs, seed, queues)
        jobs.submit("poison", *[f"a{n}" for n in range(6)])
        if len(queues) > 1:
            jobs.submit(*[f"b{n}" for n in range(6)], queue=OTHER)
        for _ in range(2000):
            workers.step()
            states = {
                key.rpartition(b":")[2].decode(): jobs.redis.hget(key, "state").decode()
                for queue in queues
                for key in jobs.redis.keys(f"{queue}:job:*")
            }
            if set(states.values()) <= {"done", "dead"}:
                break
        assert {id for id, state in states.items() if state != "done"} == {"poison"}, seed
        assert jobs.job("poison")["reason"] == b"crashed"
        assert jobs.job("poison")["crashes"] == b"3"
    jobs.redis.flushall()
