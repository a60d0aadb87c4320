"""The command reap: which queues, how often, what it tells."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.commands import Cli, Done

from pyjobs.engine.modes import MODES
from pyjobs.engine.recoverable import RECOVERABLE
from pyjobs.engine.reliable import RELIABLE
from pyjobs.engine.scripts import everything
from pyjobs.transport.send import run

pytest_plugins = ("support.command_fixtures",)

CRONTAB = Path(__file__).parents[2] / "scripts" / "crontab"


@pytest.fixture
def full(cli: Cli) -> Iterator[Cli]:
    """A server at its memory limit, from `fill` on."""
    yield cli
    cli.redis.config_set("maxmemory", 0)


def hold(
    cli: Cli, queue: str, number: int = 1, mode: str = "reliable", register: bool = True
) -> None:
    """Jobs in flight whose worker is gone, and whose lease is over."""
    key = f"jobs:{{{queue}}}"
    run(cli.redis, MODES[mode].submit(key, [(f"j{n}", b"1") for n in range(number)]))
    claim = (
        RELIABLE.claim([key], nonce="n", limit=1000, lease=60_000)
        if mode == "reliable"
        else RECOVERABLE.claim([key], nonce="n", limit=1000)
    )
    assert len(run(cli.redis, claim).jobs) == number
    if mode == "reliable":
        cli.redis.zadd(f"{key}:inflight", {f"j{n}": 1 for n in range(number)})
    if register:
        cli.redis.hset("jobs:queues", queue, mode)


def rows(told: Done) -> dict[str, Any]:
    return {row["queue"]: row for row in json.loads(told.out)["queues"]}


def waiting(cli: Cli, queue: str) -> int:
    return int(cli.redis.llen(f"jobs:{{{queue}}}:pending"))


def test_reap_without_names_reaps_every_registered_queue(cli: Cli) -> None:
    hold(cli, "a", 3)
    hold(cli, "b", 2, "recoverable")
    run(cli.redis, RELIABLE.submit("jobs:{a}", [("late", b"1")], delay=1))
    cli.redis.hset("jobs:queues", "c", "simple")
    told = cli("reap", "--older-than", "0")
    assert (told.code, told.err) == (0, "")
    assert [line.split() for line in told.out.splitlines()] == [
        ["queue", "mode", "put", "back", "promoted", "dead"],
        ["a", "reliable", "3", "1", "0"],
        ["b", "recoverable", "2", "0", "0"],
        ["c", "simple", "0", "0", "0"],
    ]
    assert (waiting(cli, "a"), waiting(cli, "b")) == (4, 2)
    assert all(cli.redis.script_exists(*[script.sha1 for script in everything()]))
    assert cli.redis.hlen("jobs:scripts") == len(everything())


def test_reap_with_json_prints_one_object(cli: Cli) -> None:
    hold(cli, "a")
    told = cli("reap", "--json")
    assert (told.code, told.err) == (0, "")
    assert json.loads(told.out) == {
        "queues": [
            {
                "queue": "a", "mode": "reliable", "put_back": 1, "promoted": 0, "dead": 0,
                "dead_ids": [], "more": False, "skipped": None, "error": None,
            }
        ]
    }  # fmt: skip
    assert rows(cli("reap", "--json"))["a"]["put_back"] == 0


def test_reap_of_an_empty_registry_says_so_and_exits_with_0(cli: Cli) -> None:
    assert cli("reap") == (0, "", "pyjobs: no queue is registered in jobs:queues\n")
    assert json.loads(cli("reap", "--json").out) == {"queues": []}


def test_reap_with_max_crashes_makes_a_crashing_job_dead(cli: Cli) -> None:
    hold(cli, "a")
    told = cli("reap", "--json", "--max-crashes", "1")
    assert (rows(told)["a"]["dead"], rows(told)["a"]["dead_ids"]) == (1, ["j0"])


def test_reap_names_the_jobs_that_die_to_stderr_a_hundred_at_the_most(cli: Cli) -> None:
    hold(cli, "a", 2)
    hold(cli, "b", 102)
    first, second = cli("reap", "--max-crashes", "1").err.splitlines()
    assert first.startswith("pyjobs: queue a: dead now, since their workers kept dying: j")
    assert sorted(first.rpartition(": ")[2].split(", ")) == ["j0", "j1"]
    assert second.endswith(" and 2 more")
    assert second.count(", j") == 99


def test_reap_of_a_named_queue_leaves_the_others(cli: Cli) -> None:
    hold(cli, "a")
    hold(cli, "b")
    assert list(rows(cli("reap", "b", "--json"))) == ["b"]
    assert (waiting(cli, "a"), waiting(cli, "b")) == (0, 1)


def test_reap_under_another_prefix_leaves_this_one(cli: Cli) -> None:
    hold(cli, "a")
    assert cli("reap", "--prefix", "p").err == "pyjobs: no queue is registered in p:queues\n"
    assert waiting(cli, "a") == 0


def test_reap_leaves_recoverable_jobs_that_are_not_old(cli: Cli) -> None:
    hold(cli, "a", mode="recoverable")
    assert rows(cli("reap", "--older-than", "60", "--json"))["a"]["put_back"] == 0


def test_reap_of_a_recoverable_queue_needs_older_than(cli: Cli) -> None:
    hold(cli, "a", mode="recoverable")
    hold(cli, "b")
    message = "pyjobs: queue a is recoverable, and needs --older-than SECONDS\n"
    told = cli("reap", "--json")
    assert (told.code, told.err) == (0, "")
    assert rows(told)["b"]["put_back"] == 1
    assert (rows(told)["a"]["put_back"], rows(told)["a"]["skipped"]) == (0, message[8:-1])
    assert cli("reap", "-v").err == message
    named = cli("reap", "a")
    assert (named.code, named.err) == (1, message)
    assert waiting(cli, "a") == 0


@pytest.mark.parametrize("mode", ["simple", "recoverable"])
def test_reap_with_another_mode_than_the_queue_has_is_refused(cli: Cli, mode: str) -> None:
    hold(cli, "a")
    told = cli("reap", "a", "--mode", mode, "--older-than", "1")
    assert (told.code, told.err) == (1, f"pyjobs: queue a is reliable, not {mode}\n")


def test_reap_of_an_unregistered_queue_asks_the_queue_for_its_mode(cli: Cli) -> None:
    hold(cli, "a", register=False)
    assert rows(cli("reap", "a", "--json"))["a"]["put_back"] == 1
    told = cli("reap", "none")
    assert (told.code, told.err) == (1, "pyjobs: queue none: nothing was ever submitted to it\n")


@pytest.mark.parametrize("lie", ["simple", "recoverable", "none", "", "\x1b[31m"])
def test_reap_believes_the_queue_and_not_the_registry(cli: Cli, lie: str) -> None:
    hold(cli, "a")
    cli.redis.hset("jobs:queues", "a", lie)
    told = cli("reap")
    assert (told.code, told.err) == (0, "")
    assert told.out.splitlines()[1].split() == ["a", "reliable", "1", "0", "0"]


EVIL = "\x1b[31m\x1b]0;owned\x07x\nqueue y: all is well\x9b\u202e"


def test_reap_leaves_out_names_in_the_registry_that_are_none(cli: Cli) -> None:
    """An entry of the registry is no error of the run: cron would mail it each minute."""
    hold(cli, "c")
    bad = {"a a": "reliable", EVIL: "reliable", b"\xff": "reliable", "": "reliable", "d": EVIL}
    cli.redis.hset("jobs:queues", mapping=bad)
    told = cli("reap", "--json")
    assert (told.code, told.err) == (0, "")
    assert {name: row["put_back"] for name, row in rows(told).items()} == {"c": 1, "d": 0}


def test_reap_goes_on_when_one_queue_is_wrong(cli: Cli) -> None:
    hold(cli, "b")
    hold(cli, "c")
    cli.redis.delete("jobs:{b}:pending")
    cli.redis.set("jobs:{b}:pending", "x")
    told = cli("reap", "--json")
    assert told.code == 1
    assert told.err.startswith("pyjobs: queue b: ") and told.err.count("\n") == 1
    assert {name: row["put_back"] for name, row in rows(told).items()} == {"b": 0, "c": 1}


def test_reap_ends_when_redis_refuses_to_serve(cli: Cli) -> None:
    hold(cli, "a")
    cli.redis.execute_command("ACL", "SETUSER", "u", "on", ">secret", "~*", "+@all", "-evalsha")
    told = cli("reap", "--url", cli.url.replace("//", "//u:secret@"))
    cli.redis.execute_command("ACL", "DELUSER", "u")
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith(f"pyjobs: {cli.url.replace('//', '//u:***@')}: ")
    assert told.err.count("\n") == 1


def test_reap_calls_until_nothing_is_left(cli: Cli) -> None:
    hold(cli, "a", 25)
    hold(cli, "b", 5)
    found = rows(cli("reap", "--limit", "10", "--json"))
    assert [row["put_back"] for row in found.values()] == [25, 5]
    assert not any(row["more"] for row in found.values())


def test_reap_stops_at_its_time_limit(cli: Cli) -> None:
    hold(cli, "a")
    told = cli("reap", "--time-limit", "0", "--json")
    assert told.code == 0
    assert told.err.startswith("pyjobs: 0 s are over and there may be more to do")
    assert (rows(told)["a"]["put_back"], rows(told)["a"]["more"]) == (0, True)


def test_overlapping_reaps_do_no_harm(cli: Cli) -> None:
    hold(cli, "a", 900)
    both = [cli.start("reap", "--limit", "1", "--json") for _ in range(2)]
    ended = [Done(0, *process.communicate(timeout=20)) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    counts = [rows(told)["a"]["put_back"] for told in ended]
    assert sum(counts) == 900
    ids = cli.redis.lrange("jobs:{a}:pending", 0, -1)
    assert len(ids) == len(set(ids)) == 900


def test_reap_works_at_the_memory_limit(full: Cli) -> None:
    hold(full, "a")
    full.redis.config_set("maxmemory", 1)
    told = full("reap", "--json")
    assert (told.code, told.err) == (0, "")
    assert rows(told)["a"]["put_back"] == 1


@pytest.mark.parametrize("words", [("--limit", "0"), ("--limit", "1001"), ("--mode", "reliable")])
def test_reap_refuses_wrong_usage(cli: Cli, words: tuple[str, str]) -> None:
    told = cli("reap", *words)
    assert (told.code, told.out) == (1, "")
    assert words[0] in told.err


def test_the_crontab_line_reaps_in_silence(cli: Cli) -> None:
    hold(cli, "a")
    *_, line = CRONTAB.read_text().splitlines()
    command = line.split(maxsplit=5)[5]
    program = Path(sys.executable).parent
    told = cli.shell(["/bin/sh", "-c", command], PATH=f"{program}:/usr/bin:/bin")
    assert told == (0, "", ""), shlex.quote(command)
    assert waiting(cli, "a") == 1
