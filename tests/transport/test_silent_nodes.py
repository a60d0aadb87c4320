"""A node of a cluster that answers at once, or says nothing any more: when channels are heard."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from support.proxy import Proxy
from support.servers import SOCKET_PLACES, at
from support.store import Store

from pyjobs.transport import AsyncShards, aconnect, aio_shards, connect, sync_shards
from pyjobs.transport.slots import Address, SlotTable

CHANNEL = "jobs:{q}:wake:1"
NODE = Address("node", 1)
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
    """The same for threads, without a proxy."""

    def client_of(self, node: Address) -> Any:
        return connect(self._url)

    def refresh(self) -> None:  # type: ignore[override]
        self.table.stale = False


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
    monkeypatch.setattr(aio_shards, "REPLY_SECONDS", 0.2)

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
