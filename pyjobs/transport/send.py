"""`run`, `run_answer`, `run_many` and their asyncio forms: the only code that sends a Call.

A call of a queue that is split goes to its parts, as `PartRouting` says; stream.py sends it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Iterable
from itertools import chain
from typing import Any, TypeVar

from pyjobs.engine import Call, Durable, Parts, read_parts
from pyjobs.errors import PyjobsError
from pyjobs.transport.commands import acommand, command
from pyjobs.transport.part_plans import VERBS
from pyjobs.transport.parts import PartRouting, known_parts_of, read_parts_command, verb_of
from pyjobs.transport.retry import PAUSES
from pyjobs.transport.server import AsyncServer, Server
from pyjobs.transport.stream import arun_one, arun_stream, run_one, run_stream

T = TypeVar("T")
# The most threads that ask nodes side by side; further nodes wait for one.
MOST_NODES = 64
# A call of more arguments has hundreds of jobs, and is sent before the next one is made.
FEW_ARGS = 512


def run(server: Server, call: Call[T], *, tries: int = len(PAUSES)) -> T:
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
    return only(_run_one(server, call, tries, errors_in_place=True))  # type: ignore[no-any-return]


async def arun(server: AsyncServer, call: Call[T], *, tries: int = len(PAUSES)) -> T:
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
    answer = await _arun_one(server, call, tries, errors_in_place=True)
    return only(answer)  # type: ignore[no-any-return]


def run_answer(server: Server, call: Call[Any], durable: Durable | None = None) -> Any:
    """Send one call and return its answer, as `run_many` does for one of many: its parsed reply,
    or a PyjobsError.

    Args:
        server: a client of redis-py, made by `connect`.
        call: the call.
        durable: who must have what the call writes before it is answered; None is nobody.
    """
    if durable is None:
        return _run_one(server, call, len(PAUSES), errors_in_place=True)
    return run_many(server, (call,), errors_in_place=True, durable=durable)[0]


async def arun_answer(server: AsyncServer, call: Call[Any], durable: Durable | None = None) -> Any:
    """Send one call by asyncio and return its answer, as `arun_many` does for one of many: its
    parsed reply, or a PyjobsError.

    Args:
        server: an asyncio client of redis-py, made by `aconnect`.
        call: the call.
        durable: who must have what the call writes before it is answered; None is nobody.
    """
    if durable is None:
        return await _arun_one(server, call, len(PAUSES), errors_in_place=True)
    return (await arun_many(server, (call,), errors_in_place=True, durable=durable))[0]


def run_many(
    server: Server,
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
    server: AsyncServer,
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


def only(answer: Any) -> Any:
    """Return the answer to a single call, where it is a value.

    Raises:
        PyjobsError: the answer is this error.
    """
    if isinstance(answer, PyjobsError):
        raise answer
    return answer


def lone(calls: Iterable[Call[Any]]) -> tuple[Call[Any] | None, Iterable[Call[Any]]]:
    """Return the call of a stream that has a single one; else None, and the stream.

    Small calls share a write, and so two of them are made before the first is sent. A call of many
    jobs is sent while the next is made.
    """
    if isinstance(calls, (list, tuple)):
        return (calls[0] if len(calls) == 1 else None), calls
    source = iter(calls)
    if (first := next(source, None)) is None:
        return None, ()
    if len(first.args) > FEW_ARGS:
        return None, chain((first,), source)
    if (second := next(source, None)) is None:
        return first, ()
    return None, chain((first, second), source)


def _run_one(server: Server, call: Call[Any], tries: int, *, errors_in_place: bool) -> Any:
    if (verb := verb_of(call)) is None:
        return run_one(server, call, tries, errors_in_place=errors_in_place)
    known = known_parts_of(server)
    if known.plan(verb, call) is not None:
        return _run_routed(server, (call,), tries, errors_in_place=errors_in_place)[0]
    answer = run_one(server, call, tries, errors_in_place=errors_in_place)
    if not known.asks(verb, call, answer):
        return answer
    steps = PartRouting(known, ()).resumed(call, verb, answer)
    return _follow(server, steps, tries, errors_in_place=errors_in_place)[0]


async def _arun_one(
    server: AsyncServer, call: Call[Any], tries: int, *, errors_in_place: bool
) -> Any:
    if (verb := verb_of(call)) is None:
        return await arun_one(server, call, tries, errors_in_place=errors_in_place)
    known = known_parts_of(server)
    if known.plan(verb, call) is not None:
        return (await _arun_routed(server, (call,), tries, errors_in_place=errors_in_place))[0]
    answer = await arun_one(server, call, tries, errors_in_place=errors_in_place)
    if not known.asks(verb, call, answer):
        return answer
    steps = PartRouting(known, ()).resumed(call, verb, answer)
    return (await _afollow(server, steps, tries, errors_in_place=errors_in_place))[0]


def _run(
    server: Server,
    calls: Iterable[Call[Any]],
    tries: int,
    durable: Durable | None = None,
    *,
    errors_in_place: bool,
    threads: int = 1,
) -> list[Any]:
    if durable is None:
        call, calls = lone(calls)
        if call is not None:
            return [_run_one(server, call, tries, errors_in_place=errors_in_place)]
    if isinstance(calls, (list, tuple)) and not any(call.script.name in VERBS for call in calls):
        return run_stream(
            server, calls, tries, durable, errors_in_place=errors_in_place, threads=threads
        )
    return _run_routed(
        server, calls, tries, durable, errors_in_place=errors_in_place, threads=threads
    )


async def _arun(
    server: AsyncServer,
    calls: Iterable[Call[Any]],
    tries: int,
    durable: Durable | None = None,
    *,
    errors_in_place: bool,
) -> list[Any]:
    if durable is None:
        call, calls = lone(calls)
        if call is not None:
            return [await _arun_one(server, call, tries, errors_in_place=errors_in_place)]
    if isinstance(calls, (list, tuple)) and not any(call.script.name in VERBS for call in calls):
        return await arun_stream(server, calls, tries, durable, errors_in_place=errors_in_place)
    return await _arun_routed(server, calls, tries, durable, errors_in_place=errors_in_place)


def _run_routed(
    server: Server,
    calls: Iterable[Call[Any]],
    tries: int,
    durable: Durable | None = None,
    *,
    errors_in_place: bool,
    threads: int = 1,
) -> list[Any]:
    routing = PartRouting(known_parts_of(server), calls)
    answers = run_stream(
        server, routing.calls(), tries, durable, errors_in_place=errors_in_place, threads=threads
    )
    steps = routing.steps(answers)
    return _follow(server, steps, tries, durable, errors_in_place=errors_in_place, threads=threads)


async def _arun_routed(
    server: AsyncServer,
    calls: Iterable[Call[Any]],
    tries: int,
    durable: Durable | None = None,
    *,
    errors_in_place: bool,
) -> list[Any]:
    routing = PartRouting(known_parts_of(server), calls)
    answers = await arun_stream(
        server, routing.calls(), tries, durable, errors_in_place=errors_in_place
    )
    steps = routing.steps(answers)
    return await _afollow(server, steps, tries, durable, errors_in_place=errors_in_place)


def _follow(
    server: Server,
    steps: Generator[Any, Any, list[Any]],
    tries: int,
    durable: Durable | None = None,
    *,
    errors_in_place: bool,
    threads: int = 1,
) -> list[Any]:
    answer: list[Any] | None = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if isinstance(step, tuple):
            asked = map(read_parts, step)
            answer = run_stream(server, asked, min(tries, 1), errors_in_place=True, threads=threads)
        elif isinstance(step, float):
            time.sleep(step)
            answer = None
        else:
            answer = run_stream(
                server, step, tries, durable, errors_in_place=errors_in_place, threads=threads
            )


async def _afollow(
    server: AsyncServer,
    steps: Generator[Any, Any, list[Any]],
    tries: int,
    durable: Durable | None = None,
    *,
    errors_in_place: bool,
) -> list[Any]:
    answer: list[Any] | None = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if isinstance(step, tuple):
            asked = map(read_parts, step)
            answer = await arun_stream(server, asked, min(tries, 1), errors_in_place=True)
        elif isinstance(step, float):
            await asyncio.sleep(step)
            answer = None
        else:
            answer = await arun_stream(
                server, step, tries, durable, errors_in_place=errors_in_place
            )


def learn_parts(server: Server, queue: str) -> Parts:
    """Return in how many parts a queue is split, and keep that for the calls to come (HMGET).

    Args:
        server: a client of redis-py, made by `connect`.
        queue: the queue's key.

    Raises:
        Forbidden: Redis's access rules forbid the call.
        Unavailable: Redis can't be reached.
    """
    return known_parts_of(server).learn(queue, command(server, *read_parts_command(queue)))


async def alearn_parts(server: AsyncServer, queue: str) -> Parts:
    """Return in how many parts a queue is split, and keep that for the calls to come (HMGET).

    Args:
        server: an asyncio client of redis-py, made by `aconnect`.
        queue: the queue's key.

    Raises:
        Forbidden: Redis's access rules forbid the call.
        Unavailable: Redis can't be reached.
    """
    return known_parts_of(server).learn(queue, await acommand(server, *read_parts_command(queue)))
