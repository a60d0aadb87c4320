"""A server that a program names by a redis-py client or pool of its own, instead of a URL.

What the client says of the server is taken over: address, login, TLS. Its connections are not
shared: those of pyjobs have their own timeouts, replies and retries, and some block.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import redis
import redis.asyncio

from pyjobs.errors import BadArgument

# What names a server: the objects of redis-py that have settings of connections.
GivenServer = (
    redis.Redis | redis.asyncio.Redis | redis.ConnectionPool | redis.asyncio.ConnectionPool
)
ADDRESS = ("host", "port", "path")
LOGIN = ("db", "username", "password", "credential_provider", "client_name")
TLS = (
    *("ssl_keyfile", "ssl_certfile", "ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_data"),
    *("ssl_check_hostname", "ssl_min_version", "ssl_ciphers", "ssl_password"),
)
# What changes how a connection is opened, and can't be taken over by both kinds of connection.
REFUSED = (
    *("redis_connect_func", "ssl_validate_ocsp", "ssl_validate_ocsp_stapled", "ssl_ocsp_context"),
    *("ssl_ocsp_expected_cert", "ssl_ca_path"),
)


class Kind(NamedTuple):
    """Holds the kind of a connection.

    Attributes:
        scheme: the scheme of its URL.
        sync: the class of redis-py for threads.
        aio: the class of redis-py for asyncio.
    """

    scheme: str
    sync: type[Any]
    aio: type[Any]


KINDS = (
    Kind("redis", redis.Connection, redis.asyncio.Connection),
    Kind("rediss", redis.SSLConnection, redis.asyncio.SSLConnection),
    Kind("unix", redis.UnixDomainSocketConnection, redis.asyncio.UnixDomainSocketConnection),
)


class GivenUrl(str):
    """The URL of a server that a redis-py client has named, without login and options, with what
    its connections need.

    Attributes:
        kind: the kind of its connections.
        settings: the arguments of a connection.
    """

    kind: Kind
    settings: dict[str, Any]


def url_of(server: Any) -> GivenUrl | None:
    """Return the URL of a redis-py client or pool; None for anything else.

    Raises:
        BadArgument: its connections are of a kind, or have a setting, that can't be taken over.
    """
    if isinstance(server, (redis.RedisCluster, redis.asyncio.RedisCluster)):
        raise BadArgument("url: for a Redis Cluster give a redis+cluster:// URL, not a client")
    pool = getattr(server, "connection_pool", server)
    if not isinstance(pool, (redis.ConnectionPool, redis.asyncio.ConnectionPool)):
        return None
    if hasattr(pool, "sentinel_manager"):
        raise BadArgument("url: for a Sentinel give a redis+sentinel:// URL, not a client")
    used = pool.connection_class
    kind = next((one for one in KINDS if used in (one.sync, one.aio)), None)
    if kind is None:
        hint = "; for a fakeredis give memory://" if "fakeredis" in used.__module__ else ""
        raise BadArgument(f"url: connections of {used.__qualname__} can't be taken over{hint}")
    known = {name: value for name, value in pool.connection_kwargs.items() if value is not None}
    for name in REFUSED:
        if known.get(name):
            raise BadArgument(f"url: {name} of a client can't be taken over")
    tls = TLS if kind.scheme == "rediss" else ()
    found = GivenUrl(_shown(kind, known))
    found.kind = kind
    found.settings = {name: known[name] for name in (*ADDRESS, *LOGIN, *tls) if name in known}
    return found


def _shown(kind: Kind, known: dict[str, Any]) -> str:
    if kind.scheme == "unix":
        return f"unix://{known.get('path', '')}?db={known.get('db', 0)}"
    host = str(known.get("host", "localhost"))
    host = f"[{host}]" if ":" in host else host
    return f"{kind.scheme}://{host}:{known.get('port', 6379)}/{known.get('db', 0)}"
