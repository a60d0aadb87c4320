"""Opening and closing a redis-py client by a URL. Nothing else may live here.

`redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/SERVICE/DB` asks these sentinels for the primary
of SERVICE at each new connection, so a failover is as a broken connection. USER, PASSWORD
and DB are those of the primary and may be left out. A port that is left out is 26379. The login to
the sentinels stands in the options `sentinel_username` and `sentinel_password`.
`rediss+sentinel://` reaches both by TLS, with the options `ssl_...`; those that begin with
`sentinel_ssl_` are for the sentinels only, and `sentinel_tls=no` leaves TLS to the primary.

`redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT` is a Redis Cluster. Any of its nodes may be
named, and the others are found. `rediss+cluster://` reaches every node by TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import socket
from collections.abc import Callable, Hashable, Iterable
from importlib.metadata import version
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from pyjobs.transport.cluster import AsyncCluster, Cluster
from pyjobs.transport.given import GivenUrl
from pyjobs.transport.memory import fake, memory
from pyjobs.transport.pipeline import spare_of
from pyjobs.transport.sentinel import AsyncPool, Pool, primary
from pyjobs.transport.url import CLUSTERS, SENTINELS, checked_url, clustered, scheme_of

# A client of redis-py, as the whole package holds one.
Server = redis.Redis
AsyncServer = redis.asyncio.Redis

CONNECT_SECONDS = 5.0
REPLY_SECONDS = 5.0
CLOSE_SECONDS = 1.0
# A URL may not say how replies are decoded: the parsers of the scripts' replies take RESP2 bytes.
OURS = {"protocol": 2, "decode_responses": False}


def connect(url: str, *, reply_seconds: float = REPLY_SECONDS) -> Server:
    """Make a redis-py client. Nothing is sent yet.

    Args:
        url: `redis://`, `rediss://`, `redis+cluster://`, `rediss+cluster://`,
            `redis+sentinel://`, `rediss+sentinel://`, `unix://` or `memory://`.
        reply_seconds: how long to wait for a reply before the connection is given up.

    Raises:
        BadArgument: the URL has another scheme, or is malformed.
        MissingExtra: the URL is `memory://`, and the extra is not installed.
    """
    if scheme_of(checked_url(url)) == "memory":
        return fake().FakeRedis(server=memory(url))  # type: ignore[no-any-return]
    if spans_nodes(url):
        nodes = clustered(url)
        return Cluster(
            nodes.seeds,
            lambda node, seconds: connect(nodes.url(node), reply_seconds=seconds),
            reply_seconds,
        )
    settings = _settings(url, reply_seconds, Retry(NoBackoff(), 0))
    if isinstance(url, GivenUrl):
        given = {**url.settings, **settings}
        pool = redis.ConnectionPool(connection_class=url.kind.sync, **given)
        return redis.Redis.from_pool(pool)
    if scheme_of(url) in SENTINELS:
        return primary(redis.Sentinel, Pool, url, settings)  # type: ignore[no-any-return]
    server = redis.Redis.from_url(url, **settings)
    server.connection_pool.connection_kwargs |= {"socket_timeout": reply_seconds, **OURS}
    return server


def aconnect(url: str, *, reply_seconds: float = REPLY_SECONDS) -> AsyncServer:
    """Make a redis-py client for asyncio. Nothing is sent yet.

    Args:
        url: `redis://`, `rediss://`, `redis+cluster://`, `rediss+cluster://`,
            `redis+sentinel://`, `rediss+sentinel://`, `unix://` or `memory://`.
        reply_seconds: how long to wait for a reply before the connection is given up.

    Raises:
        BadArgument: the URL has another scheme, or is malformed.
        MissingExtra: the URL is `memory://`, and the extra is not installed.
    """
    if scheme_of(checked_url(url)) == "memory":
        return fake().FakeAsyncRedis(server=memory(url))  # type: ignore[no-any-return]
    if spans_nodes(url):
        nodes = clustered(url)
        return AsyncCluster(
            nodes.seeds,
            lambda node, seconds: aconnect(nodes.url(node), reply_seconds=seconds),
            reply_seconds,
        )
    settings = _settings(url, reply_seconds, AsyncRetry(NoBackoff(), 0))
    if isinstance(url, GivenUrl):
        given = {**url.settings, **settings}
        pool = redis.asyncio.ConnectionPool(connection_class=url.kind.aio, **given)
        return redis.asyncio.Redis.from_pool(pool)
    if scheme_of(url) in SENTINELS:
        return primary(redis.asyncio.Sentinel, AsyncPool, url, settings)  # type: ignore[no-any-return]
    server = redis.asyncio.Redis.from_url(url, **settings)
    server.connection_pool.connection_kwargs |= {"socket_timeout": reply_seconds, **OURS}
    return server


def database(url: str) -> int:
    """Return the number of the database that a URL names, 0 where it names none.

    Raises:
        BadArgument: the URL is not one that `connect` takes.
    """
    return int(connect(url).connection_pool.connection_kwargs.get("db") or 0)


def spans_nodes(url: str) -> bool:
    """Return whether a URL is that of a cluster, whose queues are on several nodes."""
    return url.partition("://")[0] in CLUSTERS


def is_cluster(server: Server | AsyncServer) -> bool:
    """Return whether queues of this server are on several nodes, so that one may be away alone."""
    return isinstance(server, (Cluster, AsyncCluster))


def address_of(server: Server | AsyncServer) -> str:
    """Return where a client sends its calls: 'HOST:PORT', or the path of a socket; '' when only a
    sentinel or a cluster knows."""
    known = server.connection_pool.connection_kwargs
    if path := known.get("path"):
        return str(path)
    return f"{known['host']}:{known['port']}" if "host" in known and "port" in known else ""


def primaries(server: Server) -> list[Server]:
    """Return a client of each primary: the server itself, or those of a cluster.

    Raises:
        Unavailable: no node of a cluster says which node owns which slot.
    """
    return server.primaries() if isinstance(server, Cluster) else [server]


def owner_of(server: Server | AsyncServer) -> Callable[[str], Hashable]:
    """Return a function that returns the node of a key, as far as the table says it; None of one
    server.

    Args:
        server: the server, or a cluster whose table was asked for.
    """
    if isinstance(server, (Cluster, AsyncCluster)):
        return server.table.owner
    return lambda key: None


def owned_by(server: Server, keys: Iterable[str]) -> dict[str, list[str]]:
    """Return which keys are on which primary, by the address of the primary.

    Args:
        server: the server, or a cluster.
        keys: the keys.

    Returns:
        Address -> keys, with every primary; '' for keys of which no owner is known, and for a
        primary that only a sentinel knows.

    Raises:
        Unavailable: no node of a cluster says which node owns which slot.
    """
    found: dict[str, list[str]] = {address_of(one): [] for one in primaries(server)}
    for key in keys:
        owner = server.table.owner(key) if isinstance(server, Cluster) else None
        where = address_of(server) if owner is None else f"{owner.host}:{owner.port}"
        found.setdefault(where, []).append(key)
    return found


async def aprimaries(server: AsyncServer) -> list[AsyncServer]:
    """Return an asyncio client of each primary: the server itself, or those of a cluster.

    Raises:
        Unavailable: no node of a cluster says which node owns which slot.
    """
    return await server.primaries() if isinstance(server, AsyncCluster) else [server]


def answering(server: AsyncServer) -> AsyncServer:
    """Return a client for what any node can answer: the server itself, or in a cluster a client of
    the node that answered last."""
    return server.answering() if isinstance(server, AsyncCluster) else server


async def aclose(server: AsyncServer) -> None:
    """Close a client and its connections, within a second. Errors are ignored."""
    if not isinstance(server, AsyncCluster):
        spare_of(server.connection_pool).forget_ended_loop(server.connection_pool)
    with contextlib.suppress(redis.RedisError, TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await server.aclose()


def _settings(url: str, reply_seconds: float, retry: Any) -> dict[str, Any]:
    # Retries are decided in retry.py: redis-py would repeat calls that must not be repeated.
    common = {"socket_timeout": reply_seconds, "retry": retry, **OURS, **_named()}
    if url.startswith("unix://"):
        return common
    return {
        **common,
        "socket_connect_timeout": min(CONNECT_SECONDS, reply_seconds),
        "socket_keepalive": True,
        "socket_keepalive_options": _keepalive(),
    }


@functools.cache
def _named() -> dict[str, Any]:
    """How connections call themselves in CLIENT LIST (CLIENT SETINFO, from Redis 7.2 on), in the
    arguments of this redis-py. redis-py ignores a server that refuses that."""
    try:
        info = importlib.import_module("redis.driver_info").DriverInfo
    except ImportError:
        return {"lib_name": "pyjobs", "lib_version": version("pyjobs")}
    return {"driver_info": info(name="pyjobs", lib_version=version("pyjobs"))}


def _keepalive() -> dict[int, int]:
    """Socket options by which a lost peer is noticed within seconds, though nothing is sent."""
    wanted = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}
