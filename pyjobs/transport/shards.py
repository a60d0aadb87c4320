"""A subscription of channels that are on several nodes of a cluster: which node has which channel.

What the subscription of a thread and that of a task share may live here; nothing here sends, reads
or waits. A node by itself is the matter of subscription.py.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterable
from typing import Generic, TypeVar

from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.transport.backoff import Backoff
from pyjobs.transport.slots import Address, SlotTable
from pyjobs.transport.subscription import BaseSubscription, Message

# When no node is known that serves a channel, or a node can't be reached.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
# A node from which nothing has come for so long is asked whether it is there. A connection may die
# without a word, and the channels of its node may be served by another node by then.
QUIET_SECONDS = 10.0
# For so long `open` and `add` wait for the classic channels, once the owners of the slots have
# answered. Most nodes answer sooner; one that says nothing must hold up no channel for long.
CLASSIC_SECONDS = 0.5

# Stands for the node of the classic channels, which is any.
ANY_NODE = Address("", 0)

P = TypeVar("P", bound=BaseSubscription)


class BaseShards(Generic[P]):
    """Knows which channel is heard on which node of a cluster, and which channels have none now.

    A node that is away, or that no longer serves a channel, costs the channels of other nodes
    nothing: its channels are placed anew, by the table of slots.

    Args:
        table: which node owns which slot.
        needed: whether an error is raised where Redis's access rules forbid a channel.
        classic: whether the classic channels of the same names are heard too, on one more
            connection. Scripts publish there on nodes before Redis 7, and the results of a part of
            a queue while nothing hears the channel of the part.

    Attributes:
        missed: whether a channel is heard again that was lost, so that messages may have been
            missed. The reader sets it to False.
    """

    def __init__(self, table: SlotTable, needed: bool, classic: bool) -> None:
        self._table = table
        self._classic = classic
        self._needed = needed
        self._backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        # Kept in order; the value is not used.
        self._channels: dict[bytes, None] = {}
        self._parts: dict[Address, P] = {}
        self._where: dict[bytes, Address] = {}
        # Channels that were heard, and are not now.
        self._lost: set[bytes] = set()
        # Channels that are in use, and whose classic channel is not heard.
        self._lacking: set[bytes] = set()
        self._messages: deque[Message] = deque()
        self._due = 0.0
        self._ended = False
        self._failure: PyjobsError | None = None
        self.missed = False

    @property
    def refusal(self) -> PyjobsError | None:
        """Why Redis's access rules forbid a channel; None where every channel is allowed."""
        # Asked at each message: a loop is cheaper here than a generator.
        for part in tuple(self._parts.values()):
            if (refusal := part.refusal) is not None:
                return refusal
        return None

    @property
    def pause(self) -> float:
        """Seconds until channels without a node are placed again; 0 when that is due."""
        return max(0.0, self._due - time.monotonic())

    def _due_in(self) -> float | None:
        """Return the seconds until channels without a node are to be placed, 0 where that became
        due just now; None where each channel has a node."""
        lacks = self._classic and ANY_NODE not in self._parts
        if self._ended or not (lacks or len(self._where) != len(self._channels)):
            return None
        return self.pause

    def _unplaced(self) -> list[bytes]:
        """Return the channels without a node, where it is time to place them."""
        # Each channel of `_where` is one of `_channels`.
        if len(self._where) == len(self._channels) or self._ended or self.pause:
            return []
        return [name for name in list(self._channels) if name not in self._where]

    def _wants_classic(self) -> bool:
        """Return whether it is time to hear the classic channels, which nothing hears now."""
        return self._classic and ANY_NODE not in self._parts and not self.pause

    def _owners(self, channels: Iterable[bytes]) -> dict[Address, list[bytes]]:
        """Return the channels by the node that serves them. Those of no node come later."""
        found: dict[Address, list[bytes]] = defaultdict(list)
        for name in channels:
            owner = self._table.owner(name.decode())
            if owner is None:
                self._table.stale = True
                self._later(Unavailable("no node of the cluster says which node owns the slot"))
            else:
                found[owner].append(name)
        return found

    def _later(self, error: PyjobsError) -> None:
        self._failure = error
        self._due = time.monotonic() + self._backoff.pause()

    def _broke(self, node: Address, error: BaseException) -> P | None:
        """Note that the subscription of a node has ended. Returns it, None where it has ended
        before. Its channels are placed anew after a pause."""
        part = self._parts.pop(node, None)
        if part is None:
            return None
        self._later(error if isinstance(error, PyjobsError) else Unavailable(str(error)))
        if node is ANY_NODE:
            self.missed = True
            self._lacking.update(self._channels)
        else:
            self._table.broke(node)
            for name in [name for name, where in self._where.items() if where == node]:
                self._lose(name)
        return part

    def _lose_all(self) -> list[P]:
        """Take every channel from its node. Returns the subscriptions, to be closed."""
        parts = list(self._parts.values())
        self._parts.clear()
        for name in list(self._where):
            self._lose(name)
        return parts

    def _lose(self, channel: bytes) -> None:
        self._where.pop(channel, None)
        if channel in self._channels:
            self._lost.add(channel)

    def _answered_by(self, part: P) -> None:
        """Take what a node has said of its channels: which it serves, and which no longer."""
        while part.dropped:
            channel, moved = part.dropped.pop()
            node = self._where.get(channel)
            # A part that was given up says nothing of where its channels are.
            if node is None or self._parts.get(node) is not part:
                continue
            if moved is None:
                self._table.stale = True
            else:
                self._table.moved(moved.slot_id, Address(moved.host or node.host, moved.port))
            if channel in self._lost:
                # Nodes that name each other are not asked in a circle without a pause.
                self._later(Unavailable(f"no node serves {channel.decode()}"))
            self._lose(channel)
        if self._parts.get(ANY_NODE) is part:
            if heard := [name for name in list(self._lacking) if part.heard(name)]:
                self._lacking.difference_update(heard)
                self.missed = True
            return
        if heard := [name for name in self._lost if part.heard(name)]:
            self._lost.difference_update(heard)
            self._backoff.reset()
            self.missed = True

    def _part_of(self, channel: bytes) -> P | None:
        where = self._where.get(channel)
        return None if where is None else self._parts.get(where)

    def _is_answered(self, channel: bytes) -> bool:
        part = self._part_of(channel)
        return part is not None and (part.heard(channel) or part.refused(channel) is not None)

    def _lacks_classic(self, channel: bytes) -> bool:
        if not self._classic:
            return False
        part = self._parts.get(ANY_NODE)
        return part is None or not (part.heard(channel) or part.refused(channel) is not None)

    def _left(self, channels: Collection[bytes], began: float, seconds: float) -> float:
        """Return for how many seconds to wait on until channels are heard; 0 when they are.

        Args:
            channels: the channels' names.
            began: when the wait began, seconds of the monotonic clock.
            seconds: how long to wait for the owners of the slots.

        Raises:
            Unavailable: an owner has not answered in time.
        """
        waited = time.monotonic() - began
        if self._ended:
            return 0.0
        if not all(self._is_answered(name) for name in channels):
            if waited >= seconds:
                raise self._in_time(seconds) from self._failure
            return seconds - waited
        lacking = {name for name in channels if self._lacks_classic(name)}
        if lacking and waited < CLASSIC_SECONDS:
            return CLASSIC_SECONDS - waited
        # What is published there until they are heard is missed.
        self._lacking |= lacking
        return 0.0

    def _raise_refusal(self, channels: Iterable[bytes]) -> None:
        """Raise the first refusal of these channels, where they are needed."""
        for name in channels if self._needed else ():
            part = self._part_of(name)
            if part is not None and (error := part.refused(name)) is not None:
                self._channels.pop(name, None)
                self._where.pop(name, None)
                raise type(error)(*error.args) from error

    def _in_time(self, seconds: float) -> Unavailable:
        """Return the error of a wait for answers that is over."""
        found = Unavailable(
            str(self._failure) if self._failure else f"no answer to SUBSCRIBE in {seconds:g} s"
        )
        found.__cause__ = self._failure
        return found
