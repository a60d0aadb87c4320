"""Loading the scripts into a server, and publishing them where every language finds them.

Nothing else may live here. A call loads a missing script by itself (stream.py). Loading is for
callers that know only a sha, and for workers, whose first calls keep their order so.
"""

from __future__ import annotations

import contextlib

from redis import exceptions

from pyjobs.engine import Keys, everything
from pyjobs.transport.commands import command
from pyjobs.transport.errors import translating
from pyjobs.transport.server import AsyncServer, Server, primaries


def load(server: Server) -> int:
    """Load the scripts of this package that a primary lacks (SCRIPT EXISTS, SCRIPT LOAD).

    Returns:
        How many scripts the package has.

    Raises:
        Forbidden: Redis's access rules forbid the call.
        Unavailable: Redis can't be reached.
    """
    scripts = everything()
    for node in primaries(server):
        with translating(), node.pipeline(transaction=False) as pipe:
            there = [False] * len(scripts)
            # Who may load scripts and may not ask loads them all.
            with contextlib.suppress(exceptions.ResponseError):
                there = node.script_exists(*[script.sha1 for script in scripts])
            for script, loaded in zip(scripts, there, strict=True):
                if not loaded:
                    pipe.script_load(script.body)
            pipe.execute()
    return len(scripts)


async def aload(node: AsyncServer, mode: str) -> None:
    """Load the scripts that a worker calls into one primary (SCRIPT LOAD). An error is ignored:
    calls load what is missing.

    Without this the first calls could change their order: of calls in one stream, those whose
    scripts are there run before those whose scripts are missing.

    Args:
        node: a primary, of `aprimaries`.
        mode: name of the worker's mode.
    """
    pipe = node.pipeline(transaction=False)
    for script in everything():
        if script.name.startswith((f"{mode}/", "queue/")):
            pipe.script_load(script.body)
    with contextlib.suppress(exceptions.RedisError):
        await pipe.execute()


def publish(server: Server, keys: Keys) -> None:
    """Write what a program without this package needs to call the scripts (HKEYS, HSET).

    The hash `<prefix>:scripts` gets name@version -> sha1 of every script, and the hash
    `<prefix>:bodies` sha1 -> body of each script that it lacks. A body never changes.

    Args:
        keys: the names under the prefix.

    Raises:
        Forbidden: Redis's access rules forbid the call.
        QueueFull: Redis is at its memory limit; nothing was written.
        Unavailable: Redis can't be reached.
    """
    there = {sha.decode() for sha in command(server, "HKEYS", keys.bodies)}
    shas = [word for script in everything() for word in (script.title, script.sha1)]
    command(server, "HSET", keys.scripts, *shas)
    bodies = {script.sha1: script.body for script in everything() if script.sha1 not in there}
    if bodies:
        command(server, "HSET", keys.bodies, *[word for pair in bodies.items() for word in pair])
