"""The registry of queues: the hash `<prefix>:queues`, queue name -> mode. How it is written and
read may live here.

Clients and workers enter their queues again and again, so a lost registry comes back by itself.
`pyjobs reap` reads it to find queues that nobody named. Every producer may write it, so what
is read is checked, and a queue's own mode counts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from redis.exceptions import RedisError

from pyjobs.engine import MODES, Keys
from pyjobs.errors import PyjobsError
from pyjobs.transport.commands import acommand, command
from pyjobs.transport.errors import forbids, translated, translating
from pyjobs.transport.server import AsyncServer, Server
from pyjobs.validate import NAME


def register(server: Server, keys: Keys, queues: Mapping[str, str]) -> None:
    """Enter queues in the registry (HSET). An error is ignored: no job depends on the registry.

    Args:
        keys: the names under the prefix.
        queues: queue name -> mode, at least one.
    """
    with contextlib.suppress(PyjobsError):
        command(server, "HSET", keys.queues, *_words(queues))


async def aregister(server: AsyncServer, keys: Keys, queues: Mapping[str, str]) -> None:
    """Enter queues in the registry (HSET) over an asyncio connection. An error is ignored: no job
    depends on the registry.

    Args:
        keys: the names under the prefix.
        queues: queue name -> mode, at least one.
    """
    with contextlib.suppress(PyjobsError):
        await acommand(server, "HSET", keys.queues, *_words(queues))


def registered(server: Server, keys: Keys) -> dict[str, str]:
    """Read the registry (HGETALL). What is no name of a queue is left out.

    Args:
        keys: the names under the prefix.

    Returns:
        Queue name -> mode, sorted by name; '' for what is no mode. Any producer may write here:
        `modes_of` reads what counts.

    Raises:
        Forbidden: Redis's access rules forbid it.
        Unavailable: Redis can't be reached.
    """
    with translating():
        found: dict[bytes, bytes] = server.hgetall(keys.queues)  # type: ignore[assignment]
    return known_queues(found)


def known_queues(found: Mapping[bytes, bytes]) -> dict[str, str]:
    """Return what the registry says, without what is no name of a queue.

    Args:
        found: the fields of the registry, as Redis sends them.

    Returns:
        Queue name -> mode, sorted by name; '' for what is no mode.
    """
    texts = [
        (name.decode(errors="replace"), mode.decode(errors="replace"))
        for name, mode in found.items()
    ]
    return {
        name: mode if mode in MODES else "" for name, mode in sorted(texts) if NAME.fullmatch(name)
    }


def modes_of(server: Server, keys: Keys, queues: Sequence[str]) -> list[str]:
    """Read the modes that queues have, from the queues themselves (HMGET).

    Args:
        keys: the names under the prefix.
        queues: the queues' names.

    Returns:
        For each queue the name of its mode; '' where nothing was ever submitted, or where the key
        holds something else.

    Raises:
        BadArgument: a name is not one.
        Forbidden: Redis's access rules forbid it for every queue.
        Unavailable: Redis can't be reached.
    """
    pipe = server.pipeline(transaction=False)
    for queue in queues:
        pipe.hmget(Keys.meta(keys.queue(queue)), "mode")
    with translating():
        replies: list[Any] = pipe.execute(raise_on_error=False) if queues else []
    modes = []
    for reply in replies:
        [mode] = [None] if isinstance(reply, Exception) else reply
        text = (mode or b"").decode(errors="replace")
        modes.append(text if text in MODES else "")
    if replies and all(isinstance(reply, RedisError) and forbids(reply) for reply in replies):
        raise translated(replies[0])
    return modes


def _words(queues: Mapping[str, str]) -> list[str]:
    return [word for entry in queues.items() for word in entry]
