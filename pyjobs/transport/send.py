"""The only code that sends a Call, and what happens when its answer does not come.

Sync and async share everything but the await: `Delivery` decides, the functions wait.
NOSCRIPT (a restart, a failover, SCRIPT FLUSH) is healed by SCRIPT LOAD and EVALSHA again, and when
that does not last, by EVAL; never inside MULTI. A call that may be repeated is repeated when the
connection breaks; any other is not, for nobody can know whether it ran.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, TypeVar

import redis
import redis.asyncio
from redis import exceptions

from pyjobs.engine import Call
from pyjobs.errors import PyjobsError
from pyjobs.transport.pipeline import acommand, aexchange, command, exchange
from pyjobs.transport.retry import PAUSES, Delivery

T = TypeVar("T")
Sync = redis.Redis
Async = redis.asyncio.Redis


def run(server: Sync, call: Call[T], *, tries: int = len(PAUSES)) -> T:
    """Send a call and return its parsed reply.

    Args:
        tries: how often it is repeated at most, where it may be.

    Raises:
        PyjobsError: what the script's code stands for, Unavailable or OutcomeUnknown.
    """
    return only(_run(server, Delivery((call,), tries, errors_in_place=True)))  # type: ignore[no-any-return]


async def arun(server: Async, call: Call[T]) -> T:
    """The same for asyncio."""
    return only(await _arun(server, Delivery((call,), errors_in_place=True)))  # type: ignore[no-any-return]


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
    return _run(server, Delivery(calls, tries, errors_in_place=errors_in_place))


async def arun_many(
    server: Async, calls: Sequence[Call[Any]], *, errors_in_place: bool = False
) -> list[Any]:
    """The same for asyncio."""
    return await _arun(server, Delivery(calls, errors_in_place=errors_in_place))


def only(answers: Sequence[Any]) -> Any:
    """The answer to a single call, or its error, raised."""
    [answer] = answers
    if isinstance(answer, PyjobsError):
        raise answer
    return answer


def _run(server: Sync, delivery: Delivery) -> list[Any]:
    while delivery.left:
        try:
            for body in delivery.loads:
                command(server.connection_pool, "SCRIPT", "LOAD", body)
            exchange(server.connection_pool, delivery)
            pause = delivery.pause()
        except exceptions.RedisError as error:
            pause = delivery.pause(error)
        if pause:
            time.sleep(pause)
    return delivery.answers


async def _arun(server: Async, delivery: Delivery) -> list[Any]:
    while delivery.left:
        try:
            for body in delivery.loads:
                await acommand(server.connection_pool, "SCRIPT", "LOAD", body)
            await aexchange(server.connection_pool, delivery)
            pause = delivery.pause()
        except exceptions.RedisError as error:
            pause = delivery.pause(error)
        if pause:
            await asyncio.sleep(pause)
    return delivery.answers
