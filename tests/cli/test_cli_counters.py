"""The commands that show what happened: counters, top, and the second table of status."""

from __future__ import annotations

import json

import pytest
from support.commands import Cli

from pyjobs.cli import rates
from pyjobs.engine import RELIABLE, Counters, Times
from pyjobs.transport import run

pytest_plugins = ("support.command_fixtures",)

WORDS, FILMS = "jobs:{words}", "jobs:{films}"


@pytest.fixture
def busy(cli: Cli) -> Cli:
    """Two queues in which jobs were done, and one failed."""
    cli.redis.hset("jobs:queues", mapping={"words": "reliable", "films": "reliable"})
    for queue, count in ((WORDS, 2), (FILMS, 4)):
        jobs = [(f"a{n}", b"1") for n in range(count)]
        run(cli.redis, RELIABLE.submit(queue, jobs, task="show"))
        taken = run(cli.redis, RELIABLE.claim([queue], nonce="n", limit=9, lease=60_000)).jobs
        run(cli.redis, RELIABLE.fail(queue, [(taken[0].id, taken[0].token, "reject", b"{}")]))
        run(cli.redis, RELIABLE.complete(queue, [(job.id, job.token, b"1") for job in taken[1:]]))
    run(cli.redis, RELIABLE.submit(FILMS, [("bare", b"1")]))
    return cli


def objects(said: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in said.splitlines()]


def test_counters_has_a_row_for_each_task(busy: Cli) -> None:
    heads, bare, show = busy("counters", "films").out.splitlines()
    assert heads.split()[:3] == ["task", "in/min", "done/min"]
    assert (bare.split("  ")[0], show.split("  ")[0]) == ("(no task)", "show")
    found = objects(busy("counters", "films", "--json").out)
    assert [(one["task"], one["submitted"], one["done"]) for one in found] == [
        ("", 1, 0),
        ("show", 4, 3),
    ]
    assert found[1]["run"]["count"] == 3  # type: ignore[index]


def test_counters_of_each_minute_have_a_row_for_each_minute(busy: Cli) -> None:
    found = objects(busy("counters", "words", "--each", "--json").out)
    assert sum(int(str(one["done"])) for one in found) == 1
    assert busy("counters", "words", "--each").out.startswith("minute ")


def test_counters_are_switched_off_and_on(busy: Cli) -> None:
    said = busy("counters", "words", "--off")
    assert "queue words does not count: `pyjobs counters words --on`" in said.err
    run(busy.redis, RELIABLE.submit(WORDS, [("more", b"1")], task="show"))
    (found,) = objects(busy("counters", "words", "--on", "--json").out)
    assert found["submitted"] == 2


def test_counters_of_a_queue_that_never_was_is_an_error_with_the_nearest_name(busy: Cli) -> None:
    said = busy("counters", "word")
    assert said.code == 1
    assert "words" in said.err


def test_counters_beyond_three_days_are_refused(busy: Cli) -> None:
    said = busy("counters", "words", "--minutes", "4321")
    assert said == (1, "", "pyjobs: --minutes: must be a whole number from 1 to 4320, not '4321'\n")


def test_counters_of_an_idle_queue_say_that_nothing_happened(busy: Cli) -> None:
    for key in busy.redis.keys("*:counters*"):
        busy.redis.delete(key)
    said = busy("counters", "words")
    assert said == (0, "", "pyjobs: nothing happened in queue words in 5 minutes\n")
    assert len(busy("status").out.splitlines()) == 3


def test_status_shows_what_happened_below_what_is_there(busy: Cli) -> None:
    lines = busy("status").out.splitlines()
    assert lines[3] == ""
    assert lines[4].startswith("last 5 min")
    assert [line.split()[0] for line in lines[5:]] == ["films", "words"]
    films, _ = objects(busy("status", "--json").out)
    assert films["last"]["done"] == 3  # type: ignore[index]


def test_top_prints_queues_and_tasks_once_where_there_is_no_terminal(busy: Cli) -> None:
    queues, tasks = busy("top").out.strip().split("\n\n")
    assert [line.split()[0] for line in queues.splitlines()] == ["queue", "films", "words"]
    rows = [line.split()[:2] for line in tasks.splitlines()]
    assert rows[:3] == [["queue", "task"], ["films", "show"], ["words", "show"]]
    films, words = objects(busy("top", "--json").out)
    assert (films["queue"], words["queue"]) == ("films", "words")
    assert films["tasks"].keys() == {"", "show"}  # type: ignore[attr-defined]


def test_top_without_a_queue_says_so(cli: Cli) -> None:
    assert cli("top") == (0, "", "pyjobs: no queue is registered in jobs:queues\n")


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "-"), (0.25, "0.25"), (12.345, "12.3"), (123456.7, "123457")]
)
def test_a_rate_has_three_digits(number: float, shown: str) -> None:
    assert rates.rate(number) == shown


@pytest.mark.parametrize(
    ("ms", "shown"),
    [(0, "0 ms"), (999, "999 ms"), (1234, "1.2 s"), (42_000, "42 s"), (90_000, "1.5 min")],
)
def test_a_time_has_two_digits(ms: float, shown: str) -> None:
    assert rates.short(ms) == shown


def test_a_percentile_lies_in_its_bucket() -> None:
    times = Times(100, 5000, {64: 90, 1024: 10})
    assert times.mean == 50
    assert 32 <= times.quantile(0.5) <= 64
    assert 512 <= times.quantile(0.95) <= 1024
    assert times.quantile(1.0) == 1024
    assert Times().quantile(0.5) == Times().mean == 0.0


def test_a_rate_is_of_the_time_that_the_minutes_have_lasted() -> None:
    assert Counters(now=0, counting=True, minutes=5, span=120_000, rows=[]).rate(10) == 5.0
