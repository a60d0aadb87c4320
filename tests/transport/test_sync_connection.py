"""A connection of a thread that is read directly, and one that is used as redis-py means it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis import exceptions
from support.proxy import Proxy
from support.running import wait_until
from support.servers import SOCKET_PLACES, at
from support.store import Store

from pyjobs.transport import sync_connection as links
from pyjobs.transport.connection import pack
from pyjobs.transport.pipeline import execute
from pyjobs.transport.server import connect
from pyjobs.transport.sync_connection import (
    DirectConnection,
    LayeredConnection,
    SyncConnection,
    open_sync,
)

SOON = 30.0
pytestmark = at(SOCKET_PLACES)


@pytest.fixture(params=["direct", "layered"])
def found(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, store: Store
) -> Iterator[tuple[SyncConnection, Any]]:
    """A connection of either kind, and its pool; it may be closed before the end."""
    if request.param == "layered":
        # Of another make than the one that is known.
        monkeypatch.setattr(links, "AbstractConnection", type("Other", (), {"read_response": None}))
    with connect(store.url) as server:
        connection = open_sync(server.connection_pool)
        assert (type(connection) is DirectConnection) == (request.param == "direct")
        yield connection, server.connection_pool


def test_a_connection_to_redis_is_direct_and_to_memory_is_layered(store: Store) -> None:
    """Where this fails, redis-py has changed: all works, but slower."""
    with connect(store.url) as server, connect("memory://sync-connection") as memory:
        assert type(open_sync(server.connection_pool)) is DirectConnection
        layered = open_sync(memory.connection_pool)
        assert type(layered) is LayeredConnection and layered.source is None


def test_replies_come_in_the_order_of_the_commands(found: tuple[SyncConnection, Any]) -> None:
    connection, pool = found
    connection.send(pack("SET", "a", "1", "EX", 9) + pack("GET", "a"))
    connection.send(pack("LPUSH", "a", "1") + pack("GET", "none") + pack("ECHO", 1.5))
    assert connection.reply() == b"OK"
    assert connection.reply() == b"1"
    assert isinstance(connection.reply(), exceptions.ResponseError)
    assert connection.reply() is None
    assert connection.reply() == b"1.5"
    assert connection.quiet()
    connection.release(pool)


def test_a_command_and_a_reply_larger_than_a_socket_takes_pass(
    found: tuple[SyncConnection, Any],
) -> None:
    connection, pool = found
    value = b"x" * 5_000_000
    connection.send(pack("SET", "a", value, "EX", 9))
    assert connection.reply() == b"OK"
    connection.send(pack("GET", "a"))
    assert connection.reply() == value
    connection.release(pool)


def test_come_yields_what_has_come_and_waits_for_nothing(found: tuple[SyncConnection, Any]) -> None:
    connection, pool = found
    assert list(connection.come()) == []
    assert not connection.is_readable()
    connection.send(pack("ECHO", "a") + pack("HSET", "none") + pack("ECHO", "b"))
    replies: list[Any] = []
    began = time.monotonic()
    while len(replies) < 3 and time.monotonic() - began < SOON:
        assert connection.is_readable(SOON)
        replies += connection.come()
    assert [replies[0], replies[2]] == [b"a", b"b"]
    assert isinstance(replies[1], exceptions.ResponseError)
    assert list(connection.come()) == []
    connection.close(pool)


def test_a_reply_of_which_a_part_has_come_is_waited_for(store: Store) -> None:
    with connect(store.url) as server:
        connection: Any = open_sync(server.connection_pool)
        connection._reader.feed(b"$5\r\nhel")
        assert list(connection.come()) == []
        assert not connection.is_readable()
        assert not connection.quiet()
        connection._reader.feed(b"lo\r\n")
        assert list(connection.come()) == [b"hello"]
        connection.close(server.connection_pool)


def test_a_connection_with_a_reply_that_nobody_waits_for_is_not_quiet(
    found: tuple[SyncConnection, Any],
) -> None:
    connection, pool = found
    connection.send(pack("ECHO", "a"))
    wait_until(lambda: not connection.quiet())
    connection.close(pool)


def test_a_connection_that_the_server_closes_is_not_quiet_and_breaks(
    found: tuple[SyncConnection, Any], store: Store
) -> None:
    connection, pool = found
    with connect(store.url) as server:
        server.client_kill_filter(_type="normal")
    wait_until(lambda: not connection.quiet())
    with pytest.raises(exceptions.ConnectionError):
        list(connection.come())
    with pytest.raises(exceptions.ConnectionError):
        connection.reply()
    connection.close(pool)


def test_a_connection_that_another_thread_has_closed_is_not_quiet_and_breaks(store: Store) -> None:
    with connect(store.url) as server:
        connection = open_sync(server.connection_pool)
        server.connection_pool.disconnect()
        assert not connection.quiet()
        with pytest.raises(exceptions.ConnectionError):
            connection.send(pack("PING"))
        with pytest.raises(exceptions.ConnectionError):
            connection.reply()
        connection.close(server.connection_pool)
        assert execute(server.connection_pool, "ECHO", "again") == b"again"


def test_a_connection_that_another_thread_closes_while_it_is_taken_breaks(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(store.url) as server:
        pool: Any = server.connection_pool
        take = pool.get_connection

        def closed() -> Any:
            connection = take()
            connection._sock.close()
            return connection

        with monkeypatch.context() as patched:
            patched.setattr(pool, "get_connection", closed)
            with pytest.raises(exceptions.ConnectionError, match="closed"):
                open_sync(pool)
        assert execute(pool, "ECHO", "a") == b"a"
        assert len(pool._in_use_connections) == 1


def test_a_command_on_a_kept_connection_that_another_thread_has_closed_is_sent(
    store: Store,
) -> None:
    with connect(store.url) as server:
        assert execute(server.connection_pool, "ECHO", "a") == b"a"
        server.connection_pool.disconnect()
        assert execute(server.connection_pool, "ECHO", "b") == b"b"


def test_a_reply_that_does_not_come_in_time_raises_timeout_error(store: Store) -> None:
    with Proxy(store.url, b"ECHO") as proxy, connect(proxy.url, reply_seconds=0.5) as server:
        connection = open_sync(server.connection_pool)
        proxy.breaks("stall", 1)
        connection.send(pack("ECHO", "a"))
        with pytest.raises(exceptions.TimeoutError, match=r"no reply in 0\.5 s"):
            connection.reply()
        connection.close(server.connection_pool)


def test_bytes_that_are_no_reply_raise_invalid_response(store: Store) -> None:
    with connect(store.url) as server:
        connection: Any = open_sync(server.connection_pool)
        connection._reader.feed(b"junk\r\n")
        with pytest.raises(exceptions.InvalidResponse):
            connection.reply()
        connection.close(server.connection_pool)
