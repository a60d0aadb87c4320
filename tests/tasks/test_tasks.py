"""Tasks: functions that a client submits by their arguments and a worker calls."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import decimal
import enum
import inspect
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from support.servers import MEMORY_PLACES, SERVER_PLACES, at
from support.store import Store

import pyjobs
import pyjobs.aio
from pyjobs import BadArgument, ClaimedJob, JobFailed, MissingExtra, task
from pyjobs.tasks.signature import binder
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


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((1,), {}),
        ((1, "x"), {}),
        ((1, "x", None), {}),
        ((1,), {"tags": []}),
        ((), {"tags": [], "to": 1}),
        ((), {"tags": [], "body": "x", "to": 1}),
        ((), {"body": "x"}),
        ((1,), {"to": 2}),
        ((), {"to": 1, "body": "x", "tag": []}),
        ((), {}),
    ],
    ids=repr,
)
def test_arguments_are_bound_as_a_call_binds_them_and_in_the_order_of_the_parameters(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """The order is that of the JSON, by which a repeated submit is recognized."""

    def in_order(to: int, body: str = "", tags: Any = None) -> None: ...

    for signature in (send.signature, inspect.signature(in_order)):
        try:
            expected = [*signature.bind(*args, **kwargs).arguments.items()]
        except TypeError as error:
            with pytest.raises(TypeError) as raised:
                binder(signature)(args, kwargs)
            assert str(raised.value) == str(error)
        else:
            assert [*binder(signature)(args, kwargs).items()] == expected


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
        assert client.submit(plain, 7, tags=["a"]).result(30) == "7 hi ['a']"
        with pytest.raises(JobFailed, match="it has no argument 'other'"):
            client.submit({"to": 7, "other": 1}, task="plain").result(30)


# --- one job ---


@at(SERVER_PLACES)
def test_arguments_and_results_are_converted_by_annotation(client: pyjobs.Client) -> None:
    assert client.submit(keep, ORDER).result(30) == ORDER


@at(MEMORY_PLACES)
def test_plain_and_async_tasks_run_in_one_worker(client: pyjobs.Client) -> None:
    assert client.submit(send, 7, body="yo", tags=["a"]).result(30) == "7 yo ['a']"
    assert client.submit(add, 1, b=2).result(30) == 3


@at(MEMORY_PLACES)
def test_a_first_parameter_annotated_with_claimed_job_gets_the_job(client: pyjobs.Client) -> None:
    assert client.submit(who.using(id="w-1"), "hi").result(30) == "w-1 who hi"


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
        job.result(30)
    assert failed.value.reason == "rejected"


@at(MEMORY_PLACES)
@pytest.mark.parametrize(
    ("which", "why"), [(wrong, "result: Expected `int`"), (refuse, "never"), (retry, "KeyError")]
)
def test_a_job_is_rejected_by_a_wrong_result_and_by_the_exceptions_of_its_policy(
    client: pyjobs.Client, which: Any, why: str
) -> None:
    with pytest.raises(JobFailed, match=why) as failed:
        client.submit(which).result(30)
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


# --- values that JSON would change, or can't carry ---


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


@task(name="any")
def anything(value):  # type: ignore[no-untyped-def]
    return value


@task(name="by_number")
def by_number(value: dict[int, str]) -> dict[int, str]:
    return value


@task(name="by_word")
def by_word(value: dict[str, list[Any]]) -> list[Any]:
    return value["deep"]


@pytest.mark.parametrize(
    ("what", "value", "words"),
    [
        (anything, {1: "a", "1": "b"}, r"task any: key 1 is not a string - at `\$.value`"),
        (anything, [{"a": {2.5: "b"}}], r"key 2.5 is not a string - at `\$.value\[0\].a`"),
        (by_number, {1: "a", "1": "b"}, r"two keys are one in JSON - at `\$.value`"),
        (by_word, {"deep": [{7: 8}]}, r"key 7 is not a string - at `\$.value.deep\[0\]`"),
    ],
)
def test_a_key_that_json_would_change_is_refused_with_its_path(
    what: Any, value: Any, words: str
) -> None:
    pytest.importorskip("msgspec")
    with pytest.raises(BadArgument, match=words):
        what.submission((value,), {})


@at(MEMORY_PLACES)
def test_keys_that_an_annotation_makes_numbers_again_come_back(store: Store) -> None:
    pytest.importorskip("msgspec")
    worker = pyjobs.Worker(store.url, tasks=[by_number, anything])
    with pyjobs.Client(store.url) as client, running(worker):
        assert client.submit(by_number, {1: "a", 2: "b"}).result(30) == {1: "a", 2: "b"}
        assert client.submit(anything, {"1": ["2", {"3": 4}]}).result(30) == {"1": ["2", {"3": 4}]}


def test_a_key_of_a_result_or_an_output_that_json_would_change_is_refused() -> None:
    pytest.importorskip("msgspec")
    convert = anything._converter
    for write in (convert.encode_result, convert.chunk):
        with pytest.raises(BadArgument, match=r"key 1 is not a string - at `\$.a\[0\]`"):
            write({"a": [{1: "a", "1": "b"}]})
        write({"1": 1, "2.5": 2})


RAISED = """
import dataclasses, sys
from typing import Any
from pyjobs import task
@dataclasses.dataclass
class Node:
    inner: Any
@task(name="any")
def anything(value): return value
circular, by_key, node, deep = [], {}, Node(None), []
circular.append(circular)
by_key["a"] = [by_key]
node.inner = {"n": (node,)}
for _ in range(400_000):
    deep = [deep]
text = b"[" * 400_000 + b"]" * 400_000
sys.setrecursionlimit(LIMIT)
convert = anything._converter
for value in (circular, by_key, node, deep):
    for write in (lambda: anything.submission((value,), {}), lambda: convert.encode_result(value),
                  lambda: convert.chunk(value)):
        try:
            write()
        except Exception as error:
            print(type(error).__name__)
for read in (convert.decode_result, convert.decode_chunk):
    try:
        read(text)
    except Exception as error:
        print(type(error).__name__)
import os
os._exit(0)  # Python would free what is so deep
"""


@pytest.mark.parametrize("limit", [1000, 10**8], ids=["usual", "raised"])
def test_deep_and_circular_values_of_a_task_are_refused_under_any_limit_of_recursion(
    limit: int,
) -> None:
    """In a process of its own, which a fault would kill."""
    pytest.importorskip("msgspec")
    program = f"import functools; print = functools.partial(print, flush=True)\n{RAISED}"
    ended = subprocess.run(
        [sys.executable, "-c", program.replace("LIMIT", str(limit))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == ["BadArgument"] * 12 + ["Undecodable"] * 2


def test_what_the_program_s_own_code_raises_at_a_submit_is_named_with_its_task() -> None:
    class Model:
        def model_dump(self, mode: str) -> Any:
            raise KeyError("field")

    @task(name="keyed", unique=lambda value: value["id"])
    def keyed(value):  # type: ignore[no-untyped-def]
        return value

    with pytest.raises(BadArgument, match="task keyed: unique: no key, but raised KeyError: 'id'"):
        keyed.submission(({},), {})
    pytest.importorskip("msgspec")
    with pytest.raises(BadArgument, match="task any: KeyError: 'field'"):
        anything.submission((Model(),), {})
