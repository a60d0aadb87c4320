"""queue/wake: a wake token is passed on, and there is one at most."""

from __future__ import annotations

from support.store import Jobs, Q, having

from pyjobs.engine.queue import wake


@having("submit")
def test_wake_of_an_empty_queue_is_0_and_writes_nothing(jobs: Jobs) -> None:
    assert jobs.store.call(wake(Q)) is False
    assert not jobs.redis.exists(f"{Q}:wake")


@having("submit")
def test_wake_of_a_queue_with_jobs_is_1_and_leaves_one_token(jobs: Jobs) -> None:
    jobs.submit("a")
    assert jobs.wakes() == 1
    with jobs.store.unchanged():
        assert jobs.store.call(wake(Q)) is True
    jobs.redis.lpush(f"{Q}:wake", "2")
    assert jobs.store.call(wake(Q)) is True
    assert jobs.wakes() == 1
    jobs.redis.delete(f"{Q}:wake")
    assert jobs.store.call(wake(Q)) is True
    assert jobs.redis.lrange(f"{Q}:wake", 0, -1) == [b"1"]
