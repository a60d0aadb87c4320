"""The only code that sends a Call, and what happens when its answer does not come.

Sync and async share everything but the await: `Recovery` decides, the functions wait.
NOSCRIPT (a restart, a failover, SCRIPT FLUSH) is healed by SCRIPT LOAD and EVALSHA again, and when
that does not last, by EVAL; never inside MULTI. A call that may be repeated is repeated when the
connection breaks; any other is not, for nobody can know whether it ran.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import redis
import redis.asyncio
from redis import exceptions

from pyjobs.call import Call
from pyjobs.errors import OutcomeUnknown, PyjobsError, Unavailable
from pyjobs.link import pack
from pyjobs.redis_errors import DISCONNECTED, UNKNOWN_USER, not_sent, refuses, translated
from pyjobs.wire import acommand, aexchange, command, exchange

T = TypeVar("T")
Sync = redis.Redis
Async = redis.asyncio.Redis

PAUSES = (0.0, 0.05, 0.2, 0.5, 1.0)
WRITE_BYTES = 16_384


def run(server: Sync, call: Call[T], *, tries: int = len(PAUSES)) -> T:
    """Send a call and return its parsed reply.

    Args:
        tries: how often it is repeated at most, where it may be.

    Raises:
        PyjobsError: what the script's code stands for, Unavailable or OutcomeUnknown.
    """
    return only(_run(server, Recovery((call,), tries, errors_in_place=True)))  # type: ignore[no-any-return]


async def arun(server: Async, call: Call[T]) -> T:
    """The same for asyncio."""
    return only(await _arun(server, Recovery((call,), errors_in_place=True)))  # type: ignore[no-any-return]


def run_many(
    server: Sync,
    calls: Sequence[Call[Any]],
    *,
    tries: int = len(PAUSES),
    errors_in_place: bool = False,
) -> list[Any]:
    """Send calls in one stream: for each its parsed reply, or the PyjobsError in its place.

    It is no transaction: each call stands for itself.

    Args:
        tries: how often one is repeated at most, where it may be.
        errors_in_place: what can't be sent, or is refused for now, is repeated too, and then its
            error stands in its place. Without it, whoever calls has a pause of its own.

    Raises:
        Unavailable: there is no answer to some of them; never with `errors_in_place`.
    """
    return _run(server, Recovery(calls, tries, errors_in_place=errors_in_place))


async def arun_many(
    server: Async, calls: Sequence[Call[Any]], *, errors_in_place: bool = False
) -> list[Any]:
    """The same for asyncio."""
    return await _arun(server, Recovery(calls, errors_in_place=errors_in_place))


def only(answers: Sequence[Any]) -> Any:
    """The answer to a single call, or its error, raised."""
    [answer] = answers
    if isinstance(answer, PyjobsError):
        raise answer
    return answer


def _run(server: Sync, recovery: Recovery) -> list[Any]:
    while recovery.left:
        try:
            for body in recovery.loads:
                command(server.connection_pool, "SCRIPT", "LOAD", body)
            exchange(server.connection_pool, recovery)
            pause = recovery.pause()
        except exceptions.RedisError as error:
            pause = recovery.pause(error)
        if pause:
            time.sleep(pause)
    return recovery.answers


async def _arun(server: Async, recovery: Recovery) -> list[Any]:
    while recovery.left:
        try:
            for body in recovery.loads:
                await acommand(server.connection_pool, "SCRIPT", "LOAD", body)
            await aexchange(server.connection_pool, recovery)
            pause = recovery.pause()
        except exceptions.RedisError as error:
            pause = recovery.pause(error)
        if pause:
            await asyncio.sleep(pause)
    return recovery.answers


class Recovery:
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
