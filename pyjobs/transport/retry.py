"""What to do when the answer to a call does not come. Pure: nothing here sends or waits."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from redis import exceptions

from pyjobs.engine import Call
from pyjobs.errors import OutcomeUnknown, PyjobsError, Unavailable
from pyjobs.transport.connection import pack
from pyjobs.transport.errors import DISCONNECTED, UNKNOWN_USER, not_sent, refuses, translated

PAUSES = (0.0, 0.05, 0.2, 0.5, 1.0)
WRITE_BYTES = 16_384


class Delivery:
    """What to do next about calls in one stream. It decides and never waits.

    Attributes:
        loads: script bodies to load before the next attempt.
        left: which of the calls have no answer yet.
        answers: the answers so far.
    """

    __slots__ = (
        "_again",
        "_calls",
        "_given",
        "_in_place",
        "_maybe_ran",
        "_most",
        "_refusal",
        "_taken",
        "_tries",
        "_unloaded",
        "answers",
        "left",
        "loads",
    )  # fmt: skip

    def __init__(
        self, calls: Sequence[Call[Any]], most: int = len(PAUSES), *, errors_in_place: bool = False
    ) -> None:
        self._calls = calls
        self._most = most
        self._in_place = errors_in_place
        self._maybe_ran = False
        self._tries = 0
        self._unloaded = 0
        self._given = self._taken = 0
        self._again: list[int] = []
        self._refusal: exceptions.RedisError | None = None
        self.loads: Sequence[str] = ()
        self.left: Sequence[int] = range(len(calls))
        self.answers: list[Any] = [None] * len(calls)

    @property
    def ahead(self) -> int:
        """How many of the calls that were given have no reply yet."""
        return self._given - self._taken

    def packed(self) -> Iterator[bytes]:
        """The calls that are left, as they go over the wire; small ones together."""
        ready: list[bytes] = []
        size = 0
        for place in self.left:
            words = self._calls[place].command()
            if self._unloaded > 1:
                words = ("EVAL", self._calls[place].script.body, *words[2:])
            ready.append(pack(*words))
            size += len(ready[-1])
            self._given += 1
            if size >= WRITE_BYTES:
                yield b"".join(ready)
                ready, size = [], 0
        if ready:
            yield b"".join(ready)

    def take(self, reply: Any) -> None:
        """Take the reply to the first call that is left and has none."""
        place = self.left[self._taken]
        self._taken += 1
        if not isinstance(reply, exceptions.RedisError):
            self.answers[place] = self._calls[place].parse(reply)
        elif isinstance(reply, exceptions.NoScriptError) or (self._in_place and refuses(reply)):
            self._again.append(place)
            self._refusal = reply
        else:
            self.answers[place] = translated(reply)

    def pause(self, error: exceptions.RedisError | None = None) -> float:
        """Seconds to wait before the next attempt, after one that broke or was heard out.

        Raises:
            PyjobsError: there is none; this is what came of it.
        """
        error, self._refusal = error or self._refusal, None
        # Without a connection nothing was given.
        unsent = not self._given and isinstance(error, DISCONNECTED)
        self.left = [*self._again, *self.left[self._taken :]]
        self._again, self._given, self._taken, self.loads = [], 0, 0, []
        if not self.left or error is None:
            return 0.0
        if isinstance(error, exceptions.NoScriptError):
            self._unloaded += 1
            if self._unloaded == 1:
                self.loads = list({self._calls[place].script.body: None for place in self.left})
            if self._unloaded <= 2:
                return 0.0
            return self._give_up(error, Unavailable(str(error)))
        refused = unsent or refuses(error) or not_sent(error)
        if isinstance(error, UNKNOWN_USER) or not (refused or isinstance(error, DISCONNECTED)):
            return self._give_up(error, translated(error))
        self._tries += 1
        self._maybe_ran = self._maybe_ran or not refused
        repeatable = refused or all(self._calls[place].script.replay_safe for place in self.left)
        if repeatable and self._tries <= self._most:
            return PAUSES[self._tries - 1] * random.uniform(0.5, 1.0)
        return self._give_up(error, translated(error))

    def _give_up(self, error: exceptions.RedisError, told: PyjobsError) -> float:
        # What is raised takes the answers of the others with it.
        dropped = not self._in_place and len(self.left) < len(self._calls)
        if type(told) is Unavailable and (self._maybe_ran or dropped):
            told = OutcomeUnknown(str(told))
        if not self._in_place:
            raise told from error
        for place in self.left:
            self.answers[place] = type(told)(*told.args)
            self.answers[place].__cause__ = error
        self.left = []
        return 0.0
