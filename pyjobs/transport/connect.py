"""Connections to Redis from a URL. Nothing may live here but how one is opened.

`memory://` is a server inside this process, for trying things out and for tests: the same name
(`memory://NAME`) is the same server in every client and worker of the process.

`redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/SERVICE/DB` asks these sentinels for the primary
of SERVICE at each new connection, so a failover is healed as a broken connection is. USER, PASSWORD
and DB are those of the primary and may be left out; a port is 26379 then. The sentinels themselves
are asked without a password, and neither they nor the primary by TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import socket
import threading
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.retry
import redis.asyncio.sentinel
import redis.backoff
import redis.retry
import redis.sentinel

from pyjobs.errors import MissingExtra
from pyjobs.transport.sentinel import AsyncPool, Pool, primary
from pyjobs.transport.url import checked_url, scheme_of

CONNECT_SECONDS = 5.0
REPLY_SECONDS = 5.0
CLOSE_SECONDS = 1.0
# What replies look like, and how long they are waited for, is not for a URL to say.
OURS = {"protocol": 2, "decode_responses": False}

_making = threading.Lock()
_servers: dict[str, Any] = {}


def connect(url: str, *, reply_seconds: float = REPLY_SECONDS) -> redis.Redis:
    """A redis-py client. Nothing is sent yet.

    Args:
        url: `redis://`, `rediss://`, `redis+sentinel://`, `unix://` or `memory://`.
        reply_seconds: how long to wait for a reply before the connection is given up.

    Raises:
        BadArgument: the URL is not one of these.
    """
    if scheme_of(checked_url(url)) == "memory":
        return _fake().FakeRedis(server=_memory(url))  # type: ignore[no-any-return]
    retry = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    settings = _settings(url, reply_seconds, retry)
    if scheme_of(url) == "redis+sentinel":
        return primary(redis.sentinel.Sentinel, Pool, url, settings)  # type: ignore[no-any-return]
    server = redis.Redis.from_url(url, **settings)
    server.connection_pool.connection_kwargs |= {"socket_timeout": reply_seconds, **OURS}
    return server


def aconnect(url: str, *, reply_seconds: float = REPLY_SECONDS) -> redis.asyncio.Redis:
    """The same for asyncio."""
    if scheme_of(checked_url(url)) == "memory":
        return _fake().FakeAsyncRedis(server=_memory(url))  # type: ignore[no-any-return]
    retry = redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0)
    settings = _settings(url, reply_seconds, retry)
    if scheme_of(url) == "redis+sentinel":
        return primary(redis.asyncio.sentinel.Sentinel, AsyncPool, url, settings)  # type: ignore[no-any-return]
    server = redis.asyncio.Redis.from_url(url, **settings)
    server.connection_pool.connection_kwargs |= {"socket_timeout": reply_seconds, **OURS}
    return server


async def aclose(server: redis.asyncio.Redis) -> None:
    """Close it. One that does not answer any more is not waited for."""
    with contextlib.suppress(redis.RedisError, TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await server.aclose()


def _settings(url: str, reply_seconds: float, retry: Any) -> dict[str, Any]:
    # Retries are this package's own business: redis-py would repeat what must not be repeated.
    common: dict[str, Any] = {"socket_timeout": reply_seconds, "retry": retry, **OURS}
    if url.startswith("unix://"):
        return common
    return {
        **common,
        "socket_connect_timeout": min(CONNECT_SECONDS, reply_seconds),
        "socket_keepalive": True,
        "socket_keepalive_options": _keepalive(),
    }


def _keepalive() -> dict[int, int]:
    """A peer that is gone is noticed within seconds, though an idle wait sends nothing."""
    wanted = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}


def _fake() -> Any:
    try:
        fakeredis = importlib.import_module("fakeredis")
        importlib.import_module("lupa")
    except ImportError:
        raise MissingExtra(
            "memory:// needs the extra 'memory': pip install 'pyjobs[memory]'"
        ) from None
    return fakeredis


def _memory(url: str) -> Any:
    # The lock keeps two threads that come first from making a server each, or a database in it.
    with _making:
        server = _servers.setdefault(url, _fake().FakeServer())
        _ = server.dbs[0]
        return server
