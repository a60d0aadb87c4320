"""The wait that ends when a job is cancelled: what it hears, and how little can hold it up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import redis
from support.proxy import Proxy
from support.running import LONG, wait_until
from support.servers import REAL_SERVER_PLACES, SERVER_PLACES, at, own_server
from support.store import Q, Store

from pyjobs.engine.keys import Keys
from pyjobs.transport.server import connect
from pyjobs.worker.liveness import cancellation
from pyjobs.worker.liveness.cancellation import CancellationListener

EVERY = at(SERVER_PLACES)
REAL = at(REAL_SERVER_PLACES)
CHANNELS = [Keys.cancel(Q), Keys.cancel("jobs:{z}")]
SHORT = 0.05


class Ears:
    """A wait of its own, and who it is that publishes."""

    def __init__(self, url: str, server: redis.Redis) -> None:
        self.server = server
        self._own = connect(url)
        self.cancels = CancellationListener(self._own, CHANNELS)

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
def listeners(store: Store) -> Iterator[Ears]:
    listeners = Ears(store.url, store.redis)
    yield listeners
    listeners.close()


@EVERY
class TestWait:
    def test_a_wait_of_ten_years_hears_a_cancel(self, listeners: Ears) -> None:
        listeners.subscribe()
        threading.Timer(SHORT, listeners.server.publish, (CHANNELS[0], "a")).start()
        assert listeners.cancels.wait(10 * 365 * 86_400.0) == {b"a"}

    def test_a_wait_returns_ids_published_on_each_channel(self, listeners: Ears) -> None:
        listeners.subscribe()
        for channel in CHANNELS:
            listeners.server.publish(channel, "a")
            assert listeners.cancels.wait(LONG) == {b"a"}
        assert listeners.cancels.wait(SHORT) == set()

    def test_a_confirmed_subscription_ends_a_wait_and_is_reported_once(
        self, listeners: Ears
    ) -> None:
        """Whoever waits must look then: what was published before is not heard."""
        assert not listeners.cancels.confirmed()
        listeners.cancels.subscribe()
        assert listeners.cancels.wait(LONG) == set()
        assert listeners.cancels.confirmed() and not listeners.cancels.confirmed()
        assert [listeners.listeners(channel) for channel in CHANNELS] == [1] * len(CHANNELS)

    def test_a_message_during_a_wait_ends_it(self, listeners: Ears) -> None:
        listeners.subscribe()
        timer = threading.Timer(0.1, listeners.server.publish, (CHANNELS[0], "a"))
        timer.start()
        began = time.monotonic()
        assert listeners.cancels.wait(LONG) == {b"a"}
        assert time.monotonic() - began < LONG / 2
        timer.join()

    def test_any_bytes_are_returned_as_ids(self, listeners: Ears) -> None:
        listeners.subscribe()
        for junk in (b"", b"\x00\xff" * 1000):
            listeners.server.publish(CHANNELS[0], junk)
            assert listeners.cancels.wait(LONG) == {junk}

    def test_a_wait_without_a_subscription_takes_its_time(self, listeners: Ears) -> None:
        began = time.monotonic()
        assert listeners.cancels.wait(SHORT) == set()
        assert time.monotonic() - began >= SHORT

    def test_a_flood_of_messages_is_returned_in_portions_with_gaps(
        self, listeners: Ears, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between two of them there is a gap, and each has its limit."""
        monkeypatch.setattr(cancellation, "MESSAGES", 10)
        listeners.subscribe()
        ids = [b"%d" % n for n in range(35)]
        for id in ids:
            listeners.server.publish(CHANNELS[0], id)
        heard, began, portions = set[bytes](), time.monotonic(), 0
        while heard != set(ids):
            portion = listeners.cancels.wait(LONG)
            assert len(portion) <= 10
            heard |= portion
            portions += 1
        assert portions >= 4
        assert time.monotonic() - began >= (portions - 1) * cancellation.GAP_SECONDS

    def test_a_gap_after_a_flood_ends_with_the_wait(
        self, listeners: Ears, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or a flood would hold up the beat that is due."""
        monkeypatch.setattr(cancellation, "GAP_SECONDS", LONG)
        listeners.subscribe()
        listeners.server.publish(CHANNELS[0], "a")
        assert listeners.cancels.wait(LONG) == {b"a"}
        listeners.server.publish(CHANNELS[0], "b")
        began = time.monotonic()
        assert listeners.cancels.wait(SHORT) == set()
        assert time.monotonic() - began < LONG / 2


@EVERY
class TestEnd:
    @pytest.mark.parametrize("subscribed", [True, False])
    def test_end_ends_a_wait_that_is_under_way(self, listeners: Ears, subscribed: bool) -> None:
        if subscribed:
            listeners.subscribe()
        timer = threading.Timer(0.1, listeners.cancels.end)
        timer.start()
        began = time.monotonic()
        assert listeners.cancels.wait(LONG) == set()
        assert time.monotonic() - began < LONG / 2
        timer.join()

    def test_end_ends_every_later_wait(self, listeners: Ears) -> None:
        listeners.subscribe()
        listeners.cancels.end()
        listeners.cancels.end()
        began = time.monotonic()
        assert listeners.cancels.wait(LONG) == set()
        listeners.cancels.sleep(LONG)
        assert time.monotonic() - began < LONG / 2

    def test_close_ends_the_subscription(self, listeners: Ears) -> None:
        listeners.subscribe()
        listeners.cancels.close()
        wait_until(lambda: listeners.listeners() == 0)


class TestTrouble:
    @REAL
    def test_a_listener_without_rights_to_the_channel_waits_and_tries_again_later(
        self, store: Store
    ) -> None:
        """It waits as it would otherwise, and asks again, but not soon."""
        store.redis.execute_command(
            *("ACL", "SETUSER", "deaf", "on", ">secret", "~*", "+@all", "resetchannels")
        )
        try:
            url = store.url.replace("://", "://deaf:secret@")
            listeners = Ears(url, store.redis)
            listeners.cancels.subscribe()
            assert listeners.cancels.wait(LONG) == set()  # the refusal comes
            began = time.monotonic()
            listeners.cancels.subscribe()
            assert listeners.cancels.wait(SHORT) == set()
            assert time.monotonic() - began >= SHORT
            assert listeners.listeners() == 0
            listeners.close()
        finally:
            store.redis.execute_command("ACL", "DELUSER", "deaf")

    @REAL
    def test_a_killed_subscription_is_made_again(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cancellation, "FIRST_PAUSE", 0.02)
        with Proxy(store.url) as proxy:
            listeners = Ears(proxy.url, store.redis)
            listeners.subscribe()
            store.redis.client_kill_filter(_type="pubsub")
            wait_until(lambda: listeners.listeners() == 0)
            assert listeners.cancels.wait(SHORT) == set()
            wait_until(listeners.listening)
            store.redis.publish(CHANNELS[0], "a")
            assert listeners.cancels.wait(LONG) == {b"a"}
            listeners.close()

    def test_a_listener_whose_server_is_away_pauses_between_its_tries(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A wait ends early where subscribing is worth a try again; nothing spins meanwhile."""
        monkeypatch.setattr(cancellation, "FIRST_PAUSE", 0.05)
        with own_server() as server, connect(server.url) as admin:
            listeners = Ears(server.url, admin)
            listeners.subscribe()
            server.kill()
            waits, until = 0, time.monotonic() + 0.5
            while time.monotonic() < until:
                listeners.cancels.subscribe()
                assert listeners.cancels.wait(until - time.monotonic()) == set()
                waits += 1
            assert waits <= 8
            server.start()
            wait_until(listeners.listening)
            listeners.close()

    @REAL
    def test_a_wait_without_a_free_file_descriptor_takes_its_time(
        self, listeners: Ears, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listeners.subscribe()

        def none_left() -> None:
            raise OSError(24, "Too many open files")

        monkeypatch.setattr("selectors.DefaultSelector", none_left)
        began = time.monotonic()
        assert listeners.cancels.wait(SHORT) == set()
        assert time.monotonic() - began >= SHORT
