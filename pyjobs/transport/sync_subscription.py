"""A subscription that is held on a connection of its own in a thread, and made anew.

Only how messages arrive may live here. The connection is read directly, for redis-py's PubSub costs
several times what a message does.
"""

from __future__ import annotations

import contextlib
import math
import select
import socket
import threading
import time
from collections.abc import Callable, Collection

from pyjobs.errors import Unavailable
from pyjobs.transport.backoff import Backoff
from pyjobs.transport.connection import pack
from pyjobs.transport.errors import raise_translated
from pyjobs.transport.server import Server
from pyjobs.transport.subscription import BaseSubscription, Message
from pyjobs.transport.sync_connection import SyncConnection, open_sync

# memory:// has no socket to wait for: how often a wait looks whether `add` or `end` was called.
LOOK_SECONDS = 0.02
# A wait ends by then and its caller waits again: poll takes a bounded number of milliseconds.
LONGEST_SECONDS = 3600.0
# Messages may come as fast as they are read: `get` must return the first meanwhile, and `open` end.
MOST_AT_ONCE = 1000


class Subscription(BaseSubscription):
    """Holds a SUBSCRIBE on a connection of its own and gives the messages of its channels.

    It belongs to one thread. Only `add` and `end` are for other threads. An error closes it. `open`
    opens it again, with all channels, and `pause` says when that is due.

    There is no lock: a signal handler may wait for a result amid an `add` of its own thread, and
    the thread of the subscription must go on then.

    Args:
        server: the redis-py client whose pool the connection is taken from.
        channels: the channels' names.
        backoff: computes the pauses between connections.
        needed: whether an error is raised where Redis's access rules forbid a channel.
        sharded: whether the channels are sharded: only the node of their slot has their messages.
        changed: called when Redis has answered for a channel, or has dropped it.
    """

    _connection: SyncConnection | None

    def __init__(
        self,
        server: Server,
        channels: Collection[str],
        backoff: Backoff,
        needed: bool = True,
        *,
        sharded: bool = False,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(server, channels, backoff, needed, sharded=sharded, changed=changed)
        # A lock for each `add` that waits, which is released to wake it.
        self._adding: list[threading.Lock] = []
        # Bytes at the near end wake a wait of `get`. Made by the first wait.
        self._near: socket.socket | None = None
        self._far: socket.socket | None = None
        # What a wait of `get` polls: the connection and the near end.
        self._polled: select.poll | None = None

    @property
    def source(self) -> socket.socket | None:
        """The socket that becomes readable when something comes, once `take` has returned. None for
        memory://, which has no socket, and while there is no connection."""
        return None if self._connection is None else self._connection.source

    def open(self, seconds: float = 0.0) -> None:
        """Connect and send SUBSCRIBE for every channel, unless there is a connection.

        Args:
            seconds: how long to wait until Redis answers for every channel. With 0 nothing is
                waited for, and `get` raises the refusal when every channel is refused.

        Raises:
            Forbidden: Redis's access rules forbid every channel.
            Unavailable: Redis can't be reached, or has not answered in time.
        """
        if self.is_open:
            return
        until = time.monotonic() + seconds
        try:
            self._connection = open_sync(self._pool)
            self._send()
            while seconds and self._asked:
                if not self._read() and not self._comes(max(0.0, until - time.monotonic())):
                    raise Unavailable(f"no answer to SUBSCRIBE in {seconds:g} s")
        except BaseException as error:
            self._break()
            self._failed(error)
            raise_translated(error)

    def get(self, seconds: float = 0.0) -> Message | None:
        """Return the next message; None when none comes in time, and when `add` or `end` is called.

        Args:
            seconds: how long to wait. With 0 only a message that is there is returned.

        Raises:
            Forbidden: Redis's access rules forbid every channel.
            Unavailable: the connection broke, or there is none.
        """
        if self._messages:
            return self._messages.popleft()
        until, refused = time.monotonic() + seconds, len(self._refused)
        try:
            self._send()
            while not self._messages:
                if self._read():
                    continue
                left = until - time.monotonic()
                if left <= 0 or len(self._refused) != refused or self._wait(left):
                    return None
        except BaseException as error:
            self._break()
            raise_translated(error)
        return self._messages.popleft()

    def take(self) -> list[Message]:
        """Return the messages that have come, after sending what is to be sent.

        Raises:
            Forbidden: Redis's access rules forbid every channel.
            Unavailable: the connection broke, or there is none.
        """
        try:
            self._send()
            # All of it: the source does not become readable for what is left.
            self._read(math.inf)
        except BaseException as error:
            self._break()
            raise_translated(error)
        found = list(self._messages)
        self._messages.clear()
        return found

    def add(self, channels: Collection[str], seconds: float) -> None:
        """Hear these channels too, from now on and after each `open`. Any thread may call this,
        while the thread of the subscription calls `open` and `get`.

        Args:
            channels: the channels' names. Those that are heard already cost nothing.
            seconds: how long to wait until Redis confirms the channels.

        Raises:
            Forbidden: Redis's access rules forbid a channel.
            Unavailable: Redis can't be reached, or has not answered in time.
        """
        missing, new = self._wanted(channels)
        if not missing:
            return
        until, failures = time.monotonic() + seconds, self._failures
        waiter = threading.Lock()
        waiter.acquire()
        self._adding.append(waiter)
        try:
            self._wake()
            while not (self._ended or self._are_answered(missing)):
                self._raise_failure(failures)
                if not waiter.acquire(timeout=max(0.0, until - time.monotonic())):
                    raise Unavailable(f"no answer to SUBSCRIBE in {seconds:g} s")
        finally:
            self._adding.remove(waiter)
        if self._ended:
            raise Unavailable("the subscription was ended")
        self._raise_refusal(missing, new)

    def ask_again(self) -> None:
        """Send SUBSCRIBE again for the channels that were refused."""
        self._sent.difference_update(self._refused.copy())

    def end(self) -> None:
        """End every `add` and `get` that waits, now and from now on. Any thread may call this."""
        self._ended = True
        self._answered()
        self._wake()

    def close(self) -> None:
        """Close the connection and give it back to its pool, if there is one."""
        if self.is_open:
            self._break()

    def _send(self) -> None:
        if self._connection is None:
            raise Unavailable("the subscription is closed")
        if len(self._sent) == len(self._channels):
            return
        if names := self._unsent():
            self._connection.send(b"".join(pack(self._words[0], name) for name in names))

    def _read(self, most: float = MOST_AT_ONCE) -> bool:
        """Take what has come, `most` replies at most; False where nothing has."""
        if self._connection is None:
            raise Unavailable("the subscription is closed")
        came = 0
        for reply in self._connection.come():
            self._take(reply)
            came += 1
            if came >= most:
                break
        return came > 0

    def _comes(self, seconds: float) -> bool:
        """Return whether something comes in time."""
        return self._connection is not None and self._connection.is_readable(seconds)

    def _wait(self, seconds: float) -> bool:
        """Wait until something comes, for a time; whether `add` or `end` has ended the wait."""
        # The near end is made before the look: what is added after the look wakes the wait.
        source, near = self.source, self._near_end()
        if self._ended or len(self._sent) < len(self._channels):
            return True
        if source is None or near is None:
            self._comes(min(seconds, LOOK_SECONDS))
            return False
        if self._polled is None:
            self._polled = select.poll()
            self._polled.register(source, select.POLLIN)
            self._polled.register(near, select.POLLIN)
        number = near.fileno()
        if all(
            ready != number for ready, _ in self._polled.poll(1000 * min(seconds, LONGEST_SECONDS))
        ):
            return False
        near.recv(4096)
        return True

    def _near_end(self) -> socket.socket | None:
        """Return the end that `_wake` makes readable; None while the process has no file descriptor
        left for it."""
        if self._near is None:
            with contextlib.suppress(OSError):
                near, far = socket.socketpair()
                near.setblocking(False)
                far.setblocking(False)
                self._near, self._far = near, far
        return self._near

    def _wake(self) -> None:
        far = self._far
        if far is not None:
            # A far end that is full wakes the wait as well; one that was closed needs no wake.
            with contextlib.suppress(OSError):
                far.send(b"\0")

    def _answered(self) -> None:
        super()._answered()
        for waiter in self._adding.copy():
            # One that was released before is awake.
            with contextlib.suppress(RuntimeError):
                waiter.release()

    def _break(self) -> None:
        connection: SyncConnection | None = self._forget()
        ends, self._near, self._far = (self._near, self._far), None, None
        self._polled = None
        for end in ends:
            if end is not None:
                end.close()
        if connection is not None:
            connection.close(self._pool)
