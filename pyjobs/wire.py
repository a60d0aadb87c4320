"""Commands over one connection: written ahead, a few at a time, and their replies as they come.

So Redis works while the next command is made, small ones go in one write, and redis-py's cost per
command is left out. What to send, and what a reply means, lives in run.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from redis import exceptions as broken

WINDOW = 4
REPLIES = (broken.ResponseError, broken.BusyLoadingError)


class Stream(Protocol):
    """Commands to send, and who takes their replies."""

    @property
    def ahead(self) -> int:
        """How many of the commands that were given have no reply yet."""

    def packed(self) -> Iterator[bytes]:
        """The commands, as they go over the wire; one or more at a time."""

    def take(self, reply: Any) -> None:
        """The reply to the next of them: a value, or an error of redis-py."""


def exchange(pool: Any, stream: Stream) -> None:
    """Send all of `stream` over a connection of `pool`.

    Raises:
        RedisError: the connection broke, or could not be made.
    """
    connection = pool.get_connection()
    try:
        for commands in stream.packed():
            connection.send_packed_command([commands])
            while stream.ahead > WINDOW:
                stream.take(_reply(connection))
        while stream.ahead:
            stream.take(_reply(connection))
    except BaseException:
        # A reply that is still to come must not be taken for that to another command.
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


async def aexchange(pool: Any, stream: Stream) -> None:
    """The same for asyncio."""
    connection = await pool.get_connection()
    try:
        for commands in stream.packed():
            await connection.send_packed_command(commands)
            while stream.ahead > WINDOW:
                stream.take(await _areply(connection))
        while stream.ahead:
            stream.take(await _areply(connection))
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    finally:
        await pool.release(connection)


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response(disconnect_on_error=False)
    except REPLIES as error:
        return error


async def _areply(connection: Any) -> Any:
    try:
        return await connection.read_response(disconnect_on_error=False)
    except REPLIES as error:
        return error
