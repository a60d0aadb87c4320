"""The tasks of a worker: which it takes, and what it does with jobs of others or of none."""

from __future__ import annotations

import logging
import types
from collections.abc import Iterator
from typing import Any

import pytest
from support.servers import MEMORY_PLACES, SERVER_PLACES, at
from support.store import Store

import pyjobs
from pyjobs import BadArgument, ClaimedJob, JobFailed, Reject, task
from pyjobs.testing import running


@task(name="add")
def add(a: int, b: int) -> int:
    return a + b


@pytest.fixture
def client(store: Store) -> Iterator[pyjobs.Client]:
    with pyjobs.Client(store.url) as client, running(pyjobs.Worker(store.url, tasks=[add])):
        yield client


def test_a_worker_takes_the_tasks_of_a_module_and_serves_their_queues() -> None:
    module = types.ModuleType("shop")
    module.first = task(name="first", queue="mail")(lambda: None)  # type: ignore[attr-defined]
    module.second = task(name="second")(lambda: None)  # type: ignore[attr-defined]
    worker = pyjobs.Worker("memory://", tasks=[module])
    assert worker.settings.queues == ("mail", "default")


@pytest.mark.parametrize(
    ("tasks", "why"),
    [
        ([types.ModuleType("empty")], "there is no task in module empty"),
        ([print], "not a task"),
        ([add, task(name="add")(lambda: None)], "two tasks have the name add"),
    ],
)
def test_what_is_no_task_and_a_name_twice_are_refused(tasks: Any, why: str) -> None:
    with pytest.raises(BadArgument, match=why):
        pyjobs.Worker("memory://", tasks=tasks)


@at(SERVER_PLACES)
def test_a_job_with_an_unknown_task_waits_and_is_logged_once(
    store: Store, client: pyjobs.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for n in range(3):
            client.submit({}, task="newer", id=f"n-{n}")
        client.submit(add, 1, 2).result(30)
        while not store.redis.zcard("jobs:{default}:delayed"):
            client.submit(add, 1, 2).result(30)
    assert caplog.text.count("task newer is unknown here") == 1
    assert not store.redis.hexists("jobs:{default}:job:n-0", "failures")


@at(MEMORY_PLACES)
@pytest.mark.parametrize("mode", ["simple", "recoverable"])
def test_a_job_with_an_unknown_task_fails_where_it_can_t_be_handed_back(
    store: Store, mode: Any
) -> None:
    url = store.url
    worker = pyjobs.Worker(url, mode=mode, tasks=[add])
    with pyjobs.Client(url, mode=mode) as client, running(worker):
        failed = client.submit({}, task="newer").exception(9)
    assert isinstance(failed, JobFailed)
    assert failed.type == "UnknownTask"


@at(MEMORY_PLACES)
def test_bare_jobs_go_to_the_handler_of_a_worker_with_tasks(store: Store) -> None:
    worker = pyjobs.Worker(store.url, tasks=[add])

    @worker.handler
    def bare(job: ClaimedJob) -> Any:
        return job.data

    with pyjobs.Client(store.url) as client, running(worker):
        assert client.submit({"n": 1}).result(30) == {"n": 1}
        assert client.submit(add, 1, 2).result(30) == 3


@at(MEMORY_PLACES)
def test_a_reject_of_a_task_is_a_reject(store: Store) -> None:
    @task(name="no")
    def no() -> None:
        raise Reject("my words")

    with pyjobs.Client(store.url) as client, running(pyjobs.Worker(store.url, tasks=[no])):
        assert str(client.submit(no).exception(9)) == "my words"
