"""The only code that sends a Call, and what happens when its answer does not come.

Sync and async share everything but the await: `Recovery` decides, the four functions wait.
NOSCRIPT (a restart, a failover, SCRIPT FLUSH) is healed by SCRIPT LOAD and EVALSHA again, never
inside MULTI. A call that may be repeated is repeated when the connection breaks; any other is
not, for nobody can know whether it ran.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Sequence
from typing import Any, TypeVar

import redis
import redis.asyncio
import redis.sentinel
from redis import exceptions as broken

from pyjobs.call import Call
from pyjobs.errors import Forbidden, OutcomeUnknown, PyjobsError, QueueFull, Unavailable, from_reply

T = TypeVar("T")
Sync = redis.Redis
Async = redis.asyncio.Redis

PAUSES = (0.0, 0.05, 0.2, 0.5, 1.0)
LOADS = 10
LOST = (broken.ConnectionError, broken.TimeoutError)
UNKNOWN_USER = (broken.AuthenticationError, broken.AuthorizationError)
REFUSALS = (
    broken.BusyLoadingError,
    broken.ClusterDownError,
    broken.MaxConnectionsError,
    broken.ReadOnlyError,
    redis.sentinel.MasterNotFoundError,
)
# redis-py tells only by its words that a connection was never made, or that a sentinel's primary
# has refused, as a replica does.
NOT_SENT = ("connecting to", "previous master is now a slave")
# What redis-py has no class for, or what Redis before 7 wraps in words of its own.
WAITED_FOR = re.compile(
    r"(?:^|-|: )(BUSY|MISCONF|NOREPLICAS|READONLY|LOADING|MASTERDOWN|CLUSTERDOWN) "
)


def run(server: Sync, call: Call[T], *, tries: int = len(PAUSES)) -> T:
    """Send a call and return its parsed reply.

    Args:
        tries: how often it is repeated at most, where it may be.

    Raises:
        PyjobsError: what the script's code stands for, Unavailable or OutcomeUnknown.
    """
    recovery = Recovery((call,), tries)
    while True:
        try:
            for body in recovery.loads:
                server.script_load(body)
            return call.parse(server.execute_command(*call.command()))
        except broken.RedisError as error:
            pause = recovery.after(error)
        time.sleep(pause)


async def arun(server: Async, call: Call[T]) -> T:
    """The same for asyncio."""
    recovery = Recovery((call,))
    while True:
        try:
            for body in recovery.loads:
                await server.script_load(body)
            return call.parse(await server.execute_command(*call.command()))
        except broken.RedisError as error:
            pause = recovery.after(error)
        await asyncio.sleep(pause)


def run_many(server: Sync, calls: Sequence[Call[Any]], *, tries: int = len(PAUSES)) -> list[Any]:
    """Send calls in one round trip: for each its parsed reply, or the PyjobsError in its place.

    It is no transaction: each call stands for itself.

    Args:
        tries: how often it is repeated at most, where it may be.

    Raises:
        Unavailable: no answer at all.
    """
    recovery = Recovery(calls, tries)
    while recovery.left:
        try:
            for body in recovery.loads:
                server.script_load(body)
            pipe = server.pipeline(transaction=False)
            for call in recovery.left_calls():
                pipe.execute_command(*call.command())
            recovery.sort(pipe.execute(raise_on_error=False))
            continue
        except broken.RedisError as error:
            pause = recovery.after(error)
        time.sleep(pause)
    return recovery.answers


async def arun_many(server: Async, calls: Sequence[Call[Any]]) -> list[Any]:
    """The same for asyncio."""
    recovery = Recovery(calls)
    while recovery.left:
        try:
            for body in recovery.loads:
                await server.script_load(body)
            pipe = server.pipeline(transaction=False)
            for call in recovery.left_calls():
                pipe.execute_command(*call.command())
            recovery.sort(await pipe.execute(raise_on_error=False))
            continue
        except broken.RedisError as error:
            pause = recovery.after(error)
        await asyncio.sleep(pause)
    return recovery.answers


class Recovery:
    """What to do next about calls in one round trip. It decides and never waits.

    Attributes:
        loads: script bodies to load before the next attempt.
        left: which of the calls have no answer yet.
        answers: the answers so far.
    """

    __slots__ = ("_calls", "_lost", "_most", "_tries", "answers", "left", "loads")

    def __init__(self, calls: Sequence[Call[Any]], most: int = len(PAUSES)) -> None:
        self._calls = calls
        self._most = most
        self._lost = False
        self._tries = 0
        self.loads: Sequence[str] = ()
        self.left: Sequence[int] = range(len(calls))
        self.answers: list[Any] = [None] * len(calls)

    def left_calls(self) -> list[Call[Any]]:
        return [self._calls[place] for place in self.left]

    def sort(self, replies: Sequence[Any]) -> None:
        """Take the replies to the calls that were left; those that lack their script stay so."""
        again = []
        for place, reply in zip(self.left, replies, strict=True):
            if isinstance(reply, broken.NoScriptError):
                again.append(place)
            elif isinstance(reply, broken.RedisError):
                self.answers[place] = translated(reply)
            else:
                self.answers[place] = self._calls[place].parse(reply)
        self.left = again
        if again:
            self.after(broken.NoScriptError("NOSCRIPT"))

    def after(self, error: broken.RedisError) -> float:
        """Seconds to wait before the next attempt.

        Raises:
            PyjobsError: there is none; this is what came of it.
        """
        self._tries += 1
        self.loads = ()
        if isinstance(error, broken.NoScriptError) and self._tries <= LOADS:
            self.loads = list(dict.fromkeys(call.script.body for call in self.left_calls()))
            return 0.0
        refused = refuses(error) or any(words in str(error) for words in NOT_SENT)
        if isinstance(error, UNKNOWN_USER) or not (refused or isinstance(error, LOST)):
            raise translated(error) from error
        self._lost = self._lost or not refused
        repeatable = refused or all(call.script.replay_safe for call in self.left_calls())
        if repeatable and self._tries <= self._most:
            return PAUSES[self._tries - 1] * random.uniform(0.5, 1.0)
        raise (OutcomeUnknown if self._lost else Unavailable)(str(error)) from error


def refuses(error: broken.RedisError) -> bool:
    """Whether Redis says that it does not work now, but may soon: nothing was carried out."""
    return isinstance(error, REFUSALS) or WAITED_FOR.search(str(error)) is not None


def translated(error: broken.RedisError) -> PyjobsError:
    """The error of this package that an error of redis-py stands for."""
    text = str(error)
    if isinstance(error, broken.OutOfMemoryError):
        return QueueFull(text)
    if isinstance(error, broken.NoPermissionError):
        return Forbidden(text)
    if isinstance(error, (*LOST, *UNKNOWN_USER)) or refuses(error):
        return Unavailable(text)
    found = from_reply(text) or PyjobsError(text)
    found.__cause__ = error
    return found
