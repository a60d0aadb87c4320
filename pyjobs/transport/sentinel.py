"""Connection pools that follow the primary of a service: `redis+sentinel://`. Nothing else may live
here.
"""

from __future__ import annotations

from typing import Any

from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelConnectionPool
from redis.sentinel import SentinelConnectionPool

from pyjobs.transport.url import sentinel_url

SENTINEL_SECONDS = 1.0


class Pool(SentinelConnectionPool):
    """Holds connections to the primary. Closed as a whole, it closes its connections to the
    sentinels too."""

    def disconnect(self, inuse_connections: bool = True) -> None:
        super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                sentinel.close()


class AsyncPool(AsyncSentinelConnectionPool):
    """Holds asyncio connections to the primary. Closed or reset as a whole, it closes or drops its
    connections to the sentinels too."""

    def reset(self) -> None:
        super().reset()  # type: ignore[no-untyped-call]
        for sentinel in self.sentinel_manager.sentinels:
            sentinel.connection_pool.reset()

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


def primary(sentinel: Any, pool: Any, url: str, settings: dict[str, Any]) -> Any:
    """Make a redis-py client of the service's primary.

    Args:
        sentinel: redis-py's Sentinel, sync or asyncio.
        pool: the connection pool's class.
        url: the `redis+sentinel://` URL.
        settings: of connections to the primary. `retry` is used for the sentinels too.

    Raises:
        BadArgument: the URL names no service, or no sentinels.
    """
    service = sentinel_url(url)
    # One sentinel that is gone must not hold up the others for long.
    asking = {
        "socket_timeout": SENTINEL_SECONDS,
        "socket_connect_timeout": SENTINEL_SECONDS,
        "protocol": 2,
        "retry": settings["retry"],
        **service.asking,
    }
    asked = sentinel(service.sentinels, sentinel_kwargs=asking)
    settings = {**service.settings, **settings}
    return asked.master_for(service.name, connection_pool_class=pool, **settings)
