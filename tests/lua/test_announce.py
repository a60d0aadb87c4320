"""announce: a worker says what it does, and is listed for as long as it says so; workers lists."""

from __future__ import annotations

import json
import time

import pytest
from support.servers import SERVER_PLACES, at
from support.store import Q, Store

from pyjobs.engine import Announced, announce, read_workers
from pyjobs.errors import BadArgument

pytestmark = at(SERVER_PLACES)
MINUTE = 60_000


def say(store: Store, worker: str, keep: int = MINUTE, about: bytes = b"{}") -> str:
    return store.call(announce(Q, worker, keep=keep, about=about))  # type: ignore[no-any-return]


def listed(store: Store) -> dict[str, bytes]:
    found: list[Announced] = store.call(read_workers(Q))
    return {one.worker: one.about for one in found}


def test_what_a_worker_says_is_listed_byte_for_byte(store: Store) -> None:
    about = json.dumps({"host": "web-1"}).encode() + b" \x00\xff\n 7"
    assert say(store, "web-1:7:x", about=about) == "kept"
    [one] = store.call(read_workers(Q))
    assert (one.worker, one.about) == ("web-1:7:x", about)
    assert 0 <= one.ago < MINUTE


def test_the_latest_words_of_a_worker_count(store: Store) -> None:
    for about in (b"1", b"2", b"2"):
        say(store, "a", about=about)
    assert listed(store) == {"a": b"2"}


def test_a_worker_that_says_nothing_more_is_listed_no_longer_than_it_asked(store: Store) -> None:
    say(store, "a", keep=MINUTE)
    say(store, "b", keep=30)
    time.sleep(0.05)
    assert listed(store) == {"a": b"{}"}


def test_entries_that_are_over_are_dropped_by_the_next_announcement(store: Store) -> None:
    say(store, "a", keep=1)
    say(store, "b", keep=1)
    time.sleep(0.02)
    say(store, "b")
    assert store.redis.zrange(f"{Q}:workers", 0, -1) == [b"b"]
    assert listed(store) == {"b": b"{}"}


def test_a_worker_that_leaves_is_not_listed_and_may_come_again(store: Store) -> None:
    say(store, "a")
    say(store, "b")
    assert [say(store, "a", keep=0, about=b""), say(store, "a", keep=0)] == ["gone", "gone"]
    assert listed(store) == {"b": b"{}"}
    assert store.redis.keys(f"{Q}:worker:*") == [f"{Q}:worker:b".encode()]
    assert say(store, "a") == "kept"
    assert {*listed(store)} == {"a", "b"}


def test_every_key_of_an_announcement_ends_by_itself(store: Store) -> None:
    say(store, "a", keep=5000)
    assert 0 < store.redis.pttl(f"{Q}:worker:a") <= 5000
    assert 5000 < store.redis.pttl(f"{Q}:workers") <= 3_600_000
    assert {*store.redis.keys("*")} == {f"{Q}:worker:a".encode(), f"{Q}:workers".encode()}


def test_the_thousand_and_first_worker_is_not_listed_until_another_leaves(store: Store) -> None:
    later = int(store.redis.time()[0] * 1000) + 3_600_000
    store.redis.zadd(f"{Q}:workers", {f"w{number}": later for number in range(999)})
    assert [say(store, "a"), say(store, "b")] == ["kept", "full"]
    assert store.redis.exists(f"{Q}:worker:b") == 0
    assert say(store, "a") == "kept"
    assert say(store, "w7", keep=0) == "gone"
    assert say(store, "b") == "kept"


def test_workers_that_are_over_do_not_fill_the_list(store: Store) -> None:
    store.redis.zadd(f"{Q}:workers", {f"w{number}": 1 for number in range(1000)})
    assert say(store, "a") == "kept"
    assert store.redis.zcard(f"{Q}:workers") == 901


def test_an_entry_whose_words_are_lost_is_not_listed(store: Store) -> None:
    say(store, "a")
    say(store, "b")
    store.redis.delete(f"{Q}:worker:a")
    assert listed(store) == {"b": b"{}"}
    store.redis.set(f"{Q}:worker:a", "no moment", px=MINUTE)
    assert listed(store) == {"b": b"{}"}


@pytest.mark.parametrize(
    ("worker", "keep", "about", "why"),
    [
        ("", 1, b"", "worker: not 1 to 128"),
        ("a b", 1, b"", "worker: not 1 to 128"),
        ("a", 3_600_001, b"", "keep: not within 0 to 3600000"),
        ("a", 1, b"x" * 4097, "about: more than 4096 bytes"),
    ],
)
def test_what_no_announcement_can_say_is_refused(
    store: Store, worker: str, keep: int, about: bytes, why: str
) -> None:
    call = announce(Q, "a", keep=1, about=b"")
    words = (worker.encode(), str(keep).encode(), about)
    with pytest.raises(BadArgument, match=why):
        store.call(call._replace(args=words))
    assert not store.redis.keys("*")
