"""A call that is sent by itself: its first try is made without the decisions that follow when no
reply comes. What is decided then is tested in test_send.py and test_router.py."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvloop
from redis import exceptions
from support.running import wait_until
from support.servers import CLIENT_SOCKET_PLACES, SOCKET_PLACES, at
from support.store import Jobs, Q, Store

from pyjobs.engine.call import Call
from pyjobs.engine.queue import fetch
from pyjobs.engine.reliable import RELIABLE
from pyjobs.engine.simple import SIMPLE
from pyjobs.errors import OutcomeUnknown, PyjobsError, Unavailable, WrongMode
from pyjobs.transport.cluster import AsyncCluster
from pyjobs.transport.connection import open_connection, pack
from pyjobs.transport.pipeline import aexecute, execute, spare_of
from pyjobs.transport.router import Routing
from pyjobs.transport.send import FEW_ARGS, arun, lone, run
from pyjobs.transport.server import aclose, aconnect, connect
from pyjobs.transport.slots import Address, SlotTable, slot_of

A, B = Address("a", 1), Address("b", 2)
KILLS = ("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def submit(id: str) -> Call[Any]:
    return RELIABLE.submit(Q, [(id, b"data")])


# --- which streams are a single call ---


def made(calls: list[Call[Any]], log: list[str]) -> Iterator[Call[Any]]:
    for call in calls:
        log.append(str(call.args[-2]))
        yield call


def test_a_list_and_an_iterator_of_one_call_are_that_call() -> None:
    call = submit("a")
    assert lone([call])[0] is call
    assert lone(iter([call]))[0] is call


def test_no_calls_are_no_single_call() -> None:
    assert lone([]) == (None, [])
    call, rest = lone(iter([]))
    assert call is None and list(rest) == []


def test_a_stream_of_several_calls_keeps_each_of_them_in_order() -> None:
    calls = [submit(id) for id in "abc"]
    call, rest = lone(iter(calls))
    assert call is None and list(rest) == calls


def test_a_call_of_many_jobs_is_not_held_up_by_the_making_of_the_next() -> None:
    large = RELIABLE.submit(Q, [(f"a{n}", b"") for n in range(FEW_ARGS)])
    log: list[str] = []
    call, rest = lone(made([large, submit("b")], log))
    assert call is None and log == [f"a{FEW_ARGS - 1}"]
    assert len(list(rest)) == 2


# --- the first try ---


@at(CLIENT_SOCKET_PLACES)
def test_a_single_call_whose_script_is_missing_is_loaded_and_run(store: Store) -> None:
    store.redis.script_flush()
    assert store.call_many([submit("a")]) == [[("a", "new")]]
    store.redis.script_flush()
    assert store.call(submit("b")) == [("b", "new")]


@at(CLIENT_SOCKET_PLACES)
def test_a_single_call_that_its_script_refuses_has_its_error(store: Store) -> None:
    store.call(submit("a"))
    [answer] = store.call_many([SIMPLE.submit(Q, [("b", b"")])])
    assert isinstance(answer, WrongMode)
    with pytest.raises(WrongMode):
        store.call(SIMPLE.submit(Q, [("b", b"")]))


@at(SOCKET_PLACES)
def test_a_call_on_a_kept_connection_that_the_server_has_closed_is_sent_on_another(
    store: Store,
) -> None:
    """The call may not be repeated: it must not be written to a connection that has ended."""
    with connect(store.url) as server:
        run(server, SIMPLE.submit(Q, [("a", b"")]))
        [kept] = spare_of(server.connection_pool)._kept
        store.redis.execute_command(*KILLS)
        wait_until(lambda: not kept.quiet())
        assert run(server, SIMPLE.submit(Q, [("b", b"")])) == [("b", "new")]
    assert store.redis.llen(f"{Q}:pending") == 2


@at(SOCKET_PLACES)
def test_an_asyncio_call_on_a_kept_connection_that_the_server_has_closed_is_sent_on_another(
    store: Store,
) -> None:
    async def use() -> None:
        server = aconnect(store.url)
        await arun(server, SIMPLE.submit(Q, [("a", b"")]))
        [kept] = spare_of(server.connection_pool)._kept
        store.redis.execute_command(*KILLS)
        while await kept.quiet():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        assert await arun(server, SIMPLE.submit(Q, [("b", b"")])) == [("b", "new")]
        await server.aclose()

    asyncio.run(use())
    assert store.redis.llen(f"{Q}:pending") == 2


@at(SOCKET_PLACES)
def test_calls_that_are_cancelled_at_any_moment_leave_no_reply_to_the_next_one(
    store: Store,
) -> None:
    async def use() -> None:
        server = aconnect(store.url)
        for n in range(20):
            task = asyncio.create_task(arun(server, submit(f"cancelled{n}")))
            await asyncio.sleep(0.0002 * n)
            task.cancel()
            assert await arun(server, submit(f"kept{n}")) == [(f"kept{n}", "new")]
            await asyncio.wait({task})
        await server.aclose()

    asyncio.run(use())


@at(SOCKET_PLACES)
@pytest.mark.parametrize("make", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_later_event_loop_sends_calls_on_connections_of_its_own_and_may_close(
    store: Store, make: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """The loop before has ended, and nothing can be done with its connections."""
    server = aconnect(store.url)

    async def use(id: str) -> None:
        # Two at once leave a connection in the pool beside the one that is kept.
        both = (arun(server, submit(f"{id}{n}")) for n in range(2))
        assert await asyncio.gather(*both) == [[(f"{id}{n}", "new")] for n in range(2)]

    for work in (use("a"), use("b"), aclose(server)):
        with asyncio.Runner(loop_factory=make) as runner:
            runner.run(work)


@at(SOCKET_PLACES)
def test_a_later_event_loop_has_a_connection_of_its_own_to_any_node_of_a_cluster(
    store: Store,
) -> None:
    """As the first subscription of a client has that only asked for something before."""
    where = urlsplit(store.url)
    node = Address(where.hostname or "", where.port or 0)
    nodes = AsyncCluster([node], lambda *_: aconnect(store.url), 5.0)
    nodes.table.learn([[0, 16383, [node.host.encode(), node.port, b"id"]]], node)

    async def use() -> None:
        connection = await open_connection(nodes.connection_pool)
        await connection.send(pack("PING"))
        assert await connection.reply() == b"PONG"
        await connection.release(nodes.connection_pool)

    for work in (use(), use(), aclose(nodes)):
        asyncio.run(work)


@at(SOCKET_PLACES)
def test_a_forked_child_sends_its_calls_on_a_connection_of_its_own(store: Store) -> None:
    with connect(store.url) as server:
        run(server, submit("before"))
        ours = execute(server.connection_pool, "CLIENT", "ID")
        child = os.fork()
        if not child:
            try:
                run(server, submit("child"))
                theirs = execute(server.connection_pool, "CLIENT", "ID")
                os._exit(0 if theirs != ours else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert run(server, submit("after")) == [("after", "new")]
        assert execute(server.connection_pool, "CLIENT", "ID") == ours
    assert Jobs(store, RELIABLE).pending() == ["before", "child", "after"]


@at(SOCKET_PLACES[:1])
def test_a_command_that_can_not_be_written_takes_no_connection(store: Store) -> None:
    wrong: Any = None
    with connect(store.url) as server:
        pool = server.connection_pool
        execute(pool, "PING")
        with pytest.raises(TypeError):
            execute(pool, "ECHO", wrong)
        assert len(spare_of(pool)._kept) == 1

    async def use() -> None:
        server = aconnect(store.url)
        pool = server.connection_pool
        await aexecute(pool, "PING")
        with pytest.raises(TypeError):
            await aexecute(pool, "ECHO", wrong)
        assert len(spare_of(pool)._kept) == 1
        await server.aclose()

    asyncio.run(use())


# --- what a node answers ---


def table() -> SlotTable:
    """A table in which one node owns all."""
    found = SlotTable([A])
    found.learn([[0, 16383, [b"a", 1, b"id"]]], A)
    return found


def begun(answer: PyjobsError, cause: exceptions.RedisError, *, most: int = 3) -> Routing:
    """The routing of a call whose first node has given this answer."""
    answer.__cause__ = cause
    routing = Routing(table(), (fetch(Q, ["a"]),), most)
    routing.begun(A, answer)
    return routing


def test_a_single_call_that_meets_moved_goes_to_the_named_node_at_once() -> None:
    routing = begun(PyjobsError("moved"), exceptions.MovedError(f"{slot_of(Q)} b:2"))
    assert routing.begin_round() == 0.0
    [group] = routing.groups()
    assert group.node == B and [call.keys[0] for call in group.calls] == [Q]
    routing.take(group, ["there"])
    assert routing.begin_round() is None
    assert routing.answers == ["there"]


@pytest.mark.parametrize(
    "cause",
    [
        exceptions.AskError(f"{slot_of(Q)} b:2"),
        exceptions.TryAgainError("wait"),
        exceptions.ClusterDownError("down"),
        exceptions.ReadOnlyError("replica"),
        exceptions.BusyLoadingError("loading"),
        exceptions.ConnectionError("reset"),
    ],
    ids=lambda cause: type(cause).__name__,
)
def test_a_single_call_that_a_node_did_not_carry_out_waits_for_a_new_table(
    cause: exceptions.RedisError,
) -> None:
    routing = begun(Unavailable("not now"), cause)
    pause = routing.begin_round()
    assert pause is not None
    assert routing._table.stale
    [group] = routing.groups()
    routing.take(group, ["later"])
    assert routing.begin_round() is None
    assert routing.answers == ["later"]


def test_a_single_call_that_may_have_run_keeps_that_through_later_refusals() -> None:
    routing = begun(OutcomeUnknown("reset"), exceptions.ConnectionError("reset"), most=1)
    assert routing.begin_round() is not None
    [group] = routing.groups()
    refused = Unavailable("loading")
    refused.__cause__ = exceptions.BusyLoadingError("loading")
    routing.take(group, [refused])
    assert routing.begin_round() is None
    assert isinstance(routing.answers[0], OutcomeUnknown)


def test_a_single_call_that_a_node_refuses_for_good_is_answered_so() -> None:
    refused = WrongMode("simple")
    routing = begun(refused, exceptions.ResponseError("WRONGMODE simple"))
    assert routing.begin_round() is None
    assert routing.answers == [refused]
