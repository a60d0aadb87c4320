"""The parts of a worker's queues: read at the start, and again while the worker runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

from pyjobs.asyncutil import cancel_and_wait
from pyjobs.errors import PyjobsError
from pyjobs.transport import REPLY_SECONDS, AsyncServer, Server, aread_parts, read_parts
from pyjobs.worker.claiming.core import WorkerCore
from pyjobs.worker.claiming.lanes import Lane

# So many queues are asked at once.
AT_ONCE = 8


def learn(core: WorkerCore, server: Server, keys: Sequence[str]) -> None:
    """Let a core claim from all parts of its queues, as far as Redis says them.

    Args:
        core: the core.
        server: a connection.
        keys: the keys of its queues.
    """
    for index, key in enumerate(keys):
        with contextlib.suppress(PyjobsError):
            for _ in added(core, index, read_parts(server, key).keys(key)):
                pass


async def alearn(core: WorkerCore, server: AsyncServer, keys: Sequence[str]) -> list[Lane]:
    """Let a core claim from all parts of its queues, as far as Redis says them; return new lanes.

    Args:
        core: the core.
        server: the worker's connections.
        keys: the keys of its queues.
    """
    turns, found = asyncio.Semaphore(AT_ONCE), dict[int, Sequence[str]]()

    async def read(index: int, key: str) -> None:
        # A queue whose parts can't be read is read again a minute later.
        with contextlib.suppress(PyjobsError):
            async with turns:
                found[index] = (await aread_parts(server, key)).keys(key)

    # A node that says nothing must not hold up the queues of other nodes for long.
    reading = [asyncio.create_task(read(index, key)) for index, key in enumerate(keys)]
    if reading:
        await asyncio.wait(reading, timeout=REPLY_SECONDS)
    for task in reading:
        await cancel_and_wait(task)
    lanes: list[Lane] = []
    for index, parts in sorted(found.items()):
        lanes += added(core, index, parts)
    return lanes


def added(core: WorkerCore, index: int, parts: Sequence[str]) -> Iterator[Lane]:
    """Add the parts that the core does not know; yield the lanes that are new."""
    for part in parts:
        if part not in core.keys:
            lane = core.add_part(index, part)
            if lane is not None:
                yield lane
