"""Tasks: functions that a client submits by their arguments and a worker calls."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import decimal
import enum
import logging
import sys
import types
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from support.servers import MEMORY_PLACES, SERVER_PLACES, at
from support.store import Store

import pyjobs
import pyjobs.aio
from pyjobs import BadArgument, ClaimedJob, JobFailed, MissingExtra, Reject, task
from pyjobs.testing import running


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Order:
    id: uuid.UUID
    at: datetime.datetime
    price: decimal.Decimal
    color: Color
    blob: bytes


ORDER = Order(
    uuid.UUID(int=7),
    datetime.datetime(2026, 11, 27, tzinfo=datetime.UTC),
    decimal.Decimal("1.10"),
    Color.RED,
    b"\x00\xff",
)


@task(name="send", max_attempts=1)
def send(to: int, body: str = "hi", *, tags: list[str] | None = None) -> str:
    return f"{to} {body} {tags}"


@task(name="add")
async def add(a: int, b: int) -> int:
    return a + b


@task(name="keep")
def keep(order: Order) -> Order:
    return order


@task(name="who")
def who(job: ClaimedJob, word: str) -> str:
    return f"{job.id} {job.task} {word}"


@task(name="wrong", max_attempts=1)
def wrong() -> int:
    return "no number"  # type: ignore[return-value]


@task(name="refuse", reject_on=(ValueError,))
async def refuse() -> None:
    raise ValueError("never")


@task(name="retry", retry_on=(OSError,))
def retry() -> None:
    raise KeyError("x")


TASKS = [send, add, keep, who, wrong, refuse, retry]


@pytest.fixture
def client(store: Store) -> Iterator[pyjobs.Client]:
    url = store.url
    with pyjobs.Client(url) as client, running(pyjobs.Worker(url, tasks=TASKS)):
        yield client


# --- the function ---


def test_a_task_that_is_called_is_its_function() -> None:
    assert send(7, body="yo") == "7 yo None"
    assert send.__name__ == "send"


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda *to: None, "takes any number of arguments"),
        (lambda **to: None, "takes any names"),
        (lambda to, /: None, "is positional-only"),
    ],
)
def test_a_function_with_parameters_that_have_no_name_is_refused(function: Any, why: str) -> None:
    with pytest.raises(BadArgument, match=why):
        task(name="x")(function)


def test_the_default_name_is_module_and_function() -> None:
    def top() -> None:
        """A function as at the top of a module."""

    top.__qualname__, top.__module__ = "top", "shop.mail"
    assert task(top).name == "shop.mail.top"


@pytest.mark.parametrize(
    ("module", "qualname"), [("__main__", "top"), ("shop", "outer.<locals>.top")]
)
def test_a_function_that_no_other_process_can_name_needs_a_name(module: str, qualname: str) -> None:
    def top() -> None:
        """A function of the program itself, or of another function."""

    top.__qualname__, top.__module__ = qualname, module
    with pytest.raises(BadArgument, match=r"name="):
        task(top)
    assert task(name="top")(top).name == "top"


def test_annotations_beyond_json_need_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgspec", None)
    with pytest.raises(MissingExtra, match=r"pyjobs\[tasks\]"):
        task(name="x")(keep.function)


@at(MEMORY_PLACES)
def test_plain_json_types_need_no_extra(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgspec", None)
    plain = task(name="plain")(send.function)
    url = store.url
    with pyjobs.Client(url) as client, running(pyjobs.Worker(url, tasks=[plain])):
        assert client.submit(plain, 7, tags=["a"]).result(9) == "7 hi ['a']"
        with pytest.raises(JobFailed, match="it has no argument other"):
            client.submit({"to": 7, "other": 1}, task="plain").result(9)


# --- one job ---


@at(SERVER_PLACES)
def test_arguments_and_results_are_converted_by_annotation(client: pyjobs.Client) -> None:
    assert client.submit(keep, ORDER).result(9) == ORDER


@at(MEMORY_PLACES)
def test_plain_and_async_tasks_run_in_one_worker(client: pyjobs.Client) -> None:
    assert client.submit(send, 7, body="yo", tags=["a"]).result(9) == "7 yo ['a']"
    assert client.submit(add, 1, b=2).result(9) == 3


@at(MEMORY_PLACES)
def test_a_first_parameter_annotated_with_claimed_job_gets_the_job(client: pyjobs.Client) -> None:
    assert client.submit(who.using(id="w-1"), "hi").result(9) == "w-1 who hi"


@at(MEMORY_PLACES)
def test_the_asyncio_client_awaits_a_task(store: Store) -> None:
    async def nine() -> int:
        async with pyjobs.aio.Client(store.url) as client:
            return await (await client.submit(add, 4, 5))

    with running(pyjobs.Worker(store.url, tasks=TASKS)):
        assert asyncio.run(nine()) == 9


@at(MEMORY_PLACES)
@pytest.mark.parametrize(
    ("args", "kwargs", "path"),
    [
        (("x",), {}, r"Expected `int`, got `str` - at `\$.to`"),
        ((7,), {"tags": ["a", 1]}, r"Expected `str`, got `int` - at `\$.tags\[1\]`"),
        ((), {}, "missing a required argument: 'to'"),
        ((7,), {"other": 1}, "unexpected keyword argument 'other'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_at_submit_with_their_path(
    client: pyjobs.Client, args: Any, kwargs: Any, path: str
) -> None:
    with pytest.raises(BadArgument, match=f"task send: .*{path}"):
        client.submit(send, *args, **kwargs)


@at(MEMORY_PLACES)
@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"a": 1, "b": "x"}, r"got `str` - at `\$.b`"),
        ({"a": 1}, "field `b`"),
        ([1, 2], "no JSON object"),
    ],
)
def test_data_that_do_not_fit_a_task_are_rejected_by_its_worker(
    client: pyjobs.Client, data: Any, why: str
) -> None:
    job = client.submit(data, task="add")
    with pytest.raises(JobFailed, match=why) as failed:
        job.result(9)
    assert failed.value.reason == "rejected"


@at(MEMORY_PLACES)
@pytest.mark.parametrize(
    ("which", "why"), [(wrong, "result: Expected `int`"), (refuse, "never"), (retry, "KeyError")]
)
def test_a_job_is_rejected_by_a_wrong_result_and_by_the_exceptions_of_its_policy(
    client: pyjobs.Client, which: Any, why: str
) -> None:
    with pytest.raises(JobFailed, match=why) as failed:
        client.submit(which).result(9)
    assert failed.value.reason == "rejected"


@at(MEMORY_PLACES)
def test_a_unique_key_is_made_of_the_arguments(store: Store) -> None:
    once = task(name="once", unique=lambda to: f"to-{to}")(lambda to: None)
    with pyjobs.Client(store.url) as client:
        first = client.submit(once, 7)
        assert client.submit(once, 7).id == first.id
        assert client.submit(once, 8).id != first.id


@at(MEMORY_PLACES)
def test_options_of_one_submit_come_before_the_policy(store: Store) -> None:
    with pyjobs.Client(store.url) as client:
        job = client.submit(send.using(id="a", queue="other", max_attempts=5), 7)
    assert (job.id, job.queue) == ("a", "other")
    fields = store.redis.hgetall("jobs:{other}:job:a")
    assert (fields[b"max_attempts"], fields[b"task"]) == (b"5", b"send")


def test_arguments_beside_data_that_are_no_task_are_refused() -> None:
    with pyjobs.Client("memory://") as client, pytest.raises(BadArgument, match="only a task"):
        client.submit({"a": 1}, 2)  # type: ignore[call-overload]


# --- a worker's tasks ---


def test_a_worker_takes_the_tasks_of_a_module_and_serves_their_queues() -> None:
    module = types.ModuleType("shop")
    module.first = task(name="first", queue="mail")(lambda: None)  # type: ignore[attr-defined]
    module.second = task(name="second")(lambda: None)  # type: ignore[attr-defined]
    worker = pyjobs.Worker("memory://", tasks=[module])
    assert worker.settings.queues == ("mail", "default")


@pytest.mark.parametrize(
    ("tasks", "why"),
    [
        ([types.ModuleType("empty")], "module empty has none"),
        ([print], "not a task"),
        ([send, task(name="send")(lambda: None)], "two tasks have the name send"),
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
        client.submit(add, 1, 2).result(9)
        while not store.redis.zcard("jobs:{default}:delayed"):
            client.submit(add, 1, 2).result(9)
    assert caplog.text.count("task newer is unknown here") == 1
    assert not store.redis.hexists("jobs:{default}:job:n-0", "attempts")


@at(MEMORY_PLACES)
@pytest.mark.parametrize("mode", ["simple", "recoverable"])
def test_a_job_with_an_unknown_task_fails_where_it_can_t_be_handed_back(
    store: Store, mode: Any
) -> None:
    url = store.url
    worker = pyjobs.Worker(url, mode=mode, tasks=TASKS)
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
        assert client.submit({"n": 1}).result(9) == {"n": 1}
        assert client.submit(add, 1, 2).result(9) == 3


@at(MEMORY_PLACES)
def test_a_reject_of_a_task_is_a_reject(store: Store) -> None:
    @task(name="no")
    def no() -> None:
        raise Reject("my words")

    with pyjobs.Client(store.url) as client, running(pyjobs.Worker(store.url, tasks=[no])):
        assert str(client.submit(no).exception(9)) == "my words"


@task(name="measure")
def measure(value: float | None, anything=None):  # type: ignore[no-untyped-def]
    return float("nan") if value is None else value


@at(MEMORY_PLACES)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused_and_nothing_is_written(
    store: Store, bad: float
) -> None:
    with pyjobs.Client(store.url) as client, store.unchanged():
        for arguments in ((bad,), (1.0, bad), (1.0, {"deep": [bad]})):
            with pytest.raises(BadArgument, match="task measure"):
                client.submit(measure, *arguments)
