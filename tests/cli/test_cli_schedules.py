"""`pyjobs schedules`: what is shown of schedules, and what an operator does to one."""

from __future__ import annotations

import json

import pytest
from support.commands import Cli

from pyjobs.engine import RELIABLE
from pyjobs.transport import run

pytest_plugins = ("support.command_fixtures",)

WORDS = "jobs:{words}"
DAY = 86_400_000


@pytest.fixture
def queue(cli: Cli) -> Cli:
    """A queue with two schedules: a daily one, and one of a calendar."""
    cli.redis.hset("jobs:queues", "words", "reliable")
    run(cli.redis, RELIABLE.schedule(WORDS, "cleanup", b"1", every=DAY, task="cleanup.run"))
    run(
        cli.redis,
        RELIABLE.schedule(
            WORDS,
            "report",
            b"1",
            moments="4102444800000",
            cron="0%2012%20*%20*%20*",
            zone="Europe/Paris",
            missed="all",
            unique="one",
        ),
    )
    return cli


def test_schedules_are_shown_in_the_order_of_their_moments(queue: Cli) -> None:
    said = queue("schedules", "words")
    head, first, second = said.out.splitlines()
    assert " ".join(head.split()) == "name next when zone missed task paused last runs"
    assert first.startswith("cleanup")
    assert "every 1 d" in first
    assert "cleanup.run" in first
    assert all(part in second for part in ("report", "2100-01-01", "Europe/Paris", "all"))
    assert "0 12 * * *" in second
    assert said.err == "pyjobs: 2 schedules on queue words\n"


def test_schedules_are_printed_as_json_one_a_line(queue: Cli) -> None:
    first, second = map(json.loads, queue("schedules", "words", "--json").out.splitlines())
    assert (first["name"], first["every"], first["paused"], first["ran"]) == (
        *("cleanup", DAY, False, []),
    )
    assert (second["next"], second["zone"]) == (4102444800000, "Europe/Paris")


def test_a_schedule_is_paused_and_resumed(queue: Cli) -> None:
    said = queue("schedules", "words", "--pause", "cleanup")
    assert said.out.startswith("schedule cleanup is paused; `pyjobs schedules words --resume")
    assert queue("schedules", "words").out.splitlines()[2].split()[1] == "-"
    assert queue("schedules", "words", "--resume", "cleanup").out == "schedule cleanup is resumed\n"
    assert queue("schedules", "words", "--resume", "cleanup").out.endswith("was not paused\n")


def test_a_job_of_a_schedule_is_made_now_unless_its_unique_key_is_held(queue: Cli) -> None:
    said = queue("schedules", "words", "--run", "report")
    id = said.out.split()[-1]
    assert said == (0, f"schedule report has made job {id}\n", "")
    said = queue("schedules", "words", "--run", "report")
    assert f"no job: job {id} has its unique key, and is pending" in said.out


def test_a_schedule_is_removed_when_that_is_confirmed(queue: Cli) -> None:
    said = queue("schedules", "words", "--remove", "cleanup", "--yes")
    assert said == (0, "schedule cleanup is removed; its jobs stay\n", "")
    assert len(queue("schedules", "words", "--json").out.splitlines()) == 1


@pytest.mark.parametrize("edit", ["--pause", "--resume", "--run", "--remove"])
def test_an_unknown_schedule_is_an_error_without_a_traceback(queue: Cli, edit: str) -> None:
    said = queue("schedules", "words", edit, "none", "--yes")
    assert said == (1, "", "pyjobs: queue words has no schedule none\n")


def test_an_unknown_queue_is_named_with_the_nearest(queue: Cli) -> None:
    said = queue("schedules", "wrods")
    assert said.code == 1
    assert "did you mean words?" in said.err


def test_two_edits_at_once_are_refused_and_nothing_is_done(queue: Cli) -> None:
    said = queue("schedules", "words", "--pause", "cleanup", "--run", "cleanup")
    assert said.code == 1
    assert "at a time" in said.err
    assert queue.redis.hget("jobs:{words}:schedule:cleanup", "paused") is None
