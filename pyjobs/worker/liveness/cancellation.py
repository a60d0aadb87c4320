"""Waiting, and hearing meanwhile of cancelled jobs: their ids come on the channel `<queue>:cancel`.

Only this wait may live here: what is heard in it, and what ends it early. A message proves nothing,
for anybody may publish; the heartbeat asks Redis for the jobs.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Sequence

from pyjobs.errors import PyjobsError
from pyjobs.log import patient_logger
from pyjobs.transport import Backoff, Server, Subscription

log = patient_logger(__name__)
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
GAP_SECONDS = 0.1
MESSAGES = 1000
LOOK_SECONDS = 0.05
# epoll counts ms in 32 bits, which are 24 days.
LONGEST_SELECT = 86_400.0


class CancellationListener:
    """Responsible for the waits of a heartbeat: each ends early when a job is cancelled.

    One thread waits and owns the listener. Only `end` is for other threads. While there is no
    subscription, since access rules forbid it or Redis is away, each wait takes its whole time.

    Args:
        server: whose pool the connection is taken from.
        channels: the channels' names.
    """

    def __init__(self, server: Server, channels: Sequence[str]) -> None:
        self._subscription = Subscription(server, channels, Backoff(FIRST_PAUSE, LONGEST_PAUSE))
        self._reported = False
        self._ignores_until = 0.0
        self._ended = threading.Event()
        # Closing the far end makes the near end readable, which ends a wait.
        self._near, self._far = socket.socketpair()

    @property
    def ended(self) -> bool:
        """Whether `end` was called."""
        return self._ended.is_set()

    def end(self) -> None:
        """End the wait that is under way, and every later one at once. Any thread may call this."""
        self._ended.set()
        self._far.close()

    def close(self) -> None:
        """End every wait and close the connection."""
        self.end()
        self._subscription.close()
        self._near.close()

    def subscribe(self) -> None:
        """Subscribe, unless there is a subscription or the last attempt was too short a time ago.
        Nothing is waited for: a refusal ends the next `wait`."""
        if self._subscription.is_open or self._subscription.pause:
            return
        self._reported = False
        try:
            self._subscription.open()
        except (PyjobsError, OSError) as error:
            note(error)

    def confirmed(self) -> bool:
        """Return whether a subscription has begun since the last call. Messages from before it were
        not heard."""
        if self._reported or not self._subscription.ready:
            return False
        self._reported = True
        return True

    def wait(self, seconds: float) -> set[bytes]:
        """Wait until ids are heard, for a time, until `end`, or until the subscription begins,
        breaks or is worth another try.

        A flood of messages can't keep the caller busy: after ids comes a gap in which none are
        heard, and the number of ids that are heard at once is bounded.

        Args:
            seconds: how long to wait at most.

        Returns:
            The ids; any program may publish other bytes too.
        """
        until = time.monotonic() + seconds
        open_before = self._subscription.is_open
        if not open_before and (pause := self._subscription.pause):
            until = min(until, time.monotonic() + pause)
        while not self.ended:
            now = time.monotonic()
            if now >= self._ignores_until and (heard := self._read()):
                self._ignores_until = now + GAP_SECONDS
                return heard
            begun = self._subscription.ready and not self._reported
            if now >= until or begun or self._subscription.is_open != open_before:
                break
            self._idle(now, until)
        return set()

    def sleep(self, seconds: float) -> None:
        """Wait for a time or until `end`, and for nothing else."""
        self._ended.wait(seconds)

    def _read(self) -> set[bytes]:
        """Return the ids that have come."""
        heard: set[bytes] = set()
        if not self._subscription.is_open:
            return heard
        try:
            for _ in range(MESSAGES):
                message = self._subscription.get()
                if message is None:
                    break
                heard.add(message.content)
        except (PyjobsError, OSError, ValueError) as error:
            note(error)
        return heard

    def _idle(self, now: float, until: float) -> None:
        """Wait until there may be something to read, for the time, or until `end`."""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._near, selectors.EVENT_READ)
                if now < self._ignores_until:
                    until = min(until, self._ignores_until)
                elif self._subscription.source is not None:
                    selector.register(self._subscription.source, selectors.EVENT_READ)
                elif self._subscription.is_open:
                    # memory:// has no socket to wait for.
                    until = min(until, now + LOOK_SECONDS)
                selector.select(min(until - now, LONGEST_SELECT))
        except (OSError, ValueError) as error:
            # This process may have no file descriptor left for a selector.
            self._subscription.close()
            note(error)
            self.sleep(until - now)


def note(error: Exception) -> None:
    """Log at level debug why cancelled jobs are not heard of now; heartbeats find them later."""
    log.debug("only heartbeats find cancelled jobs for now (%s)", error)
