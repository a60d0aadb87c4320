"""Clients of a cluster: a client of redis-py for each node, and the table of the slots' owners.

Connections may be made here and the table asked for. Which call goes where is decided in router.py.
redis-py's own RedisCluster is not used: docs/decisions.md says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Generic, TypeVar

import redis
import redis.asyncio
from redis import exceptions

from pyjobs.asyncutil import LoopLock, cancel_and_wait
from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.transport import pipeline
from pyjobs.transport.errors import DISCONNECTED, translated
from pyjobs.transport.slots import Address, SlotTable

# A node that does not say which node owns which slot must not hold up the others for long.
PROBE_SECONDS = 1.0
# The first node is asked alone for so long. Most nodes answer sooner, and each further node costs a
# connection.
FIRST_SECONDS = 0.25
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
        failure: why the table could not be asked for, the last time; None when it could.

    Args:
        seeds: nodes that can be asked before any is known.
        open: makes a client of one node.
        seconds: how long a reply is waited for.
    """

    def __init__(self, seeds: list[Address], open: Open[C], seconds: float) -> None:
        self.table = SlotTable(seeds)
        self.failure: PyjobsError | None = None
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
            raise self.failure or no_owner()
        return [self.client_of(node) for node in owners]

    def _rounds(self) -> Iterator[tuple[list[Address], float]]:
        """Yield nodes to ask for the owners of the slots, and for how many seconds to wait for an
        answer. Nodes of an earlier round may still answer. A node that has not answered by the end
        of the last round is silent.
        """
        first, *others = self.table.nodes()
        if others:
            yield [first], FIRST_SECONDS
        yield others or [first], PROBE_SECONDS

    def _take(self, node: Address, asked: Future[Any] | asyncio.Future[Any]) -> None:
        """Learn what a node has said when it was asked for the owners of the slots."""
        try:
            self.failure = took(self.table, asked.result(), node)
        except exceptions.RedisError as error:
            self.failure = failed(self.table, error, node)

    def _note_silent(self, node: Address) -> None:
        """Note that a node has said nothing when it was asked for the owners of the slots."""
        error = exceptions.TimeoutError(f"no reply in {PROBE_SECONDS:g} s")
        self.failure = failed(self.table, error, node)


class Cluster(NodeClients[redis.Redis], redis.Redis):
    """Responsible for the connections of threads to the nodes of a cluster.

    As a client of redis-py it sends each command to any node. Calls of scripts and commands with a
    key go to the owner of the key's slot, by `pyjobs.transport`. Nothing is sent when it is made.

    Attributes:
        table: which node owns which slot.
        failure: why the table could not be asked for, the last time; None when it could.

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
            asking: dict[Future[Any], Address] = {}
            for nodes, seconds in self._rounds():
                asking |= {self._ask(node): node for node in nodes}
                until = time.monotonic() + seconds
                while asking:
                    left = max(0.0, until - time.monotonic())
                    if not (answered := wait(asking, left, FIRST_COMPLETED).done):
                        break
                    for one in answered:
                        self._take(asking.pop(one), one)
                        if self.failure is None:
                            return
            for node in asking.values():
                self._note_silent(node)

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
        failure: why the table could not be asked for, the last time; None when it could.

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
            if self.table.stale:
                asking: dict[asyncio.Task[Any], Address] = {}
                try:
                    await self._refresh(asking)
                finally:
                    await cancel_and_wait(*asking)

    async def _refresh(self, asking: dict[asyncio.Task[Any], Address]) -> None:
        for nodes, seconds in self._rounds():
            asking |= {asyncio.create_task(self._ask(node)): node for node in nodes}
            until = time.monotonic() + seconds
            while asking:
                left = max(0.0, until - time.monotonic())
                answered, _ = await asyncio.wait(
                    asking, timeout=left, return_when=asyncio.FIRST_COMPLETED
                )
                if not answered:
                    break
                for one in answered:
                    self._take(asking.pop(one), one)
                    if self.failure is None:
                        return
        for node in asking.values():
            self._note_silent(node)

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


def took(table: SlotTable, reply: Any, node: Address) -> PyjobsError | None:
    """Learn a reply to CLUSTER SLOTS. Returns what is wrong with it, None when nothing is."""
    table.answered(node)
    if table.learn(reply, node):
        return None
    return Unavailable(f"{node.host}:{node.port}: no node of the cluster has any slot")


def failed(table: SlotTable, error: exceptions.RedisError, node: Address) -> PyjobsError:
    """Note that a node did not say which node owns which slot. Returns why."""
    if isinstance(error, DISCONNECTED):
        table.broke(node)
    found = translated(error)
    found.args = (f"{node.host}:{node.port}: {error}",)
    return found


def no_owner() -> Unavailable:
    """Return the error of calls whose slot has no owner that is known."""
    return Unavailable("no node of the cluster says which node owns the slot")


def no_node() -> exceptions.ConnectionError:
    """Return the error of a cluster of which no node takes a connection."""
    return exceptions.ConnectionError("no node of the cluster can be reached")
