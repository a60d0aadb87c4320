"""One Redis command that is no script, with its errors as those of this package.

Calls of scripts are sent by send.py alone.
"""

from __future__ import annotations

from typing import Any

from redis import exceptions

from pyjobs.transport import pipeline
from pyjobs.transport.cluster import AsyncCluster, Cluster, no_node, no_owner
from pyjobs.transport.errors import DISCONNECTED, translated, translating
from pyjobs.transport.router import MOST_HOPS, is_silence, of_node, redirected
from pyjobs.transport.server import AsyncServer, Server
from pyjobs.transport.slots import key_in


def command(server: Server, *words: str | float, near: str | None = None) -> Any:
    """Send one command and return its reply, as Redis sends it.

    Args:
        words: the command and its arguments. In a cluster, a command without a key goes to the node
            that answered last, and to another one where that node says nothing.
        near: a key; in a cluster, the node that has it gets the command.

    Raises:
        Forbidden: Redis's access rules forbid the command.
        QueueFull: Redis is at its memory limit.
        Unavailable: Redis can't be reached, or refuses to work now.
        PyjobsError: Redis refuses the command.
    """
    with translating():
        if not isinstance(server, Cluster):
            return pipeline.execute(server.connection_pool, *words)
        if (key := near or key_in(words)) is None:
            return _of_any_node(server, *words)
        table = server.table
        for hop in range(MOST_HOPS + 1):
            server.refresh()
            if (node := table.owner(key)) is None:
                raise server.failure or no_owner()
            try:
                return pipeline.execute(server.client_of(node).connection_pool, *words)
            except exceptions.RedisError as error:
                if hop == MOST_HOPS or not redirected(table, node, error):
                    found = translated(error)
                    found = of_node(found, node) if is_silence(found) else found
                    raise found from error
        raise AssertionError("the last hop returns or raises")


async def acommand(server: AsyncServer, *words: str | float, near: str | None = None) -> Any:
    """Send one command over an asyncio connection and return its reply, as Redis sends it.

    Args:
        words: the command and its arguments. In a cluster, a command without a key goes to the node
            that answered last, and to another one where that node says nothing.
        near: a key; in a cluster, the node that has it gets the command.

    Raises:
        Forbidden: Redis's access rules forbid the command.
        QueueFull: Redis is at its memory limit.
        Unavailable: Redis can't be reached, or refuses to work now.
        PyjobsError: Redis refuses the command.
    """
    with translating():
        if not isinstance(server, AsyncCluster):
            return await pipeline.aexecute(server.connection_pool, *words)
        if (key := near or key_in(words)) is None:
            return await _aof_any_node(server, *words)
        table = server.table
        for hop in range(MOST_HOPS + 1):
            await server.refresh()
            if (node := table.owner(key)) is None:
                raise server.failure or no_owner()
            try:
                return await pipeline.aexecute(server.client_of(node).connection_pool, *words)
            except exceptions.RedisError as error:
                if hop == MOST_HOPS or not redirected(table, node, error):
                    found = translated(error)
                    found = of_node(found, node) if is_silence(found) else found
                    raise found from error
        raise AssertionError("the last hop returns or raises")


def _of_any_node(cluster: Cluster, *words: str | float) -> Any:
    cluster.refresh()
    failure: exceptions.RedisError = no_node()
    for node in cluster.table.answering():
        try:
            reply = pipeline.execute(cluster.client_of(node).connection_pool, *words)
        except DISCONNECTED as error:
            failure = error
            cluster.table.broke(node)
            continue
        cluster.table.answered(node)
        return reply
    raise failure


async def _aof_any_node(cluster: AsyncCluster, *words: str | float) -> Any:
    await cluster.refresh()
    failure: exceptions.RedisError = no_node()
    for node in cluster.table.answering():
        try:
            reply = await pipeline.aexecute(cluster.client_of(node).connection_pool, *words)
        except DISCONNECTED as error:
            failure = error
            cluster.table.broke(node)
            continue
        cluster.table.answered(node)
        return reply
    raise failure
