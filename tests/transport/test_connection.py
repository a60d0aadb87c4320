"""A connection that is read directly, and one that is used as redis-py means it: all the same."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import struct
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from socket import SO_LINGER, SOL_SOCKET
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvloop
from redis import exceptions
from support.proxy import Proxy
from support.servers import SOCKET_PLACES, at, own_server
from support.store import Store

from pyjobs.testing import Server
from pyjobs.transport import connection as links
from pyjobs.transport.connection import (
    Connection,
    PooledConnection,
    RawConnection,
    open_connection,
    pack,
)
from pyjobs.transport.pipeline import aexecute, execute
from pyjobs.transport.server import aconnect, connect

SOON = 30.0
Use = Callable[[str], Awaitable[None]]


@pytest.fixture(params=["direct", "layered", "uvloop"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a test, which gets a URL, on either kind; the direct one in both kinds of loop."""
    if request.param == "layered":
        # Of another make than the one that is known.
        monkeypatch.setattr(links, "AbstractConnection", type("Other", (), {"read_response": None}))

    def run(use: Use, url: str) -> None:
        factory = uvloop.new_event_loop if request.param == "uvloop" else None
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(use(url), SOON))

    return run


pytestmark = at(SOCKET_PLACES)


@asynccontextmanager
async def taken(url: str, **settings: Any) -> AsyncIterator[tuple[Connection, Any]]:
    """A link, and its pool; it may be closed before the end."""
    server = aconnect(url, **settings)
    try:
        yield await open_connection(server.connection_pool), server.connection_pool
    finally:
        await server.aclose()


def test_a_connection_to_redis_is_raw_and_to_memory_is_pooled(store: Store) -> None:
    """Where this fails, redis-py has changed, and link.py must follow: all works, but slower."""

    async def kind(url: str) -> type[Connection]:
        async with taken(url) as (found, _):
            return type(found)

    assert asyncio.run(kind(store.url)) is RawConnection
    assert asyncio.run(kind("memory://link")) is PooledConnection


def test_replies_come_in_the_order_of_the_commands(store: Store, run: Callable[..., None]) -> None:
    async def use(url: str) -> None:
        async with taken(url) as (found, pool):
            await found.send(pack("SET", "a", "1", "EX", 9) + pack("GET", "a"))
            await found.send(pack("LPUSH", "a", "1") + pack("GET", "none") + pack("ECHO", 1.5))
            assert await found.reply() == b"OK"
            assert await found.reply(SOON) == b"1"
            assert isinstance(await found.reply(), exceptions.ResponseError)
            assert await found.reply() is None
            assert await found.reply() == b"1.5"
            assert await found.quiet()
            await found.release(pool)

    run(use, store.url)


def test_commands_and_replies_larger_than_a_socket_takes_pass(
    store: Store, run: Callable[..., None]
) -> None:
    """More than a socket takes at once, in both directions."""

    async def use(url: str) -> None:
        value = b"x" * 20_000_000
        async with taken(url) as (found, pool):
            await found.send(pack("SET", "a", value, "EX", 9) + pack("GET", "a"))
            assert await found.reply() == b"OK"
            assert await found.reply() == value
            await found.release(pool)

    run(use, store.url)


def test_a_reply_may_be_waited_for_again_after_a_timeout(
    store: Store, run: Callable[..., None]
) -> None:
    async def use(url: str) -> None:
        async with taken(url) as (found, pool):
            await found.send(pack("BLPOP", "empty", 0.2))
            with pytest.raises(exceptions.TimeoutError):
                await found.reply(0.05)
            await found.send(pack("ECHO", "next"))
            # A null, as a reply to BLPOP is when nothing came, is one by itself only.
            assert await found.reply() is None
            assert await found.reply(SOON) == b"next"
            await found.release(pool)

    run(use, store.url)


def test_a_reply_that_takes_longer_than_the_pool_allows_is_a_timeout(
    store: Store, run: Callable[..., None]
) -> None:
    async def use(url: str) -> None:
        async with taken(url, reply_seconds=0.5) as (found, pool):
            await found.send(pack("BLPOP", "empty", 5))
            with pytest.raises(exceptions.TimeoutError):
                await found.reply()
            await found.close(pool)

    run(use, store.url)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_reply_that_came_while_the_loop_was_blocked_is_no_timeout(
    store: Store, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """However much it is: a loop reads but so much at a time."""

    async def use(url: str) -> None:
        async with taken(url, reply_seconds=0.2) as (found, pool):
            for _ in range(3):
                await found.send(pack("GETRANGE", "large", 0, -1))
                asyncio.get_running_loop().call_soon(time.sleep, 0.5)
                assert len(await found.reply()) == 3_000_000
            await found.release(pool)

    store.redis.set("large", b"x" * 3_000_000, ex=60)
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(use(store.url))


@pytest.mark.parametrize("how", ["cut_before", "cut_after"])
def test_a_broken_connection_raises_and_the_pool_makes_another(
    store: Store, run: Callable[..., None], how: str
) -> None:
    async def use(url: str) -> None:
        async with taken(url) as (found, pool):
            await found.send(pack("ECHO", "cut"))
            with pytest.raises(exceptions.ConnectionError):
                await found.reply(SOON)
            assert not await found.quiet()
            with pytest.raises(exceptions.ConnectionError):
                await found.send(pack("PING"))
                await found.reply(SOON)
            await found.close(pool)
            # The pool makes another one in its place.
            assert await aexecute(pool, "PING") == b"PONG"

    with Proxy(store.url, b"cut") as proxy:
        proxy.breaks(how)
        run(use, proxy.url)


@pytest.mark.parametrize("idle", [True, False], ids=["in the pool", "at hand"])
def test_a_connection_that_was_reset_while_idle_is_replaced(
    store: Store, run: Callable[..., None], idle: bool
) -> None:
    """A balancer, a firewall or a reboot ends connections with a reset while nobody looks."""

    async def use(url: str) -> None:
        served: list[Any] = []

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            served.append(writer)
            address = urlsplit(store.url)
            far, near = await asyncio.open_connection(address.hostname, address.port)

            async def back() -> None:
                while data := await far.read(1 << 16):
                    writer.write(data)

            answers = asyncio.create_task(back())
            with contextlib.suppress(OSError):
                while data := await reader.read(1 << 16):
                    near.write(data)
            answers.cancel()
            near.close()

        async with await asyncio.start_server(forward, "127.0.0.1", 0) as between:
            port = between.sockets[0].getsockname()[1]
            server = aconnect(f"redis://127.0.0.1:{port}")
            pool = server.connection_pool
            if idle:
                await (await open_connection(pool)).release(pool)
            else:
                await aexecute(pool, "PING")
            linger = struct.pack("ii", 1, 0)
            served[0].get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
            served[0].transport.abort()
            await asyncio.sleep(0.05)
            assert await asyncio.wait_for(aexecute(pool, "ECHO", "x"), 2.0) == b"x"
            assert len(served) == 2
            await server.aclose()
            for writer in served:
                writer.close()

    run(use, store.url)


def test_a_closed_connection_keeps_no_bytes_for_a_peer_that_does_not_read(store: Store) -> None:
    async def use(server: Server) -> None:
        async with taken(server.url, reply_seconds=0.2) as (found, pool):
            assert isinstance(found, RawConnection)
            os.kill(server.pid, signal.SIGSTOP)
            try:
                with pytest.raises(exceptions.TimeoutError):
                    for _ in range(4):
                        await found.send(pack("ECHO", b"x" * 8_000_000))
                await found.close(pool)
                await asyncio.sleep(0.05)
                assert found._transport.get_write_buffer_size() == 0
            finally:
                os.kill(server.pid, signal.SIGCONT)

    with own_server() as server:
        asyncio.run(use(server))


@pytest.mark.parametrize("options", ["protocol=3", "decode_responses=true"])
def test_options_of_a_url_do_not_change_the_form_of_replies(
    store: Store, run: Callable[..., None], options: str
) -> None:
    async def use(url: str) -> None:
        server = aconnect(url)
        assert await aexecute(server.connection_pool, "HGETALL", "none") == []
        assert await aexecute(server.connection_pool, "ECHO", "x") == b"x"
        await server.aclose()

    run(use, f"{store.url}?{options}")
    with connect(f"{store.url}?{options}") as server:
        assert execute(server.connection_pool, "ECHO", "x") == b"x"


def test_a_connection_with_an_unread_reply_is_not_quiet(
    store: Store, run: Callable[..., None]
) -> None:
    async def use(url: str) -> None:
        async with taken(url) as (found, pool):
            await found.send(pack("PING"))
            deadline = time.monotonic() + SOON / 2
            while await found.quiet() and time.monotonic() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert not await found.quiet()
            await found.close(pool)

    run(use, store.url)


def test_bytes_that_are_no_reply_break_the_connection(
    run: Callable[..., None], store: Store
) -> None:
    async def use(url: str) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                if line == b"PING\r\n":
                    writer.write(b"what?\r\n")
                elif line.startswith(b"*"):
                    writer.write(b"+OK\r\n")
            # From Python 3.12 on, a server waits for its connections when it ends.
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as nobody:
            port = nobody.sockets[0].getsockname()[1]
            async with taken(f"redis://127.0.0.1:{port}") as (found, pool):
                await found.send(pack("PING"))
                # Of its handshake, and of this.
                with pytest.raises(exceptions.RedisError):
                    for _ in range(5):
                        await found.reply(1.0)
                await found.close(pool)

    run(use, store.url)


def test_redis_py_uses_a_released_connection_again(store: Store, run: Callable[..., None]) -> None:
    """Registries and scripts are written by its own means, over connections of the same pool."""

    async def use(url: str) -> None:
        server = aconnect(url)
        pool = server.connection_pool
        for _ in range(3):
            found = await open_connection(pool)
            await found.send(pack("ECHO", "mine"))
            assert await found.reply() == b"mine"
            await found.release(pool)
            assert await server.ping()
        await server.aclose()

    before = store.redis.info("stats")["total_connections_received"]
    run(use, store.url)
    assert store.redis.info("stats")["total_connections_received"] == before + 1


def test_a_unix_socket_url_is_connected_to(
    run: Callable[..., None], tmp_path: Any, store: Store
) -> None:
    async def use(url: str) -> None:
        assert await aexecute(aconnect(url).connection_pool, "ECHO", "near") == b"near"

    path = tmp_path / "redis.sock"
    with own_server("--unixsocket", str(path)):
        run(use, f"unix://{path}")


def test_a_pool_that_nobody_holds_is_freed_with_its_spare_connection(store: Store) -> None:
    """A link that is kept at hand must not keep its pool."""

    async def use(url: str) -> weakref.ref[Any]:
        server = aconnect(url)
        await aexecute(server.connection_pool, "PING")
        await server.aclose()
        return weakref.ref(server.connection_pool)

    async def drop() -> None:
        found = await use(store.url)
        await asyncio.sleep(0)
        gc.collect()
        assert found() is None

    asyncio.run(drop())


def test_a_command_cancelled_while_it_waits_leaves_no_reply_to_the_next_one(
    store: Store, run: Callable[..., None]
) -> None:
    """Its reply is nobody else's."""

    async def use(url: str) -> None:
        server = aconnect(url)
        ask = partial(aexecute, server.connection_pool)
        for n in range(20):
            task = asyncio.create_task(ask("ECHO", f"cancelled{n}"))
            await asyncio.sleep(0.0002 * n)
            task.cancel()
            assert await ask("ECHO", f"kept{n}") == f"kept{n}".encode()
            await asyncio.wait({task})
        await server.aclose()

    run(use, store.url)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_wait_has_its_own_time_however_long_ago_the_wait_before_began(
    store: Store, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """The waits of a connection share a timer."""

    async def use(url: str) -> None:
        now = asyncio.get_running_loop().time
        async with taken(url, reply_seconds=0.4) as (found, pool):
            await found.send(pack("PING"))
            assert await found.reply() == b"PONG"
            await asyncio.sleep(0.3)
            for seconds in (None, 0.05):
                await found.send(pack("BLPOP", "empty", 5))
                began = now()
                with pytest.raises(exceptions.TimeoutError):
                    await found.reply(seconds)
                assert (seconds or 0.4) <= now() - began + 0.002
            await found.close(pool)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(use(store.url))


def test_a_shorter_wait_ends_before_a_longer_one_before_it_would_have(
    store: Store, run: Callable[..., None]
) -> None:
    async def use(url: str) -> None:
        async with taken(url, reply_seconds=SOON) as (found, pool):
            await found.send(pack("PING"))
            assert await found.reply() == b"PONG"
            await found.send(pack("BLPOP", "empty", 0))
            with pytest.raises(exceptions.TimeoutError):
                await found.reply(0.02)
            await found.close(pool)

    run(use, store.url)
