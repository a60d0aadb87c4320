"""Waiting, and hearing meanwhile of jobs that were cancelled: by their ids, on `<queue>:cancel`.

Only this wait may live here: what it stands on, and what ends it early. What is heard proves
nothing, for anybody may publish; whoever waits asks Redis.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

import redis

log = logging.getLogger("pyjobs")
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
GAP_SECONDS = 0.1
MESSAGES = 1000
LOOK_SECONDS = 0.05


class CancellationListener:
    """Belongs to one thread, which waits; only `end` is for the others.

    Without its subscription (access rules forbid it, Redis is away) a wait is a plain one.

    Args:
        server: where a connection is taken from.
        channels: what to listen to.
    """

    def __init__(self, server: redis.Redis, channels: Sequence[str]) -> None:
        self._pool = server.connection_pool
        self._channels = channels
        self._connection: Any = None
        self._pause = FIRST_PAUSE
        self._again = 0.0
        self._deaf_until = 0.0
        self._begun = False
        self._ended = threading.Event()
        # To close the far end wakes whoever waits at the near one.
        self._near, self._far = socket.socketpair()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def end(self) -> None:
        """End the wait that is under way, and every later one at once; from any thread."""
        self._ended.set()
        self._far.close()

    def close(self) -> None:
        self.end()
        self._drop()
        self._near.close()

    def subscribe(self) -> None:
        """Subscribe, unless that is so already or was tried too short a time ago."""
        if self._connection is not None or time.monotonic() < self._again:
            return
        try:
            self._connection = self._pool.get_connection()
            # A refusal is read in a wait, like a message.
            self._connection.send_command("SUBSCRIBE", *self._channels)
        except (redis.RedisError, OSError) as error:
            self._drop(error)

    def confirmed(self) -> bool:
        """Whether a subscription has begun since the last call: what came before was not heard."""
        begun, self._begun = self._begun, False
        return begun

    def wait(self, seconds: float) -> set[bytes]:
        """Wait until ids are heard, for a time, until `end`, or until the subscription begins,
        breaks or is worth another try.

        After ids comes a gap in which none are heard, and there is a limit to how many are heard at
        once: a flood of messages can't keep the caller busy.

        Returns:
            What was heard: ids, or anything else that somebody has published.
        """
        until = time.monotonic() + seconds
        if self._connection is None and self._again > time.monotonic():
            until = min(until, self._again)
        while not self.ended:
            now = time.monotonic()
            had = self._connection
            if now >= self._deaf_until and (heard := self._read()):
                self._deaf_until = now + GAP_SECONDS
                return heard
            if now >= until or self._begun or self._connection is not had:
                break
            self._idle(now, until)
        return set()

    def sleep(self, seconds: float) -> None:
        """Wait for a time or until `end`, and for nothing else."""
        self._ended.wait(seconds)

    def _read(self) -> set[bytes]:
        heard: set[bytes] = set()
        try:
            for _ in range(MESSAGES):
                if self._connection is None or not self._connection.can_read(0):
                    break
                kind, _, content = self._connection.read_response()
                if kind == b"message":
                    heard.add(content)
                # With the last of the channels; what it tells then is how many they are.
                self._begun = self._begun or content == len(self._channels)
                self._pause = FIRST_PAUSE
        except (redis.RedisError, OSError, ValueError, TypeError) as error:
            self._drop(error)
        return heard

    def _idle(self, now: float, until: float) -> None:
        """Wait until there may be something to read, for the time, or until `end`."""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._near, selectors.EVENT_READ)
                if now < self._deaf_until:
                    until = min(until, self._deaf_until)
                elif self._connection is not None:
                    source = getattr(self._connection, "_sock", None)
                    if isinstance(source, socket.socket):
                        selector.register(source, selectors.EVENT_READ)
                    else:
                        # memory:// has none: look now and then.
                        until = min(until, now + LOOK_SECONDS)
                selector.select(until - now)
        except (OSError, ValueError) as error:
            # This process may have no file descriptor left.
            self._drop(error)
            self.sleep(until - now)

    def _drop(self, error: Exception | None = None) -> None:
        """Do without the subscription for a while."""
        if error is not None:
            log.debug("of cancelled jobs only heartbeats tell for now (%s)", error)
        self._again = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()
            self._pool.release(connection)
