"""Stored results are read, and settle their jobs. What is asked, and what a reply means, is decided
in sweep.py; when, in listener.py and by those who submit.
"""

from __future__ import annotations

from collections.abc import Hashable

from pyjobs.client.batch import Chunk
from pyjobs.client.core import ClientCore
from pyjobs.client.job import J
from pyjobs.errors import PyjobsError
from pyjobs.transport import AsyncServer, Server, arun, owner_of, run

# A lookup that fails is left to the next sweep.
TRIES = 1


def look(server: Server, core: ClientCore[J], chunks: list[Chunk[J]]) -> list[J]:
    """Read stored results (queue/result) and settle their jobs.

    What can't be read now is logged and left to the next sweep.

    Args:
        server: where the queues are.
        core: the client's core.
        chunks: the calls, and the jobs that each asks for. What a reply leaves out is added.

    Returns:
        The jobs that are not stored.
    """
    missing: list[J] = []
    owner, away = owner_of(server), set[Hashable]()
    for chunk in chunks:
        if (node := owner(chunk.call.keys[0])) in away:
            continue
        try:
            stored = run(server, chunk.call, tries=TRIES)
            missing += core.sweep.take(chunk, stored)
            chunks += core.sweep.rest(chunk, stored)
        except PyjobsError as error:
            if core.sweep.unreadable(chunk, error):
                away.add(node)
    return missing


async def alook(server: AsyncServer, core: ClientCore[J], chunks: list[Chunk[J]]) -> list[J]:
    """Read stored results (queue/result) over asyncio connections and settle their jobs.

    What can't be read now is logged and left to the next sweep.

    Args:
        server: where the queues are.
        core: the client's core.
        chunks: the calls, and the jobs that each asks for. What a reply leaves out is added.

    Returns:
        The jobs that are not stored.
    """
    missing: list[J] = []
    owner, away = owner_of(server), set[Hashable]()
    for chunk in chunks:
        if (node := owner(chunk.call.keys[0])) in away:
            continue
        try:
            stored = await arun(server, chunk.call, tries=TRIES)
            missing += core.sweep.take(chunk, stored)
            chunks += core.sweep.rest(chunk, stored)
        except PyjobsError as error:
            if core.sweep.unreadable(chunk, error):
                away.add(node)
    return missing


def by_node(server: Server | AsyncServer, chunks: list[Chunk[J]]) -> dict[Hashable, list[Chunk[J]]]:
    """Return lookups by the node that is asked."""
    owner, found = owner_of(server), dict[Hashable, list[Chunk[J]]]()
    for chunk in chunks:
        found.setdefault(owner(chunk.call.keys[0]), []).append(chunk)
    return found
