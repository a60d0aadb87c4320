"""The wait that ends when a job is cancelled: what it hears, and how little can hold it up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import redis
from proxy import Proxy
from running import LONG, own_server, places, wait_until
from store import Q, Store

from pyjobs.engine.keys import cancel_channel
from pyjobs.transport.connect import connect
from pyjobs.worker import cancellation
from pyjobs.worker.cancellation import Cancels

EVERY = places("memory", "redis-6.2", "redis-8.2", "valkey-9.1", flavours=("sync",))
REAL = places("redis-6.2", "redis-8.2", "valkey-9.1", flavours=("sync",))
CHANNELS = [cancel_channel(Q), cancel_channel("jobs:{z}")]
SHORT = 0.05


class Ears:
    """A wait of its own, and who it is that publishes."""

    def __init__(self, url: str, server: redis.Redis) -> None:
        self.server = server
        self._own = connect(url)
        self.cancels = Cancels(self._own, CHANNELS)

    def listeners(self, channel: str = CHANNELS[0]) -> int:
        return int(self.server.pubsub_numsub(channel)[0][1])

    def listening(self) -> bool:
        """Subscribe where that may be tried; whether it is so now."""
        self.cancels.subscribe()
        return self.cancels.wait(SHORT) == set() and self.cancels.confirmed()

    def subscribe(self) -> None:
        wait_until(self.listening)

    def close(self) -> None:
        self.cancels.close()
        self._own.close()


@pytest.fixture
def ears(store: Store) -> Iterator[Ears]:
    ears = Ears(store.url, store.redis)
    yield ears
    ears.close()


@EVERY
class TestHearing:
    def test_it_hears_on_each_channel(self, ears: Ears) -> None:
        ears.subscribe()
        for channel in CHANNELS:
            ears.server.publish(channel, "a")
            assert ears.cancels.wait(LONG) == {b"a"}
        assert ears.cancels.wait(SHORT) == set()

    def test_its_beginning_ends_a_wait_and_is_told_once(self, ears: Ears) -> None:
        """Whoever waits must look then: what was published before is not heard."""
        assert not ears.cancels.confirmed()
        ears.cancels.subscribe()
        assert ears.cancels.wait(LONG) == set()
        assert ears.cancels.confirmed() and not ears.cancels.confirmed()
        assert [ears.listeners(channel) for channel in CHANNELS] == [1] * len(CHANNELS)

    def test_what_comes_during_the_wait_ends_it(self, ears: Ears) -> None:
        ears.subscribe()
        timer = threading.Timer(0.1, ears.server.publish, (CHANNELS[0], "a"))
        timer.start()
        began = time.monotonic()
        assert ears.cancels.wait(LONG) == {b"a"}
        assert time.monotonic() - began < LONG / 2
        timer.join()

    def test_anything_may_come(self, ears: Ears) -> None:
        ears.subscribe()
        for junk in (b"", b"\x00\xff" * 1000):
            ears.server.publish(CHANNELS[0], junk)
            assert ears.cancels.wait(LONG) == {junk}

    def test_without_a_subscription_it_waits(self, ears: Ears) -> None:
        began = time.monotonic()
        assert ears.cancels.wait(SHORT) == set()
        assert time.monotonic() - began >= SHORT

    def test_a_flood_is_heard_in_portions(
        self, ears: Ears, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between two of them there is a gap, and each has its limit."""
        monkeypatch.setattr(cancellation, "MESSAGES", 10)
        ears.subscribe()
        ids = [b"%d" % n for n in range(35)]
        for id in ids:
            ears.server.publish(CHANNELS[0], id)
        heard, began, portions = set[bytes](), time.monotonic(), 0
        while heard != set(ids):
            portion = ears.cancels.wait(LONG)
            assert len(portion) <= 10
            heard |= portion
            portions += 1
        assert portions >= 4
        assert time.monotonic() - began >= (portions - 1) * cancellation.GAP_SECONDS

    def test_a_gap_ends_with_the_wait(self, ears: Ears, monkeypatch: pytest.MonkeyPatch) -> None:
        """Or a flood would hold up the beat that is due."""
        monkeypatch.setattr(cancellation, "GAP_SECONDS", LONG)
        ears.subscribe()
        ears.server.publish(CHANNELS[0], "a")
        assert ears.cancels.wait(LONG) == {b"a"}
        ears.server.publish(CHANNELS[0], "b")
        began = time.monotonic()
        assert ears.cancels.wait(SHORT) == set()
        assert time.monotonic() - began < LONG / 2


@EVERY
class TestEnd:
    @pytest.mark.parametrize("subscribed", [True, False])
    def test_it_ends_a_wait_that_is_under_way(self, ears: Ears, subscribed: bool) -> None:
        if subscribed:
            ears.subscribe()
        timer = threading.Timer(0.1, ears.cancels.end)
        timer.start()
        began = time.monotonic()
        assert ears.cancels.wait(LONG) == set()
        assert time.monotonic() - began < LONG / 2
        timer.join()

    def test_and_every_later_one(self, ears: Ears) -> None:
        ears.subscribe()
        ears.cancels.end()
        ears.cancels.end()
        began = time.monotonic()
        assert ears.cancels.wait(LONG) == set()
        ears.cancels.sleep(LONG)
        assert time.monotonic() - began < LONG / 2

    def test_a_closed_one_listens_no_more(self, ears: Ears) -> None:
        ears.subscribe()
        ears.cancels.close()
        wait_until(lambda: ears.listeners() == 0)


class TestTrouble:
    @REAL
    def test_without_the_right_to_listen(self, store: Store) -> None:
        """It waits as it would otherwise, and asks again, but not soon."""
        store.redis.execute_command(
            *("ACL", "SETUSER", "deaf", "on", ">secret", "~*", "+@all", "resetchannels")
        )
        try:
            url = store.url.replace("://", "://deaf:secret@")
            ears = Ears(url, store.redis)
            ears.cancels.subscribe()
            assert ears.cancels.wait(LONG) == set()  # the refusal comes
            began = time.monotonic()
            ears.cancels.subscribe()
            assert ears.cancels.wait(SHORT) == set()
            assert time.monotonic() - began >= SHORT
            assert ears.listeners() == 0
            ears.close()
        finally:
            store.redis.execute_command("ACL", "DELUSER", "deaf")

    @REAL
    def test_a_broken_connection(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cancellation, "FIRST_PAUSE", 0.02)
        with Proxy(store.url) as proxy:
            ears = Ears(proxy.url, store.redis)
            ears.subscribe()
            store.redis.client_kill_filter(_type="pubsub")
            wait_until(lambda: ears.listeners() == 0)
            assert ears.cancels.wait(SHORT) == set()
            wait_until(ears.listening)
            store.redis.publish(CHANNELS[0], "a")
            assert ears.cancels.wait(LONG) == {b"a"}
            ears.close()

    def test_a_server_that_is_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A wait ends early where subscribing is worth a try again; nothing spins meanwhile."""
        monkeypatch.setattr(cancellation, "FIRST_PAUSE", 0.05)
        with own_server() as server, connect(server.url) as admin:
            ears = Ears(server.url, admin)
            ears.subscribe()
            server.kill()
            waits, until = 0, time.monotonic() + 0.5
            while time.monotonic() < until:
                ears.cancels.subscribe()
                assert ears.cancels.wait(until - time.monotonic()) == set()
                waits += 1
            assert waits <= 8
            server.start()
            wait_until(ears.listening)
            ears.close()

    @REAL
    def test_no_file_descriptor_left(self, ears: Ears, monkeypatch: pytest.MonkeyPatch) -> None:
        ears.subscribe()

        def none_left() -> None:
            raise OSError(24, "Too many open files")

        monkeypatch.setattr("selectors.DefaultSelector", none_left)
        began = time.monotonic()
        assert ears.cancels.wait(SHORT) == set()
        assert time.monotonic() - began >= SHORT
