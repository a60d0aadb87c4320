"""Commands without a key in a cluster of which a node says nothing, and what a worker asks there
before its first claim."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from support.running import LONG
from support.servers import SOCKET_PLACES, at
from support.store import Store

import pyjobs
from pyjobs.errors import Unavailable
from pyjobs.transport import acommand, aconnect, command, connect
from pyjobs.transport.cluster import AsyncCluster, Cluster
from pyjobs.transport.slots import Address, SlotTable
from pyjobs.worker import preflight

NODE, SILENT = Address("node", 1), Address("silent", 2)
pytestmark = at(SOCKET_PLACES[:1])


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}"


def learn(table: SlotTable, latest: Address) -> None:
    half = 1 << 13
    spans = [(0, half - 1, NODE), (half, 2 * half - 1, SILENT)]
    table.learn([[a, z, [node.host.encode(), node.port, b"id"]] for a, z, node in spans], NODE)
    table.answered(latest)


def cluster_of(url: str, silent: str, latest: Address, seconds: float) -> Cluster:
    urls = {NODE: url, SILENT: silent}

    def open(node: Address, _: float) -> Any:
        return connect(urls[node], reply_seconds=seconds)

    cluster = Cluster([NODE, SILENT], open, seconds)
    learn(cluster.table, latest)
    return cluster


def acluster_of(url: str, silent: str, latest: Address, seconds: float) -> AsyncCluster:
    urls = {NODE: url, SILENT: silent}

    def open(node: Address, _: float) -> Any:
        return aconnect(urls[node], reply_seconds=seconds)

    cluster = AsyncCluster([NODE, SILENT], open, seconds)
    learn(cluster.table, latest)
    return cluster


@pytest.mark.parametrize("latest", [NODE, SILENT])
def test_a_command_without_a_key_is_answered_while_one_node_says_nothing(
    store: Store, silent: str, latest: Address
) -> None:
    # The silent node is waited for only where it was the last to answer.
    seconds = 0.1 if latest is SILENT else 10 * LONG
    cluster = cluster_of(store.url, silent, latest, seconds)
    assert command(cluster, "PING") == b"PONG"
    assert cluster.table.answering()[0] == NODE
    assert cluster.table.is_broken(SILENT) is (latest is SILENT)
    cluster.close()


@pytest.mark.parametrize("latest", [NODE, SILENT])
def test_a_command_without_a_key_of_a_task_is_answered_while_one_node_says_nothing(
    store: Store, silent: str, latest: Address
) -> None:
    async def main() -> None:
        seconds = 0.1 if latest is SILENT else 10 * LONG
        cluster = acluster_of(store.url, silent, latest, seconds)
        async with asyncio.timeout(LONG):
            assert await acommand(cluster, "PING") == b"PONG"
        assert cluster.table.answering()[0] == NODE
        assert cluster.table.is_broken(SILENT) is (latest is SILENT)
        await cluster.aclose()

    asyncio.run(main())


def test_a_command_without_a_key_raises_unavailable_where_every_node_says_nothing(
    store: Store, silent: str
) -> None:
    cluster = cluster_of(silent, silent, NODE, 0.1)
    with pytest.raises(Unavailable):
        command(cluster, "PING")
    cluster.close()


def test_a_worker_is_prepared_without_waiting_for_the_reply_of_a_node_that_says_nothing(
    store: Store, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "NODE_SECONDS", 0.2)

    async def main() -> None:
        cluster = acluster_of(store.url, silent, NODE, 10 * LONG)
        async with asyncio.timeout(LONG):
            await preflight.prepare(cluster, pyjobs.Worker(store.url, queues=["a", "b"]).settings)
        await cluster.aclose()

    asyncio.run(main())
