"""The checker of the keyspace, which runs after every test, sees what it is there for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.store import HOUR, Jobs, Q, Store, leaks

from pyjobs.engine.reliable import RELIABLE

DAMAGE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a key without a TTL": (lambda redis: redis.set(f"{Q}:x", 1), "{q}:x' is there for ever"),
    "a foreign key": (lambda redis: redis.set("other", 1), "b'other' is there for ever"),
    "a claim that stays": (lambda redis: redis.persist(f"{Q}:claim:nonce1"), ":claim:nonce1'"),
    "two wake tokens": (lambda redis: redis.lpush(f"{Q}:wake", 1, 1), ":wake' holds 3 elements"),
    "an id twice": (
        lambda redis: redis.lpush(f"{Q}:pending", "waits"),
        "waits of jobs:{q} is pending, in",
    ),
    "an id without a job": (
        lambda redis: redis.lpush(f"{Q}:pending", "no"),
        "no of jobs:{q} is gone, in",
    ),
    "a job without a place": (
        lambda redis: redis.zrem(f"{Q}:inflight", "held"),
        "held of jobs:{q} is infl",
    ),
    "a wrong place": (
        lambda redis: redis.hset(f"{Q}:job:held", "state", "delayed"),
        "held of jobs:{q} is de",
    ),
    "a live job that ends": (
        lambda redis: redis.expire(f"{Q}:job:later", 9),
        "later of jobs:{q} is delayed",
    ),
    "a done job that stays": (
        lambda redis: redis.persist(f"{Q}:job:done"),
        "done of jobs:{q} is done, in",
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_the_leak_check_finds_each_kind_of_damage(store: Store, what: str) -> None:
    damage, told = DAMAGE[what]
    jobs = Jobs(store, RELIABLE)
    jobs.complete(*jobs.take("done", "held")[:1])
    jobs.submit("waits")
    jobs.submit("later", delay=HOUR)
    assert leaks(store) == []
    damage(store.redis)
    (found,) = leaks(store)
    store.redis.flushall()
    assert told in found
