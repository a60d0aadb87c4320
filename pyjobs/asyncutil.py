"""What asyncio leaves to its users: the fast event loop, and ending a task for sure.

Nothing here knows of jobs.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from typing import Any

AGAIN_SECONDS = 0.05


def fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes uvloop's event loops; None, asyncio's own, without the extra 'fast'."""
    try:
        found: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module(
            "uvloop"
        ).new_event_loop
    except ImportError:
        return None
    return found


async def cancel_and_wait(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it is over, however it ends.

    The task is cancelled again and again: `asyncio.wait_for` before Python 3.12 swallows a
    cancellation that comes in the moment when what it waits for is done.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_SECONDS)
    if not task.cancelled():
        task.exception()
