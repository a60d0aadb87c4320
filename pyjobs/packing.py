"""Commands to bytes by hiredis, which redis-py uses for its synchronous connections only.

In Python it takes five times as long, and is most of what a large call costs. Nothing else may live
here.
"""

from __future__ import annotations

from typing import Any

import hiredis
import redis.asyncio


class Packing:
    """Mixed into a connection class."""

    def pack_command(self, *args: Any) -> list[bytes]:
        # The first may be of several words, such as 'SCRIPT LOAD'.
        words = args[0].split() if isinstance(args[0], str) else (args[0],)
        return [hiredis.pack_command((*words, *args[1:]))]


def pack_fast(server: redis.asyncio.Redis) -> redis.asyncio.Redis:
    """Let the connections of this pool pack so; returns the pool."""
    pool = server.connection_pool
    plain = pool.connection_class
    pool.connection_class = type(plain.__name__, (Packing, plain), {})
    return server
