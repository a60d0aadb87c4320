"""Subscriptions in a thread and in a task: messages, refusals, broken connections."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from support.messages import receive
from support.proxy import Proxy
from support.running import LONG, Loop, is_async, wait_until
from support.servers import (
    CLIENT_CODE_PLACES,
    CLIENT_SOCKET_PLACES,
    PREFERRED,
    SOCKET_PLACES,
    WORKER_PLACES,
    at,
)
from support.store import Store

from pyjobs.errors import Forbidden, PyjobsError, Unavailable
from pyjobs.transport import (
    AsyncSubscription,
    Backoff,
    Message,
    Subscription,
    aclose,
    aconnect,
    connect,
)
from pyjobs.transport.sync_subscription import MOST_AT_ONCE

EVERY = at(CLIENT_CODE_PLACES)
REAL = at(CLIENT_SOCKET_PLACES)
CHANNELS = ["jobs:{q}:client:a", "jobs:{q}:client:b"]
SHORT = 0.05


class AsyncFace:
    """An asyncio subscription with the face of the synchronous one."""

    def __init__(self, url: str, backoff: Backoff) -> None:
        self.loop = Loop()
        self.server = self.loop.do(self._connect(url))
        self.subscription = AsyncSubscription(self.server, CHANNELS, backoff)

    async def _connect(self, url: str) -> Any:
        return aconnect(url)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.subscription, name)

    def open(self, seconds: float) -> None:
        self.loop.do(self.subscription.open(seconds))

    def get(self, seconds: float = 0.0) -> Message | None:
        return self.loop.do(self.subscription.get(seconds))

    def add(self, channels: list[str], seconds: float) -> None:
        self.loop.do(self.subscription.add(channels, seconds))

    def close(self) -> None:
        self.loop.do(self.subscription.close())

    def end(self) -> None:
        self.close()
        self.loop.do(aclose(self.server))
        self.loop.close()


@contextmanager
def subscription(url: str, *, aio: bool, first: float = LONG) -> Iterator[Any]:
    """A subscription of either kind, with the face of the synchronous one; not open yet."""
    backoff = Backoff(first, first)
    if aio:
        made = AsyncFace(url, backoff)
        try:
            yield made
        finally:
            made.end()
        return
    with connect(url) as server:
        found = Subscription(server, CHANNELS, backoff)
        try:
            yield found
        finally:
            found.close()


@pytest.fixture
def closed(store: Store) -> Iterator[Any]:
    """A subscription that is not open yet."""
    with subscription(store.url, aio=is_async(store)) as made:
        yield made


@EVERY
class TestMessages:
    def test_messages_of_each_channel_come_in_order(self, closed: Any, store: Store) -> None:
        closed.open(LONG)
        assert closed.is_open and closed.ready and closed.pause == 0
        for content in (b"1", b"", b"\xff" * 100_000):
            for channel in CHANNELS:
                store.redis.publish(channel, content)
        assert [closed.get(LONG).content for _ in range(6)] == [
            *(b"1", b"1", b"", b"", b"\xff" * 100_000, b"\xff" * 100_000)
        ]

    def test_get_returns_none_when_nothing_comes_in_time(self, closed: Any) -> None:
        closed.open(LONG)
        assert closed.get() is None
        began = time.monotonic()
        assert closed.get(SHORT) is None
        assert time.monotonic() - began >= SHORT * 0.9
        assert closed.is_open

    def test_get_ends_when_a_message_comes(self, closed: Any, store: Store) -> None:
        closed.open(LONG)
        timer = threading.Timer(0.1, store.redis.publish, (CHANNELS[0], "a"))
        timer.start()
        began = time.monotonic()
        assert closed.get(LONG) == (CHANNELS[0].encode(), b"a")
        assert time.monotonic() - began < LONG / 2
        timer.join()

    def test_open_again_keeps_the_connection(self, closed: Any, store: Store) -> None:
        closed.open(LONG)
        store.redis.publish(CHANNELS[0], "a")
        closed.open(LONG)
        assert closed.get(LONG) == (CHANNELS[0].encode(), b"a")

    def test_get_of_a_closed_one_raises_unavailable(self, closed: Any) -> None:
        with pytest.raises(Unavailable, match="closed"):
            closed.get()


@REAL
class TestTrouble:
    def test_a_closed_one_is_not_subscribed_and_opens_again(
        self, closed: Any, store: Store
    ) -> None:
        closed.open(LONG)
        closed.close()
        closed.close()
        assert not closed.is_open and not closed.ready
        wait_until(lambda: store.redis.pubsub_numsub(CHANNELS[0])[0][1] == 0)
        closed.open(LONG)
        assert store.redis.pubsub_numsub(CHANNELS[0])[0][1] == 1

    def test_a_broken_connection_raises_and_is_replaced_after_a_pause(self, store: Store) -> None:
        with subscription(store.url, aio=is_async(store)) as made:
            made.open(LONG)
            store.redis.client_kill_filter(_type="pubsub")
            with pytest.raises(Unavailable):
                made.get(LONG)
            assert not made.is_open and not made.ready
            assert LONG / 4 < made.pause <= LONG
            made.open(LONG)
            store.redis.publish(CHANNELS[0], "a")
            assert made.get(LONG) == (CHANNELS[0].encode(), b"a")

    def test_a_forbidden_channel_raises_forbidden_and_leaves_no_connection(
        self, store: Store
    ) -> None:
        words = ("ACL", "SETUSER", "deaf", "on", ">secret", "~*", "+@all", "resetchannels")
        store.redis.execute_command(*words)
        try:
            url = store.url.replace("://", "://deaf:secret@")
            with subscription(url, aio=is_async(store)) as made:
                with pytest.raises(Forbidden):
                    made.open(LONG)
                assert not made.is_open and made.pause > 0
        finally:
            store.redis.execute_command("ACL", "DELUSER", "deaf")

    def test_a_server_that_is_away_raises_unavailable(self, store: Store) -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            url = f"redis://127.0.0.1:{nobody.getsockname()[1]}"
            with subscription(url, aio=is_async(store)) as made:
                with pytest.raises(Unavailable):
                    made.open(LONG)
                assert not made.is_open and made.pause > 0

    def test_a_subscribe_without_an_answer_raises_unavailable_in_time(self, store: Store) -> None:
        with (
            Proxy(store.url, b"SUBSCRIBE") as proxy,
            subscription(proxy.url, aio=is_async(store)) as made,
        ):
            proxy.breaks("stall")
            with pytest.raises(Unavailable, match=r"no answer to SUBSCRIBE in 0.2 s"):
                made.open(0.2)
            assert not made.is_open

    def test_a_subscribe_of_which_half_an_answer_comes_raises_unavailable_in_time(
        self, store: Store
    ) -> None:
        with (
            HalfAnAnswer(store.url) as proxy,
            subscription(proxy.url, aio=is_async(store)) as made,
        ):
            with pytest.raises(Unavailable, match=r"no answer to SUBSCRIBE in 0.2 s"):
                made.open(0.2)
            assert not made.is_open


class HalfAnAnswer(Proxy):
    """Passes a part of the first answer to SUBSCRIBE, and no reply after that."""

    def _answer(self, client: socket.socket, data: bytes) -> None:
        if not self.seen:
            begin, found, _ = data.partition(b"subscribe")
            self.seen = len(found)
            client.sendall(begin + found[:4])


@contextmanager
def reading(made: Any, seconds: float = LONG) -> Iterator[list[Any]]:
    """What a reader gets meanwhile, which opens the subscription again when it breaks."""
    got: list[Any] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            try:
                made.open(LONG)
                if (message := made.get(0.5)) is not None:
                    got.append(message)
            except PyjobsError as error:
                got.append(error)
                ended.wait(SHORT)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield got
    finally:
        ended.set()
        made.subscription.end() if isinstance(made, AsyncFace) else made.end()
        reader.join(LONG)


@EVERY
class TestAdd:
    def test_an_added_channel_is_heard_while_another_thread_or_task_reads(
        self, closed: Any, store: Store
    ) -> None:
        closed.open(LONG)
        with reading(closed) as got:
            began = time.monotonic()
            for number in range(20):
                closed.add([f"c{number}", f"d{number}"], LONG)
                assert store.redis.publish(f"c{number}", str(number)) == 1
            assert time.monotonic() - began < LONG / 2
            wait_until(lambda: len(got) == 20)
        assert got == [(f"c{number}".encode(), str(number).encode()) for number in range(20)]

    def test_channels_that_threads_add_at_once_are_all_heard(
        self, closed: Any, store: Store
    ) -> None:
        closed.open(LONG)
        names = [f"c{number % 10}" for number in range(40)]
        with reading(closed), ThreadPoolExecutor(8) as pool:
            assert list(pool.map(lambda name: closed.add([name], LONG), names)) == [None] * 40
            assert {store.redis.publish(name, "") for name in names} == {1}

    def test_a_channel_that_is_heard_costs_nothing_to_add(self, closed: Any) -> None:
        closed.open(LONG)
        closed.add(CHANNELS, 0.0)

    def test_an_added_channel_without_an_answer_raises_unavailable_in_time(
        self, closed: Any
    ) -> None:
        with pytest.raises(Unavailable, match=r"no answer to SUBSCRIBE in 0\.05 s"):
            closed.add(["more"], SHORT)

    def test_end_ends_an_add_that_waits(self, closed: Any) -> None:
        end = closed.subscription.end if isinstance(closed, AsyncFace) else closed.end
        call = end if is_sync(closed) else lambda: closed.loop._loop.call_soon_threadsafe(end)
        timer = threading.Timer(0.1, call)
        timer.start()
        began = time.monotonic()
        with pytest.raises(Unavailable, match="ended"):
            closed.add(["more"], LONG)
        assert time.monotonic() - began < LONG / 2
        timer.join()


def is_sync(made: Any) -> bool:
    return isinstance(made, Subscription)


@contextmanager
def narrow(store: Store, *channels: str) -> Iterator[str]:
    """The URL of a user who may use these channels only."""
    rules = [f"&{channel}" for channel in channels]
    words = ("ACL", "SETUSER", "deaf", "reset", "on", ">secret", "~*", "+@all", "resetchannels")
    store.redis.execute_command(*words, *rules)
    try:
        yield store.url.replace("://", "://deaf:secret@")
    finally:
        store.redis.execute_command("ACL", "DELUSER", "deaf")


@REAL
class TestAddTrouble:
    def test_added_channels_are_heard_again_after_a_broken_connection(self, store: Store) -> None:
        with subscription(store.url, aio=is_async(store), first=SHORT) as made:
            made.open(LONG)
            with reading(made) as got:
                made.add(["more"], LONG)
                store.redis.client_kill_filter(_type="pubsub")
                heard = [(name.encode(), 1) for name in ("more", *CHANNELS)]
                wait_until(lambda: store.redis.pubsub_numsub("more", *CHANNELS) == heard)
                store.redis.publish("more", "a")
                wait_until(lambda: (b"more", b"a") in got)

    def test_a_channel_added_during_an_outage_is_heard_when_it_is_over(self, store: Store) -> None:
        with subscription(store.url, aio=is_async(store), first=SHORT) as made:
            with pytest.raises(Unavailable):
                made.add(["more"], SHORT)
            with reading(made):
                made.add(["more"], LONG)
                assert store.redis.publish("more", "a") == 1

    def test_a_forbidden_channel_raises_forbidden_and_the_others_are_heard(
        self, store: Store
    ) -> None:
        with (
            narrow(store, *CHANNELS) as url,
            subscription(url, aio=is_async(store)) as made,
        ):
            made.open(LONG)
            with reading(made) as got:
                for _ in range(2):
                    with pytest.raises(Forbidden):
                        made.add(["secret", CHANNELS[0]], LONG)
                store.redis.publish(CHANNELS[1], "a")
                wait_until(lambda: got == [(CHANNELS[1].encode(), b"a")])

    def test_a_channel_that_becomes_forbidden_does_not_hide_the_others(self, store: Store) -> None:
        with (
            narrow(store, *CHANNELS) as url,
            subscription(url, aio=is_async(store), first=SHORT) as made,
        ):
            made.open(LONG)
            store.redis.execute_command("ACL", "SETUSER", "deaf", "resetchannels")
            store.redis.execute_command("ACL", "SETUSER", "deaf", f"&{CHANNELS[1]}")
            with reading(made) as got:
                wait_until(lambda: store.redis.publish(CHANNELS[1], "a"))
                wait_until(lambda: (CHANNELS[1].encode(), b"a") in got)
                assert not store.redis.publish(CHANNELS[0], "a")
                store.redis.execute_command("ACL", "SETUSER", "deaf", f"&{CHANNELS[0]}")
                made.ask_again()
                wait_until(lambda: store.redis.publish(CHANNELS[0], "a"))


@at(SOCKET_PLACES)
def test_open_without_a_wait_lets_get_raise_the_refusal(store: Store) -> None:
    words = ("ACL", "SETUSER", "deaf", "on", ">secret", "~*", "+@all", "resetchannels")
    store.redis.execute_command(*words)
    try:
        with subscription(store.url.replace("://", "://deaf:secret@"), aio=False) as made:
            made.open()
            assert made.is_open and not made.ready
            with pytest.raises(Forbidden):
                made.get(LONG)
            assert not made.is_open
    finally:
        store.redis.execute_command("ACL", "DELUSER", "deaf")


@at(WORKER_PLACES)
def test_the_source_is_a_socket_where_there_is_one_and_it_is_open(store: Store) -> None:
    with subscription(store.url, aio=False) as made:
        assert made.source is None
        made.open(LONG)
        assert (made.source is None) == store.url.startswith("memory://")


class Flood:
    """A connection on which one message after the other comes without end."""

    def __init__(self) -> None:
        self.given = 0

    def come(self) -> Iterator[Any]:
        while True:
            self.given += 1
            yield [b"message", CHANNELS[0].encode(), b"a"]

    def close(self, pool: Any) -> None:
        pass


def test_get_returns_the_first_message_of_a_flood_without_end() -> None:
    flood = Flood()
    with connect("memory://flood") as server:
        made = Subscription(server, CHANNELS[:1], Backoff(SHORT, SHORT))
        made._connection, made._sent = flood, {CHANNELS[0].encode()}  # type: ignore[assignment]
        for _ in range(5):
            assert made.get() == (CHANNELS[0].encode(), b"a")
        assert flood.given == MOST_AT_ONCE
        made.close()


@at([(PREFERRED, "async")])
@pytest.mark.parametrize("said", [b"-ERR something\r\n", b":1\r\n", b"*1\r\n$1\r\na\r\n"])
def test_what_is_no_message_raises_and_closes(store: Store, said: bytes) -> None:
    with subscription(store.url, aio=True) as made:
        made.open(LONG)
        made.loop._loop.call_soon_threadsafe(receive, made.subscription._connection, said)
        with pytest.raises(PyjobsError, match=r"something|no message of a channel"):
            made.get(LONG)
        assert not made.is_open
