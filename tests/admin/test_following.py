"""`follow_events` of both flavours: goes on behind the last event, whatever happens to Redis."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.servers import own_server

from pyjobs.admin import Admin, AsyncAdmin
from pyjobs.engine import RELIABLE, Event, keep_events
from pyjobs.errors import BadArgument
from pyjobs.testing import Server
from pyjobs.transport import connect, run

Q = "jobs:{q}"
EVERY = 0.01


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that keeps its data over a restart, with a queue that keeps events."""
    with own_server("--appendonly", "yes", "--appendfsync", "always") as one:
        with connect(one.url) as redis:
            run(redis, RELIABLE.submit(Q, [("before", b"1")]))
            run(redis, keep_events(Q, 1000))
        yield one


def submit(server: Server, *ids: str) -> None:
    with connect(server.url) as redis:
        run(redis, RELIABLE.submit(Q, [(id, b"1") for id in ids]))


@pytest.fixture(params=["sync", "asyncio"])
def follow(request: pytest.FixtureRequest, server: Server) -> Iterator[Any]:
    """Begins an iteration over events in either flavour: returns its `next`."""
    if request.param == "sync":
        with Admin(server.url) as admin:

            def begin(after: str | None) -> Callable[[], Event]:
                found = admin.follow_events("q", after=after, every=EVERY)
                return lambda: next(found)

            yield begin
        return
    with asyncio.Runner() as runner:

        async def make() -> AsyncAdmin:
            return AsyncAdmin(server.url)

        async_admin = runner.run(make())

        def abegin(after: str | None) -> Callable[[], Event]:
            found = async_admin.follow_events("q", after=after, every=EVERY)

            async def step() -> Event:
                return await anext(found)

            return lambda: runner.run(step())

        yield abegin
        runner.run(async_admin.close())


def ids(step: Callable[[], Event], count: int) -> list[str]:
    return [step().id for _ in range(count)]


def later(seconds: float, work: Callable[..., None], *args: Any) -> None:
    threading.Timer(seconds, work, args).start()


def test_a_reader_gets_each_event_once_and_waits_for_more(server: Server, follow: Any) -> None:
    submit(server, "a", "b")
    step = follow("")
    assert ids(step, 2) == ["a", "b"]
    later(0.1, submit, server, "c")
    assert ids(step, 1) == ["c"]


def test_a_reader_without_a_place_begins_with_what_happens_next(
    server: Server, follow: Any
) -> None:
    submit(server, "a")
    step = follow(None)
    later(0.3, submit, server, "b")
    assert ids(step, 1) == ["b"]


def test_a_reader_goes_on_behind_its_last_event_after_a_restart_of_redis(
    server: Server, follow: Any
) -> None:
    submit(server, "a", "b")
    step = follow("")
    assert ids(step, 2) == ["a", "b"]
    server.kill()

    def again() -> None:
        server.start()
        submit(server, "c")

    later(0.3, again)
    assert ids(step, 1) == ["c"]


def test_a_reader_whose_next_events_are_gone_hears_that_once(server: Server, follow: Any) -> None:
    submit(server, "a")
    step = follow("")
    assert ids(step, 1) == ["a"]
    with connect(server.url) as redis:
        redis.delete(f"{Q}:events")
    submit(server, "b", "c")
    assert [(event.event, event.id) for event in (step(), step(), step())] == [
        ("lost", ""),
        ("submitted", "b"),
        ("submitted", "c"),
    ]


def test_a_place_that_is_none_is_refused(server: Server, follow: Any) -> None:
    with pytest.raises(BadArgument, match="after: 'x' is not the name of an event"):
        follow("x")()
