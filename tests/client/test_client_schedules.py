"""The schedules of a client, sync and asyncio, and the workers that make their jobs."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.running import wait_until, working
from support.servers import MEMORY_PLACES, at
from support.store import Store

import pyjobs
import pyjobs.aio
from pyjobs import BadArgument, NoSchedule
from pyjobs.client.aio_schedules import AsyncSchedules
from pyjobs.client.sync_schedules import Schedules
from pyjobs.engine import MOMENTS

in_memory = at(MEMORY_PLACES)
HOUR = 3600


@pytest.fixture
def schedules(store: Store) -> Iterator[Any]:
    client = pyjobs.Client(store.url)
    yield client.schedules
    client.close()


@in_memory
def test_a_schedule_is_made_once_and_changed_by_another_definition(schedules: Any) -> None:
    first = schedules.set("report", {"kind": "daily"}, every=24 * HOUR)
    assert (first.outcome, first.queue) == ("new", "default")
    assert timedelta(hours=23) < first.next - datetime.now(UTC) <= timedelta(hours=24)
    assert schedules.set("report", {"kind": "daily"}, every=24 * HOUR).outcome == "same"
    assert schedules.set("report", {"kind": "weekly"}, every=24 * HOUR).outcome == "changed"


@in_memory
def test_a_cron_expression_is_stored_with_its_next_moments(store: Store, schedules: Any) -> None:
    made = schedules.set("report", cron="0 9 * * mon-fri", zone="Europe/Paris", missed="all")
    assert made.next.minute == 0
    [info] = schedules.list()
    assert (info.name, info.cron, info.zone) == ("report", "0 9 * * mon-fri", "Europe/Paris")
    assert (info.missed, info.every, info.paused, info.ran) == ("all", None, False, [])
    moments = store.redis.hget("jobs:{default}:schedule:report", "moments").split()
    assert len(moments) == MOMENTS


@in_memory
def test_schedules_are_paused_resumed_run_and_removed(schedules: Any) -> None:
    schedules.set("report", every=HOUR)
    schedules.pause("report")
    assert [info.next for info in schedules.list()] == [None]
    schedules.resume("report")
    assert schedules.list()[0].next is not None
    assert schedules.run("report", id="now") == "now"
    assert schedules.remove("report")
    assert not schedules.remove("report")
    assert schedules.list() == []


@in_memory
@pytest.mark.parametrize("verb", ["pause", "resume", "run"])
def test_a_verb_of_a_schedule_that_is_not_there_raises(schedules: Any, verb: str) -> None:
    with pytest.raises(NoSchedule, match="there is no schedule report"):
        getattr(schedules, verb)("report")


@in_memory
@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({}, "cron"),
        ({"cron": "* * * * *", "every": 5}, "cron"),
        ({"cron": "* * * * *", "first": 5}, "first"),
        ({"cron": "never"}, "cron"),
        ({"cron": "* * * * *", "zone": "Moon/Base"}, "zone"),
        ({"every": 0.5}, "every: must be a number of seconds, 1 or more, not 0.5"),
        ({"every": 5, "missed": "some"}, "missed"),
        ({"every": 5, "delay": 5}, "delay"),
        ({"every": 5, "timeout": -1}, "timeout"),
        ({"every": 5, "queue": "a b"}, "queue"),
    ],
    ids=str,
)
def test_what_is_no_schedule_is_refused_by_name_and_nothing_is_written(
    store: Store, schedules: Any, options: dict[str, Any], word: str
) -> None:
    with store.unchanged(), pytest.raises(BadArgument, match=f"^{word}"):
        schedules.set("report", **options)


@pytest.mark.parametrize("verb", ["set", "pause", "resume", "remove", "run"])
def test_a_schedule_name_of_101_characters_is_refused_by_every_verb(
    store: Store, schedules: Any, verb: str
) -> None:
    options = {"every": 5} if verb == "set" else {}
    with store.unchanged(), pytest.raises(BadArgument, match=r"^name: must be 1 to 100 of A-Z"):
        getattr(schedules, verb)(101 * "x", **options)


@in_memory
def test_simple_mode_has_no_schedules(store: Store) -> None:
    with (
        pyjobs.Client(store.url, mode="simple") as client,
        pytest.raises(BadArgument, match="simple mode has no schedules"),
    ):
        client.schedules.set("report", every=5)


def test_both_clients_have_the_same_methods_of_schedules() -> None:
    for name, method in inspect.getmembers(Schedules, inspect.isfunction):
        other = getattr(AsyncSchedules, name)
        if name != "__init__":
            assert str(inspect.signature(method)) == str(inspect.signature(other))
            assert inspect.getdoc(method) == inspect.getdoc(other)
            assert inspect.iscoroutinefunction(other)


@in_memory
def test_the_asyncio_client_sets_and_lists_schedules(store: Store) -> None:
    async def use() -> list[Any]:
        async with pyjobs.aio.Client(store.url) as client:
            await client.schedules.set("report", every=HOUR)
            await client.schedules.pause("report")
            await client.schedules.resume("report")
            await client.schedules.run("report")
            found = await client.schedules.list()
            assert await client.schedules.remove("report")
            return found

    [info] = asyncio.run(use())
    assert (info.name, info.every) == ("report", HOUR)


@in_memory
def test_a_worker_runs_the_jobs_of_a_schedule_when_their_moment_has_come(store: Store) -> None:
    ran: list[Any] = []
    with pyjobs.Client(store.url) as client:
        soon = datetime.now(UTC).timestamp() + 0.2
        client.schedules.set("report", {"n": 1}, every=HOUR, first=soon)

        def note(job: pyjobs.ClaimedJob) -> None:
            ran.append((job.id.partition(":")[0], job.data))

        with working(store.url, note, queues=["default"]):
            wait_until(lambda: ran)
    assert ran == [("report", {"n": 1})]


@in_memory
def test_a_worker_stores_further_moments_of_a_calendar(store: Store) -> None:
    key = "jobs:{default}:schedule:report"
    with pyjobs.Client(store.url) as client:
        client.schedules.set("report", cron="0 9 * * *")
        moments = store.redis.hget(key, "moments").split()
        store.redis.hset(key, "moments", b" ".join(moments[:3]))
        with working(store.url, lambda job: None, queues=["default"]):
            wait_until(lambda: len(store.redis.hget(key, "moments").split()) == MOMENTS)
    assert store.redis.hget(key, "moments").split()[:60] == moments[:60]


@in_memory
def test_a_worker_that_can_not_read_an_expression_says_so_once_and_goes_on(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with pyjobs.Client(store.url) as client:
        client.schedules.set("report", cron="0 9 * * *")
        store.redis.hset(
            "jobs:{default}:schedule:report", mapping={"cron": "not cron", "moments": ""}
        )
        with working(store.url, lambda job: job.data, queues=["default"]):
            assert client.submit(1).result(timeout=30) == 1
            wait_until(lambda: "gets no further moments" in caplog.text)
    assert "schedule report of queue default" in caplog.text
