"""docs/operations.md: each question of an operator has a command and a call, and both answer."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from support.commands import Cli

from pyjobs import codec
from pyjobs.admin import Admin, Exporter, Filter, Scraper
from pyjobs.engine import RELIABLE
from pyjobs.transport import run

pytest_plugins = ("support.command_fixtures",)

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
TABLE = PAGE.read_text().partition("| question | command |")[2].partition("\n\n")[0]
ROWS = [tuple(row.strip("| ").split(" | ")) for row in TABLE.splitlines() if row.count("`") > 2]
CODE = re.compile(r"`([^`]+)`")
Q = "jobs:{words}"
# Commands that say by their exit code what they found.
FINDS = {"pyjobs doctor": {0, 1, 2}}


@pytest.fixture
def busy(cli: Cli) -> Cli:
    """A queue with a job in each state, and a schedule."""
    cli.redis.hset("jobs:queues", mapping={"words": "reliable", "empty": "reliable"})
    run(cli.redis, RELIABLE.submit("jobs:{empty}", [("gone", b"1")]))
    cli("purge", "empty", "--yes")
    run(cli.redis, RELIABLE.submit(Q, [(id, b"1") for id in ("dead", "done", "held")]))
    dead, done, _ = run(cli.redis, RELIABLE.claim([Q], nonce="n", limit=3, lease=60_000)).jobs
    error = codec.encode_error("Timeout", "took too long", "")
    run(cli.redis, RELIABLE.fail(Q, [(dead.id, dead.token, "reject", error)]))
    run(cli.redis, RELIABLE.complete(Q, [(done.id, done.token, b"1")]))
    run(cli.redis, RELIABLE.submit(Q, [("waits", b"1"), ("other", b"1")], task="mail.send"))
    run(cli.redis, RELIABLE.submit(Q, [("later", b"1")], delay=3_600_000))
    run(cli.redis, RELIABLE.schedule(Q, "report", b"1", every=3_600_000))
    return cli


def queue_for(text: str) -> str:
    return "empty" if text.startswith(("pyjobs mode", "set_mode")) else "words"


def id_for(text: str) -> str:
    wanted = {"run": "later", "delete": "waits", "cancel": "held", "requeue": "dead"}
    return next((id for verb, id in wanted.items() if verb in text), "dead")


def test_the_table_has_the_questions_of_an_operator() -> None:
    assert len(ROWS) >= 22
    assert all(len(row) == 3 for row in ROWS), ROWS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip()[:50])
def test_a_question_has_a_command_that_answers(busy: Cli, row: tuple[str, str, str]) -> None:
    program = ""
    for found in CODE.findall(row[1]):
        program = found if found.startswith("pyjobs") else f"{program.partition(' --')[0]} {found}"
        words = program.replace("QUEUE", queue_for(program)).replace(" ID...", " ID")
        words = words.replace("NAME", "report").replace("TO", "elsewhere")
        words = words.replace("ID", id_for(words))
        if "--remove" in words:
            words += " --yes"
        done = busy(*shlex.split(words)[1:])
        assert done.code in FINDS.get(program, {0}), (words, done)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip()[:50])
def test_a_question_has_a_call_that_answers(busy: Cli, row: tuple[str, str, str]) -> None:
    known: dict[str, Any] = {"Filter": Filter, "Exporter": Exporter, "Scraper": Scraper}
    with Admin(busy.url) as admin:
        methods = {name: getattr(admin, name) for name in dir(admin) if name[0] != "_"}
        for call in CODE.findall(row[2]):
            names = {
                **known, **methods, "queue": queue_for(call), "id": id_for(call),
                "ids": [id_for(call)], "to": "elsewhere", "name": "report",
            }  # fmt: skip
            assert eval(call, names) is not NotImplemented, call
