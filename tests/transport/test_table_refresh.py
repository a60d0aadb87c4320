"""Which nodes of a cluster are asked for the owners of the slots, when some say nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pyjobs.errors import Unavailable
from pyjobs.transport import AsyncServer, Server, aconnect, cluster, connect, table_refresh
from pyjobs.transport.slots import Address

PROBE_SECONDS = 2.0
# So long that no busy machine takes it for an answer that comes at once.
LONG_SECONDS = 30.0


@contextlib.contextmanager
def listening() -> Iterator[socket.socket]:
    """A socket that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def address_of(server: socket.socket) -> Address:
    return Address(*server.getsockname()[:2])


def probe_for(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nodes be waited for so long."""
    for module in (table_refresh, cluster):
        monkeypatch.setattr(module, "PROBE_SECONDS", seconds)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Address]]:
    """Four nodes that take connections and say nothing. Nodes are asked in their order."""
    probe_for(PROBE_SECONDS, monkeypatch)
    monkeypatch.setattr(table_refresh, "FIRST_SECONDS", 0.1)
    monkeypatch.setattr("random.shuffle", lambda _: None)
    with contextlib.ExitStack() as stack:
        yield [address_of(stack.enter_context(listening())) for _ in range(4)]


@pytest.fixture
def node() -> Iterator[Address]:
    """A node that owns all slots, and says so."""
    with listening() as server:
        address = address_of(server)
        reply = b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n" % address.port

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        while data := connection.recv(1000):
                            others = b"+OK\r\n" * data.count(b"SETINFO")
                            connection.sendall(others + (reply if b"SLOTS" in data else b""))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield address
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def open_sync(node: Address, seconds: float) -> Server:
    return connect(f"redis://{node.host}:{node.port}", reply_seconds=seconds)


def open_async(node: Address, seconds: float) -> AsyncServer:
    return aconnect(f"redis://{node.host}:{node.port}", reply_seconds=seconds)


@pytest.fixture(params=["sync", "asyncio"])
def aio(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "asyncio")


def refreshed(seeds: list[Address], *, aio: bool) -> tuple[cluster.NodeClients[Any], float]:
    """Return a cluster that has asked for the owners of the slots, and the seconds of that."""
    began = time.monotonic()
    if aio:

        async def main() -> cluster.AsyncCluster:
            nodes = cluster.AsyncCluster(seeds, open_async, 1.0)
            await nodes.refresh()
            return nodes

        return asyncio.run(main()), time.monotonic() - began
    found = cluster.Cluster(seeds, open_sync, 1.0)
    found.refresh()
    return found, time.monotonic() - began


def test_all_nodes_being_silent_takes_as_long_as_one(silent: list[Address], aio: bool) -> None:
    found, seconds = refreshed(silent, aio=aio)
    assert seconds < (len(silent) - 0.5) * PROBE_SECONDS
    assert isinstance(found.table.failure, Unavailable)
    assert "no reply in 2 s" in str(found.table.failure)
    assert all(found.table.is_broken(node) for node in silent)


def test_a_node_that_answers_is_not_waited_for_until_silent_nodes_are_given_up(
    silent: list[Address], node: Address, aio: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe_for(LONG_SECONDS, monkeypatch)
    found, seconds = refreshed([*silent, node], aio=aio)
    assert seconds < LONG_SECONDS / 2
    assert found.table.failure is None
    assert found.table.owners() == [node]


def test_no_other_node_is_asked_when_the_first_answers(
    silent: list[Address], node: Address, aio: bool
) -> None:
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(listening())
        found, _ = refreshed([node, address_of(other)], aio=aio)
        assert found.table.owners() == [node]
        other.settimeout(0.2)
        with pytest.raises(TimeoutError):
            other.accept()


def test_the_next_nodes_are_asked_at_once_when_the_first_refuses(
    silent: list[Address], node: Address, aio: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_refresh, "FIRST_SECONDS", LONG_SECONDS)
    with listening() as closed:
        refusing = address_of(closed)
    found, seconds = refreshed([refusing, node], aio=aio)
    assert seconds < LONG_SECONDS / 2
    assert found.table.owners() == [node]


def test_a_thread_that_cannot_be_started_is_done_without(
    node: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = cluster.Cluster([node], open_sync, 1.0)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    asked.refresh()
    assert asked.table.failure is None


def test_a_task_that_is_cancelled_twice_leaves_no_question_to_a_node(
    silent: list[Address],
) -> None:
    async def main() -> None:
        nodes = cluster.AsyncCluster(silent, open_async, 1.0)
        refreshing = asyncio.create_task(nodes.refresh())
        asking: set[asyncio.Task[Any]] = set()
        while len(asking) < len(silent):
            await asyncio.sleep(0.01)
            asking = asyncio.all_tasks() - {refreshing, asyncio.current_task()}  # type: ignore[arg-type]
        refreshing.cancel()
        await asyncio.sleep(0)
        refreshing.cancel()
        await asyncio.wait({refreshing, *asking})
        assert all(task.cancelled() for task in asking)

    asyncio.run(main())


def test_tasks_of_a_later_event_loop_wait_for_the_answer_to_one_of_them_too(node: Address) -> None:
    nodes = cluster.AsyncCluster([node], open_async, 1.0)

    async def both() -> None:
        nodes.table.stale = True
        await asyncio.gather(nodes.refresh(), nodes.refresh())

    for versions in (1, 2):
        asyncio.run(both())
        assert nodes.table.version == versions
