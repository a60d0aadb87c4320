"""Putting the scripts into a server, and their shas where every language finds them.

Nothing else may live here. Calls heal a missing script by themselves (run.py); this is for those
who have only a sha, and for workers, whose first calls keep their order so.
"""

from __future__ import annotations

import contextlib
from typing import Any

import redis
import redis.asyncio

from pyjobs.engine import Keys, everything
from pyjobs.transport.errors import translated


def load(server: redis.Redis) -> int:
    """SCRIPT LOAD every script of this package. Returns how many there are.

    Raises:
        Unavailable: Redis can't be reached.
    """
    try:
        with server.pipeline(transaction=False) as pipe:
            for script in everything():
                pipe.script_load(script.body)
            return len(pipe.execute())
    except redis.RedisError as error:
        raise translated(error) from error


async def aload(server: redis.asyncio.Redis, mode: str) -> None:
    """SCRIPT LOAD what a worker of a mode calls, where its user may. Of calls in one stream, those
    whose scripts are there would run before those whose scripts are not.
    """
    pipe = server.pipeline(transaction=False)
    for script in everything():
        if script.name.startswith((f"{mode}/", "queue/")):
            pipe.script_load(script.body)
    with contextlib.suppress(redis.RedisError):
        await pipe.execute()


def publish(server: redis.Redis, keys: Keys) -> None:
    """Write name@version -> sha1 of every script into `<prefix>:scripts`.

    Raises:
        QueueFull: Redis is at its memory limit; nothing was written.
        Unavailable: Redis can't be reached.
    """
    shas: dict[Any, Any] = {script.title: script.sha1 for script in everything()}
    try:
        server.hset(keys.scripts, mapping=shas)
    except redis.RedisError as error:
        raise translated(error) from error
