"""What a SUBSCRIBE that is made anew by itself knows: its channels, their answers, its messages.

What the subscription of a thread and that of a task share may live here; nothing here sends, reads
or waits. What a message means may not live here.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from redis import exceptions

from pyjobs.errors import Forbidden, PyjobsError, Unavailable
from pyjobs.transport.backoff import Backoff
from pyjobs.transport.errors import translated
from pyjobs.transport.server import AsyncServer, Server


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
    """

    def __init__(
        self,
        server: Server | AsyncServer,
        channels: Collection[str],
        backoff: Backoff,
        needed: bool = True,
    ) -> None:
        self._pool: Any = server.connection_pool
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
        return next(iter(list(self._refused.values())), None)

    @property
    def pause(self) -> float:
        """Seconds until the next attempt to connect is due after an error; 0 when it is."""
        return max(0.0, self._due - time.monotonic())

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
        if kind == b"message":
            self._messages.append(Message(channel, content))
        elif kind == b"subscribe":
            if channel in self._asked:
                self._asked.remove(channel)
            self._confirmed.add(channel)
            self._refused.pop(channel, None)
            self._answered()

    def _refuse(self, error: PyjobsError) -> None:
        """Take an error reply. It is about the oldest SUBSCRIBE without an answer, if any."""
        if not self._asked or not isinstance(error, Forbidden):
            raise error
        self._refused[self._asked.popleft()] = error
        self._answered()
        if self._needed and not self._asked and not self._confirmed:
            raise error

    def _answered(self) -> None:
        """Wake those who wait in `add`."""

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
        self._confirmed.clear()
        self._due = time.monotonic() + self._backoff.pause()
        connection, self._connection = self._connection, None
        return connection
