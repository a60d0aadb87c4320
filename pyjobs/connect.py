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
import re
import socket
import threading
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import redis
import redis.asyncio
import redis.asyncio.retry
import redis.asyncio.sentinel
import redis.backoff
import redis.retry
import redis.sentinel

from pyjobs.errors import BadArgument, MissingExtra

DEFAULT_URL = "redis://localhost:6379"
SCHEMES = ("redis", "rediss", "redis+sentinel", "unix", "memory")
SENTINEL_PORT = 26379
SENTINEL_SECONDS = 1.0
CONNECT_SECONDS = 5.0
REPLY_SECONDS = 5.0
CLOSE_SECONDS = 1.0
# What replies look like, and how long they are waited for, is not for a URL to say.
OURS = {"protocol": 2, "decode_responses": False}
SECRETS = re.compile(r"(?<=[?&]password=)[^@&]*")
AFTER_LOGIN = re.compile(r"://[^/?#]*[/?#].*@")
ESCAPES = "in a user or a password, write / ? # as %2F %3F %23"

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
    if _scheme(checked_url(url)) == "memory":
        return _fake().FakeRedis(server=_memory(url))  # type: ignore[no-any-return]
    retry = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    if _scheme(url) == "redis+sentinel":
        return _primary(redis.sentinel.Sentinel, _Pool, url, reply_seconds, retry)  # type: ignore[no-any-return]
    server = redis.Redis.from_url(url, retry=retry, **_settings(url, reply_seconds))
    server.connection_pool.connection_kwargs |= {"socket_timeout": reply_seconds, **OURS}
    return server


def aconnect(url: str, *, reply_seconds: float = REPLY_SECONDS) -> redis.asyncio.Redis:
    """The same for asyncio."""
    if _scheme(checked_url(url)) == "memory":
        return _fake().FakeAsyncRedis(server=_memory(url))  # type: ignore[no-any-return]
    retry = redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0)
    if _scheme(url) == "redis+sentinel":
        return _primary(redis.asyncio.sentinel.Sentinel, _AsyncPool, url, reply_seconds, retry)  # type: ignore[no-any-return]
    server = redis.asyncio.Redis.from_url(url, retry=retry, **_settings(url, reply_seconds))
    server.connection_pool.connection_kwargs |= {"socket_timeout": reply_seconds, **OURS}
    return server


async def aclose(server: redis.asyncio.Redis) -> None:
    """Close it. One that does not answer any more is not waited for."""
    with contextlib.suppress(redis.RedisError, TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await server.aclose()


def checked_url(url: str) -> str:
    """`url`, or BadArgument when it is none that can be connected to."""
    scheme = _scheme(url)
    # What stands before it was meant for a password, and must not be shown.
    if AFTER_LOGIN.search(SECRETS.sub("", url)):
        raise BadArgument(f"url: {shown(url)!r}: {ESCAPES}")
    if scheme == "redis+sentinel":
        _watched(url)
    elif scheme != "memory":
        why = _wrong(url)
        if why:
            raise BadArgument(f"url: {shown(url)!r}: {why}")
    return url


def _wrong(url: str) -> str:
    """What is wrong with a URL that redis-py will read."""
    try:
        db = urlsplit(url).path[1:]
        if not url.startswith("unix:") and db and not (db.isascii() and db.isdecimal()):
            return f"{db!r} is not the number of a database"
        pool = redis.ConnectionPool.from_url(url)
        pool.connection_class(**pool.connection_kwargs)
    except TypeError as error:
        option = re.search(r"argument '(\w+)'", str(error))
        return f"there is no option {option[1]}" if option else str(error)
    except ValueError as error:
        return str(error)
    return ""


def shown(url: str) -> str:
    """The URL as it may be shown: without its password, also where it is none that can be read."""
    scheme, colon, rest = SECRETS.sub("***", url).partition("://")
    login, at, where = rest.rpartition("@")
    user, secret, _ = login.partition(":")
    return f"{scheme}{colon}{user}{secret and ':***'}{at}{where}"


def _scheme(url: str) -> str:
    if not isinstance(url, str):
        raise BadArgument(f"url: {url!r} is not a text")
    scheme, colon, _ = url.partition("://")
    if not colon or scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise BadArgument(f"url: {shown(url)!r} does not begin with one of {known}")
    return scheme


class _Watched(NamedTuple):
    """What a `redis+sentinel://` URL names; `settings` are for connections to the primary."""

    sentinels: list[tuple[str, int]]
    service: str
    settings: dict[str, Any]


def _watched(url: str) -> _Watched:
    def bad(why: str) -> BadArgument:
        return BadArgument(f"url: {shown(url)!r}: {why}")

    address, slash, path = url.partition("://")[2].partition("/")
    service, _, db = path.partition("/")
    if not (slash and service):
        raise bad("no service is named: redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB")
    if "?" in path or "#" in path:
        raise bad("options (?, #) are not taken here")
    if db and not (db.isascii() and db.isdecimal()):
        raise bad(f"{db!r} is not the number of a database")
    login, _, hosts = address.rpartition("@")
    user, _, password = login.partition(":")
    settings: dict[str, Any] = {"db": int(db or 0)}
    settings |= {"username": unquote(user)} if user else {}
    settings |= {"password": unquote(password)} if password else {}
    sentinels = []
    for host in hosts.split(","):
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname, parts.port
        except ValueError as error:
            raise bad(f"sentinel {host!r}: {error}") from None
        if not name or port == 0:
            raise bad(f"{host!r} is not the HOST:PORT of a sentinel")
        sentinels.append((name, port or SENTINEL_PORT))
    return _Watched(sentinels, unquote(service), settings)


class _Pool(redis.sentinel.SentinelConnectionPool):
    """Closed as a whole, it closes the connections to the sentinels too: nobody else has them."""

    def disconnect(self, inuse_connections: bool = True) -> None:
        super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                sentinel.close()


class _AsyncPool(redis.asyncio.sentinel.SentinelConnectionPool):
    """The same for asyncio."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


def _primary(sentinel: Any, pool: Any, url: str, reply_seconds: float, retry: Any) -> Any:
    """A connection pool to the primary; `sentinel` and `pool` are the classes to use."""
    watched = _watched(url)
    # One sentinel that is gone must not hold up the others for long.
    asking = {
        "socket_timeout": SENTINEL_SECONDS,
        "socket_connect_timeout": SENTINEL_SECONDS,
        "protocol": 2,
        "retry": retry,
    }
    settings = {**watched.settings, **_settings(url, reply_seconds), "retry": retry}
    asked = sentinel(watched.sentinels, sentinel_kwargs=asking)
    return asked.master_for(watched.service, connection_pool_class=pool, **settings)


def _settings(url: str, reply_seconds: float) -> dict[str, Any]:
    # Retries are this package's own business: redis-py would repeat what must not be repeated.
    common: dict[str, Any] = {"socket_timeout": reply_seconds, **OURS}
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
