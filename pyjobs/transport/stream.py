"""One stream of calls to a server or to the nodes of a cluster: what sends it and waits.

Sync and async share everything but the await: `Delivery` decides, the functions here wait. What
is done about NOSCRIPT, a refusal and a connection that breaks is the table of `Delivery`. To a
cluster, calls go by node, as `Routing` says, and each node has a delivery of its own.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from redis import exceptions

from pyjobs.engine import Call, Durable
from pyjobs.errors import PyjobsError, copied
from pyjobs.log import logger
from pyjobs.transport.cluster import AsyncCluster, Cluster, no_owner
from pyjobs.transport.durable import refused
from pyjobs.transport.errors import forbids, translated
from pyjobs.transport.pipeline import acommand, aexchange, command, exchange
from pyjobs.transport.retry import Attempt, Delivery, Done, GiveUp, Send
from pyjobs.transport.router import TRIES, Group, Routing

log = logger(__name__)
Sync = redis.Redis
Async = redis.asyncio.Redis
# How often a call of a caller with pauses of its own is sent again, when the table was asked for
# anew.
FOLLOWS = 1


def run_stream(
    server: Sync,
    calls: Iterable[Call[Any]],
    tries: int,
    durable: Durable | None = None,
    *,
    errors_in_place: bool,
    threads: int = 1,
) -> list[Any]:
    """Send calls in one stream, and return an answer for each.

    Args:
        server: a client of redis-py.
        calls: the calls.
        tries: how often a call is repeated at most, if its script may be repeated.
        durable: who must have what the calls write; None is nobody.
        errors_in_place: whether a call that could not be sent has its error as answer.
        threads: how many threads ask the nodes of a cluster at once.

    Raises:
        Unavailable: a call could not be sent; never with `errors_in_place`, and never in a cluster.
        OutcomeUnknown: a call has no answer, and calls may have run; never with
            `errors_in_place`, and never in a cluster.
    """
    # isinstance is slow here: redis-py's class is a protocol's.
    if type(server) is Cluster:
        most = TRIES * tries if errors_in_place else min(tries, FOLLOWS)
        return _route(server, Routing(server.table, calls, most), durable, threads)
    if durable is not None and (error := _refusal(server.connection_pool, durable)):
        return [copied(error) for _ in calls]
    return _deliver(
        server, Delivery(calls, tries, errors_in_place=errors_in_place, durable=durable)
    )


async def arun_stream(
    server: Async,
    calls: Iterable[Call[Any]],
    tries: int,
    durable: Durable | None = None,
    *,
    errors_in_place: bool,
) -> list[Any]:
    """Send calls in one stream by asyncio, and return an answer for each.

    Args:
        server: an asyncio client of redis-py.
        calls: the calls.
        tries: how often a call is repeated at most, if its script may be repeated.
        durable: who must have what the calls write; None is nobody.
        errors_in_place: whether a call that could not be sent has its error as answer.

    Raises:
        Unavailable: a call could not be sent; never with `errors_in_place`, and never in a cluster.
        OutcomeUnknown: a call has no answer, and calls may have run; never with
            `errors_in_place`, and never in a cluster.
    """
    if type(server) is AsyncCluster:
        most = TRIES * tries if errors_in_place else min(tries, FOLLOWS)
        return await _aroute(server, Routing(server.table, calls, most), durable)
    if durable is not None and (error := await _arefusal(server.connection_pool, durable)):
        return [copied(error) for _ in calls]
    return await _adeliver(
        server, Delivery(calls, tries, errors_in_place=errors_in_place, durable=durable)
    )


def _route(cluster: Cluster, routing: Routing, durable: Durable | None, threads: int) -> list[Any]:
    while (pause := routing.begin_round()) is not None:
        if pause:
            time.sleep(pause)
        if cluster.table.stale:
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
        if cluster.table.stale:
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
    return run_stream(cluster.client_of(group.node), group.calls, 0, durable, errors_in_place=True)


async def _asend_group(cluster: AsyncCluster, group: Group, durable: Durable | None) -> list[Any]:
    if group.node is None:
        return _unowned(group, cluster.failure)
    node = cluster.client_of(group.node)
    return await arun_stream(node, group.calls, 0, durable, errors_in_place=True)


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
