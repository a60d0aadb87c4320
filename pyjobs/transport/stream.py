"""One call, or one stream of calls, to a server or to the nodes of a cluster: what sends and waits.

Sync and async share everything but the await: `Delivery` decides, the functions here wait. What
is done about NOSCRIPT, a refusal and a connection that breaks is the table of `Delivery`. To a
cluster, calls go by node, as `Routing` says, and each node has a delivery of its own.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from redis import exceptions

from pyjobs.engine import Call, Durable
from pyjobs.errors import PyjobsError, copied
from pyjobs.log import logger
from pyjobs.transport.cluster import AsyncCluster, Cluster, no_owner
from pyjobs.transport.connection import pack
from pyjobs.transport.durable import durable_error
from pyjobs.transport.errors import forbids, translated
from pyjobs.transport.pipeline import aexecute, execute, spare_of
from pyjobs.transport.retry import Attempt, Delivery, Done, GiveUp, Send
from pyjobs.transport.router import TRIES, Group, Routing
from pyjobs.transport.server import AsyncServer, Server
from pyjobs.transport.slots import Address
from pyjobs.transport.threads import side_by_side

log = logger(__name__)
# How often a call of a caller with pauses of its own is sent again, when the table was asked for
# anew.
FOLLOWS = 1


def run_stream(
    server: Server,
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
        routing = Routing(server.table, calls, _most(tries, errors_in_place=errors_in_place))
        return _route(server, routing, durable, threads)
    if durable is not None and (error := _refusal(server.connection_pool, durable)):
        return [copied(error) for _ in calls]
    delivery = Delivery(calls, tries, errors_in_place=errors_in_place, durable=durable)
    return _deliver(server.connection_pool, delivery, delivery.first_step())


async def arun_stream(
    server: AsyncServer,
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
        routing = Routing(server.table, calls, _most(tries, errors_in_place=errors_in_place))
        return await _aroute(server, routing, durable)
    if durable is not None and (error := await _arefusal(server.connection_pool, durable)):
        return [copied(error) for _ in calls]
    delivery = Delivery(calls, tries, errors_in_place=errors_in_place, durable=durable)
    return await _adeliver(server.connection_pool, delivery, delivery.first_step())


def run_one(server: Server, call: Call[Any], tries: int, *, errors_in_place: bool) -> Any:
    """Send a single call, and return its answer. A `Routing` or a `Delivery`, which decides what is
    done next, is made when the first try has brought no value: most calls need no decision.

    Args:
        server: a client of redis-py.
        call: the call.
        tries: how often the call is repeated at most, if its script may be repeated.
        errors_in_place: whether a call that could not be sent has its error as answer.

    Raises:
        Unavailable: the call could not be sent; never with `errors_in_place`, and never in a
            cluster.
        OutcomeUnknown: the call has no answer; never with `errors_in_place`, and never in a
            cluster.
    """
    if type(server) is not Cluster:
        return _deliver_one(server.connection_pool, call, tries, errors_in_place=errors_in_place)
    node = _sure_owner(server, call)
    answer: Any = None
    if node is not None:
        pool = server.client_of(node).connection_pool
        answer = _deliver_one(pool, call, 0, errors_in_place=True)
        if not isinstance(answer, PyjobsError):
            server.table.answered(node)
            return answer
    routing = Routing(server.table, (call,), _most(tries, errors_in_place=errors_in_place))
    if node is not None:
        routing.begun(node, answer)
    return _route(server, routing, None, 1)[0]


async def arun_one(
    server: AsyncServer, call: Call[Any], tries: int, *, errors_in_place: bool
) -> Any:
    """Send a single call by asyncio, and return its answer. A `Routing` or a `Delivery`, which
    decides what is done next, is made when the first try has brought no value: most calls need no
    decision.

    Args:
        server: an asyncio client of redis-py.
        call: the call.
        tries: how often the call is repeated at most, if its script may be repeated.
        errors_in_place: whether a call that could not be sent has its error as answer.

    Raises:
        Unavailable: the call could not be sent; never with `errors_in_place`, and never in a
            cluster.
        OutcomeUnknown: the call has no answer; never with `errors_in_place`, and never in a
            cluster.
    """
    if type(server) is not AsyncCluster:
        pool = server.connection_pool
        return await _adeliver_one(pool, call, tries, errors_in_place=errors_in_place)
    node = _sure_owner(server, call)
    answer: Any = None
    if node is not None:
        pool = server.client_of(node).connection_pool
        answer = await _adeliver_one(pool, call, 0, errors_in_place=True)
        if not isinstance(answer, PyjobsError):
            server.table.answered(node)
            return answer
    routing = Routing(server.table, (call,), _most(tries, errors_in_place=errors_in_place))
    if node is not None:
        routing.begun(node, answer)
    return (await _aroute(server, routing, None))[0]


def _sure_owner(cluster: Cluster | AsyncCluster, call: Call[Any]) -> Address | None:
    """Return the node of a call; None where the table may be out of date, or has no such node."""
    return None if cluster.table.stale else cluster.table.owner(call.keys[0])


def _most(tries: int, *, errors_in_place: bool) -> int:
    """Return how often a call to a cluster is sent again at most after a pause."""
    return TRIES * tries if errors_in_place else min(tries, FOLLOWS)


def _route(cluster: Cluster, routing: Routing, durable: Durable | None, threads: int) -> list[Any]:
    while (pause := routing.begin_round()) is not None:
        if pause:
            time.sleep(pause)
        if cluster.table.stale:
            cluster.refresh()
        groups = routing.groups()
        if min(threads, len(groups)) > 1:
            send = functools.partial(_send_group, cluster, durable=durable)
            sent = side_by_side(send, groups, threads)
            for group, answers in zip(groups, sent, strict=True):
                routing.take(group, answers)
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
        return _unowned(group, cluster.table.failure)
    return run_stream(cluster.client_of(group.node), group.calls, 0, durable, errors_in_place=True)


async def _asend_group(cluster: AsyncCluster, group: Group, durable: Durable | None) -> list[Any]:
    if group.node is None:
        return _unowned(group, cluster.table.failure)
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
        execute(pool, *durable.probe())
    except exceptions.RedisError as error:
        return durable_error(durable, error)
    _taken[pool].add(durable.command)
    return None


async def _arefusal(pool: Any, durable: Durable) -> PyjobsError | None:
    """Return why a server can't wait as `durable` says, None where it can. Asked once a pool,
    before anything is written."""
    if durable.command in _taken.setdefault(pool, set()):
        return None
    try:
        await aexecute(pool, *durable.probe())
    except exceptions.RedisError as error:
        return durable_error(durable, error)
    _taken[pool].add(durable.command)
    return None


def _unowned(group: Group, failure: PyjobsError | None) -> list[PyjobsError]:
    return [copied(failure or no_owner()) for _ in group.calls]


def _deliver_one(pool: Any, call: Call[Any], tries: int, *, errors_in_place: bool) -> Any:
    data, spare = pack(*call.command()), spare_of(pool)
    used, reply, error = None, None, None
    try:
        used = spare.open(pool)
        reply = spare.ask(pool, used, data)
        if not isinstance(reply, exceptions.RedisError):
            return call.parse(reply)
    except exceptions.RedisError as broke:
        error = broke
    delivery = Delivery((call,), tries, errors_in_place=errors_in_place)
    step = delivery.begun(given=used is not None, reply=reply, error=error)
    return _deliver(pool, delivery, step)[0]


async def _adeliver_one(pool: Any, call: Call[Any], tries: int, *, errors_in_place: bool) -> Any:
    data, spare = pack(*call.command()), spare_of(pool)
    used, reply, error = None, None, None
    try:
        used = await spare.aopen(pool)
        reply = await spare.aask(pool, used, data)
        if not isinstance(reply, exceptions.RedisError):
            return call.parse(reply)
    except exceptions.RedisError as broke:
        error = broke
    delivery = Delivery((call,), tries, errors_in_place=errors_in_place)
    step = delivery.begun(given=used is not None, reply=reply, error=error)
    return (await _adeliver(pool, delivery, step))[0]


def _deliver(pool: Any, delivery: Delivery, step: Send | GiveUp | Done) -> list[Any]:
    while isinstance(step, Send):
        attempt = step.attempt
        if step.pause:
            time.sleep(step.pause)
        try:
            for body in step.loads:
                execute(pool, "SCRIPT", "LOAD", body)
        except exceptions.RedisError as error:
            step = _load_failed(delivery, attempt, error)
            continue
        try:
            spare_of(pool).exchange(pool, attempt)
            step = delivery.next_step(attempt)
        except exceptions.RedisError as error:
            step = delivery.next_step(attempt, error)
    return _answers(step)


async def _adeliver(pool: Any, delivery: Delivery, step: Send | GiveUp | Done) -> list[Any]:
    while isinstance(step, Send):
        attempt = step.attempt
        if step.pause:
            await asyncio.sleep(step.pause)
        try:
            for body in step.loads:
                await aexecute(pool, "SCRIPT", "LOAD", body)
        except exceptions.RedisError as error:
            step = _load_failed(delivery, attempt, error)
            continue
        try:
            await spare_of(pool).aexchange(pool, attempt)
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
