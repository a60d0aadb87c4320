"""`run`, `arun`, `run_many` and `arun_many`: the only code that sends a Call.

A call of a queue that is split goes to its parts, as `PartRouting` says; stream.py sends it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import redis
import redis.asyncio

from pyjobs.engine import Call, Durable, Parts
from pyjobs.engine import read_parts as parts_of
from pyjobs.errors import PyjobsError
from pyjobs.transport.commands import acommand as asingle_command
from pyjobs.transport.commands import command as single_command
from pyjobs.transport.part_plans import VERBS
from pyjobs.transport.parts import PartRouting, known_parts_of, words
from pyjobs.transport.retry import PAUSES
from pyjobs.transport.stream import arun_stream, run_stream

T = TypeVar("T")
Sync = redis.Redis
Async = redis.asyncio.Redis
# The most threads that ask nodes side by side; further nodes wait for one.
MOST_NODES = 64


def run(server: Sync, call: Call[T], *, tries: int = len(PAUSES)) -> T:
    """Send one call and return its parsed reply.

    Args:
        server: a client of redis-py, made by `connect`.
        call: the call.
        tries: how often the call is repeated at most, if the script may be repeated.

    Raises:
        PyjobsError: the script refused the call; the class is that of the script's code word.
        Unavailable: Redis can't be reached or refuses to work; the script did not run.
        OutcomeUnknown: the connection broke, and the script may have run.
    """
    answers = _run(server, (call,), tries, errors_in_place=True)
    return only(answers)  # type: ignore[no-any-return]


async def arun(server: Async, call: Call[T], *, tries: int = len(PAUSES)) -> T:
    """Send one call by asyncio and return its parsed reply.

    Args:
        server: an asyncio client of redis-py, made by `aconnect`.
        call: the call.
        tries: how often the call is repeated at most, if the script may be repeated.

    Raises:
        PyjobsError: the script refused the call; the class is that of the script's code word.
        Unavailable: Redis can't be reached or refuses to work; the script did not run.
        OutcomeUnknown: the connection broke, and the script may have run.
    """
    answers = await _arun(server, (call,), tries, errors_in_place=True)
    return only(answers)  # type: ignore[no-any-return]


def run_many(
    server: Sync,
    calls: Iterable[Call[Any]],
    *,
    tries: int = len(PAUSES),
    errors_in_place: bool = False,
    durable: Durable | None = None,
    side_by_side: bool = False,
) -> list[Any]:
    """Send calls in one stream and return an answer for each.

    An answer is the parsed reply, or the PyjobsError with which the script refused that call. The
    calls are no transaction: each of them runs or fails by itself.

    Args:
        server: a client of redis-py, made by `connect`.
        calls: the calls; an iterator is pulled while Redis works on the calls before.
        tries: how often a call is repeated at most, if its script may be repeated.
        errors_in_place: whether a call that could not be sent has its error as answer, and a call
            that Redis refuses for now is repeated too. A caller with pauses of its own leaves
            this out.
        durable: who must have what the calls write before they are answered, only with
            `errors_in_place`; None is nobody. The answer of a call is then `Kept`, or NotDurable
            where they had it not in time, or the error of a server that can't wait so.
        side_by_side: whether the nodes of a cluster are asked at once, each by a thread of its own,
            so that those which do not answer are waited for together.

    Raises:
        Unavailable: a call could not be sent, and none has run; never with `errors_in_place`, and
            never in a cluster, where the error is the answer of its call.
        OutcomeUnknown: a call has no answer, and calls may have run; never with
            `errors_in_place`, and never in a cluster.
    """
    threads = MOST_NODES if side_by_side else 1
    return _run(server, calls, tries, durable, errors_in_place=errors_in_place, threads=threads)


async def arun_many(
    server: Async,
    calls: Iterable[Call[Any]],
    *,
    errors_in_place: bool = False,
    durable: Durable | None = None,
) -> list[Any]:
    """Send calls in one stream by asyncio and return an answer for each.

    An answer is the parsed reply, or the PyjobsError with which the script refused that call. The
    calls are no transaction: each of them runs or fails by itself.

    Args:
        server: an asyncio client of redis-py, made by `aconnect`.
        calls: the calls; an iterator is pulled while Redis works on the calls before.
        errors_in_place: whether a call that could not be sent has its error as answer, and a call
            that Redis refuses for now is repeated too. A caller with pauses of its own leaves
            this out.
        durable: who must have what the calls write before they are answered, only with
            `errors_in_place`; None is nobody. The answer of a call is then `Kept`, or NotDurable
            where they had it not in time, or the error of a server that can't wait so.

    Raises:
        Unavailable: a call could not be sent, and none has run; never with `errors_in_place`, and
            never in a cluster, where the error is the answer of its call.
        OutcomeUnknown: a call has no answer, and calls may have run; never with
            `errors_in_place`, and never in a cluster.
    """
    return await _arun(server, calls, len(PAUSES), durable, errors_in_place=errors_in_place)


def only(answers: Sequence[Any]) -> Any:
    """Return the answer to a single call.

    Raises:
        PyjobsError: the answer is this error.
    """
    [answer] = answers
    if isinstance(answer, PyjobsError):
        raise answer
    return answer


def _run(
    server: Sync,
    calls: Iterable[Call[Any]],
    tries: int,
    durable: Durable | None = None,
    *,
    errors_in_place: bool,
    threads: int = 1,
) -> list[Any]:
    if isinstance(calls, (list, tuple)) and not any(call.script.name in VERBS for call in calls):
        return run_stream(
            server, calls, tries, durable, errors_in_place=errors_in_place, threads=threads
        )
    routing = PartRouting(known_parts_of(server), calls)
    answers = run_stream(
        server, routing.calls(), tries, durable, errors_in_place=errors_in_place, threads=threads
    )
    steps, answer = routing.steps(answers), None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if isinstance(step, tuple):
            asked = map(parts_of, step)
            answer = run_stream(server, asked, min(tries, 1), errors_in_place=True, threads=threads)
        elif isinstance(step, float):
            time.sleep(step)
            answer = None
        else:
            answer = run_stream(
                server, step, tries, durable, errors_in_place=errors_in_place, threads=threads
            )


async def _arun(
    server: Async,
    calls: Iterable[Call[Any]],
    tries: int,
    durable: Durable | None = None,
    *,
    errors_in_place: bool,
) -> list[Any]:
    if isinstance(calls, (list, tuple)) and not any(call.script.name in VERBS for call in calls):
        return await arun_stream(server, calls, tries, durable, errors_in_place=errors_in_place)
    routing = PartRouting(known_parts_of(server), calls)
    answers = await arun_stream(
        server, routing.calls(), tries, durable, errors_in_place=errors_in_place
    )
    steps, answer = routing.steps(answers), None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if isinstance(step, tuple):
            asked = map(parts_of, step)
            answer = await arun_stream(server, asked, min(tries, 1), errors_in_place=True)
        elif isinstance(step, float):
            await asyncio.sleep(step)
            answer = None
        else:
            answer = await arun_stream(
                server, step, tries, durable, errors_in_place=errors_in_place
            )


def read_parts(server: Sync, queue: str) -> Parts:
    """Return in how many parts a queue is split, and keep that for the calls to come (HMGET).

    Args:
        server: a client of redis-py, made by `connect`.
        queue: the queue's key.

    Raises:
        Forbidden: Redis's access rules forbid the call.
        Unavailable: Redis can't be reached.
    """
    return known_parts_of(server).learn(queue, single_command(server, *words(queue)))


async def aread_parts(server: Async, queue: str) -> Parts:
    """Return in how many parts a queue is split, and keep that for the calls to come (HMGET).

    Args:
        server: an asyncio client of redis-py, made by `aconnect`.
        queue: the queue's key.

    Raises:
        Forbidden: Redis's access rules forbid the call.
        Unavailable: Redis can't be reached.
    """
    return known_parts_of(server).learn(queue, await asingle_command(server, *words(queue)))
