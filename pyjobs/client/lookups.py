"""Stored results are read, and settle their jobs. What is asked, and what a reply means, is decided
in sweep.py; when, in listener.py and by those who submit.
"""

from __future__ import annotations

from collections.abc import Hashable

from pyjobs.client.batch import JobsCall
from pyjobs.client.core import ClientCore
from pyjobs.client.job import J
from pyjobs.errors import PyjobsError
from pyjobs.transport import AsyncServer, Server, arun, owner_of, run

# A lookup that fails is left to the next sweep.
TRIES = 1


def look(server: Server, core: ClientCore[J], lookups: list[JobsCall[J]]) -> list[J]:
    """Read stored results (queue/result) and settle their jobs.

    What can't be read now is logged and left to the next sweep.

    Args:
        server: where the queues are.
        core: the client's core.
        lookups: the calls, and the jobs that each asks for. What a reply leaves out is added.

    Returns:
        The jobs that are not stored.
    """
    missing: list[J] = []
    owner, away = owner_of(server), set[Hashable]()
    for lookup in lookups:
        if (node := owner(lookup.call.keys[0])) in away:
            continue
        try:
            stored = run(server, lookup.call, tries=TRIES)
            missing += core.sweep.take(lookup, stored)
            lookups += core.sweep.rest(lookup, stored)
        except PyjobsError as error:
            if core.sweep.unreadable(lookup, error):
                away.add(node)
    return missing


async def alook(server: AsyncServer, core: ClientCore[J], lookups: list[JobsCall[J]]) -> list[J]:
    """Read stored results (queue/result) over asyncio connections and settle their jobs.

    What can't be read now is logged and left to the next sweep.

    Args:
        server: where the queues are.
        core: the client's core.
        lookups: the calls, and the jobs that each asks for. What a reply leaves out is added.

    Returns:
        The jobs that are not stored.
    """
    missing: list[J] = []
    owner, away = owner_of(server), set[Hashable]()
    for lookup in lookups:
        if (node := owner(lookup.call.keys[0])) in away:
            continue
        try:
            stored = await arun(server, lookup.call, tries=TRIES)
            missing += core.sweep.take(lookup, stored)
            lookups += core.sweep.rest(lookup, stored)
        except PyjobsError as error:
            if core.sweep.unreadable(lookup, error):
                away.add(node)
    return missing


def by_node(
    server: Server | AsyncServer, lookups: list[JobsCall[J]]
) -> dict[Hashable, list[JobsCall[J]]]:
    """Return lookups by the node that is asked."""
    owner, found = owner_of(server), dict[Hashable, list[JobsCall[J]]]()
    for lookup in lookups:
        found.setdefault(owner(lookup.call.keys[0]), []).append(lookup)
    return found
