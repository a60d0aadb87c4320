"""The command tasks, and work of a module with tasks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.commands import Cli

from pyjobs.cli.work import find
from pyjobs.errors import BadArgument

pytest_plugins = ("support.command_fixtures",)
MODULE = """
from pyjobs import ClaimedJob, task
from uncalled_for import Depends

@task(name="mail.send", queue="mail")
async def send(to: int, body: str = "hi") -> str:
    return body

def database() -> str:
    return "db"

@task(name="mail.count", queue="mail")
def count(job: ClaimedJob, above: int = 0, db: str = Depends(database)) -> int:
    return above
"""
WORKERS = """
from mails import send
from pyjobs import Worker

own = Worker("redis://127.0.0.1:1", tasks=[send], queues=["own"])
"""
MAKERS = """
import pyjobs

def make():
    return pyjobs.Worker("redis://127.0.0.1:1", queues=["made"])

def needs(queue):
    return make()

def none():
    pass

def raises():
    raise ValueError("no settings")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "mails.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return "mails"


def test_tasks_lists_the_tasks_of_a_module(cli: Cli, module: str) -> None:
    head, line, _ = cli("tasks", module).out.splitlines()
    assert head.split() == ["task", "queue", "arguments"]
    assert line.split(maxsplit=2)[:2] == ["mail.send", "mail"]
    assert "to: " in line


def test_tasks_shows_what_is_submitted_and_no_job_and_no_dependencies(
    cli: Cli, module: str
) -> None:
    line = cli("tasks", module).out.splitlines()[2]
    assert ("above: " in line, "job" in line, "db" in line) == (True, False, False)


def test_tasks_with_schema_prints_the_arguments_as_json_schema(cli: Cli, module: str) -> None:
    found = json.loads(cli("tasks", module, "--schema").out)["mail.send"]
    arguments = found["$defs"]["Arguments"]
    assert arguments["properties"]["to"] == {"type": "integer"}
    assert arguments["required"] == ["to"]
    assert arguments["additionalProperties"] is False


def test_tasks_of_a_module_without_any_is_an_error(cli: Cli) -> None:
    status, _, said = cli("tasks", "json")
    assert (status, said) == (
        1,
        "pyjobs: tasks: there is no task in module json\n",
    )


def test_work_of_a_module_serves_its_tasks(module: str) -> None:
    assert find(module).settings.queues == ("mail",)


def test_work_of_a_module_runs_its_only_worker(module: str) -> None:
    Path("works.py").write_text(WORKERS + "same = own\n")
    found = find("works")
    assert (found.settings.queues, found.settings.url) == (("own",), "redis://127.0.0.1:1")


def test_work_of_a_module_with_several_workers_names_them(module: str) -> None:
    Path("several.py").write_text(WORKERS + "other = Worker(tasks=[send])\n")
    with pytest.raises(BadArgument, match="'several' has several workers; name one: several:own, "):
        find("several")


def test_work_of_a_function_that_is_called_runs_the_worker_that_it_returns(module: str) -> None:
    Path("makes.py").write_text(MAKERS)
    assert find("makes:make()").settings.queues == ("made",)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("makes:make", r"is a function, not a Worker \(what returns one is makes:make\(\)\); work"),
        ("makes:needs()", r"is called without arguments: missing a required argument: 'queue'"),
        ("makes:none()", "is a NoneType, not a Worker; workers in makes: none"),
        ("makes:raises()", r"raised ValueError: no settings"),
        ("makes:other()", "is not there; workers in makes: none"),
    ],
)
def test_work_of_a_function_that_makes_no_worker_is_an_error_that_says_why(
    module: str, where: str, message: str
) -> None:
    Path("makes.py").write_text(MAKERS)
    with pytest.raises(BadArgument, match=f"^{re.escape(where)} {message}"):
        find(where)


@pytest.mark.parametrize("where", ["json", "mails:", ":send"])
def test_work_of_what_is_no_worker_and_no_module_with_tasks_is_an_error(
    module: str, where: str
) -> None:
    with pytest.raises(BadArgument):
        find(where)


def test_tasks_with_schema_is_indented(cli: Cli, module: str) -> None:
    assert cli("tasks", module, "--schema").out.splitlines()[1] == '  "mail.send": {'


def test_submit_with_a_task_stores_its_name(cli: Cli) -> None:
    id = cli("submit", "mail", '{"to": 7}', "--task", "mail.send").out.strip()
    assert cli.redis.hget(f"jobs:{{mail}}:job:{id}", "task") == b"mail.send"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("[7]", "an array"),
        ('"a"', "a string"),
        ("true", "a boolean"),
        ("null", "null"),
        ("7", "a n"),
    ],
)
def test_submit_with_a_task_refuses_what_is_no_object(cli: Cli, data: str, kind: str) -> None:
    status, out, said = cli("submit", "mail", data, "--task", "mail.send")
    assert (status, out) == (1, "")
    assert "is a JSON object of the arguments by name, such as" in said
    assert f"not {kind}" in said
    assert cli.redis.keys("*") == []
