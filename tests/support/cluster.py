"""A real cluster on loopback, whose slots move by hand. No assertion about pyjobs may live here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from redis import crc

from pyjobs.testing import Server
from pyjobs.transport.server import connect
from support.running import wait_until
from support.servers import PREFERRED, own_server

SLOTS = 16384
SOON = 60.0
# A node that is gone is noticed after so many ms. Without full coverage the others go on.
NODE = (
    *("--cluster-enabled", "yes"),
    *("--cluster-node-timeout", "2000"),
    *("--cluster-require-full-coverage", "no"),
)


def ask(node: Server, *words: Any) -> Any:
    """The reply of one node to one command."""
    with connect(node.url) as server:
        return server.execute_command(*words)


def is_up(node: Server) -> bool:
    return b"cluster_state:ok" in ask(node, "CLUSTER", "INFO")


def key_slot(key: str) -> int:
    return crc.key_slot(key.encode())


class Move:
    """The slot of a key, on its way."""

    def __init__(self, old: Server, new: Server, key: str) -> None:
        self.old, self.new, self.slot = old, new, key_slot(key)
        self.from_id, self.to_id = [ask(node, "CLUSTER", "MYID").decode() for node in (old, new)]

    def begin(self) -> None:
        ask(self.new, "CLUSTER", "SETSLOT", self.slot, "IMPORTING", self.from_id)
        ask(self.old, "CLUSTER", "SETSLOT", self.slot, "MIGRATING", self.to_id)

    def keys(self, most: int) -> int:
        """Move some keys; returns how many."""
        keys = ask(self.old, "CLUSTER", "GETKEYSINSLOT", self.slot, most)
        if keys:
            where = ("127.0.0.1", self.new.port, "", 0, 5000, "KEYS")
            ask(self.old, "MIGRATE", *where, *keys)
        return len(keys)

    def end(self) -> None:
        for node in (self.new, self.old):
            ask(node, "CLUSTER", "SETSLOT", self.slot, "NODE", self.to_id)


class ClusterOfNodes:
    """Primaries without replicas, each with an equal share of the slots."""

    def __init__(self, nodes: Sequence[Server]) -> None:
        self.nodes = list(nodes)
        self.owners = [slot * len(self.nodes) // SLOTS for slot in range(SLOTS)]

    @property
    def url(self) -> str:
        where = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"redis+cluster://{where}"

    def owner(self, key: str) -> Server:
        return self.nodes[self.owners[key_slot(key)]]

    def flush(self) -> None:
        for node in self.nodes:
            ask(node, "FLUSHALL")

    def names(self, number: int, prefix: str = "q") -> list[str]:
        """Names of queues of so many slots, by turns on each of the nodes."""
        wanted = [place % len(self.nodes) for place in range(number)]
        found, taken, at = [], set(), 0
        for place in wanted:
            while True:
                name, at = f"{prefix}{at}", at + 1
                slot = key_slot(name)
                if self.owners[slot] == place and slot not in taken:
                    break
            taken.add(slot)
            found.append(name)
        return found

    def move(self, key: str, *, keys: int = 20, announce: bool = True) -> int:
        """Move the slot of a key to the next node, some keys a call. Returns how many moved."""
        slot, moved = key_slot(key), 0
        to_at = (self.owners[slot] + 1) % len(self.nodes)
        move = Move(self.owner(key), self.nodes[to_at], key)
        move.begin()
        while found := move.keys(keys):
            moved += found
        move.end()
        for node in self.nodes if announce else ():
            ask(node, "CLUSTER", "SETSLOT", slot, "NODE", move.to_id)
        self.owners[slot] = to_at
        return moved


@contextmanager
def cluster_of(number: int, name: str = PREFERRED, *args: str) -> Iterator[ClusterOfNodes]:
    """A cluster of so many primaries, which is up."""
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(own_server(*NODE, *args, name=name)) for _ in range(number)]
        first = nodes[0]
        for at, node in enumerate(nodes):
            low = -(-SLOTS * at // number)
            high = -(-SLOTS * (at + 1) // number) - 1
            # Redis 6.2 has no ADDSLOTSRANGE.
            ask(node, "CLUSTER", "ADDSLOTS", *range(low, high + 1))
            ask(node, "CLUSTER", "SET-CONFIG-EPOCH", at + 1)
        for node in nodes[1:]:
            ask(first, "CLUSTER", "MEET", "127.0.0.1", node.port)
        wait_until(
            lambda: all(
                is_up(node) and len(ask(node, "CLUSTER", "SLOTS")) == number for node in nodes
            ),
            SOON,
        )
        yield ClusterOfNodes(nodes)
