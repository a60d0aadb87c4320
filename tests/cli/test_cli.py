"""The commands submit and result, and what all commands share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.commands import DEAD_URL, Cli
from support.running import wait_until, working
from support.store import STORED

from pyjobs import __version__
from pyjobs.engine.modes import MODES
from pyjobs.engine.reliable import RELIABLE
from pyjobs.transport.send import run

pytest_plugins = ("support.command_fixtures",)
WORDS = "jobs:{words}"
COMMANDS = ["submit", "result", "cancel", "dead", "requeue", "work", "reap", "scripts", "acl"]


def end_job(cli: Cli, id: str, *, error: bytes = b"", verdict: str = "reject") -> None:
    """Claim the only job of `words`, and end it."""
    [job] = run(cli.redis, RELIABLE.claim([WORDS], nonce=f"n{id}", limit=9, lease=9999)).jobs
    assert job.id == id
    if error:
        run(cli.redis, RELIABLE.fail(WORDS, [(id, job.token, verdict, error)]))
    else:
        run(cli.redis, RELIABLE.complete(WORDS, [(id, job.token, b'{"a":[]}')]))


# --- what all have in common ---


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_there_for_every_command(cli: Cli, command: str) -> None:
    assert command in cli("--help").out
    told = cli(command, "--help")
    assert told.code == 0
    assert told.out.startswith(f"Usage: pyjobs {command} ")


def test_version_prints_the_version_of_the_package(cli: Cli) -> None:
    assert cli("--version").out == f"pyjobs, version {__version__}\n"


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_a_missing_extra_is_named(cli: Cli, missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from pyjobs.cli import main; main()"
    told = cli.shell([sys.executable, "-c", code])
    assert told.code == 1
    assert told.err == (
        "pyjobs: the command line needs the extra 'cli': pip install 'pyjobs[cli]'\n"
    )


def test_help_does_not_import_rich(cli: Cli) -> None:
    code = "import atexit, sys; atexit.register(lambda: print('rich' in sys.modules))"
    told = cli.shell([sys.executable, "-c", f"{code}; from pyjobs.cli import main; main(['-h'])"])
    assert told.out.endswith("\nFalse\n")


@pytest.mark.parametrize(
    "words",
    [
        ("submit", "words", "1"),
        ("result", "words", "a"),
        ("reap",),
        ("scripts", "load"),
    ],
    ids=lambda words: words[0],
)
def test_redis_down_is_an_error_of_one_line(cli: Cli, words: tuple[str, ...]) -> None:
    told = cli.process(*words, "--url", DEAD_URL)
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith("pyjobs: redis://:***@127.0.0.1:1: ")
    assert "Connection refused; is Redis running there? " in told.err
    assert told.err.count("\n") == 1


def test_a_url_of_no_known_kind_is_refused(cli: Cli) -> None:
    told = cli("reap", "--url", "localhost:6379")
    assert told.code == 1
    assert told.err.startswith("pyjobs: url: does not begin with one of redis://")


@pytest.mark.parametrize(
    "words",
    [
        ("submit", "words", "1"),
        ("result", "words", "a"),
        ("cancel", "words", "a"),
        ("dead", "words"),
        ("requeue", "words", "a"),
        ("reap",),
        ("scripts", "load"),
    ],
    ids=" ".join,
)
def test_a_memory_url_is_refused_by_every_command(cli: Cli, words: tuple[str, ...]) -> None:
    told = cli(*words, "--url", "memory://x")
    assert told == (
        1, "", "pyjobs: url: memory:// is a server inside this process, which nobody else sees\n"
    )  # fmt: skip


def test_wrong_usage_exits_with_1(cli: Cli) -> None:
    assert cli("result", "a").code == 1
    assert cli("nothing").code == 1


# --- submit ---


def test_submit_stores_the_job_and_prints_its_id(cli: Cli) -> None:
    told = cli("submit", "words", '{"text": "h\u00e9 $x"}')
    assert (told.code, told.err) == (0, "")
    job = cli.redis.hgetall(f"{WORDS}:job:{told.out.strip()}")
    assert json.loads(job[b"data"]) == {"text": "h\u00e9 $x"}
    assert cli.redis.hgetall("jobs:queues") == {b"words": b"reliable"}


@pytest.mark.parametrize("words", [("submit", "words"), ("submit", "words", "-")])
def test_submit_reads_stdin(cli: Cli, words: tuple[str, ...]) -> None:
    told = cli.process(*words, input="[1,\n2]\n")
    assert cli.redis.hget(f"{WORDS}:job:{told.out.strip()}", "data") == b"[1,2]"


def test_submit_hands_its_options_to_the_script(cli: Cli) -> None:
    options = "--delay 60 --retention 7 --timeout 1.5 --max-attempts 4 --backoff 0.25 --prefix p"
    assert cli("submit", "words", "1", "--id", "a", *options.split()).out == "a\n"
    job = cli.redis.hgetall("p:{words}:job:a")
    assert job[b"state"] == b"delayed"
    chosen = {
        name: job[name.encode()] for name in ("retention", "timeout", "max_attempts", "backoff")
    }
    assert chosen == {
        "retention": b"7000", "timeout": b"1500", "max_attempts": b"4", "backoff": b"250",
    }  # fmt: skip


@pytest.mark.parametrize("mode", STORED)
@pytest.mark.parametrize(
    "moment",
    ["4102444800", "4102444800.0", "2100-01-01T00:00Z", "2100-01-01T02:00:00+02:00",
     "21000101T000000Z"],
)  # fmt: skip
def test_submit_with_run_at_delays_the_job_until_then(cli: Cli, moment: str, mode: str) -> None:
    cli("submit", "words", "1", "--id", "a", "--mode", mode, "--run-at", moment)
    due = cli.redis.zscore(f"{WORDS}:delayed", "a")
    assert due == pytest.approx(4_102_444_800_000, abs=60_000)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["words", "{a:1}"], "the data is not JSON: Expecting property name"),
        (["words", " "], "the data is empty; it must be JSON"),
        (["words", "NaN"], "the data is not JSON: NaN is no JSON"),
        (["wor ds", "1"], "queue: must be 1 to 128 of A-Z"),
        (["words", "1", "--id", "{}"], "--id: must be 1 to 128 of A-Z"),
        (["words", "1", "--prefix", ""], "prefix: must be 1 to 128 of A-Z"),
        (
            ["words", "1", "--delay", "nan"],
            "--delay: must be a number of seconds, 0 or",
        ),
        (["words", "1", "--run-at", "noon"], "--run-at: 'noon' is neither ISO 8601, such as"),
        (["words", "1", "--run-at", "2030-01-31"], "--run-at: '2030-01-31' has no time zone"),
        (
            ["words", "1", "--run-at", "nan"],
            "--run-at: must be a number of seconds",
        ),
        (
            ["words", "1", "--mode", "simple", "--run-at", "1"],
            "--run-at: submit in simple mode has no",
        ),
        (
            ["words", "1", "--wait", "-1"],
            "--wait: must be a number of seconds, 0 or more",
        ),
        (
            ["words", "1", "--max-attempts", "0"],
            "--max-attempts: must be a whole number",
        ),
        (["words", "1", "--mode", "simple", "--delay", "1"], "--delay: submit in simple mode"),
        (
            ["words", "1", "--durable", "disk"],
            "--durable: 'disk' is not 'replicas:N' with",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_submit_refuses_a_mistake_in_one_line(cli: Cli, words: list[str], message: str) -> None:
    told = cli("submit", *words)
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith(f"pyjobs: {message}")
    assert told.err.count("\n") == 1
    assert cli.redis.keys() == []


def test_submit_that_the_server_can_not_make_durable_stores_nothing(cli: Cli) -> None:
    told = cli("submit", "words", "1", "--durable", "aof")
    assert told.code == 1 and "--durable: " in told.err and told.err.count("\n") == 1
    assert cli.redis.keys() == []


def test_acl_grants_the_command_that_a_durable_submit_needs(cli: Cli) -> None:
    assert "+waitaof" in cli("acl", "producer", "--durable", "aof").out.split()
    assert "+wait" in cli("acl", "producer", "--durable", "replicas:1").out.split()
    assert "wait" not in cli("acl", "producer").out
    assert cli("acl", "producer", "--durable", "disk").err.startswith("pyjobs: --durable: 'disk'")


def test_submit_to_a_queue_of_another_mode_is_refused(cli: Cli) -> None:
    cli("submit", "words", "1", "--id", "a")
    told = cli("submit", "words", "1", "--mode", "simple")
    assert (told.code, told.err) == (1, "pyjobs: queue words is reliable, not simple\n")


def test_submit_of_a_taken_id_warns_and_with_other_data_is_refused(cli: Cli) -> None:
    assert cli("submit", "words", "1", "--id", "a") == (0, "a\n", "")
    again = cli("submit", "words", "1", "--id", "a")
    assert (again.code, again.out) == (0, "a\n")
    assert again.err == ("pyjobs: job a on queue words already exists; nothing new was submitted\n")
    other = cli("submit", "words", "2", "--id", "a")
    assert other == (1, "", "pyjobs: id a is taken on queue words by other data\n")


@pytest.mark.parametrize("mode", MODES)
def test_submit_with_wait_prints_the_result(cli: Cli, mode: str) -> None:
    with working(cli.url, lambda job: [job.data, "\u00e9"], mode=mode, queues=["words"]):
        told = cli("submit", "words", '"x"', "--mode", mode, "--wait", "60")
    assert told == (0, '["x","\u00e9"]\n', "")


def fail(job: Any) -> None:
    raise ValueError(f"no {job.data}\n[red]")


@pytest.mark.parametrize("mode", MODES)
def test_submit_with_wait_exits_with_1_when_the_job_fails(cli: Cli, mode: str) -> None:
    settings: dict[str, Any] = {"max_attempts": 1} if mode == "reliable" else {}
    with working(cli.url, fail, mode=mode, queues=["words"], **settings):
        told = cli("submit", "words", "1", "--mode", mode, "--id", "a", "--wait", "60")
    assert (told.code, told.out) == (1, "")
    assert told.err == "pyjobs: job a on queue words failed: ValueError: no 1\\n[red]\n"


def test_submit_verbose_prints_the_traceback_of_a_failed_job(cli: Cli) -> None:
    with working(cli.url, fail, queues=["words"], max_attempts=1):
        told = cli("submit", "words", "1", "--id", "a", "--wait", "60", "-v")
    first, *rest = told.err.splitlines()
    assert first == "pyjobs: job a on queue words failed: ValueError: no 1\\n[red]"
    assert rest[0] == "  Traceback (most recent call last):"
    assert "  ValueError: no 1" in rest


def test_submit_reports_the_last_error_of_a_job_that_died_of_crashes(cli: Cli) -> None:
    cli("submit", "words", "1", "--id", "a", "--backoff", "0")
    end_job(cli, "a", error=b'{"type": "E", "message": "why", "traceback": "at"}', verdict="retry")
    run(cli.redis, RELIABLE.claim([WORDS], nonce="n", limit=9, lease=1))
    wait_until(lambda: run(cli.redis, RELIABLE.reap(WORDS, limit=9, max_crashes=1)).dead)
    told = cli("submit", "words", "1", "--id", "a", "--wait", "60")
    assert told.err.splitlines()[-1] == (
        "pyjobs: job a on queue words failed: its workers kept dying: E: why"
    )


EXPLAIN = "; `pyjobs explain words a` says why"


@pytest.mark.parametrize("mode", MODES)
def test_submit_exits_with_2_when_no_result_comes_in_time(cli: Cli, mode: str) -> None:
    told = cli("submit", "words", "1", "--mode", mode, "--id", "a", "--wait", "0")
    assert (told.code, told.out) == (2, "")
    why = "in 0 s" if mode == "simple" else f"yet, it is pending{EXPLAIN}"
    assert told.err == f"pyjobs: job a on queue words: no result {why}\n"


def test_submit_without_a_result_in_time_reports_the_last_attempt(cli: Cli) -> None:
    cli("submit", "words", "1", "--id", "a")
    error = b'{"type": "E", "message": "why", "traceback": "at\\n"}'
    end_job(cli, "a", error=error, verdict="retry")
    told = cli("submit", "words", "1", "--id", "a", "--wait", "0.01", "-v")
    assert told.code == 2
    assert told.err.splitlines()[-2:] == [
        "pyjobs: job a on queue words: no result yet, it is delayed; its last attempt: E: why"
        + EXPLAIN,
        "  at",
    ]


# --- result ---


def test_result_of_a_done_job_is_printed(cli: Cli) -> None:
    cli("submit", "words", "1", "--id", "a")
    end_job(cli, "a")
    assert cli("result", "words", "a") == (0, '{"a":[]}\n', "")


def test_result_of_a_failed_job_exits_with_1_and_reports_its_error(cli: Cli) -> None:
    cli("submit", "words", "1", "--id", "a")
    end_job(cli, "a", error=b'{"type": "E", "message": "why", "traceback": "at"}')
    told = cli("result", "words", "a")
    assert told == (1, "", "pyjobs: job a on queue words failed: rejected: E: why\n")


def test_result_of_a_live_job_exits_with_2_and_reports_its_state(cli: Cli) -> None:
    cli("submit", "words", "1", "--id", "a")
    told = cli("result", "words", "a", "--wait", "0.01")
    assert told == (2, "", f"pyjobs: job a on queue words: no result yet, it is pending{EXPLAIN}\n")
    end_job(cli, "a", error=b"why", verdict="retry")
    told = cli("result", "words", "a")
    assert told.code == 2
    assert told.err.endswith(f"no result yet, it is delayed; its last attempt: why{EXPLAIN}\n")


def test_result_with_wait_waits_for_the_result(cli: Cli) -> None:
    cli("submit", "words", "1", "--id", "a", "--delay", "0.3")
    with working(cli.url, lambda job: job.data + 1, queues=["words"]):
        assert cli("result", "words", "a", "--wait", "60") == (0, "2\n", "")


def test_result_of_an_unknown_job_or_in_simple_mode_exits_with_1(cli: Cli) -> None:
    told = cli("result", "words", "a", "--wait", "60")
    assert told == (1, "", "pyjobs: queue words: nothing was ever submitted to it\n")
    cli("submit", "words", "1", "--id", "b")
    told = cli("result", "words", "a", "--wait", "60")
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith("pyjobs: job a on queue words: no such job; ")
    cli.redis.flushall()
    cli("submit", "words", "1", "--mode", "simple", "--id", "a")
    told = cli("result", "words", "a")
    assert told == (1, "", "pyjobs: job a: queue words is simple, and keeps no results\n")


def test_result_of_a_cancelled_job_exits_with_1(cli: Cli) -> None:
    cli("submit", "words", "1", "--id", "a")
    run(cli.redis, RELIABLE.cancel(WORDS, ["a"]))
    told = cli("result", "words", "a")
    assert told == (1, "", "pyjobs: job a on queue words was cancelled\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["acl"],
            "pyjobs: ROLE is missing: one of producer, worker, operator",
        ),
        (
            ["mode", "words"],
            "pyjobs: MODE is missing: one of simple, recoverable, reliable",
        ),
    ],
)
def test_a_missing_word_is_named_with_its_choices_on_one_line(
    cli: Cli, words: list[str], said: str
) -> None:
    told = cli(*words)
    assert (told.code, said in told.err, "\\t" in told.err) == (1, True, False)


INTERRUPTED = """
import sys

class Interrupted:
    def find_spec(self, name, *_):
        if name == {name!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
"""
COMMAND = """
sys.argv = ["pyjobs", "version"]
import pyjobs_command
pyjobs_command.main()
"""


def interrupted(name: str, folder: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run Python, and interrupt it when it imports the module of this name."""
    (folder / "sitecustomize.py").write_text(INTERRUPTED.format(name=name))
    return subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["pyjobs.cli", "pyjobs.cli.app", "pyjobs.errors", "none"])
def test_ctrl_c_during_the_imports_of_python_m_pyjobs_ends_without_a_traceback(
    name: str, tmp_path: Path
) -> None:
    done = interrupted(name, tmp_path, ["-m", "pyjobs", "version"])
    assert (done.returncode, done.stderr) == (0 if name == "none" else 130, "")


def test_ctrl_c_while_a_command_is_imported_ends_without_a_traceback(tmp_path: Path) -> None:
    done = interrupted("pyjobs.admin", tmp_path, ["-m", "pyjobs", "status", "--help"])
    assert (done.returncode, done.stderr.strip()) == (130, "")


@pytest.mark.parametrize("name", ["pyjobs", "pyjobs.cli.app", "none"])
def test_ctrl_c_during_the_imports_ends_the_command_without_a_traceback(name: str) -> None:
    program = [sys.executable, "-c", INTERRUPTED.format(name=name) + COMMAND]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0 if name == "none" else 130, "")
