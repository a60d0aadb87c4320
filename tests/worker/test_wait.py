"""For how long an idle worker waits for a wake token."""

from __future__ import annotations

import pytest
from support.servers import REAL_SERVER_PLACES, at
from support.store import Store

from pyjobs.worker.claiming.wake import idle_seconds


@pytest.mark.parametrize(
    ("wait", "seconds"), [(-1, 30.0), (60_000, 30.0), (2000, 2.0), (1, 0.01), (0, 0.01)]
)
def test_a_worker_waits_until_something_is_due_but_neither_too_long_nor_too_briefly(
    wait: int, seconds: float
) -> None:
    assert idle_seconds(wait, 30.0) == seconds


@at(REAL_SERVER_PLACES)
def test_the_wait_for_a_job_that_is_due_in_a_millisecond_ends(store: Store) -> None:
    # Redis 6.2 waits for ever when it is asked to wait for a millisecond.
    store.redis.connection_pool.connection_kwargs["socket_timeout"] = 5
    assert store.redis.blpop("jobs:{q}:wake", idle_seconds(1, 30.0)) is None
