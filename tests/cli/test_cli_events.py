"""`pyjobs events`: shows what happened, follows what happens, and lets a queue keep events."""

from __future__ import annotations

import json

import pytest
from support.commands import Cli

from pyjobs.engine import RELIABLE
from pyjobs.transport import run

pytest_plugins = ("support.command_fixtures",)

Q = "jobs:{words}"


@pytest.fixture
def kept(cli: Cli) -> Cli:
    """A queue that keeps events, with a job that has died."""
    cli.redis.hset("jobs:queues", "words", "reliable")
    run(cli.redis, RELIABLE.submit(Q, [("before", b"1")]))
    said = "pyjobs: queue words keeps its latest 100 events\n"
    assert cli("events", "words", "--keep", "100") == (0, "", said)
    run(cli.redis, RELIABLE.submit(Q, [("a", b"1")], task="mail.send"))
    taken = run(cli.redis, RELIABLE.claim([Q], nonce="n", limit=9, lease=60_000)).jobs[1]
    run(cli.redis, RELIABLE.fail(Q, [(taken.id, taken.token, "reject", b"{}")]))
    return cli


def test_events_of_a_queue_are_a_table_the_latest_below(kept: Cli) -> None:
    heads, *rows = kept("events", "words").out.splitlines()
    assert heads.split() == ["when", "event", "job", "task", "attempt", "reason"]
    assert [row.split()[2:] for row in rows] == [
        ["submitted", "a", "mail.send", "0"],
        ["claimed", "before", "1"],
        ["claimed", "a", "mail.send", "1"],
        ["dead", "a", "mail.send", "1", "rejected"],
    ]
    assert len(kept("events", "words", "--limit", "2").out.splitlines()) == 3


def test_events_as_json_name_their_entries_to_go_on_from(kept: Cli) -> None:
    found = [json.loads(line) for line in kept("events", "words", "--json").out.splitlines()]
    assert [one["event"] for one in found] == ["submitted", "claimed", "claimed", "dead"]
    after = kept("events", "words", "--json", "--after", found[1]["entry"]).out.splitlines()
    assert [json.loads(line) for line in after] == found[2:]


def test_a_follower_prints_each_event_as_a_line_until_it_is_ended(kept: Cli) -> None:
    process = kept.start("events", "words", "--limit", "1", "--follow", "--every", "0.01")
    assert process.stdout is not None
    assert process.stdout.readline().split()[2:] == ["dead", "a", "mail.send", "1", "rejected"]
    run(kept.redis, RELIABLE.submit(Q, [("b", b"1")]))
    assert process.stdout.readline().split()[2:] == ["submitted", "b", "0"]
    process.send_signal(2)
    assert process.wait(30) == 130
    assert "Traceback" not in process.communicate()[1]


def test_a_queue_that_keeps_no_events_says_how_it_would(kept: Cli) -> None:
    off = "pyjobs: queue words keeps no events"
    assert kept("events", "words", "--off").err == f"{off}\n"
    assert kept("events", "words", "--off").err == f"{off}, as before\n"
    assert kept("events", "words").err == f"{off}: `pyjobs events words --keep 10000`\n"
    assert not kept.redis.exists(f"{Q}:events")


def test_a_queue_without_events_yet_says_so(kept: Cli) -> None:
    latest = json.loads(kept("events", "words", "--json").out.splitlines()[-1])["entry"]
    said = kept("events", "words", "--after", latest)
    assert said == (0, "", f"pyjobs: no events of queue words behind {latest}\n")
    kept("events", "words", "--off")
    kept("events", "words", "--keep", "5")
    assert kept("events", "words") == (0, "", "pyjobs: no events of queue words yet\n")


def test_wrong_words_are_refused(kept: Cli) -> None:
    assert "exclude each other" in kept("events", "words", "--off", "--keep", "5").err
    assert kept("events", "word").code == 1
    assert "after: 'x' is not the name of an event" in kept("events", "words", "--after", "x").err
    gone = kept("events", "words", "--after", "1-1")
    assert "event 1-1 is gone, and events behind it may be gone too" in gone.err
