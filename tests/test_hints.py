"""The words of other libraries: each is answered with a word that pyjobs has."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from typing import Any

import click
import pytest

import pyjobs
import pyjobs.aio
from pyjobs import BadArgument, admin, hints, task
from pyjobs.cli.app import LISTED, app
from pyjobs.cli.work import work
from pyjobs.client import Options


@task(name="mail.await")
async def awaited(to: str) -> str:
    return to


COMMANDS = {name for commands in LISTED.values() for name in commands}
JOBS = [kind("a", "words") for kind in (pyjobs.Job, pyjobs.aio.Job)]


@task(name="mail.send")
def send(to: str) -> str:
    return to


def test_every_word_for_a_command_names_a_command_and_is_none() -> None:
    assert set(hints.OF_COMMANDS.values()) <= COMMANDS
    assert hints.OF_COMMANDS.keys() & COMMANDS == set()


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (hints.OF_SUBMITS, {*Options.__annotations__, "id", "queue"}),
        (hints.OF_POLICIES, set(inspect.signature(task).parameters)),
        (hints.OF_WORKERS, set(inspect.signature(pyjobs.Worker).parameters)),
        (hints.OF_MADE_CLIENTS, set(inspect.signature(pyjobs.Client).parameters)),
        (hints.OF_CONNECTIONS, set(inspect.signature(admin.Admin).parameters)),
    ],
    ids=["submit", "task", "worker", "client", "admin"],
)
def test_every_word_for_an_option_names_an_option_and_is_none(
    words: dict[str, str], known: set[str]
) -> None:
    named = {found[1] for hint in words.values() if (found := re.match(r"the word is (\w+)", hint))}
    assert named <= known
    assert words.keys() & known == set()


def test_every_word_for_an_option_of_the_command_work_names_an_option_and_is_none() -> None:
    known = {spelling for option in work.params for spelling in option.opts}
    said = [word for hint in hints.OF_WORK.values() for word in re.findall(r"--[\w-]+", hint)]
    assert {*said} <= known
    assert hints.OF_WORK.keys() & known == set()


def test_every_option_that_may_be_meant_is_one_of_a_command() -> None:
    context = click.Context(app)
    commands = [app.get_command(context, name) for name in app.list_commands(context)]
    known = {word for one in commands if one for param in one.params for word in param.opts}
    assert {word for words in hints.OF_OPTIONS.values() for word in words} <= known


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("AsyncClient", "for asyncio: from pyjobs.aio import Client, Job"),
        ("AsyncWorker", "from pyjobs import Worker: worker.run() has an event loop of its own"),
        ("Queue", "a queue is named where it is used: Client(queue='words')"),
        ("Admin", "from pyjobs.admin import Admin"),
        ("actor", "from pyjobs import task: @task makes a task"),
    ],
)
def test_a_name_that_the_package_lacks_is_answered_with_what_to_write(name: str, said: str) -> None:
    with pytest.raises(
        ImportError, match=re.escape(f"cannot import name {name!r} from 'pyjobs'; {said}")
    ):
        exec(f"from pyjobs import {name}")
    with pytest.raises(AttributeError, match=re.escape(f"has no attribute {name!r}; {said}")):
        getattr(pyjobs, name)
    assert not hasattr(pyjobs, name)


def test_no_name_that_the_package_lacks_is_public_and_what_its_hint_imports_can_be_imported() -> (
    None
):
    assert hints.OF_PACKAGE.keys() & set(pyjobs.__all__) == set()
    for hint in hints.OF_PACKAGE.values():
        for words in re.findall(r"from pyjobs[\w.]* import \w+(?:, \w+)*", hint):
            exec(words)


def test_a_name_without_a_hint_raises_what_python_raises() -> None:
    with pytest.raises(ImportError, match=r"^cannot import name 'xyzzy' from 'pyjobs'"):
        exec("from pyjobs import xyzzy")
    assert not hasattr(pyjobs, "__wrapped__")


@pytest.mark.parametrize("job", JOBS, ids=["sync", "asyncio"])
@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("get", "job.result(timeout=5) waits for the result"),
        ("status", "job.info() has the state"),
        ("is_finished", "job.done() says whether it has ended"),
        ("revoke", "client.cancel(job) cancels a job"),
    ],
)
def test_a_job_that_is_asked_in_the_words_of_another_library_names_its_own(
    job: Any, word: str, said: str
) -> None:
    with pytest.raises(AttributeError, match=re.escape(f"has no attribute {word!r}; {said}")):
        getattr(job, word)


@pytest.mark.parametrize("job", JOBS, ids=["sync", "asyncio"])
def test_no_word_for_a_job_is_an_attribute_of_a_job(job: Any) -> None:
    assert [word for word in hints.OF_JOBS if hasattr(type(job), word)] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"eta": 1}, "eta: submit has no such option; the word is run_at"),
        ({"countdown": 1}, "countdown: submit has no such option; the word is delay"),
        ({"priority": 1}, "priority: submit has no such option; a worker serves its queues most"),
        ({"retenton": 1}, "retenton: submit has no such option; did you mean retention?"),
    ],
)
def test_an_option_of_another_library_is_answered_with_the_word_for_it(
    options: Any, said: str
) -> None:
    with (
        pyjobs.Client("memory://hints") as client,
        pytest.raises(BadArgument, match=re.escape(said)),
    ):
        client.submit({}, queue="words", **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"qeue": "mail"}, "qeue: @task has no such option; did you mean queue?"),
        ({"ignore_result": True}, "@task has no such option; retention=0 keeps no result"),
    ],
)
def test_a_misspelled_option_of_a_task_is_answered_with_the_nearest(
    options: Any, said: str
) -> None:
    with pytest.raises(BadArgument, match=re.escape(said)):
        task(**options)


MADE: list[tuple[Any, str]] = [
    (pyjobs.Worker, "concurrency"),
    (pyjobs.Client, "middleware"),
    (pyjobs.aio.Client, "middleware"),
    (admin.Admin, "prefix"),
    (admin.AsyncAdmin, "prefix"),
]


@pytest.mark.parametrize(("kind", "option"), MADE)
def test_a_misspelled_option_of_what_has_a_url_is_answered_with_the_nearest(
    kind: Any, option: str
) -> None:
    wrong = option[:-2] + option[-1]
    said = f"{wrong}: {kind.__name__} has no such option; did you mean {option}?"
    with pytest.raises(BadArgument, match=re.escape(said)):
        kind("memory://hints", **{wrong: 1})


@pytest.mark.parametrize(("kind", "option"), MADE)
def test_an_option_without_its_name_beside_a_url_is_refused_with_the_way_to_name_it(
    kind: Any, option: str
) -> None:
    said = rf"only the URL goes without a name, and not 'x'; .*{kind.__name__}\(url, \w+=\.\.\.\)"
    with pytest.raises(BadArgument, match=said):
        kind("memory://hints", "x")


@pytest.mark.parametrize(("kind", "option"), MADE)
def test_the_signature_of_what_has_a_url_is_the_written_one(kind: Any, option: str) -> None:
    parameters = inspect.signature(kind).parameters
    assert option in parameters and next(iter(parameters)) == "url"
    assert {one.kind.name for one in parameters.values()} == {
        "POSITIONAL_OR_KEYWORD",
        "KEYWORD_ONLY",
    }


def test_a_misspelled_option_of_using_is_refused_before_a_submit() -> None:
    said = "dealy: submit has no such option; did you mean delay?"
    with pytest.raises(BadArgument, match=re.escape(said)):
        send.using(dealy=60)  # type: ignore[call-arg]


def test_a_misspelled_argument_of_a_task_is_answered_with_the_nearest() -> None:
    @task(name="mail.greet")
    def greet(customer: str) -> str:
        return customer

    with (
        pyjobs.Client("memory://hints") as client,
        pytest.raises(BadArgument, match=r"; did you mean customer, not custmer\?"),
    ):
        client.submit(greet, custmer="ann")  # type: ignore[call-arg]


MISTAKES: list[tuple[str, Callable[[pyjobs.Client], object], str]] = [
    (
        "a called task",
        lambda client: client.submit(awaited("ann")),
        "data: a coroutine, which a call of an async def returns; give a task and its arguments",
    ),
    (
        "many jobs of a task without arguments",
        lambda client: client.submit_many(send),  # type: ignore[call-overload]
        "arguments: None, not a list of jobs' arguments",
    ),
    (
        "a moment as text",
        lambda client: client.submit({}, run_at="2030-01-01"),  # type: ignore[arg-type]
        "run_at: must be a moment, a datetime with a time zone or seconds since the epoch, not '20",
    ),
    (
        "a moment without a zone",
        lambda client: client.submit({}, run_at=datetime(2030, 1, 1)),
        "has no time zone; datetime.now(UTC) and .astimezone() have one",
    ),
    (
        "a misspelled time of a schedule",
        lambda client: client.schedules.set("daily", {}, evry=5),  # type: ignore[call-arg]
        "evry: a schedule has no such option; did you mean every?",
    ),
    (
        "a module by its name",
        lambda client: pyjobs.Worker("memory://hints", tasks="words"),  # type: ignore[arg-type]
        "tasks: must be a list of tasks and modules, not 'words'; import the module",
    ),
    (
        "a function among tasks",
        lambda client: pyjobs.Worker("memory://hints", tasks=[len]),  # type: ignore[list-item]
        "tasks: not a task or a module with tasks: <built-in function len>; @task makes a task",
    ),
]


@pytest.mark.parametrize(
    ("mistake", "said"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES]
)
def test_a_mistake_in_python_says_what_to_write(
    mistake: Callable[[pyjobs.Client], object], said: str
) -> None:
    with (
        pyjobs.Client("memory://hints") as client,
        pytest.raises(BadArgument, match=re.escape(said)),
    ):
        mistake(client)


def test_a_task_that_is_asked_to_submit_says_how() -> None:
    with pytest.raises(AttributeError, match=r"'submit'; client\.submit\(task, \.\.\.\)"):
        send.submit("ann")  # type: ignore[attr-defined]


def test_a_misspelled_option_among_the_arguments_of_a_task_is_answered_with_the_nearest() -> None:
    said = "did you mean delay, not dely? It goes into using: task.using(delay=...)"
    with (
        pyjobs.Client("memory://hints") as client,
        pytest.raises(BadArgument, match=re.escape(said)),
    ):
        client.submit(send, "ann", dely=5)  # type: ignore[call-arg]


def test_an_option_of_another_library_among_the_arguments_of_a_task_is_answered_with_the_word() -> (
    None
):
    with (
        pyjobs.Client("memory://hints") as client,
        pytest.raises(BadArgument, match="unexpected keyword argument 'countdown'; the word is de"),
    ):
        client.submit(send, "ann", countdown=5)  # type: ignore[call-arg]


def test_a_client_in_the_wrong_kind_of_with_names_the_right_kind() -> None:
    with (
        pytest.raises(TypeError, match="a client of asyncio is opened by `async with`"),
        pyjobs.aio.Client("memory://hints"),  # type: ignore[attr-defined]
    ):
        pass

    async def enter() -> None:
        async with pyjobs.Client("memory://hints"):  # type: ignore[attr-defined]
            pass

    with pytest.raises(TypeError, match=r"opened by `with`; pyjobs\.aio\.Client is the client of"):
        asyncio.run(enter())


def test_a_client_is_a_context_manager_of_one_kind_to_a_library_that_asks() -> None:
    plain, awaited = AbstractContextManager, AbstractAsyncContextManager
    kinds: list[tuple[Any, type, type, str]] = [
        (pyjobs.Client, plain, awaited, "__aenter__"),
        (pyjobs.aio.Client, awaited, plain, "__enter__"),
    ]
    for kind, own, other, name in kinds:
        assert issubclass(kind, own) and not issubclass(kind, other)
        assert not hasattr(kind, name) and not hasattr(kind("memory://hints"), name)


def test_a_worker_without_a_handler_and_tasks_says_how_to_give_either() -> None:
    with pytest.raises(BadArgument, match=r"@worker\.handler, or make the worker with tasks="):
        pyjobs.Worker("memory://hints").run()


def test_a_run_of_a_worker_in_a_coroutine_names_the_run_for_it() -> None:
    async def main() -> None:
        worker = pyjobs.Worker("memory://hints", tasks=[send])
        with pytest.raises(
            BadArgument, match=r"an event loop runs in this thread; await worker\.arun"
        ):
            worker.run()
        # The refused run leaves the worker free for the right one.
        worker.stop()
        await worker.arun()

    asyncio.run(main())
