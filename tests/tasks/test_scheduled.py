"""Tasks with a schedule, which a worker makes at its start."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from support.servers import SERVER_PLACES, at
from support.store import Store

import pyjobs
from pyjobs import BadArgument, task
from pyjobs.testing import running


def seen(store: Store, queue: str) -> list[Any]:
    """The schedules of a queue, as soon as there is one."""
    with pyjobs.Client(store.url, queue=queue) as client:
        for _ in range(500):
            if found := client.schedules.list():
                return found
            time.sleep(0.02)
    raise AssertionError("no worker made a schedule")


@at(SERVER_PLACES)
def test_a_worker_makes_the_schedules_of_its_tasks_and_a_second_changes_nothing(
    store: Store,
) -> None:
    sweep = task(name="sweep", queue="ops", every=3600, max_attempts=5)(lambda older=7: older)
    moments = []
    for _ in range(2):
        with running(pyjobs.Worker(store.url, tasks=[sweep])):
            [schedule] = seen(store, "ops")
            moments.append(schedule.next)
    assert (schedule.name, schedule.every, schedule.task) == ("sweep", 3600, "sweep")
    assert moments[0] == moments[1]


@at(SERVER_PLACES)
def test_the_job_of_a_scheduled_task_runs_with_its_defaults(store: Store) -> None:
    ran = itertools.count()
    nightly = task(name="nightly", every=3600)(lambda keep=3: keep + 0 * next(ran))
    with running(pyjobs.Worker(store.url, tasks=[nightly])), pyjobs.Client(store.url) as client:
        seen(store, "default")
        client.schedules.run("nightly", id="now")
        assert client.job("now").result(30) == 3
    assert next(ran) == 1


@at(SERVER_PLACES)
@pytest.mark.parametrize("field", ["mode simple", "layout 7"])
def test_a_schedule_on_a_queue_that_can_not_be_served_keeps_no_other_from_being_made(
    store: Store, field: str
) -> None:
    store.redis.hset("jobs:{bad}:meta", *field.split())
    both = [task(name=name, queue=name, every=3600)(lambda: 7) for name in ("bad", "good")]
    with (
        running(pyjobs.Worker(store.url, tasks=both)),
        pyjobs.Client(store.url, queue="good") as client,
    ):
        assert seen(store, "good")[0].name == "good"
        assert client.submit(both[1]).result(30) == 7
    store.redis.delete("jobs:{bad}:meta")


def test_a_cron_expression_and_its_zone_are_checked_at_decoration() -> None:
    with pytest.raises(BadArgument, match="cron"):
        task(name="x", cron="0 9 * *")(lambda: None)
    with pytest.raises(BadArgument, match="no time zone"):
        task(name="x", cron="0 9 * * *", zone="Paris")(lambda: None)


@pytest.mark.parametrize(
    ("function", "words", "why"),
    [
        (lambda to: None, {"every": 60}, "parameter to has no default"),
        (lambda: None, {"every": 60, "cron": "* * * * *"}, "either cron or every"),
        (lambda: None, {"every": -1}, "every"),
        (lambda: None, {"every": 60, "missed": "some"}, "missed"),
        (lambda: None, {"every": 60, "name": "n" * 101}, "100 characters"),
    ],
)
def test_a_schedule_that_can_t_be_is_refused_at_decoration(
    function: Any, words: Any, why: str
) -> None:
    with pytest.raises(BadArgument, match=why):
        task(**{"name": "x", **words})(function)


def test_a_scheduled_task_is_refused_in_simple_mode() -> None:
    tasks = [task(name="tick", every=60)(lambda: None)]
    with pytest.raises(BadArgument, match="tick has a schedule, and simple mode has no schedules"):
        pyjobs.Worker("memory://", mode="simple", tasks=tasks)
