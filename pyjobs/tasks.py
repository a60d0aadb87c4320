"""Ending tasks for sure. Nothing else may live here."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_SECONDS = 0.05


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it is over, whatever came of it.

    It is cancelled again and again: `asyncio.wait_for` before Python 3.12 swallows a cancellation
    that comes in the moment when what it waits for is done.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_SECONDS)
    if not task.cancelled():
        task.exception()
