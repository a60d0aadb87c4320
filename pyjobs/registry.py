"""The registry of queues, a hash that `pyjobs reap` reads. How it is written may live here.

It can be rebuilt from what is in use, so that it is full or forbidden stops nobody.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import redis
import redis.asyncio

from pyjobs.keys import Keys
from pyjobs.wire import acommand, command

# How long it may lack a queue that is in use: Redis may have come back without it.
REGISTER_SECONDS = 60.0


def register(server: redis.Redis, keys: Keys, queues: Mapping[str, str]) -> None:
    """Enter queues: name -> mode."""
    with contextlib.suppress(redis.RedisError):
        command(server.connection_pool, "HSET", keys.queues, *words(queues))


async def aregister(server: redis.asyncio.Redis, keys: Keys, queues: Mapping[str, str]) -> None:
    """The same for asyncio."""
    with contextlib.suppress(redis.RedisError):
        await acommand(server.connection_pool, "HSET", keys.queues, *words(queues))


def words(queues: Mapping[str, str]) -> list[Any]:
    return [word for entry in queues.items() for word in entry]
