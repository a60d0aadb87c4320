"""`run`, `arun`, `run_many` and `arun_many`: the only code that sends a Call.

Sync and async share everything but the await: `Delivery` decides, the functions here wait. What
is done about NOSCRIPT, a refusal and a connection that breaks is the table of `Delivery`. To a
cluster, calls go by node, as `Routing` says, and each node has a delivery of its own.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from redis import exceptions

from pyjobs.engine import Call, Durable
from pyjobs.errors import PyjobsError
from pyjobs.log import logger
from pyjobs.transport.cluster import AsyncCluster, Cluster, no_owner
from pyjobs.transport.durable import refused
from pyjobs.transport.errors import forbids, translated
from pyjobs.transport.pipeline import acommand, aexchange, command, exchange
from pyjobs.transport.retry import PAUSES, Attempt, Delivery, Done, GiveUp, Send, copied
from pyjobs.transport.router import TRIES, Group, Routing

T = TypeVar("T")
log = logger(__name__)
Sync = redis.Redis
Async = redis.asyncio.Redis
# A caller with pauses of its own: so often a call is sent again when the table was asked for anew.
FOLLOWS = 1
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
    if side_by_side and type(server) is Cluster:
        return _route(
            server, Routing(server.table, calls, min(tries, FOLLOWS)), durable, MOST_NODES
        )
    return _run(server, calls, tries, durable, errors_in_place=errors_in_place)


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
) -> list[Any]:
    # isinstance is dear here: redis-py's class is a protocol's.
    if type(server) is Cluster:
        most = TRIES * tries if errors_in_place else min(tries, FOLLOWS)
        return _route(server, Routing(server.table, calls, most), durable)
    if durable is not None and (error := _refusal(server.connection_pool, durable)):
        return [copied(error) for _ in calls]
    return _deliver(
        server, Delivery(calls, tries, errors_in_place=errors_in_place, durable=durable)
    )


async def _arun(
    server: Async,
    calls: Iterable[Call[Any]],
    tries: int,
    durable: Durable | None = None,
    *,
    errors_in_place: bool,
) -> list[Any]:
    if type(server) is AsyncCluster:
        most = TRIES * tries if errors_in_place else min(tries, FOLLOWS)
        return await _aroute(server, Routing(server.table, calls, most), durable)
    if durable is not None and (error := await _arefusal(server.connection_pool, durable)):
        return [copied(error) for _ in calls]
    return await _adeliver(
        server, Delivery(calls, tries, errors_in_place=errors_in_place, durable=durable)
    )


def _route(
    cluster: Cluster, routing: Routing, durable: Durable | None, threads: int = 1
) -> list[Any]:
    while (pause := routing.begin_round()) is not None:
        if pause:
            time.sleep(pause)
        cluster.refresh()
        groups = routing.groups()
        if min(threads, len(groups)) > 1:
            with ThreadPoolExecutor(min(threads, len(groups)), "pyjobs-nodes") as pool:
                sending = [pool.submit(_send_group, cluster, group, durable) for group in groups]
            for group, sent in zip(groups, sending, strict=True):
                routing.take(group, sent.result())
            continue
        for group in groups:
            routing.take(group, _send_group(cluster, group, durable))
    return routing.answers


async def _aroute(cluster: AsyncCluster, routing: Routing, durable: Durable | None) -> list[Any]:
    while (pause := routing.begin_round()) is not None:
        if pause:
            await asyncio.sleep(pause)
        await cluster.refresh()
        groups = routing.groups()
        if len(groups) == 1:
            routing.take(groups[0], await _asend_group(cluster, groups[0], durable))
            continue
        sending = (_asend_group(cluster, group, durable) for group in groups)
        for group, answers in zip(groups, await asyncio.gather(*sending), strict=True):
            routing.take(group, answers)
    return routing.answers


def _send_group(cluster: Cluster, group: Group, durable: Durable | None) -> list[Any]:
    if group.node is None:
        return _unowned(group, cluster.failure)
    return _run(cluster.client_of(group.node), group.calls, 0, durable, errors_in_place=True)


async def _asend_group(cluster: AsyncCluster, group: Group, durable: Durable | None) -> list[Any]:
    if group.node is None:
        return _unowned(group, cluster.failure)
    node = cluster.client_of(group.node)
    return await _arun(node, group.calls, 0, durable, errors_in_place=True)


# The commands of durable submits that the server of a pool has taken.
_taken: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


def _refusal(pool: Any, durable: Durable) -> PyjobsError | None:
    """Return why a server can't wait as `durable` says, None where it can. Asked once a pool,
    before anything is written."""
    if durable.command in _taken.setdefault(pool, set()):
        return None
    try:
        command(pool, *durable.probe())
    except exceptions.RedisError as error:
        return refused(durable, error)
    _taken[pool].add(durable.command)
    return None


async def _arefusal(pool: Any, durable: Durable) -> PyjobsError | None:
    """Return why a server can't wait as `durable` says, None where it can. Asked once a pool,
    before anything is written."""
    if durable.command in _taken.setdefault(pool, set()):
        return None
    try:
        await acommand(pool, *durable.probe())
    except exceptions.RedisError as error:
        return refused(durable, error)
    _taken[pool].add(durable.command)
    return None


def _unowned(group: Group, failure: PyjobsError | None) -> list[PyjobsError]:
    return [copied(failure or no_owner()) for _ in group.calls]


def _deliver(server: Sync, delivery: Delivery) -> list[Any]:
    pool = server.connection_pool
    step: Send | GiveUp | Done = delivery.first_step()
    while isinstance(step, Send):
        attempt = step.attempt
        if step.pause:
            time.sleep(step.pause)
        try:
            for body in step.loads:
                command(pool, "SCRIPT", "LOAD", body)
        except exceptions.RedisError as error:
            step = _load_failed(delivery, attempt, error)
            continue
        try:
            exchange(pool, attempt)
            step = delivery.next_step(attempt)
        except exceptions.RedisError as error:
            step = delivery.next_step(attempt, error)
    return _answers(step)


async def _adeliver(server: Async, delivery: Delivery) -> list[Any]:
    pool = server.connection_pool
    step: Send | GiveUp | Done = delivery.first_step()
    while isinstance(step, Send):
        attempt = step.attempt
        if step.pause:
            await asyncio.sleep(step.pause)
        try:
            for body in step.loads:
                await acommand(pool, "SCRIPT", "LOAD", body)
        except exceptions.RedisError as error:
            step = _load_failed(delivery, attempt, error)
            continue
        try:
            await aexchange(pool, attempt)
            step = delivery.next_step(attempt)
        except exceptions.RedisError as error:
            step = delivery.next_step(attempt, error)
    return _answers(step)


def _load_failed(
    delivery: Delivery, attempt: Attempt, error: exceptions.RedisError
) -> Send | GiveUp | Done:
    if not forbids(error):
        return delivery.next_step(attempt, error)
    note_no_load(str(translated(error)))
    return delivery.load_refused(error)


@functools.cache
def note_no_load(why: str) -> None:
    """Log, once for each reason, that scripts are sent whole."""
    log.warning("scripts can't be loaded, and are sent whole when Redis lacks one: %s", why)


def _answers(step: Done | GiveUp) -> list[Any]:
    if isinstance(step, GiveUp):
        raise step.error
    return step.answers
