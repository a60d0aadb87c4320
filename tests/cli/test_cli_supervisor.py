"""The command work with several processes: one service, whatever becomes of a single process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from support.commands import DEAD_URL, SECONDS, Cli
from support.lanes import long
from support.running import wait_until

pytestmark = pytest.mark.slow

pytest_plugins = ("support.command_fixtures",)

TASKS = """
import os, signal, time
from pathlib import Path
from pyjobs import Worker

worker = Worker(queues=["words"], lease=1.0, concurrency=1)
Path(f"born-{os.getpid()}").touch()

def wait_for(true):
    deadline = time.monotonic() + 60
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)

@worker.handler
def run(job):
    if job.data == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if job.data == "stop":
        worker.stop()
    if job.data == "wait":
        Path(f"waits-{os.getpid()}").touch()
        wait_for(Path("go").exists)
    if job.data == "together":
        Path(f"pid-{os.getpid()}").touch()
        wait_for(lambda: len(list(Path().glob("pid-*"))) == 2)
    return os.getpid()
"""


@pytest.fixture(autouse=True)
def tasks(cli: Cli) -> None:
    cli.module("tasks", TASKS)


def start(cli: Cli, *words: str) -> subprocess.Popen[str]:
    return cli.start("work", "tasks:worker", "--processes", "2", *words)


def submit(cli: Cli, data: str, id: str) -> None:
    assert cli("submit", "words", json.dumps(data), "--id", id).code == 0


def result(cli: Cli, id: str) -> str:
    return cli("result", "words", id, "--wait", "60").out.strip()


def pids(cli: Cli, kind: str) -> set[int]:
    """The processes that left a file of this kind."""
    return {int(path.name.partition("-")[2]) for path in cli.folder.glob(f"{kind}-*")}


def waiting(cli: Cli) -> int:
    """The process that runs the job which waits."""
    submit(cli, "wait", "a")
    [pid] = wait_until(lambda: pids(cli, "waits"), SECONDS)
    return pid


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and log; the log ends when the last of the processes has."""
    _, log = process.communicate(timeout=SECONDS)
    return process.returncode, log


@pytest.mark.long
def test_the_processes_share_the_work(cli: Cli) -> None:
    parent = start(cli)
    submit(cli, "together", "a")
    submit(cli, "together", "b")
    both = {int(result(cli, id)) for id in ("a", "b")}
    assert both == pids(cli, "born") - {parent.pid}
    assert len(both) == 2
    parent.send_signal(signal.SIGINT)
    code, log = ended(parent)
    assert code == 0
    ready = f"INFO reliable worker of words at {cli.url}, up to 1 job at once, is ready"
    assert {line.split()[2] for line in log.splitlines() if ready in line} == {
        f"[{pid}]" for pid in both
    }
    assert log.splitlines()[-1].endswith(f"[{parent.pid}] INFO stopped")


def test_the_first_signal_lets_the_running_job_finish(cli: Cli) -> None:
    """Also where a service manager sends it to every process."""
    parent = start(cli)
    child = waiting(cli)
    parent.send_signal(signal.SIGTERM)
    os.kill(child, signal.SIGTERM)
    assert parent.stderr is not None
    lines = iter(parent.stderr.readline, "")
    assert next(line for line in lines if "stopping; jobs held: 1" in line)
    (cli.folder / "go").touch()
    assert ended(parent)[0] == 0
    assert result(cli, "a") == f"{child}"


@pytest.mark.long
def test_the_second_signal_hands_the_running_job_back(cli: Cli) -> None:
    parent = start(cli, "--quiet")
    waiting(cli)
    parent.send_signal(signal.SIGTERM)
    parent.send_signal(signal.SIGINT)
    assert ended(parent) == (0, "")
    assert cli.stored("a").state == "pending"
    assert not cli.redis.hexists("jobs:{words}:job:a", "crashes")


def test_a_job_that_kills_its_process_ends_neither_the_others_nor_the_service(cli: Cli) -> None:
    parent = start(cli)
    submit(cli, "kill", "poison")
    for n in range(5):
        submit(cli, "fine", f"fine{n}")
    told = cli("result", "words", "poison", "--wait", "60")
    assert told.err == "pyjobs: job poison on queue words failed: its workers kept dying\n"
    assert all(result(cli, f"fine{n}").isdigit() for n in range(5))
    parent.send_signal(signal.SIGTERM)
    code, log = ended(parent)
    assert code == 0
    assert log.count("was killed by SIGKILL; another one starts in") == 3


@pytest.mark.long
def test_a_process_that_stops_by_itself_is_replaced(cli: Cli) -> None:
    parent = start(cli, "--quiet")
    submit(cli, "stop", "a")
    stopped = int(result(cli, "a"))
    wait_until(lambda: len(pids(cli, "born") - {parent.pid}) == 3, SECONDS)
    parent.send_signal(signal.SIGTERM)
    code, log = ended(parent)
    assert code == 0
    assert f"WARNING process {stopped} ended with exit code 0; another one starts in" in log


def test_no_process_outlives_a_parent_that_was_killed(cli: Cli) -> None:
    parent = start(cli)
    child = waiting(cli)
    parent.kill()
    assert parent.stderr is not None
    lines = iter(parent.stderr.readline, "")
    assert next(line for line in lines if f"[{child}] ERROR the parent is gone" in line)
    (cli.folder / "go").touch()
    ended(parent)
    assert result(cli, "a") == f"{child}"


BLOCKED = """
import socket, sys, time
from pyjobs import Worker
from pyjobs.cli import stops, supervisor

stops.END_SECONDS = 0.0
worker = Worker(sys.argv[1], queues=["words"], grace=0)
parent, child = socket.socketpair()

@worker.handler
async def block(job):
    parent.close()
    time.sleep(60)

supervisor.serve(worker, child.detach(), stops.StopListener())
"""


def test_a_process_with_a_blocked_loop_ends_when_its_parent_is_gone(cli: Cli) -> None:
    submit(cli, "block", "a")
    told = cli.shell([sys.executable, "-c", BLOCKED, cli.url])
    assert told[:2] == (1, "")
    assert told[2].startswith(
        "the parent is gone\nending without waiting for job a on queue words; "
    )
    assert "thread MainThread at <string>:" in told[2]


@pytest.mark.long
def test_a_queue_of_another_mode_ends_all_processes_with_one_error(cli: Cli) -> None:
    cli("submit", "words", "1", "--mode", "simple")
    told = ended(start(cli, "--quiet"))
    assert told == (1, "pyjobs: queue words is simple, not reliable\n")


def test_redis_down_at_the_start_is_an_error_of_one_line(cli: Cli) -> None:
    code, log = ended(start(cli, "--quiet", "--url", DEAD_URL))
    assert code == 1
    assert log.startswith("pyjobs: redis://:***@127.0.0.1:1: ")
    assert log.count("\n") == 1


@pytest.mark.long
def test_redis_down_when_a_process_is_replaced_is_waited_for(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is away for new connections only, so that the other process goes on. What the new one
    sees of that is a refusal or a connection that ends, whichever comes first."""
    parent = start(cli, "--quiet")
    submit(cli, "together", "a")
    submit(cli, "together", "b")
    victim = int(result(cli, "a"))
    cli.redis.config_set("maxclients", "1")
    try:
        os.kill(victim, signal.SIGKILL)
        assert parent.stderr is not None
        lines = iter(parent.stderr.readline, "")
        assert next(line for line in lines if cli.url in line and "another one starts in" in line)
    finally:
        cli.redis.config_set("maxclients", "10000")
    submit(cli, "fine", "c")
    assert result(cli, "c").isdigit()
    parent.send_signal(signal.SIGTERM)
    assert ended(parent)[0] == 0


def test_a_wrong_argument_is_an_error_of_one_line(cli: Cli) -> None:
    wrong = {
        "tasks:worker --processes 0": "--processes: must be a whole number from 1 to 1000, not '0'",
        "tasks:none --processes 2": "tasks:none is not there; workers in tasks: worker",
        "tasks:worker --url memory://": (
            "url: memory:// is a server inside this process, which nobody else sees"
        ),
    }
    told = cli.in_one_process(*[("work", *words.split()) for words in wrong])
    assert told == [(1, "", f"pyjobs: {message}\n") for message in wrong.values()]


HANGS = """
import signal, sys, time
from pathlib import Path
from pyjobs import Worker
from pyjobs.cli import stops, supervisor

# The parent has little patience, and its children have much.
supervisor.END_SECONDS, supervisor.KILL_SECONDS = 0.0, 0.5
worker = Worker(queues=["words"], lease=1.0, concurrency=1, grace=0.5)

@worker.handler
async def block(job):
    Path("waits").touch()
    time.sleep(60)
"""


@pytest.mark.parametrize("signals", [1, long(3)])
def test_the_parent_kills_a_child_that_does_not_end_in_its_time(cli: Cli, signals: int) -> None:
    cli.module("hangs", HANGS)
    parent = cli.start("work", "hangs:worker", "--processes", "2")
    submit(cli, "block", "a")
    wait_until((cli.folder / "waits").exists, SECONDS)
    for _ in range(signals):
        parent.send_signal(signal.SIGTERM)
    code, log = ended(parent)
    assert code == 1
    assert "was killed by SIGKILL" in log
