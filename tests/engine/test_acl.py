"""The rights that `pyjobs acl` grants are enough for each role, and no more than it needs; and what
a worker says of rights and settings before its first claim."""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from support.commands import Cli
from support.running import wait_until, working
from support.servers import DRYRUN_PLACES, FOUND, REAL_SERVER_PLACES, at, own_server
from support.store import STORED, Jobs, Store

import pyjobs
from pyjobs.cli import main
from pyjobs.engine.acl import (
    COUNTING,
    COUNTING_OF,
    ROLES,
    UNNEEDED,
    commands_of,
    rules_of,
    scripts_of,
)
from pyjobs.engine.keys import Keys
from pyjobs.engine.modes import MODES
from pyjobs.engine.scripts import script
from pyjobs.errors import BadArgument, Forbidden, PyjobsError
from pyjobs.testing import Server
from pyjobs.transport.loader import load
from pyjobs.transport.server import connect
from pyjobs.worker.preflight import dry_runs, eviction, judge

pytest_plugins = ("support.command_fixtures",)

KEYS = Keys()
LUA = Path(__file__).resolve().parents[2] / "lua"
everywhere = at(REAL_SERVER_PLACES)
LOG = "pyjobs"
SOON = 30.0


def grant(admin: Any, name: str, *more: str) -> None:
    """A user with these rules and the password 'secret'."""
    admin.execute_command("ACL", "SETUSER", name, "reset", "on", ">secret", *more)


def url_of(store_url: str, name: str) -> str:
    return store_url.replace("://", f"://{name}:secret@")


@contextmanager
def users(store: Store, mode: str) -> Iterator[Callable[[str], str]]:
    """A user for each role on the queue q; gives their URLs."""
    for role in ROLES:
        grant(store.redis, role, *rules_of(role, mode, KEYS, ["q"]))
    try:
        yield lambda role: url_of(store.url, role)
    finally:
        store.redis.execute_command("ACL", "DELUSER", *ROLES)


def run(job: pyjobs.ClaimedJob) -> Any:
    if job.data == "bad":
        raise pyjobs.Reject("bad")
    return job.data


def command(*words: str) -> Any:
    """Run the command; returns its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    return ended.value.code


@everywhere
@pytest.mark.parametrize("mode", MODES)
def test_the_rights_of_producer_and_worker_are_enough_for_a_round_trip(
    store: Store,
    mode: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A job's round trip, and every other verb that the mode has."""
    caplog.set_level(logging.WARNING, LOG)
    with (
        users(store, mode) as url,
        working(url("worker"), run, mode=mode),
        pyjobs.Client(url("producer"), mode=mode, queue="q", sweep=60) as client,
    ):
        assert client.submit("x").result(SOON) == "x"
        with pytest.raises(pyjobs.JobFailed):
            client.submit("bad", id="bad").result(SOON)
        if MODES[mode].stores:
            later = client.submit("later", delay=3600, unique="key")
            client.cancel(later)
            with pytest.raises(pyjobs.JobCancelled):
                later.result(SOON)
            assert client.submit("soon", delay=0.01).result(SOON) == "soon"
        assert store.redis.hgetall("jobs:queues") == {b"q": mode.encode()}
        assert command("result", "q", "none", "--url", url("producer")) == 1
        why = "there never was one" if MODES[mode].stores else "is simple, and keeps no results"
        assert why in capsys.readouterr().err
    assert [line for line in caplog.messages if "permission" in line] == []


@everywhere
@pytest.mark.parametrize("mode", MODES)
def test_the_printed_rights_are_enough_on_a_database_other_than_0(
    store: Store, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The URL says which database it is, or an option."""
    for role, words in (
        ("producer", ("--db", "3")),
        ("worker", ("--url", f"{store.url}/3")),
        ("operator", ("--url", f"{store.url}?db=3")),
    ):
        assert not command("acl", role, "q", "--mode", mode, *words)
        line = capsys.readouterr().out.replace("PASSWORD", "secret")
        assert " +select" in line
        store.redis.execute_command(*shlex.split(line))
    try:
        with (
            working(f"{url_of(store.url, 'worker')}/3", run, mode=mode),
            pyjobs.Client(f"{url_of(store.url, 'producer')}/3", mode=mode, queue="q") as client,
        ):
            assert client.submit("x").result(SOON) == "x"
        assert not command("reap", "--url", f"{url_of(store.url, 'operator')}/3")
        assert not store.redis.keys("*")
    finally:
        store.redis.execute_command("ACL", "DELUSER", *ROLES)


def test_no_right_to_select_is_granted_for_database_0() -> None:
    assert "+select" not in rules_of("worker", "reliable", KEYS, ["q"])


@everywhere
@pytest.mark.parametrize("mode", STORED)
def test_the_rights_of_an_operator_are_enough_for_every_command(
    store: Store, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """For each of the commands."""
    jobs = Jobs(store, MODES[mode])
    jobs.fail(*jobs.take("a", "b"), verdict="reject")
    jobs.take("lost")
    store.age(3_600_000)
    lines = [
        "scripts load",
        f"reap q --mode {mode} --older-than 60",
        "cancel q lost",
    ]
    if mode == "reliable":
        lines += ["dead q", "requeue q a", "requeue q --all"]
    with users(store, mode) as url:
        for line in lines:
            code = command(*line.split(), "--url", url("operator"))
            assert not code, (line, capsys.readouterr().err)
    assert [jobs.job(id)["state"] for id in ("lost", "a", "b")] == (
        [b"cancelled", *[b"pending" if mode == "reliable" else b"failed"] * 2]
    )


@everywhere
def test_a_user_without_script_load_runs_scripts_that_are_loaded(store: Store) -> None:
    """Then a user can run no script of its own."""
    with connect(store.url) as admin, users(store, "reliable") as url:
        load(admin)
        for role in ROLES:
            given = set(rules_of(role, "reliable", KEYS, ["q"])) - {"+script|load"}
            grant(store.redis, role, *sorted(given, key=lambda rule: rule[0] == "&"))
        with (
            working(url("worker"), run),
            pyjobs.Client(url("producer"), queue="q") as client,
        ):
            assert client.submit("x").result(SOON) == "x"


@at(DRYRUN_PLACES)
@pytest.mark.parametrize("db", [0, 3])
@pytest.mark.parametrize("role", ["producer", "worker"])
def test_a_program_of_another_language_may_read_the_scripts_and_not_write_them(
    store: Store, role: str, db: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not command("scripts", "load", "--url", f"{store.url}/{db}")
    capsys.readouterr()
    assert not command("acl", role, "q", "--scripts", "--db", str(db))
    line = capsys.readouterr().out.replace("PASSWORD", "secret")
    store.redis.execute_command(*shlex.split(line))
    one = script("reliable/claim")
    try:
        with connect(f"{url_of(store.url, role)}/{db}") as mine:
            assert mine.hget(KEYS.scripts, one.title) == one.sha1.encode()
            body = mine.hget(KEYS.bodies, one.sha1)
            assert mine.script_load(body) == one.sha1
            for key in (KEYS.scripts, KEYS.bodies):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    mine.hset(key, "reliable/claim@1", "another")
    finally:
        store.redis.execute_command("ACL", "DELUSER", role)
        store.redis.flushall()


FORBIDDEN = [
    "FLUSHALL", "KEYS *", "CONFIG GET *", "EVAL return 0", "SCRIPT FLUSH", "ACL LIST",
    "HGETALL jobs:{other}:meta", "HGETALL secrets", "SUBSCRIBE others", "SHUTDOWN",
]  # fmt: skip


@everywhere
@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_refused_commands_and_keys_beyond_its_rights(store: Store, role: str) -> None:
    with users(store, "reliable") as url, connect(url(role)) as mine:
        for words in FORBIDDEN:
            with pytest.raises(redis.exceptions.NoPermissionError):
                mine.execute_command(*words.split())
        if role == "producer":
            with pytest.raises(redis.exceptions.NoPermissionError):
                mine.blpop(["jobs:{q}:wake"], timeout=1)


def test_rules_without_queues_cover_all_queues_of_the_prefix() -> None:
    assert {"~p:{*", "~p:queues", "&p:{*}:*"} <= set(rules_of("worker", "simple", Keys("p"), ()))
    with pytest.raises(BadArgument, match="role: 'boss' is not one of producer, worker, operator"):
        commands_of("boss", "simple")


def test_every_redis_call_of_the_scripts_names_its_command_as_a_literal() -> None:
    """So that they can be listed."""
    for path in LUA.rglob("*.lua"):
        for call in re.findall(r"\bp?call\((.)", path.read_text()):
            assert call == "'", path


# --- the command ---


def test_the_acl_command_prints_a_line_that_works(cli: Cli) -> None:
    line = cli("acl", "worker", "words", "--user", "w").out
    words = shlex.split(line.replace("PASSWORD", "secret"))
    assert words[:6] == ["ACL", "SETUSER", "w", "reset", "on", ">secret"]
    try:
        cli.redis.execute_command(*words)
        with working(url_of(cli.url, "w"), run, queues=["words"]):
            assert cli("submit", "words", "1", "--wait", "20").out == "1\n"
    finally:
        cli.redis.execute_command("ACL", "DELUSER", "w")


@pytest.mark.parametrize("role", ["producer", "worker"])
def test_the_protocol_shows_the_lines_of_the_acl_command(cli: Cli, role: str) -> None:
    protocol = " ".join((LUA / "README.md").read_text().replace("\\\n", "").split())
    assert f" redis-cli {cli('acl', role, 'words', '--scripts').out.strip()} " in protocol


def test_the_acl_command_refuses_a_user_that_is_no_name(cli: Cli) -> None:
    assert cli("acl", "worker", "--user", "a b").err.startswith(
        "pyjobs: --user: must be 1 to 128 of A-Z"
    )


# --- what a worker says at its start ---


@pytest.fixture
def server() -> Iterator[Server]:
    with own_server() as server:
        yield server


@pytest.fixture
def admin(server: Server) -> Iterator[Any]:
    with connect(server.url) as admin:
        yield admin


def refused(url: str, **settings: Any) -> str:
    """Why a worker does not begin."""
    worker = pyjobs.Worker(url, queues=["q", "r"], **settings)
    worker.handler(run)
    with pytest.raises(PyjobsError) as raised:
        worker.run()
    assert type(raised.value) is Forbidden
    assert "secret" not in str(raised.value)
    return str(raised.value)


def may_ask(*but: str) -> list[str]:
    return ["~*", "&*", "+@all", *but]


@pytest.mark.parametrize("command", ["zrem", "pexpire", "rpush"])
def test_a_missing_command_is_named_before_the_first_claim(
    server: Server, admin: Any, command: str
) -> None:
    grant(admin, "app", *may_ask(f"-{command}"))
    told = refused(url_of(server.url, "app"))
    assert told.startswith("a reliable worker needs more rights: ")
    assert f"'{command}'" in told
    assert told.count("permission") == 1
    assert admin.info("commandstats").get("cmdstat_evalsha") is None


def test_a_missing_key_is_named_before_the_first_claim(server: Server, admin: Any) -> None:
    grant(admin, "app", "~other", *may_ask()[1:])
    told = refused(url_of(server.url, "app"))
    assert "jobs:{q}:meta" in told and "jobs:{r}:meta" in told
    assert admin.info("commandstats").get("cmdstat_evalsha") is None


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("allowed", ["q", "r"])
def test_a_queue_that_a_worker_may_not_read_is_set_aside_until_it_may(
    name: str, allowed: str, caplog: pytest.LogCaptureFixture
) -> None:
    other = "qr".replace(allowed, "")
    with own_server(name=name) as server, connect(server.url) as admin:
        grant(
            admin, "app", "~jobs:scripts", "~jobs:queues", f"~jobs:{{{allowed}}}*", *may_ask()[1:]
        )
        with (
            working(url_of(server.url, "app"), run, queues=["q", "r"], grace=0.5),
            pyjobs.Client(server.url, sweep=0.1) as client,
        ):
            for number in range(3):
                assert client.submit(number, queue=allowed).result(SOON) == number
            wait_until(lambda: f"queue {other} is set aside" in caplog.text)
            admin.acl_setuser("app", keys=[f"jobs:{{{other}}}*"])
            assert client.submit("late", queue=other).result(SOON) == "late"
    assert caplog.text.count("is set aside") == caplog.text.count("is served again") == 1


@pytest.mark.parametrize("name", FOUND)
def test_a_worker_that_may_read_none_of_its_queues_ends_with_forbidden(name: str) -> None:
    with own_server(name=name) as server, connect(server.url) as admin:
        grant(admin, "app", "~jobs:scripts", "~jobs:queues", *may_ask()[1:])
        refused(url_of(server.url, "app"))


def test_a_command_that_the_mode_does_not_need_is_not_missed(server: Server, admin: Any) -> None:
    grant(admin, "app", *may_ask("-zadd"))
    with (
        working(url_of(server.url, "app"), run, mode="simple"),
        pyjobs.Client(server.url, mode="simple", queue="q") as client,
    ):
        assert client.submit(1).result(SOON) == 1


def test_a_worker_without_publish_warns_and_its_results_are_swept(
    server: Server, admin: Any, caplog: pytest.LogCaptureFixture
) -> None:
    grant(admin, "app", *may_ask("-publish"))
    with (
        working(url_of(server.url, "app"), run),
        pyjobs.Client(server.url, queue="q", sweep=0.1) as client,
    ):
        assert client.submit(1).result(SOON) == 1
    assert [line for line in caplog.messages if "can't be published" in line]


def test_a_worker_without_blpop_polls_and_warns_once(
    server: Server, admin: Any, caplog: pytest.LogCaptureFixture
) -> None:
    grant(admin, "app", *may_ask("-blpop"))
    with (
        working(url_of(server.url, "app"), run),
        pyjobs.Client(server.url, queue="q") as client,
    ):
        for n in range(5):
            assert client.submit(n).result(SOON) == n
        wait_until(lambda: admin.info("commandstats")["cmdstat_blpop"]["rejected_calls"] > 2)
    [said] = [line for line in caplog.messages if "poll instead" in line]
    assert "blpop" in said.lower()


@pytest.mark.parametrize("ask", ["-info", "-acl", "-acl|dryrun", "-acl|whoami"])
def test_a_worker_that_may_not_ask_for_rights_or_settings_warns_of_nothing(
    server: Server, admin: Any, caplog: pytest.LogCaptureFixture, ask: str
) -> None:
    grant(admin, "app", *may_ask(ask))
    caplog.set_level(logging.WARNING, LOG)
    with (
        working(url_of(server.url, "app"), run),
        pyjobs.Client(server.url, queue="q") as client,
    ):
        assert client.submit(1).result(SOON) == 1
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("policy", "maxmemory", "said"),
    [
        ("noeviction", "100mb", None),
        ("allkeys-lru", "0", None),
        ("allkeys-lru", "100mb", "may throw jobs away"),
        ("volatile-ttl", "100mb", "may throw results away"),
    ],
)
def test_a_worker_warns_of_an_eviction_policy_with_a_memory_limit(
    server: Server,
    admin: Any,
    caplog: pytest.LogCaptureFixture,
    policy: str,
    maxmemory: str,
    said: str | None,
) -> None:
    admin.config_set("maxmemory-policy", policy)
    admin.config_set("maxmemory", maxmemory)
    with working(server.url, run), pyjobs.Client(server.url, queue="q") as client:
        assert client.submit(1).result(SOON) == 1
    lines = [line for line in caplog.messages if "maxmemory-policy" in line]
    assert len(lines) == (said is not None)
    assert all(said in line and policy in line for line in lines if said)


# --- pure ---


def test_eviction_reads_missing_text_and_number_settings() -> None:
    assert eviction({}) is None
    assert eviction({"maxmemory_policy": "allkeys-lfu", "maxmemory": "0"}) is None
    assert "allkeys-lfu" in str(eviction({"maxmemory_policy": "allkeys-lfu", "maxmemory": 1}))


@pytest.mark.parametrize("mode", MODES)
def test_the_dry_runs_try_every_command_of_a_workers_scripts(mode: str) -> None:
    """A worker that may not announce itself or read a dead job, and counts nothing, runs all the
    same."""
    tried = {words[0] for words in dry_runs(mode, KEYS, ["q"])}
    needed = [one for one in scripts_of("worker", mode) if one.name not in UNNEEDED]
    words = {word for one in needed for word in one.about["commands"]}
    assert tried == words - {"TIME", "SPUBLISH"} - COUNTING_OF.get(mode, COUNTING)


def test_a_worker_without_the_rights_of_counters_works_and_counts_nothing(
    server: Server, admin: Any
) -> None:
    grant(admin, "app", *may_ask("-hincrby"))
    with (
        working(url_of(server.url, "app"), run),
        pyjobs.Client(server.url, queue="q") as client,
    ):
        assert client.submit(1).result(SOON) == 1
    counted = [admin.hkeys(key) for key in admin.keys("jobs:{q}:counters:*")]
    assert counted == [[b"submitted"]]


def test_a_refused_dry_run_is_no_missing_right() -> None:
    denied = redis.exceptions.NoPermissionError("User x has no permissions to run 'acl|dryrun'")
    odd = [denied, b"OK", denied, b"ERR wrong number"]
    assert judge(odd) == ("", [])
    no = b"User x has no permissions to run the 'zadd' command"
    assert judge([b"OK", no, no]) == ("", [no.decode()])
    assert judge([no, b"OK"]) == (no.decode(), [])
