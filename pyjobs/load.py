"""Putting the scripts into a server, and their shas where every language finds them.

Nothing else may live here. Calls heal a missing script by themselves (run.py); this is for those
who have only a sha.
"""

from __future__ import annotations

from typing import Any

import redis

from pyjobs.keys import Keys
from pyjobs.redis_errors import translated
from pyjobs.scripts import everything


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
