"""A node of a cluster that answers at once, or says nothing any more: when channels are heard."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import pytest
from support.cluster import key_slot
from support.proxy import Proxy
from support.servers import SOCKET_PLACES, at
from support.store import Store

from pyjobs.errors import Unavailable
from pyjobs.transport import AsyncShards, aconnect, aio_shards, connect, sync_shards
from pyjobs.transport import connection as links
from pyjobs.transport.slots import Address, SlotTable

CHANNEL = "jobs:{q}:wake:1"
ELSEWHERE = "jobs:{r}:wake:1"
NODE, SILENT = Address("node", 1), Address("silent", 2)
SOON = 30.0


class OneNode:
    """A cluster of one node, behind a proxy."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.table = SlotTable([NODE])
        self.table.learn([[0, 16383, [b"node", 1, b"id"]]], NODE)
        self.clients: list[Any] = []

    def client_of(self, node: Address) -> Any:
        self.clients.append(aconnect(self._url))
        return self.clients[-1]

    async def refresh(self) -> None:
        self.table.stale = False


class OneSyncNode(OneNode):
    """The same for threads."""

    def client_of(self, node: Address) -> Any:
        self.clients.append(connect(self._url))
        return self.clients[-1]

    def refresh(self) -> None:  # type: ignore[override]
        self.table.stale = False


class TwoNodes(OneSyncNode):
    """A cluster of a node that works and one that takes connections and says nothing."""

    def __init__(self, url: str, silent: str) -> None:
        super().__init__(url)
        self._silent = silent
        self.table.moved(key_slot(ELSEWHERE), SILENT)

    def client_of(self, node: Address) -> Any:
        return connect(self._silent) if node == SILENT else super().client_of(node)


@at(SOCKET_PLACES[:1])
def test_a_subscription_of_shards_whose_answers_come_before_it_waits_is_open_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(sync_shards.Subscription):
        def open(self, seconds: float = 0.0) -> None:
            super().open(seconds)
            time.sleep(0.1)

    monkeypatch.setattr(sync_shards, "Subscription", Late)
    cluster: Any = OneSyncNode(store.url)
    shards = sync_shards.Shards(cluster, [CHANNEL])
    began = time.monotonic()
    shards.open(SOON)
    assert time.monotonic() - began < SOON / 2
    shards.end()
    shards.close()


@at(SOCKET_PLACES[:1])
def test_a_node_that_answers_no_probe_is_connected_anew_and_may_have_sent_messages_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aio_shards, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(aio_shards, "REPLY_SECONDS", 2.0)

    async def main(proxy: Proxy) -> None:
        cluster: Any = OneNode(proxy.url)
        shards = AsyncShards(cluster)
        await shards.open(SOON)
        await shards.add([CHANNEL], SOON)
        # Probes that are answered change nothing.
        await asyncio.sleep(0.5)
        assert proxy.seen > 1
        assert not shards.missed
        assert len(cluster.clients) == 1
        proxy.breaks("stall", 1)
        async with asyncio.timeout(SOON):
            while not shards.missed:
                await shards.get(0.1)
        assert len(cluster.clients) > 1
        await shards.close()

    with Proxy(store.url, b"SUBSCRIBE") as proxy:
        asyncio.run(main(proxy))


@at(SOCKET_PLACES[:1])
def test_a_close_that_is_cut_short_leaves_no_task(store: Store) -> None:
    async def main() -> None:
        cluster: Any = OneNode(store.url)
        shards = AsyncShards(cluster)
        await shards.open(SOON)
        await shards.add([CHANNEL], SOON)
        closing = asyncio.create_task(shards.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait({closing})
        for _ in range(100):
            if asyncio.all_tasks() == {asyncio.current_task()}:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(asyncio.all_tasks())

    asyncio.run(main())


@at(SOCKET_PLACES[:1])
def test_a_node_that_answers_no_probe_of_a_thread_is_connected_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_shards, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(sync_shards, "REPLY_SECONDS", 0.2)
    with Proxy(store.url, b"SUBSCRIBE") as proxy:
        cluster: Any = OneSyncNode(proxy.url)
        shards = sync_shards.Shards(cluster, [CHANNEL])
        shards.open(SOON)
        # Probes that are answered change nothing.
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            shards.get(0.1)
        assert proxy.seen > 1
        assert not shards.missed
        assert len(cluster.clients) == 1
        proxy.breaks("stall", 1)
        until = time.monotonic() + SOON
        while not shards.missed and time.monotonic() < until:
            # One long wait must end for a probe too.
            shards.get(SOON)
        assert shards.missed
        assert len(cluster.clients) > 1
        shards.end()
        shards.close()


@at(SOCKET_PLACES[:1])
def test_a_node_that_says_nothing_while_a_thread_connects_holds_up_no_message_of_others(
    store: Store,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        cluster: Any = TwoNodes(store.url, url)
        shards = sync_shards.Shards(cluster, [CHANNEL])
        shards.open(SOON)

        def add() -> None:
            with suppress(Unavailable):
                shards.add([ELSEWHERE], 3.0)

        adding = threading.Thread(target=add)
        adding.start()
        until, longest, heard = time.monotonic() + 1.0, 0.0, 0
        with connect(store.url) as server:
            while time.monotonic() < until:
                began = time.monotonic()
                server.execute_command("SPUBLISH", CHANNEL, "")
                heard += shards.get(SOON) is not None
                longest = max(longest, time.monotonic() - began)
        assert heard > 1
        assert longest < 1.0
        shards.end()
        adding.join(SOON)
        assert not adding.is_alive()
        shards.close()


def test_channels_whose_pause_ends_just_before_the_wait_are_placed_at_once_by_a_task() -> None:
    class Late(AsyncShards):
        calls = 0

        async def _place(self) -> None:
            # The pause was not over when this looked, and it is over before the wait.
            self.calls += 1
            if self.calls == 2:
                again.set()

    again = asyncio.Event()

    async def main() -> None:
        cluster: Any = OneNode("redis://unused")
        shards = Late(cluster)
        shards._channels[CHANNEL.encode()] = None
        placing = asyncio.create_task(shards._place_always())
        async with asyncio.timeout(SOON):
            await again.wait()
        placing.cancel()

    asyncio.run(main())


def test_channels_whose_pause_ends_just_before_the_wait_are_placed_at_once_by_a_thread() -> None:
    cluster: Any = OneNode("redis://unused")
    shards = sync_shards.Shards(cluster)
    shards._channels[CHANNEL.encode()] = None
    began = time.monotonic()
    assert shards._wait(SOON) is False
    assert time.monotonic() - began < SOON / 2
    shards.end()
    shards.close()


@at(SOCKET_PLACES[:1])
@pytest.mark.parametrize("kind", ["direct", "layered"])
def test_messages_are_got_in_order_whether_redis_py_reads_the_connection_or_not(
    store: Store, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "layered":
        monkeypatch.setattr(links, "AbstractConnection", type("Other", (), {"read_response": None}))

    async def main(server: Any) -> None:
        cluster: Any = OneNode(store.url)
        shards = AsyncShards(cluster)
        await shards.open(SOON)
        await shards.add([CHANNEL], SOON)
        assert await shards.get() is None
        for content in ("a", "b"):
            server.publish(CHANNEL, content)
        got = [await shards.get(SOON), await shards.get(SOON)]
        assert got == [(CHANNEL.encode(), b"a"), (CHANNEL.encode(), b"b")]
        waiting = asyncio.create_task(shards.get(SOON))
        await asyncio.sleep(0)
        server.publish(CHANNEL, "c")
        assert await waiting == (CHANNEL.encode(), b"c")
        assert await shards.get(0.01) is None
        await shards.close()

    with connect(store.url) as server:
        asyncio.run(main(server))
