"""A subscription of channels on several nodes of a cluster, in a thread: one connection a node.

Only how messages arrive may live here. Where a channel is placed is decided in shards.py.
"""

from __future__ import annotations

import contextlib
import functools
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Collection

from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.transport.backoff import Backoff
from pyjobs.transport.cluster import Cluster
from pyjobs.transport.server import REPLY_SECONDS, Server
from pyjobs.transport.shards import ANY_NODE, FIRST_PAUSE, QUIET_SECONDS, BaseShards
from pyjobs.transport.slots import Address
from pyjobs.transport.subscription import Message
from pyjobs.transport.sync_subscription import LONGEST_SECONDS, Subscription


class Shards(BaseShards[Subscription]):
    """Hears channels on the nodes that serve them, with a connection for each node. Channels of a
    node that breaks, or that gives a slot away, are placed anew by `get`.

    It belongs to one thread. Only `add` and `end` are for other threads. There is no lock: see
    `Subscription`.

    Args:
        cluster: the nodes.
        channels: the channels' names.
        needed: whether an error is raised where Redis's access rules forbid a channel.
        classic: whether the classic channels of the same names are heard too, on one more
            connection.
    """

    def __init__(
        self,
        cluster: Cluster,
        channels: Collection[str] = (),
        needed: bool = True,
        *,
        classic: bool = False,
    ) -> None:
        super().__init__(cluster.table, needed, classic)
        self._cluster = cluster
        self._first = [name.encode() for name in channels]
        self._opened = False
        # The nodes from which something may have come, or to which something is to be sent.
        self._ready: set[Address] = set()
        # When each node is asked whether it is there; a node that was asked has its channel too,
        # whose answer is due then.
        self._probes: dict[Address, tuple[float, bytes | None]] = {}
        self._next_probe = 0.0
        # Nodes that threads of their own connect to, and what came of it.
        self._connecting: dict[Address, Subscription] = {}
        self._connected: deque[tuple[Address, Subscription, Exception | None]] = deque()
        # How many answers about channels have been read.
        self._answers = 0
        # What a wait polls, by the number of its socket; made anew when the nodes have changed.
        self._polled: tuple[select.poll, dict[int, Address]] | None = None
        # A lock for each `add` that waits, which is released to wake it.
        self._adding: list[threading.Lock] = []
        # Bytes at the near end wake a wait.
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)

    def open(self, seconds: float = 0.0) -> None:
        """Hear the first channels, unless that was done; after a `close` all of them, by `get`.

        Args:
            seconds: how long to wait for the answers.

        Raises:
            Forbidden: Redis's access rules forbid a channel.
            Unavailable: a node can't be reached, or has not answered in time.
        """
        if self._opened:
            return
        began = time.monotonic()
        if not self._channels:
            self._channels.update(dict.fromkeys(self._first))
            while left := self._left(self._first, began, seconds):
                self._turn(left)
            self._raise_refusal(self._first)
        self._opened = True

    def get(self, seconds: float = 0.0) -> Message | None:
        """Return the next message; None when none comes in time, when `missed` is set, and when
        `add` or `end` is called.

        Args:
            seconds: how long to wait. With 0 only a message that is there is returned.
        """
        if not self._messages:
            until = time.monotonic() + seconds
            while not self._turn(max(0.0, until - time.monotonic())):
                if self._messages or self.missed or time.monotonic() >= until:
                    break
        return self._messages.popleft() if self._messages else None

    def add(self, channels: Collection[str], seconds: float) -> None:
        """Hear these channels too, from now on. Any thread may call this, while the thread of the
        subscription calls `get`.

        Args:
            channels: the channels' names. Those that are heard already cost nothing.
            seconds: how long to wait until Redis confirms the channels.

        Raises:
            Forbidden: Redis's access rules forbid a channel.
            Unavailable: a node can't be reached, or has not answered in time.
        """
        names = [name.encode() for name in channels]
        self._channels.update(dict.fromkeys(names))
        began = time.monotonic()
        waiter = threading.Lock()
        waiter.acquire()
        self._adding.append(waiter)
        try:
            self._wake()
            while left := self._left(names, began, seconds):
                waiter.acquire(timeout=left)
        finally:
            self._adding.remove(waiter)
        if self._ended:
            raise Unavailable("the subscription was ended")
        self._raise_refusal(names)

    def enter(self, channels: Collection[str]) -> None:
        """Hear these channels too, as soon as their nodes allow. Nothing is waited for. Only the
        thread of the subscription may call this."""
        self._channels.update(dict.fromkeys(name.encode() for name in channels))

    def ask_again(self) -> None:
        """Send SSUBSCRIBE again for the channels that were refused."""
        for node, part in list(self._parts.items()):
            part.ask_again()
            self._ready.add(node)

    def end(self) -> None:
        """End every `add` and `get` that waits, now and from now on. Any thread may call this."""
        self._ended = True
        self._answered()
        self._wake()

    def close(self) -> None:
        """Close every connection. `open` opens them again, unless `end` was called."""
        for part in self._lose_all():
            part.close()
        self._opened = False
        if self._ended:
            self._near.close()
            self._far.close()

    def _turn(self, seconds: float) -> bool:
        """Take what has come, after a wait where nothing has. Returns whether `add` or `end` has
        ended the wait."""
        if self._connected:
            self._take_connected()
        if len(self._where) != len(self._channels) or self._wants_classic():
            self._place()
        self._probe()
        if self._ready:
            before = len(self._messages), self._answers
            self._read()
            # `open` may have waited for the answer, and no other comes.
            if (len(self._messages), self._answers) != before:
                return False
        # A channel that its node has given up is placed before the wait.
        if self.missed or not seconds or self._unplaced():
            return False
        woken = self._wait(seconds)
        self._read()
        return woken

    def _place(self) -> None:
        if names := self._unplaced():
            self._cluster.refresh()
            for node, found in self._owners(names).items():
                part = self._parts.get(node) or self._begin(node)
                part.enter(found)
                self._where.update(dict.fromkeys(found, node))
            if (classic := self._parts.get(ANY_NODE)) is not None:
                classic.enter(list(self._channels))
            self._ready.update(self._parts)
        if self._wants_classic():
            self._begin(ANY_NODE).enter(list(self._channels))
        for node, part in list(self._parts.items()):
            if self._connecting.get(node) is part or part.is_open:
                continue
            self._connecting[node] = part
            try:
                threading.Thread(
                    target=self._connect, args=(node, part), name="pyjobs-node", daemon=True
                ).start()
            except RuntimeError:
                # The process may have no thread left.
                self._connect(node, part)

    def _connect(self, node: Address, part: Subscription) -> None:
        """Connect, in a thread: a node that says nothing must not hold up messages of others."""
        failure: Exception | None = None
        try:
            part.open()
        except Exception as error:
            failure = error
        self._connected.append((node, part, failure))
        self._wake()
        if self._parts.get(node) is not part:
            # It was closed meanwhile, and nobody may take what came of it.
            part.close()

    def _take_connected(self) -> None:
        """Take what came of the threads that connect."""
        self._polled = None
        while self._connected:
            node, part, failure = self._connected.popleft()
            if self._connecting.get(node) is part:
                del self._connecting[node]
            if self._parts.get(node) is not part:
                continue
            if failure is not None:
                self._broke(node, failure)
            else:
                self._ready.add(node)

    def _begin(self, node: Address) -> Subscription:
        """Begin to hear channels of a node."""
        part = self._parts[node] = Subscription(
            self._cluster if node is ANY_NODE else self._cluster.client_of(node),
            (),
            Backoff(FIRST_PAUSE, FIRST_PAUSE),
            False,
            sharded=node is not ANY_NODE,
            changed=functools.partial(self._changed, node),
        )
        self._probes[node], self._next_probe = (time.monotonic() + QUIET_SECONDS, None), 0.0
        return part

    def _probe(self) -> None:
        """Ask nodes from which nothing has come for a while whether they are there."""
        now = time.monotonic()
        if now < self._next_probe:
            return
        for node, part in list(self._parts.items()):
            due, channel = self._probes[node]
            if now < due:
                continue
            if self._connecting.get(node) is part:
                self._probes[node] = (now + QUIET_SECONDS, None)
            elif channel is not None and part.is_asked(channel):
                self._broke(node, Unavailable(f"no answer to SUBSCRIBE in {REPLY_SECONDS:g} s"))
                part.close()
            elif (channel := part.probe()) is not None:
                self._probes[node] = (now + REPLY_SECONDS, channel)
                self._ready.add(node)
            else:
                self._probes[node] = (now + QUIET_SECONDS, None)
        self._next_probe = min((self._probes[node][0] for node in self._parts), default=now)

    def _read(self) -> None:
        """Take what has come."""
        ready, self._ready = self._ready, set()
        for node in ready:
            part = self._parts.get(node)
            if part is None or self._connecting.get(node) is part:
                continue
            try:
                self._messages.extend(part.take())
            except (PyjobsError, OSError) as error:
                self._broke(node, error)
                continue
            asked = self._probes[node][1]
            if asked is None or not part.is_asked(asked):
                self._probes[node] = (time.monotonic() + QUIET_SECONDS, None)

    def _wait(self, seconds: float) -> bool:
        """Wait until something comes, for a time; whether `add` or `end` has ended the wait."""
        if self._ended:
            return True
        if (due := self._due_in()) is not None:
            seconds = min(seconds, due)
        if self._parts:
            seconds = min(seconds, max(0.0, self._next_probe - time.monotonic()))
        waiting, nodes = self._polled or self._poll()
        woken = False
        for number, _ in waiting.poll(1000 * min(seconds, LONGEST_SECONDS)):
            node = nodes.get(number)
            if node is None:
                woken = True
            else:
                self._ready.add(node)
        if not woken:
            return False
        with contextlib.suppress(BlockingIOError):
            self._near.recv(4096)
        return True

    def _poll(self) -> tuple[select.poll, dict[int, Address]]:
        """Make what a wait polls: the near end, and each node."""
        waiting, nodes = select.poll(), {}
        waiting.register(self._near.fileno(), select.POLLIN)
        for node, part in self._parts.items():
            source = None if self._connecting.get(node) is part else part.source
            if source is not None:
                nodes[source.fileno()] = node
                waiting.register(source.fileno(), select.POLLIN)
        self._polled = waiting, nodes
        return self._polled

    def _broke(self, node: Address, error: BaseException) -> Subscription | None:
        self._polled = None
        return super()._broke(node, error)

    def _lose_all(self) -> list[Subscription]:
        self._polled = None
        return super()._lose_all()

    def _changed(self, node: Address) -> None:
        part = self._parts.get(node)
        # While a thread connects there is no answer, and only it may touch the subscription.
        if part is not None and self._connecting.get(node) is not part:
            self._answered_by(part)
        self._answers += 1
        self._answered()

    def _answered(self) -> None:
        for waiter in self._adding.copy():
            # One that was released before is awake.
            with contextlib.suppress(RuntimeError):
                waiter.release()

    def _wake(self) -> None:
        # A far end that is full wakes the wait as well; one that was closed needs no wake.
        with contextlib.suppress(OSError):
            self._far.send(b"\0")


def results_subscription(
    server: Server, channels: Collection[str], pause: float, needed: bool
) -> Subscription | Shards:
    """Return what hears channels of queues: where their node alone has the messages, on each node.

    Args:
        server: where the queues are.
        channels: the channels' names.
        pause: seconds between two connections to one server.
        needed: whether an error is raised where Redis's access rules forbid a channel.

    Raises:
        Unavailable: no node of a cluster says which node owns which slot.
    """
    if isinstance(server, Cluster):
        server.primaries()
        if server.table.sharded:
            return Shards(server, channels, needed, classic=True)
    return Subscription(server, channels, Backoff(pause, pause), needed)
