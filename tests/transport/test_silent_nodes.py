"""A node of a cluster that says nothing any more: its channels are heard anew."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support.proxy import Proxy
from support.servers import SOCKET_PLACES, at
from support.store import Store

from pyjobs.transport import AsyncShards, aconnect, aio_shards
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
