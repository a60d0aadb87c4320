"""The event loop of a process that is all pyjobs'. Nothing else may live here."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable


def fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Makes uvloop's loops, where the extra 'fast' is installed; None stands for asyncio's own."""
    try:
        found: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module(
            "uvloop"
        ).new_event_loop
    except ImportError:
        return None
    return found
