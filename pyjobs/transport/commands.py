"""One Redis command that is no script, with its errors as those of this package.

Calls of scripts are sent by send.py alone.
"""

from __future__ import annotations

from typing import Any

from pyjobs.transport import pipeline
from pyjobs.transport.errors import translating
from pyjobs.transport.server import AsyncServer, Server


def command(server: Server, *words: str | float) -> Any:
    """Send one command and return its reply, as Redis sends it.

    Args:
        words: the command and its arguments.

    Raises:
        Forbidden: Redis's access rules forbid the command.
        QueueFull: Redis is at its memory limit.
        Unavailable: Redis can't be reached, or refuses to work now.
        PyjobsError: Redis refuses the command.
    """
    with translating():
        return pipeline.command(server.connection_pool, *words)


async def acommand(server: AsyncServer, *words: str | float) -> Any:
    """Send one command over an asyncio connection and return its reply, as Redis sends it.

    Args:
        words: the command and its arguments.

    Raises:
        Forbidden: Redis's access rules forbid the command.
        QueueFull: Redis is at its memory limit.
        Unavailable: Redis can't be reached, or refuses to work now.
        PyjobsError: Redis refuses the command.
    """
    with translating():
        return await pipeline.acommand(server.connection_pool, *words)
