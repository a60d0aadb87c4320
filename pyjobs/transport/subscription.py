"""What a subscription that is made anew by itself knows: its channels, their answers, its messages.

What the subscription of a thread and that of a task share may live here; nothing here sends, reads
or waits. What a message means may not live here.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from redis import exceptions

from pyjobs.errors import Forbidden, PyjobsError, Unavailable
from pyjobs.transport.backoff import Backoff
from pyjobs.transport.errors import translated
from pyjobs.transport.server import AsyncServer, Server

MESSAGES = (b"message", b"smessage")
# A message is its kind, its channel and its content.
LENGTH = 3
CONFIRMATIONS = (b"subscribe", b"ssubscribe")


class Message(NamedTuple):
    """Holds one message.

    Attributes:
        channel: the channel's name.
        content: the bytes that were published.
    """

    channel: bytes
    content: bytes


class BaseSubscription:
    """Knows what Redis has confirmed, which messages have come, and when to connect anew. It sends
    and reads nothing.

    Args:
        server: the redis-py client whose pool the connection is taken from.
        channels: the channels' names.
        backoff: computes the pauses between connections.
        needed: whether an error is raised where Redis's access rules forbid a channel. Otherwise
            `refusal` says so, and `ask_again` asks for the channel again.
        sharded: whether the channels are sharded: only the node of their slot has their messages.
        changed: called when Redis has answered for a channel, or has dropped it.

    Attributes:
        dropped: the channels that the node no longer serves, each with the answer that names the
            node which does, or None. The reader takes them out.
        missed: whether messages may have been missed without an error; never with one connection.
    """

    missed = False

    def __init__(
        self,
        server: Server | AsyncServer,
        channels: Collection[str],
        backoff: Backoff,
        needed: bool = True,
        *,
        sharded: bool = False,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._pool: Any = server.connection_pool
        self._words = ("SSUBSCRIBE", "SUNSUBSCRIBE") if sharded else ("SUBSCRIBE", "UNSUBSCRIBE")
        self._changed = changed
        self.dropped: list[tuple[bytes, exceptions.MovedError | None]] = []
        # Kept in order; the value is not used.
        self._channels: dict[bytes, None] = dict.fromkeys(name.encode() for name in channels)
        self._backoff = backoff
        self._needed = needed
        self._connection: Any = None
        self._messages: deque[Message] = deque()
        # The channels of this connection: sent in a SUBSCRIBE; not answered yet, in order; heard.
        self._sent: set[bytes] = set()
        self._asked: deque[bytes] = deque()
        self._confirmed: set[bytes] = set()
        # The channels that were left, until Redis confirms that.
        self._left: deque[bytes] = deque()
        # The channels that Redis's access rules forbid, by the last answer.
        self._refused: dict[bytes, PyjobsError] = {}
        self._due = 0.0
        self._ended = False
        # Every attempt to connect that failed, and the error of the latest.
        self._failures = 0
        self._failure: BaseException | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection. Redis may have confirmed the channels or not."""
        return self._connection is not None

    @property
    def ready(self) -> bool:
        """Whether Redis has answered for every channel and confirmed one at least, so that no
        message is missed from now on but those of channels that are forbidden."""
        answered = self._confirmed | self._refused.keys()
        return bool(self._confirmed) and self._channels.keys() <= answered

    @property
    def refusal(self) -> PyjobsError | None:
        """Why Redis's access rules forbid a channel; None where every channel is allowed."""
        return next(iter(list(self._refused.values())), None) if self._refused else None

    @property
    def pause(self) -> float:
        """Seconds until the next attempt to connect is due after an error; 0 when it is."""
        return max(0.0, self._due - time.monotonic())

    def heard(self, channel: bytes) -> bool:
        """Return whether Redis has confirmed a channel, on the connection that is open."""
        return channel in self._confirmed

    def refused(self, channel: bytes) -> PyjobsError | None:
        """Return why Redis's access rules forbid a channel; None where they do not."""
        return self._refused.get(channel)

    def probe(self) -> bytes | None:
        """Let the next sending ask once more for a channel that is heard: the answer shows that the
        connection is alive. Returns the channel; None where none is heard."""
        channel = next(iter(self._confirmed), None)
        if channel is not None:
            self._sent.discard(channel)
        return channel

    def is_asked(self, channel: bytes) -> bool:
        """Return whether a SUBSCRIBE of the channel has no answer yet."""
        return channel in self._asked

    def enter(self, channels: Iterable[bytes]) -> None:
        """Hear these channels too, from the next sending on."""
        self._channels.update(dict.fromkeys(channels))

    def _unsent(self) -> list[bytes]:
        """Return the channels that are to be sent, a SUBSCRIBE each, and note them as sent."""
        found = [name for name in list(self._channels) if name not in self._sent]
        self._sent.update(found)
        self._asked.extend(found)
        return found

    def _take(self, reply: Any) -> None:
        """Take what Redis sends on a subscribed connection."""
        if isinstance(reply, exceptions.RedisError):
            self._refuse(translated(reply))
            return
        try:
            kind, channel, content = reply
        except (TypeError, ValueError):
            raise Unavailable(f"this is no message of a channel: {reply!r:.100}") from None
        self._backoff.reset()
        if kind in MESSAGES:
            self._messages.append(Message(channel, content))
        elif kind in CONFIRMATIONS:
            if channel in self._asked:
                self._asked.remove(channel)
            self._confirmed.add(channel)
            self._refused.pop(channel, None)
            self._answered()
        elif channel in self._left:
            self._left.remove(channel)
        else:
            self._drop(channel, None)

    def _drop(self, channel: bytes, moved: exceptions.MovedError | None) -> None:
        """Leave out a channel of which Redis has said that this node does not serve it."""
        if channel in self._channels:
            self.dropped.append((channel, moved))
        self._forget_channel(channel)
        self._answered()

    def _forget_channel(self, channel: bytes) -> None:
        self._channels.pop(channel, None)
        self._refused.pop(channel, None)
        self._sent.discard(channel)
        self._confirmed.discard(channel)

    def _refuse(self, error: PyjobsError) -> None:
        """Take an error reply. It is about the oldest SUBSCRIBE without an answer, if any."""
        if self._asked and isinstance(error.__cause__, exceptions.MovedError):
            self._drop(self._asked.popleft(), error.__cause__)
            return
        if not self._asked or not isinstance(error, Forbidden):
            raise error
        self._refused[self._asked.popleft()] = error
        self._answered()
        if self._needed and not self._asked and not self._confirmed:
            raise error

    def _answered(self) -> None:
        """Wake those who wait in `add`."""
        self._changed()

    def _failed(self, error: BaseException) -> None:
        """Note that an attempt to connect failed, and wake those who wait in `add`."""
        self._failures += 1
        self._failure = error
        self._answered()

    def _raise_failure(self, failures: int) -> None:
        """Raise the error of the latest attempt to connect, if more have failed than `failures`."""
        if self._failures > failures:
            raise Unavailable(str(self._failure)) from self._failure

    def _wanted(self, names: Iterable[str]) -> tuple[list[bytes], list[bytes]]:
        """Enter channels. Returns those that Redis has not confirmed, and those that are new."""
        missing = [name for one in names if (name := one.encode()) not in self._confirmed]
        new = [name for name in missing if name not in self._channels]
        for name in missing:
            self._channels[name] = None
            if self._refused.pop(name, None) is not None:
                self._sent.discard(name)
        return missing, new

    def _are_answered(self, names: Collection[bytes]) -> bool:
        return all(name in self._confirmed or name in self._refused for name in names)

    def _raise_refusal(self, missing: Iterable[bytes], new: Collection[bytes]) -> None:
        """Raise the first refusal of these channels. New ones that are refused are left again."""
        if not self._needed:
            return
        refusals = [self._refused[name] for name in missing if name in self._refused]
        for name in new:
            # The refusal stays, for others who wait for this channel.
            if name in self._refused:
                self._channels.pop(name, None)
                self._sent.discard(name)
        if refusals:
            raise type(refusals[0])(*refusals[0].args) from refusals[0]

    def _forget(self) -> Any:
        """Return the connection to be closed, if any. The next attempt is due after a pause."""
        self._messages.clear()
        self._sent.clear()
        self._asked.clear()
        self._left.clear()
        self._confirmed.clear()
        self._due = time.monotonic() + self._backoff.pause()
        connection, self._connection = self._connection, None
        return connection
