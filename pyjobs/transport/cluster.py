"""Clients of a cluster: a client of redis-py for each node, and the table of the slots' owners.

Connections may be made here and the table asked for. Which call goes where is decided in router.py,
and which node is asked for the table in table_refresh.py.
redis-py's own RedisCluster is not used: docs/decisions.md says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Generic, TypeVar

import redis
import redis.asyncio
from redis import exceptions

from pyjobs.asyncutil import LoopLock, cancel_and_wait
from pyjobs.errors import Unavailable
from pyjobs.transport import pipeline
from pyjobs.transport.errors import DISCONNECTED
from pyjobs.transport.slots import Address, SlotTable
from pyjobs.transport.table_refresh import PROBE_SECONDS, TableRefresh

ASK_SLOTS = ("CLUSTER", "SLOTS")
RESP2: dict[str, Any] = {"protocol": 2, "decode_responses": False}

C = TypeVar("C")
# Makes a client of one node: its address, and how many seconds a reply is waited for.
Open = Callable[[Address, float], C]


class NodeClients(Generic[C]):
    """Responsible for what both clients of a cluster hold, of threads and of asyncio: a client for
    each node, and the table of which node owns which slot.

    Attributes:
        table: which node owns which slot.

    Args:
        seeds: nodes that can be asked before any is known.
        open: makes a client of one node.
        seconds: how long a reply is waited for.
    """

    def __init__(self, seeds: list[Address], open: Open[C], seconds: float) -> None:
        self.table = SlotTable(seeds)
        self._open = open
        self._seconds = seconds
        self._clients: dict[Address, C] = {}

    def client_of(self, node: Address) -> C:
        """Return the client of one node."""
        found = self._clients.get(node)
        if found is None:
            found = self._clients.setdefault(node, self._open(node, self._seconds))
        return found

    def _known_primaries(self) -> list[C]:
        """Return a client of each node that owns a slot, by the table.

        Raises:
            PyjobsError: no node is known to own a slot; this is why.
        """
        owners = self.table.owners()
        if not owners:
            raise self.table.failure or no_owner()
        return [self.client_of(node) for node in owners]


class Cluster(NodeClients[redis.Redis], redis.Redis):
    """Responsible for the connections of threads to the nodes of a cluster.

    As a client of redis-py it sends each command to any node. Calls of scripts and commands with a
    key go to the owner of the key's slot, by `pyjobs.transport`. Nothing is sent when it is made.

    Attributes:
        table: which node owns which slot.

    Args:
        seeds: nodes that can be asked before any is known.
        open: makes a client of one node.
        seconds: how long a reply is waited for.
    """

    def __init__(self, seeds: list[Address], open: Open[redis.Redis], seconds: float) -> None:
        NodeClients.__init__(self, seeds, open, seconds)
        # Reentrant, because a signal handler may submit amid a refresh.
        self._refreshing = threading.RLock()
        redis.Redis.__init__(self, connection_pool=AnyNodePool(self))

    def refresh(self) -> None:
        """Ask a node for the owners of the slots, if the table is stale, and all the others side by
        side when it says nothing. One caller asks at a time; others wait for its answer. Nothing is
        raised."""
        with self._refreshing:
            if not self.table.stale:
                return
            refresh = TableRefresh(self.table, self._ask)
            for seconds in refresh.waits():
                wait(refresh.asked, seconds, FIRST_COMPLETED)

    def _ask(self, node: Address) -> Future[Any]:
        """Ask a node for the owners of the slots, in a thread: others can be asked meanwhile."""
        asked: Future[Any] = Future()

        def ask() -> None:
            try:
                with self._open(node, PROBE_SECONDS) as client:
                    reply = pipeline.execute(client.connection_pool, *ASK_SLOTS)
            except BaseException as error:
                asked.set_exception(error)
            else:
                asked.set_result(reply)

        try:
            threading.Thread(target=ask, name="pyjobs-slots", daemon=True).start()
        except RuntimeError:
            # The process may have no thread left, or may be about to end.
            ask()
        return asked

    def primaries(self) -> list[redis.Redis]:
        """Return a client of each node that owns a slot.

        Raises:
            Unavailable: no node says which node owns which slot.
        """
        self.refresh()
        return self._known_primaries()

    def close(self) -> None:
        """Close every connection."""
        for client in list(self._clients.values()):
            client.close()


# redis-py's own bases differ in a method that pyjobs does not call.
class AsyncCluster(NodeClients[redis.asyncio.Redis], redis.asyncio.Redis):  # type: ignore[misc]
    """Responsible for the asyncio connections to the nodes of a cluster.

    As a client of redis-py it sends each command to any node. Calls of scripts and commands with a
    key go to the owner of the key's slot, by `pyjobs.transport`. Nothing is sent when it is made.

    Attributes:
        table: which node owns which slot.

    Args:
        seeds: nodes that can be asked before any is known.
        open: makes a client of one node.
        seconds: how long a reply is waited for.
    """

    def __init__(
        self, seeds: list[Address], open: Open[redis.asyncio.Redis], seconds: float
    ) -> None:
        NodeClients.__init__(self, seeds, open, seconds)
        self._refreshing = LoopLock()
        redis.asyncio.Redis.__init__(self, connection_pool=AsyncAnyNodePool(self))

    async def refresh(self) -> None:
        """Ask a node for the owners of the slots, if the table is stale, and all the others side by
        side when it says nothing. One task asks at a time; others wait for its answer. Nothing is
        raised."""
        async with self._refreshing.of_loop():
            if not self.table.stale:
                return
            refresh = TableRefresh(self.table, lambda node: asyncio.create_task(self._ask(node)))
            try:
                for seconds in refresh.waits():
                    await asyncio.wait(
                        refresh.asked, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
                    )
            finally:
                await cancel_and_wait(*refresh.asked)

    async def _ask(self, node: Address) -> Any:
        """Ask a node for the owners of the slots."""
        client = self._open(node, PROBE_SECONDS)
        try:
            return await pipeline.aexecute(client.connection_pool, *ASK_SLOTS)
        finally:
            with contextlib.suppress(exceptions.RedisError, OSError):
                await client.aclose()

    def answering(self) -> redis.asyncio.Redis:
        """Return a client of the node that answered last, or of another node when the connection to
        that node broke since."""
        return self.client_of(self.table.answering()[0])

    async def primaries(self) -> list[redis.asyncio.Redis]:
        """Return a client of each node that owns a slot.

        Raises:
            Unavailable: no node says which node owns which slot.
        """
        await self.refresh()
        return self._known_primaries()

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close every connection."""
        for client in list(self._clients.values()):
            pipeline.spare_of(client.connection_pool).forget_ended_loop(client.connection_pool)
            await client.aclose()


class AnyNodePool(redis.ConnectionPool):
    """Gives connections to any node of a cluster that can be reached, for what any node can answer:
    messages on channels cross a cluster, and reach every node.

    Args:
        cluster: whose nodes, and whose connections.
    """

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(**RESP2)
        self._cluster = cluster
        self._pools: dict[Any, Any] = {}

    def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:
        """Return a connection to the first node that takes one.

        Raises:
            RedisError: no node takes one.
        """
        table = self._cluster.table
        self._cluster.refresh()
        failure: exceptions.RedisError = no_node()
        for node in table.nodes():
            pool = self._cluster.client_of(node).connection_pool
            try:
                connection = pool.get_connection()
            except DISCONNECTED as error:
                failure = error
                table.broke(node)
                continue
            self._pools[connection] = pool
            return connection
        raise failure

    def release(self, connection: Any) -> None:
        """Give a connection back to the pool of its node."""
        if (pool := self._pools.pop(connection, None)) is not None:
            pool.release(connection)


class AsyncAnyNodePool(redis.asyncio.ConnectionPool):
    """Gives asyncio connections to any node of a cluster that can be reached, for what any node can
    answer: messages on channels cross a cluster, and reach every node.

    Args:
        cluster: whose nodes, and whose connections.
    """

    def __init__(self, cluster: AsyncCluster) -> None:
        super().__init__(**RESP2)
        self._cluster = cluster
        self._pools: dict[Any, Any] = {}

    async def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:
        """Return a connection to the first node that takes one.

        Raises:
            RedisError: no node takes one.
        """
        table = self._cluster.table
        await self._cluster.refresh()
        failure: exceptions.RedisError = no_node()
        for node in table.nodes():
            pool = self._cluster.client_of(node).connection_pool
            pipeline.spare_of(pool).forget_ended_loop(pool)
            try:
                connection = await pool.get_connection()
            except DISCONNECTED as error:
                failure = error
                table.broke(node)
                continue
            self._pools[connection] = pool
            return connection
        raise failure

    async def release(self, connection: Any) -> None:
        """Give a connection back to the pool of its node."""
        if (pool := self._pools.pop(connection, None)) is not None:
            await pool.release(connection)


def no_owner() -> Unavailable:
    """Return the error of calls whose slot has no owner that is known."""
    return Unavailable("no node of the cluster says which node owns the slot")


def no_node() -> exceptions.ConnectionError:
    """Return the error of a cluster of which no node takes a connection."""
    return exceptions.ConnectionError("no node of the cluster can be reached")
