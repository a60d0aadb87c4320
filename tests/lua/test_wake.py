"""queue/wake and queue/listen: a wake token is passed on, taken and reported, and there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support.servers import REAL_SERVER_PLACES, at
from support.store import HOUR, STORED, Jobs, Q, having

from pyjobs.engine.queue import listen, wake

CHANNELS = [f"{Q}:wake:{number}" for number in range(1, 65)]


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


@having("submit", STORED)
def test_wake_of_a_queue_whose_jobs_are_all_delayed_is_0_and_leaves_a_token(jobs: Jobs) -> None:
    """Who took the token may have no room, and others do not know when the job is due."""
    jobs.submit("a", delay=HOUR)
    assert jobs.store.call(listen(Q)).taken
    assert jobs.store.call(wake(Q)) is False
    assert jobs.wakes() == 1


@having("schedule", STORED)
def test_wake_of_a_queue_that_has_schedules_is_0_and_leaves_a_token(jobs: Jobs) -> None:
    jobs.schedule("report", every=HOUR)
    jobs.redis.delete(f"{Q}:wake")
    assert jobs.store.call(wake(Q)) is False
    assert jobs.wakes() == 1


@contextmanager
def hearing(jobs: Jobs, channel: str) -> Iterator[Any]:
    """A subscription to a wake channel, in the way that the server reports on it."""
    sharded = int(jobs.redis.info("server")["redis_version"].partition(".")[0]) >= 7
    with jobs.redis.pubsub() as heard:
        (heard.ssubscribe if sharded else heard.subscribe)(channel)
        assert heard.get_message(timeout=30)["type"].endswith("subscribe")
        heard.messages = lambda: reports(jobs, heard, channel, sharded)
        yield heard


def reports(jobs: Jobs, heard: Any, channel: str, sharded: bool) -> list[str]:
    """The channels of all messages since the last look. A marker is published, so that none is
    still on its way."""
    jobs.redis.execute_command("SPUBLISH" if sharded else "PUBLISH", channel, b"marker")
    get = heard.get_sharded_message if sharded and hasattr(heard, "get_sharded_message") else None
    found = []
    while (message := (get or heard.get_message)(timeout=30))["data"] != b"marker":
        found.append(message["channel"].decode())
    return found


@having("submit")
def test_listen_takes_the_token_and_names_a_channel_where_none_was_given(jobs: Jobs) -> None:
    jobs.submit("a")
    assert jobs.store.call(listen(Q, 3)) == (True, 0)
    assert jobs.wakes() == 0
    taken, channel = jobs.store.call(listen(Q))
    assert not taken
    assert channel == 1


@having("submit")
def test_listen_of_a_queue_without_jobs_leaves_the_mode_to_its_first_submit(jobs: Jobs) -> None:
    assert not jobs.store.call(listen(Q)).taken
    jobs.submit("a")
    assert jobs.redis.hget(f"{Q}:meta", "mode") == jobs.mode.name.encode()
    assert jobs.store.call(listen(Q)).taken


@at(REAL_SERVER_PLACES)
@having("submit")
def test_a_token_is_reported_once_to_the_first_channel_with_a_subscriber(jobs: Jobs) -> None:
    with hearing(jobs, CHANNELS[4]) as first, hearing(jobs, CHANNELS[9]) as second:
        # A worker that has subscribed listens again.
        jobs.store.call(listen(Q, 10))
        jobs.submit("a")
        jobs.submit("b")
        assert first.messages() == [CHANNELS[4]]
        assert first.messages() == []
        assert second.messages() == []
        # The next token comes when this one was taken.
        assert jobs.store.call(listen(Q, 1)).taken
        assert jobs.store.call(wake(Q)) is True
        assert first.messages() == [CHANNELS[4]]


@at(REAL_SERVER_PLACES)
@having("submit")
def test_a_token_is_reported_first_where_the_one_before_was_taken(jobs: Jobs) -> None:
    with hearing(jobs, CHANNELS[0]) as dead, hearing(jobs, CHANNELS[9]) as alive:
        jobs.store.call(listen(Q, 10))
        jobs.submit("a")
        assert dead.messages() == [CHANNELS[0]]
        # Nobody took it, until a worker looked.
        assert jobs.store.call(listen(Q, 10)).taken
        jobs.submit("b")
        assert alive.messages() == [CHANNELS[9]]
        assert dead.messages() == []
    with hearing(jobs, CHANNELS[0]) as dead:
        assert jobs.store.call(listen(Q, 10)).taken
        jobs.submit("c")
        assert dead.messages() == [CHANNELS[0]]


@at(REAL_SERVER_PLACES)
@having("submit")
def test_a_queue_on_which_nobody_has_listened_reports_nothing(jobs: Jobs) -> None:
    with hearing(jobs, CHANNELS[0]) as heard:
        jobs.submit("a")
        assert heard.messages() == []


@at(REAL_SERVER_PLACES)
@having("submit")
def test_listen_names_the_channel_with_the_fewest_subscribers(jobs: Jobs) -> None:
    with hearing(jobs, CHANNELS[0]), hearing(jobs, CHANNELS[1]), hearing(jobs, CHANNELS[3]):
        assert jobs.store.call(listen(Q)).channel == 3
        assert jobs.store.call(listen(Q)).channel == 5
        # Nobody was named a channel for a while.
        jobs.redis.hdel(f"{Q}:meta", "named")
        assert jobs.store.call(listen(Q)).channel == 3


@having("submit")
def test_workers_that_start_together_are_named_a_channel_each(jobs: Jobs) -> None:
    assert [jobs.store.call(listen(Q)).channel for _ in range(3)] == [1, 2, 3]
    # An older name says nothing of who is about to subscribe.
    second = int(jobs.redis.hget(f"{Q}:meta", "named")) // 100
    jobs.redis.hset(f"{Q}:meta", "named", 100 * (second - 10) + 3)
    assert jobs.store.call(listen(Q)).channel == 1


@at(REAL_SERVER_PLACES)
@having("submit")
def test_a_token_that_nobody_hears_is_published_no_further_than_the_last_channel_in_use(
    jobs: Jobs,
) -> None:
    def published() -> int:
        stats = jobs.redis.info("commandstats")
        words = ("cmdstat_spublish", "cmdstat_publish")
        return sum(stats.get(word, {"calls": 0})["calls"] for word in words)

    for _ in range(3):
        jobs.store.call(listen(Q))
    before = published()
    jobs.submit("a")
    assert published() == before + 3
    # A worker that stays on another channel says so when it listens.
    with hearing(jobs, CHANNELS[20]) as far:
        assert jobs.store.call(listen(Q, 21)).taken
        jobs.submit("b")
        assert far.messages() == [CHANNELS[20]]
        # The next that is named a channel says how far they go.
        jobs.redis.hdel(f"{Q}:meta", "named")
        assert jobs.store.call(listen(Q, 21)).taken
        assert jobs.store.call(listen(Q)).channel == 1
        assert jobs.redis.hget(f"{Q}:meta", "listened") == b"21 21"
    jobs.redis.hdel(f"{Q}:meta", "named")
    assert jobs.store.call(listen(Q)).channel == 1
    assert jobs.redis.hget(f"{Q}:meta", "listened") == b"21 1"
