"""The registry of queues, a hash that `pyjobs reap` reads. How it is written may live here.

It can be rebuilt from what is in use, so that it is full or forbidden stops nobody.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import redis
import redis.asyncio

from pyjobs.engine import Keys
from pyjobs.transport.pipeline import acommand, command


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


def registered(server: redis.Redis, keys: Keys) -> dict[str, str]:
    """The mode of each queue by the queue's name, as clients and workers have written it."""
    found: dict[bytes, bytes] = server.hgetall(keys.queues)  # type: ignore[assignment]
    texts = [
        (name.decode(errors="replace"), mode.decode(errors="replace"))
        for name, mode in found.items()
    ]
    return dict(sorted(texts))
