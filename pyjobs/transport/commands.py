"""One Redis command that is no script, with its errors as those of this package.

Calls of scripts are sent by send.py alone.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from redis import exceptions

from pyjobs.transport import pipeline
from pyjobs.transport.cluster import AsyncCluster, Cluster, NodeClients, no_node, no_owner
from pyjobs.transport.errors import DISCONNECTED, translated, translating
from pyjobs.transport.router import MOST_HOPS, is_silence, of_node, redirected
from pyjobs.transport.server import AsyncServer, Server
from pyjobs.transport.slots import Address, key_in


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
        asking, answer = _asking(server, near or key_in(words)), None
        while True:
            try:
                node = asking.send(answer)
            except StopIteration as end:
                return end.value
            if node is None:
                server.refresh()
                answer = None
                continue
            try:
                answer = pipeline.execute(server.client_of(node).connection_pool, *words)
            except exceptions.RedisError as error:
                answer = error


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
        asking, answer = _asking(server, near or key_in(words)), None
        while True:
            try:
                node = asking.send(answer)
            except StopIteration as end:
                return end.value
            if node is None:
                await server.refresh()
                answer = None
                continue
            try:
                answer = await pipeline.aexecute(server.client_of(node).connection_pool, *words)
            except exceptions.RedisError as error:
                answer = error


def _asking(cluster: NodeClients[Any], key: str | None) -> Generator[Address | None, Any, Any]:
    """Decide which node of a cluster gets a command. Yields the node, and gets the reply or the
    error of redis-py; yields None where the table of the slots is to be refreshed. Returns the
    reply.

    Args:
        cluster: the cluster.
        key: a key of the command; None where any node can answer it.

    Raises:
        RedisError: no node can be reached, or the node refuses the command.
        PyjobsError: the owner of the key refuses the command, or is not known.
    """
    table = cluster.table
    if key is None:
        yield None
        failure: exceptions.RedisError = no_node()
        for node in table.answering():
            answer = yield node
            if isinstance(answer, DISCONNECTED):
                failure = answer
                table.broke(node)
            elif isinstance(answer, exceptions.RedisError):
                raise answer
            else:
                table.answered(node)
                return answer
        raise failure
    for hop in range(MOST_HOPS + 1):
        yield None
        if (owner := table.owner(key)) is None:
            raise cluster.table.failure or no_owner()
        answer = yield owner
        if not isinstance(answer, exceptions.RedisError):
            return answer
        if hop == MOST_HOPS or not redirected(table, owner, answer):
            found = translated(answer)
            raise (of_node(found, owner) if is_silence(found) else found) from answer
    raise AssertionError("the last hop returns or raises")
