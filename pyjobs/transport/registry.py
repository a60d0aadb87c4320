"""The registry of queues: the hash `<prefix>:queues`, queue name -> mode. How it is written and
read may live here.

Clients and workers enter their queues again and again, so a lost registry comes back by itself.
`pyjobs reap` reads it to find queues that nobody named.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from pyjobs.engine import Keys
from pyjobs.errors import PyjobsError
from pyjobs.transport.commands import acommand, command
from pyjobs.transport.errors import translating
from pyjobs.transport.server import AsyncServer, Server


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
    """Read the registry (HGETALL).

    Args:
        keys: the names under the prefix.

    Returns:
        Queue name -> mode, sorted by name, as clients and workers have written it.

    Raises:
        Forbidden: Redis's access rules forbid it.
        Unavailable: Redis can't be reached.
    """
    with translating():
        found: dict[bytes, bytes] = server.hgetall(keys.queues)  # type: ignore[assignment]
    texts = [
        (name.decode(errors="replace"), mode.decode(errors="replace"))
        for name, mode in found.items()
    ]
    return dict(sorted(texts))


def registered_mode(server: Server, keys: Keys, queue: str) -> str:
    """Read the mode of one queue from the registry (HGET).

    Args:
        keys: the names under the prefix.
        queue: the queue's name.

    Returns:
        The mode's name, '' when the registry does not know the queue.

    Raises:
        Forbidden: Redis's access rules forbid it.
        Unavailable: Redis can't be reached.
    """
    mode: bytes | None = command(server, "HGET", keys.queues, queue)
    return (mode or b"").decode(errors="replace")


def _words(queues: Mapping[str, str]) -> list[str]:
    return [word for entry in queues.items() for word in entry]
