"""Connection pools that follow the primary of a service: `redis+sentinel://`."""

from __future__ import annotations

from typing import Any

import redis.asyncio.sentinel
import redis.sentinel

from pyjobs.transport.url import watched

SENTINEL_SECONDS = 1.0


class Pool(redis.sentinel.SentinelConnectionPool):
    """Closed as a whole, it closes the connections to the sentinels too: nobody else has them."""

    def disconnect(self, inuse_connections: bool = True) -> None:
        super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                sentinel.close()


class AsyncPool(redis.asyncio.sentinel.SentinelConnectionPool):
    """The same for asyncio."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


def primary(sentinel: Any, pool: Any, url: str, settings: dict[str, Any]) -> Any:
    """A redis-py client of the service's primary.

    Args:
        sentinel: redis-py's Sentinel, sync or asyncio.
        pool: the connection pool's class.
        settings: of connections to the primary; `retry` is that of the sentinels too.
    """
    service = watched(url)
    # One sentinel that is gone must not hold up the others for long.
    asking = {
        "socket_timeout": SENTINEL_SECONDS,
        "socket_connect_timeout": SENTINEL_SECONDS,
        "protocol": 2,
        "retry": settings["retry"],
    }
    asked = sentinel(service.sentinels, sentinel_kwargs=asking)
    settings = {**service.settings, **settings}
    return asked.master_for(service.name, connection_pool_class=pool, **settings)
