"""What reaches a terminal: no control character but a line break, nothing that turns the text."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import re
import sys
from typing import Any

import pytest
from click import Context
from support.commands import Cli
from support.lanes import long

from pyjobs.cli.app import app
from pyjobs.cli.logs import formatter
from pyjobs.cli.output import print_table, safe
from pyjobs.codec import encode, encode_error
from pyjobs.engine.modes import MODES
from pyjobs.engine.reliable import RELIABLE
from pyjobs.transport.send import run

pytest_plugins = ("support.command_fixtures",)
EVERYTHING = "".join(map(chr, [*range(0x100), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x2030),
                               *range(0x2066, 0x206A)]))  # fmt: skip
EVIL = f"\x1b]0;owned\x07\x1b[2J\npyjobs: 0 dead jobs on queue q{EVERYTHING}"
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def logged(form: str, error: bool) -> str:
    """What a log of `pyjobs work` has of an evil text, as a handler's error or as its name."""
    log = logging.Logger("pyjobs.test")
    handler = logging.StreamHandler(stream := io.StringIO())
    handler.setFormatter(formatter(form, with_process=False))
    log.addHandler(handler)
    try:
        raise ValueError(EVIL)
    except ValueError:
        log.error("job a on queue q: %s", EVIL, exc_info=error)
    return stream.getvalue()


@pytest.mark.parametrize("error", [False, True], ids=["message", "traceback"])
def test_a_log_of_text_has_no_control_character_and_no_forged_entry(error: bool) -> None:
    written = logged("text", error)
    assert "owned" in written and not FORBIDDEN.search(written)
    first, *others = written.splitlines()
    assert first.endswith(r"ERROR job a on queue q: \x1b]0;owned\x07\x1b[2J")
    assert others and all(line.startswith("  ") for line in others)


@pytest.mark.parametrize("error", [False, True], ids=["message", "traceback"])
def test_a_log_of_json_escapes_control_characters(error: bool) -> None:
    written = logged("json", error)
    assert not FORBIDDEN.search(written) and written.count("\n") == 1
    entry = json.loads(written)
    assert entry["message"] == f"job a on queue q: {EVIL}"
    assert not error or EVIL in entry["traceback"]


@pytest.fixture
def evil(cli: Cli) -> Cli:
    """A queue with a dead job, one that is tried again, and one that is done, all of them evil."""
    key = "jobs:{q}"
    run(cli.redis, RELIABLE.submit(key, [(id, b"1") for id in ("dead", "again", "done")]))
    claimed = run(cli.redis, RELIABLE.claim([key], nonce="n", limit=9, lease=9999)).jobs
    token = {job.id: job.token for job in claimed}
    error = encode_error(EVIL, EVIL, EVIL)
    run(cli.redis, RELIABLE.fail(key, [("dead", token["dead"], "reject", error)]))
    run(cli.redis, RELIABLE.fail(key, [("again", token["again"], "retry=99999", error)]))
    run(cli.redis, RELIABLE.complete(key, [("done", token["done"], encode({EVIL: [EVIL]}))]))
    cli.redis.hset("jobs:queues", mapping={EVIL: "reliable", "q": EVIL, "none": EVIL})
    return cli


LINES = [
    ("dead", "q"), ("dead", "q", "--json"), ("result", "q", "dead"),
    ("result", "-v", "q", "dead"), ("result", "q", "again"), ("result", "-v", "q", "again"),
    ("result", "q", "done"), ("reap",), ("reap", "-v"), ("reap", "--json"), ("reap", EVIL),
    ("dead", EVIL), ("result", "q", EVIL), ("cancel", "q", EVIL), ("requeue", "q", EVIL),
    ("requeue", EVIL, "--all"), (EVIL,), ("submit", "q", EVIL),
    ("submit", "q", "1", "--id", EVIL), ("submit", "q", "1", "--run-at", EVIL),
    ("reap", f"--{EVIL}"), ("acl", EVIL), ("acl", "worker", EVIL), ("scripts", "show", EVIL),
    ("scripts", "export", f"/dev/null/{EVIL[:9]}"), ("dead", "q", "--url", f"redis://{EVIL}"),
    ("work", EVIL), ("workers", EVIL), ("dead", "q", "--prefix", EVIL),
    ("dead", "q", "--skip", EVIL),
    ("status",), ("status", "--json"), ("status", EVIL), ("jobs", "q", "--state", "dead"),
    ("jobs", EVIL), ("show", "q", "dead"), ("show", "q", "again"), ("show", "q", "done"),
    ("show", "q", EVIL), ("explain", "q", "again"), ("explain", "q", EVIL), ("failures", "q"),
    ("failures", EVIL), ("pause", "q"), ("resume", EVIL), ("purge", EVIL, "dead", "--yes"),
    ("delete", "q", EVIL, "--yes"), ("run-now", "q", EVIL), ("schedules", EVIL), ("check", "q"),
    ("check", EVIL), ("doctor",), ("limit", "q", EVIL), ("monitor", "--once"), ("mode", "q", EVIL),
    ("health", EVIL), ("tasks", EVIL), ("submit", "q", "1", "--follow", "--mode", EVIL),
    ("version", EVIL), ("counters", EVIL), ("memory", EVIL), ("top", EVIL, "--json"),
    ("help", EVIL),
    ("move", EVIL, "q"), ("move", "q", EVIL), ("events", "q"), ("events", EVIL),
    ("outbox", EVIL), ("outbox", "q", "--back", EVIL), ("parts", EVIL), ("parts", "q", EVIL),
]  # fmt: skip


def test_every_command_is_among_the_lines() -> None:
    assert {words[0] for words in LINES} >= {*app.list_commands(Context(app))}


@pytest.mark.parametrize(
    "words", LINES, ids=lambda words: " ".join(words)[:20].encode("unicode_escape").decode()
)
def test_no_command_writes_what_a_terminal_obeys(evil: Cli, words: tuple[str, ...]) -> None:
    told = evil(*words)
    assert not FORBIDDEN.search(told.out), ascii(told.out)
    assert not FORBIDDEN.search(told.err), ascii(told.err)
    assert not re.search("^pyjobs: 0 dead jobs", told.err, re.MULTILINE)


def on_a_terminal(cli: Cli, *words: str) -> str:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-m", "pyjobs", *words])
    said = b""
    try:
        while part := os.read(terminal, 65536):
            said += part
    except OSError:
        pass
    os.close(terminal)
    os.waitpid(pid, 0)
    return said.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    "words",
    [("dead", "q"), long(("reap", "-v")), ("result", "-v", "q", "dead"), long(("scripts",))],
)
def test_a_terminal_gets_plain_text(evil: Cli, words: tuple[str, ...]) -> None:
    said = on_a_terminal(evil, *words)
    assert said and not FORBIDDEN.search(said), ascii(said)


def test_json_keeps_what_it_escapes(evil: Cli) -> None:
    assert json.loads(evil("result", "q", "done").out) == {EVIL: [EVIL]}
    assert json.loads(evil("dead", "q", "--json").out)["error"]["message"] == EVIL


def test_letters_of_all_languages_stand() -> None:
    text = "Größe, łódź, 東京, \U0001f600\n"
    assert safe(text) == text


@pytest.mark.parametrize("width", [40, 80, 100])
def test_ids_and_dates_of_a_narrow_table_stand_on_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr("pyjobs.cli.output.WIDTH_IN_PIPES", width)
    cells = ["3f1cdd2c-1111-2222-3333-444455556666", "", "2026-11-27 10:05:00", "word " * 40]
    print_table([cells] * 2, "id", "task", "at", "error", less=("task", "at"))
    said = capsys.readouterr()
    assert said.out.count(cells[0]) == 2
    assert said.out.count("word") == 80
    assert (cells[2] in said.out) == (width > 40)
    lacking = "pyjobs: left out for want of width: at; --json has all\n"
    assert said.err == (lacking if width == 40 else "")


@pytest.mark.parametrize(
    "words", [("dead", "q"), ("reap",), ("scripts",), ("scripts", "show", "reliable/submit")]
)
def test_no_line_of_a_table_ends_with_a_blank(evil: Cli, words: tuple[str, ...]) -> None:
    lines = evil(*words).out.splitlines()
    assert lines and [line for line in lines if line != line.rstrip()] == []


def test_the_command_alone_prints_its_help(cli: Cli) -> None:
    assert cli() == (0, cli("--help").out, "")


def test_version_is_a_command_too(cli: Cli) -> None:
    assert cli("version") == cli("--version")


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "simple"])
def test_a_limit_in_ms_of_a_script_is_told_in_seconds(cli: Cli, mode: str) -> None:
    told: Any = cli("submit", "q", "1", "--mode", mode, "--timeout", "0")
    assert told.err == "pyjobs: --timeout: must be a number of seconds, 0.001 or more, not 0.0\n"
