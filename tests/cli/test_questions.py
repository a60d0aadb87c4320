"""docs/operations.md: each question of an operator has a command and a call, and both answer."""

from __future__ import annotations

import pytest
from support.commands import Cli
from support.questions import CODE, ROWS, commands, names

from pyjobs import codec
from pyjobs.admin import Admin
from pyjobs.engine import RELIABLE
from pyjobs.transport import run

pytest_plugins = ("support.command_fixtures",)

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


IDS = {"run": "later", "delete": "waits", "cancel": "held", "requeue": "dead"}


def test_the_table_has_the_questions_of_an_operator() -> None:
    assert len(ROWS) >= 22
    assert all(len(row) == 3 for row in ROWS), ROWS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip()[:50])
def test_a_question_has_a_command_that_answers(busy: Cli, row: tuple[str, str, str]) -> None:
    for program, words in commands(row[1], IDS):
        done = busy(*words)
        assert done.code in FINDS.get(program, {0}), (words, done)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip()[:50])
def test_a_question_has_a_call_that_answers(busy: Cli, row: tuple[str, str, str]) -> None:
    with Admin(busy.url) as admin:
        for call in CODE.findall(row[2]):
            assert eval(call, names(call, admin, IDS)) is not NotImplemented, call
