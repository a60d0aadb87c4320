"""The command work with --reload, in processes of its own: what a change of a source file does."""

from __future__ import annotations

import json
import os
import signal
import sys

import pytest
from support.commands import SECONDS, Cli
from support.running import wait_until

pytest_plugins = ("support.command_fixtures",)

MODULE = """
import time
from pathlib import Path
from pyjobs import Worker

worker = Worker(queues=["words"], lease=1.0)

@worker.handler
def run(job):
    while job.data == "wait" and not Path("go").exists():
        Path("begun").write_text("yes")
        time.sleep(0.01)
    return "VERSION"
"""


def submitted(cli: Cli, data: str, id: str) -> None:
    assert cli("submit", "words", json.dumps(data), "--id", id).code == 0


def result(cli: Cli, id: str) -> str:
    return cli("result", "words", id, "--wait", "20").out.strip()


def test_a_change_starts_the_worker_again_and_running_jobs_finish(cli: Cli) -> None:
    cli.module("words", MODULE.replace("VERSION", "one"))
    worker = cli.start("work", "words:worker", "--reload")
    submitted(cli, "wait", "a")
    cli.wait_for("begun")
    before = (cli.folder / "words.py").stat()
    cli.module("words", MODULE.replace("VERSION", "two"))
    # As a save within the same second: what was compiled of the first version would look fresh.
    os.utime(cli.folder / "words.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert worker.stderr is not None
    log = ""
    while "stopping; jobs held: 1" not in log:
        log += worker.stderr.readline()
    assert "INFO changed: words.py" in log
    (cli.folder / "go").touch()
    assert result(cli, "a") == '"one"'
    submitted(cli, "x", "b")
    assert result(cli, "b") == '"two"'
    cli.module("words", "this is no Python")
    while "ended with exit code 1; another one starts at the next change" not in log:
        log += worker.stderr.readline()
    submitted(cli, "x", "c")
    cli.module("words", MODULE.replace("VERSION", "three"))
    assert result(cli, "c") == '"three"'
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=SECONDS)
    assert worker.returncode == 0


def test_a_stop_while_a_change_is_waited_for_ends_at_once(cli: Cli) -> None:
    cli.module("words", MODULE)
    worker = cli.start("work", "words:worker", "--reload")
    assert worker.stderr is not None
    assert "is ready" in worker.stderr.readline()
    cli.module("words", "this is no Python")
    log = ""
    while "another one starts at the next change" not in log:
        log += worker.stderr.readline()
    worker.send_signal(signal.SIGINT)
    wait_until(lambda: worker.poll() is not None)
    assert worker.returncode == 0


def test_a_missing_library_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    cli.module("words", MODULE)
    done = cli("work", "words:worker", "--reload")
    assert done.code == 1
    assert "--reload needs the extra 'reload': pip install" in done.err
