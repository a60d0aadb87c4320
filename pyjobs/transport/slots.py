"""Which node of a cluster owns which key, and what is learned of that. Nothing here sends or waits.

What is done about an answer that says that a slot is elsewhere is decided in router.py.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from redis.crc import key_slot

from pyjobs.errors import PyjobsError

# The commands of this package that are no scripts and have a key, which is their first argument.
KEYED = frozenset({"BLPOP", "HGET", "HGETALL", "HKEYS", "HMGET", "HSET", "LLEN"})
# So many keys keep their owner at hand.
MOST_KEYS = 4096
NO_HOST = ("", "?")
# What Redis before 7 says of a node: host, port and id.
FORMER_MEMBER = 3


class Address(NamedTuple):
    """Names one node.

    Attributes:
        host: a name or an IP address.
        port: the port on which it serves clients.
    """

    host: str
    port: int


class Span(NamedTuple):
    """Holds consecutive slots of one owner.

    Attributes:
        first: the first slot.
        last: the last slot.
        owner: the primary that owns them.
    """

    first: int
    last: int
    owner: Address


def slot_of(key: str) -> int:
    """Return the slot of a key: that of its hash tag, where it has one."""
    return key_slot(key.encode())


def key_in(words: Sequence[Any]) -> str | None:
    """Return the key of a command that is no script; None where any node can answer it."""
    return str(words[1]) if words[0] in KEYED else None


class SlotTable:
    """Knows the owner of every slot, as far as nodes have said, and which nodes there are.

    Attributes:
        version: counts the replies that were learned.
        stale: whether an answer has shown since that the table may be out of date.
        sharded: whether the nodes have sharded channels, as Redis has since version 7.
        failure: why no node has named the owners, when nodes were last asked; None when one has.

    Args:
        seeds: nodes that can be asked before any is known.
    """

    def __init__(self, seeds: Iterable[Address]) -> None:
        self.version = 0
        self.stale = True
        self.sharded = False
        self.failure: PyjobsError | None = None
        self._seeds = list(seeds)
        self._spans: list[Span] = []
        self._moved: dict[int, Address] = {}
        # The owners by key, as they were asked for.
        self._found: dict[str, Address] = {}
        # Kept in order; the value is not used.
        self._nodes: dict[Address, None] = dict.fromkeys(self._seeds)
        # The nodes whose connection broke or could not be made, the last time.
        self._broken: set[Address] = set()
        # The node that answered last, unless it broke since.
        self._latest: Address | None = None

    def owner(self, key: str) -> Address | None:
        """Return the primary that owns the slot of a key; None where no node has named it."""
        found = self._found.get(key)
        if found is None and (found := self._search(slot_of(key))):
            if len(self._found) >= MOST_KEYS:
                self._found.clear()
            self._found[key] = found
        return found

    def owners(self) -> list[Address]:
        """Return the primaries that own a slot, each once."""
        return list(dict.fromkeys([*(span.owner for span in self._spans), *self._moved.values()]))

    def nodes(self) -> list[Address]:
        """Return every node that is known, in a random order; those that broke come last."""
        found = list(self._nodes)
        random.shuffle(found)
        return self.broken_last(found)

    def answering(self) -> list[Address]:
        """Return every known node, for a command that any node can answer: the node that answered
        last comes first, and nodes whose connection broke come last."""
        return sorted(self.nodes(), key=lambda node: node != self._latest)

    def broken_last(self, nodes: Iterable[Address]) -> list[Address]:
        """Return these nodes, those whose connection broke the last time after the others."""
        return sorted(nodes, key=self.is_broken)

    def is_broken(self, node: Address) -> bool:
        """Return whether the connection to a node broke the last time, or could not be made."""
        return node in self._broken

    def broke(self, node: Address) -> None:
        """Note that the connection to a node broke or could not be made."""
        self._broken.add(node)
        self.stale = True
        if node == self._latest:
            self._latest = None

    def answered(self, node: Address) -> None:
        """Note that a node has answered."""
        self._broken.discard(node)
        self._latest = node

    def moved(self, slot: int, owner: Address) -> None:
        """Note the new owner of one slot, as a node has said it (MOVED)."""
        self._moved[slot] = owner
        self._found.clear()
        self._nodes[owner] = None

    def learn(self, reply: Any, asked: Address) -> bool:
        """Take a reply to CLUSTER SLOTS. What was known before is dropped, save for the seeds.

        Args:
            reply: the reply, as Redis sends it.
            asked: the node that sent it; its host is meant where the reply names none.

        Returns:
            Whether the reply names the owner of any slot. One that does not changes nothing.
        """
        spans, nodes = [], dict.fromkeys(self._seeds)
        for first, last, *members in reply:
            found = [_address(member, asked) for member in members]
            nodes |= dict.fromkeys(found)
            spans.append(Span(first, last, found[0]))
        if not spans:
            return False
        self._spans, self._nodes, self._moved = sorted(spans), nodes, {}
        self._found.clear()
        self._broken &= nodes.keys()
        # Redis 7 came with both: sharded channels, and further names of each node in this reply.
        self.sharded = all(len(member) > FORMER_MEMBER for row in reply for member in row[2:])
        self.version += 1
        self.stale = False
        return True

    def _search(self, slot: int) -> Address | None:
        if moved := self._moved.get(slot):
            return moved
        at = bisect_right(self._spans, slot, key=lambda span: span.first) - 1
        if at < 0 or self._spans[at].last < slot:
            return None
        return self._spans[at].owner


def _address(member: Sequence[Any], asked: Address) -> Address:
    host = (member[0] or b"").decode()
    return Address(asked.host if host in NO_HOST else host, int(member[1]))
