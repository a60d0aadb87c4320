"""Handing back what a worker still holds when it ends. Only the sending may live here; which jobs
can be handed back is decided in core.py."""

from __future__ import annotations

import asyncio
import contextlib

from pyjobs.errors import PyjobsError
from pyjobs.transport import AsyncServer, arun_many, connect, run_many
from pyjobs.worker.claiming.core import WorkerCore
from pyjobs.worker.run import Run

# How long Redis may take to answer when a worker that ends hands jobs back.
HAND_BACK_SECONDS = 2.0


def hand_back(core: WorkerCore, url: str) -> list[str]:
    """Release all held runs by a connection of the calling thread, which need not be that of the
    event loop. Returns the runs in words.

    Args:
        core: knows the runs.
        url: where Redis is.
    """
    runs = _held(core)
    calls = core.hand_back(runs)
    with (
        contextlib.suppress(PyjobsError, OSError),
        connect(url, reply_seconds=HAND_BACK_SECONDS) as server,
    ):
        run_many(server, calls, tries=0)
    return [f"job {run.id} on queue {run.queue}" for run in runs]


async def hand_back_rest(core: WorkerCore, server: AsyncServer) -> None:
    """Release the runs that did not end in spite of their cancellation.

    Args:
        core: knows the runs.
        server: the worker's connections.
    """
    runs = _held(core)
    if runs:
        with contextlib.suppress(PyjobsError, TimeoutError):
            async with asyncio.timeout(HAND_BACK_SECONDS):
                await arun_many(server, core.hand_back(runs))


def _held(core: WorkerCore) -> list[Run]:
    return [run for run in list(core.held) if not run.lost]
