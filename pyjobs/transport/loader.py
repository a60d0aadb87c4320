"""Loading the scripts into a server, and publishing their shas where every language finds them.

Nothing else may live here. A call heals a missing script by itself (send.py). Loading is for
callers that know only a sha, and for workers, whose first calls keep their order so.
"""

from __future__ import annotations

import contextlib

from redis import exceptions

from pyjobs.engine import Keys, everything
from pyjobs.errors import PyjobsError
from pyjobs.transport.commands import command
from pyjobs.transport.errors import translating
from pyjobs.transport.server import AsyncServer, Server, aprimaries, primaries


def load(server: Server) -> int:
    """Load every script of this package into each primary (SCRIPT LOAD). Returns how many scripts
    there are.

    Raises:
        Forbidden: Redis's access rules forbid it.
        Unavailable: Redis can't be reached.
    """
    scripts = list(everything())
    for node in primaries(server):
        with translating(), node.pipeline(transaction=False) as pipe:
            for script in scripts:
                pipe.script_load(script.body)
            pipe.execute()
    return len(scripts)


async def aload(server: AsyncServer, mode: str) -> None:
    """Load the scripts that a worker calls into each primary (SCRIPT LOAD). An error is ignored:
    calls heal it.

    Without this the first calls could change their order: of calls in one stream, those whose
    scripts are there run before those whose scripts are missing.

    Args:
        mode: name of the worker's mode.
    """
    with contextlib.suppress(PyjobsError):
        for node in await aprimaries(server):
            pipe = node.pipeline(transaction=False)
            for script in everything():
                if script.name.startswith((f"{mode}/", "queue/")):
                    pipe.script_load(script.body)
            with contextlib.suppress(exceptions.RedisError):
                await pipe.execute()


def publish(server: Server, keys: Keys) -> None:
    """Write name@version -> sha1 of every script into the hash `<prefix>:scripts` (HSET).

    Args:
        keys: the names under the prefix.

    Raises:
        Forbidden: Redis's access rules forbid it.
        QueueFull: Redis is at its memory limit; nothing was written.
        Unavailable: Redis can't be reached.
    """
    shas = [word for script in everything() for word in (script.title, script.sha1)]
    command(server, "HSET", keys.scripts, *shas)
