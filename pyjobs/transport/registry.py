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
from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.transport.cluster import Cluster
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
        Forbidden: Redis's access rules forbid the call.
        Unavailable: Redis can't be reached.
    """
    return known_queues(command(server, "HGETALL", keys.queues))


def known_queues(found: Sequence[bytes] | Mapping[bytes, bytes]) -> dict[str, str]:
    """Return what the registry says, without what is no name of a queue.

    Args:
        found: names and modes in turn, as Redis sends them; a dict of memory://.

    Returns:
        Queue name -> mode, sorted by name; '' for what is no mode.
    """
    if isinstance(found, Mapping):
        found = [word for pair in found.items() for word in pair]
    words = [word.decode(errors="replace") for word in found]
    texts = zip(words[::2], words[1::2], strict=True)
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
        BadArgument: a name is malformed.
        Forbidden: Redis's access rules forbid the read for every queue.
        Unavailable: Redis can't be reached.
    """
    metas = [Keys.meta(keys.queue(queue)) for queue in queues]
    replies = (
        _modes_by_node(server, metas) if isinstance(server, Cluster) else _modes(server, metas)
    )
    modes = []
    for reply in replies:
        [mode] = [None] if isinstance(reply, Exception) else reply
        text = (mode or b"").decode(errors="replace")
        modes.append(text if text in MODES else "")
    if replies and all(isinstance(reply, RedisError) and forbids(reply) for reply in replies):
        raise translated(replies[0])
    return modes


def _modes(server: Server, metas: Sequence[str]) -> list[Any]:
    pipe = server.pipeline(transaction=False)
    for meta in metas:
        pipe.hmget(meta, "mode")
    with translating():
        return pipe.execute(raise_on_error=False) if metas else []


def _modes_by_node(server: Server, metas: Sequence[str]) -> list[Any]:
    replies: list[Any] = []
    for meta in metas:
        try:
            replies.append(command(server, "HMGET", meta, "mode"))
        except Unavailable:
            raise
        except PyjobsError as error:
            replies.append(error.__cause__)
    return replies


def _words(queues: Mapping[str, str]) -> list[str]:
    return [word for entry in queues.items() for word in entry]
