"""Stored results are read, of each node once at a time, and settle their jobs. sweep.py decides
what is asked and what a reply means. listener.py decides when, and so does a submit that finds jobs
which were in Redis before. Nothing else may live here.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from typing import Generic

from pyjobs.asyncutil import Breakable
from pyjobs.client.batch import JobsCall
from pyjobs.client.core import ClientCore
from pyjobs.client.job import J
from pyjobs.engine import PartKey
from pyjobs.errors import PyjobsError
from pyjobs.transport import AsyncServer, Server, arun, known_parts_of, owner_of, run

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


class SubmitLookUps(Generic[J]):
    """Responsible for the look-ups that asyncio submits make, each in the task of its submit, until
    the client is closed.

    Args:
        server: where the queues are.
        core: the client's core.
    """

    def __init__(self, server: AsyncServer, core: ClientCore[J]) -> None:
        self._server, self._core = server, core
        self._under_way: set[Breakable] = set()

    async def settle(self, jobs: Sequence[J]) -> bool:
        """Look up the jobs that a submit has found in Redis, and settle them. Returns False when
        the client was closed meanwhile."""
        look_up = Breakable()
        self._under_way.add(look_up)
        try:
            with look_up:
                missing = await alook(self._server, self._core, self._core.sweep.calls(jobs))
                self._core.sweep.settle_gone(missing)
        finally:
            self._under_way.discard(look_up)
        return not look_up.was_broken_off

    def break_off(self) -> None:
        """End the look-ups that are under way. The close of the client breaks their connection, and
        a look-up that went on would make another."""
        for look_up in self._under_way:
            look_up.break_off()


def by_node(
    server: Server | AsyncServer, core: ClientCore[J], lookups: list[JobsCall[J]]
) -> dict[Hashable, list[JobsCall[J]]]:
    """Return lookups by the node that is asked, and by the queue where several nodes are asked.

    Args:
        server: a cluster.
        core: the client's core.
        lookups: the lookups.
    """
    owner, split = owner_of(server), known_parts_of(server).split
    found = dict[Hashable, list[JobsCall[J]]]()
    for lookup in lookups:
        for one in core.sweep.by_part(lookup, split.get(lookup.call.keys[0])):
            key = one.call.keys[0]
            is_whole = key in split and not isinstance(key, PartKey)
            found.setdefault(key if is_whole else owner(key), []).append(one)
    return found


class Turns(Generic[J]):
    """Responsible for asking each node once at a time. A job that two lookups in a row do not find
    is gone, and two lookups at once may both miss a job whose message is on its way. Threads may
    share this object."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # What is asked when the lookup under way has ended, by its node; None is nothing.
        self._later: dict[Hashable, list[JobsCall[J]] | None] = {}

    def begin(self, node: Hashable, lookups: list[JobsCall[J]], *, missed: bool) -> bool:
        """Return whether a node is to be asked now.

        Args:
            node: the node, as `by_node` names it.
            lookups: what is to be asked.
            missed: whether messages may have been missed. Then a node that is being asked is asked
                again afterwards.
        """
        with self._lock:
            if node not in self._later:
                self._later[node] = None
                return True
            if missed:
                self._later[node] = lookups
            return False

    def end(self, node: Hashable) -> list[JobsCall[J]] | None:
        """Note that a lookup of a node has ended. Returns what the node is to be asked next; None
        for nothing."""
        with self._lock:
            lookups = self._later.pop(node)
            if lookups is not None:
                self._later[node] = None
            return lookups
