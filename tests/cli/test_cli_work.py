"""The command work, in processes of its own: what it finds, how it ends, and how it is killed."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request

import pytest
from support.commands import DEAD_URL, SECONDS, Cli
from support.lanes import long
from support.running import wait_until
from support.servers import own_server

from pyjobs.cli.logs import Entries
from pyjobs.transport import connect

pytest_plugins = ("support.command_fixtures",)

TASKS = """
import os, time
from pathlib import Path
from pyjobs import Worker

worker = Worker(queues=["words"], lease=1.0)
lonely = Worker()
text = "text"

def note(what):
    with open("notes", "a") as file:
        file.write(f"{what}\\n")

def wait_for(true):
    deadline = time.monotonic() + 25
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)

@worker.handler
def run(job):
    note(f"start {job.attempt}")
    if job.data == "hang once" and job.attempt == 1:
        time.sleep(60)
    if job.data == "wait":
        wait_for(Path("go").exists)
    if job.data == "together":
        Path(f"pid-{os.getpid()}").touch()
        wait_for(lambda: len(list(Path().glob("pid-*"))) == 2)
    note(f"end {job.attempt}")
    return os.getpid()
"""


@pytest.fixture(autouse=True)
def tasks(cli: Cli) -> None:
    cli.module("tasks", TASKS)


def submit(cli: Cli, data: str, id: str) -> None:
    assert cli("submit", "words", json.dumps(data), "--id", id).code == 0


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and log."""
    _, log = process.communicate(timeout=SECONDS)
    return process.returncode, log


def test_sigterm_lets_the_running_job_finish(cli: Cli) -> None:
    worker = cli.start("work", "tasks:worker", "--concurrency", "3")
    submit(cli, "wait", "a")
    cli.wait_for("notes")
    worker.send_signal(signal.SIGTERM)
    assert worker.stderr is not None
    log = [worker.stderr.readline() for _ in range(2)]
    (cli.folder / "go").touch()
    code, rest = ended(worker)
    assert code == 0
    assert rest.endswith("INFO stopped\n")
    assert f"INFO reliable worker of words at {cli.url}, up to 3 jobs at once, is ready" in log[0]
    assert "INFO stopping; jobs held: 1" in log[1]
    assert cli("result", "words", "a") == (0, f"{worker.pid}\n", "")


def test_health_asks_the_worker_until_its_end(cli: Cli) -> None:
    worker = cli.start("work", "tasks:worker", "--health", "0")
    assert worker.stderr is not None
    found = re.search(r"answers at http://127.0.0.1:(\d+)/healthz", worker.stderr.readline())
    assert found
    port = found[1]
    wait_until(lambda: cli("health", port, "--ready").code == 0)
    code, out, err = cli("health", port)
    assert (code, out[:39], err) == (0, "claim, heartbeat or wait: the last one ", "")
    worker.send_signal(signal.SIGTERM)
    assert ended(worker)[0] == 0
    code, out, err = cli("health", f"127.0.0.1:{port}")
    assert (code, out) == (1, "")
    assert f"no answer from 127.0.0.1:{port}: " in err


def test_health_of_a_worker_that_can_claim_nothing_is_not_ready(cli: Cli) -> None:
    worker = cli.start("work", "tasks:worker", "--health", "0", "--wait", "60", "--url", DEAD_URL)
    assert worker.stderr is not None
    found = re.search(r"http://127.0.0.1:(\d+)/", worker.stderr.readline())
    assert found
    assert cli("health", found[1]).code == 0
    assert cli("health", found[1], "--ready") == (
        1, "", "pyjobs: Redis has carried out no claim yet\n",
    )  # fmt: skip


def test_metrics_are_at_the_port_of_the_probes_where_both_are_asked_there(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    worker = cli.start("work", "tasks:worker", "--health", port, "--metrics-port", port)
    assert worker.stderr is not None
    assert f"answers at http://127.0.0.1:{port}/healthz" in worker.stderr.readline()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=SECONDS) as answer:
        assert b'queues="words"' in answer.read()
    worker.send_signal(signal.SIGTERM)
    assert ended(worker)[0] == 0


def test_health_of_several_processes_or_of_no_address_is_refused(cli: Cli) -> None:
    several = cli("work", "tasks:worker", "--health", "8081", "--processes", "2")
    assert several.code == 1
    assert "--health: one port serves one process" in several.err
    several = cli("work", "tasks:worker", "--metrics-port", "9100", "--processes", "2")
    assert "--metrics-port: one port serves one process" in several.err
    assert "--metrics-port: 'x' is not" in cli("work", "tasks:worker", "--metrics-port", "x").err
    assert "--health: 'x' is not [HOST:]PORT" in cli("work", "tasks:worker", "--health", "x").err
    assert "address: 'x' is not [HOST:]PORT" in cli("health", "x").err


def test_quiet_prints_nothing(cli: Cli) -> None:
    worker = cli.start("work", "tasks:worker", "--quiet")
    submit(cli, "x", "a")
    assert cli("result", "words", "a", "--wait", "60").code == 0
    worker.send_signal(signal.SIGINT)
    assert ended(worker) == (0, "")


def test_a_job_survives_the_kill_of_its_worker(cli: Cli) -> None:
    first = cli.start("work", "tasks:worker")
    submit(cli, "hang once", "a")
    cli.wait_for("notes")
    first.kill()
    first.wait(SECONDS)
    assert cli.stored("a").state == "inflight"

    def reaped() -> int:
        [row] = json.loads(cli("reap", "--json").out)["queues"]
        return int(row["put_back"])

    assert wait_until(reaped) == 1
    assert reaped() == 0
    second = cli.start("work", "tasks:worker")
    assert cli("result", "words", "a", "--wait", "60").out == f"{second.pid}\n"
    assert (cli.folder / "notes").read_text().split() == ["start", "1", "start", "2", "end", "2"]
    assert cli.stored("a").state == "done"
    assert not cli.redis.exists("jobs:{words}:inflight", "jobs:{words}:pending")


def test_two_workers_share_a_queue(cli: Cli) -> None:
    workers = [cli.start("work", "tasks:worker", "--concurrency", "1") for _ in range(2)]
    for id in ("a", "b"):
        submit(cli, "together", id)
    results = {cli("result", "words", id, "--wait", "60").out for id in ("a", "b")}
    assert results == {f"{worker.pid}\n" for worker in workers}


def test_child_processes_run_the_handler_and_log_as_their_worker_does(cli: Cli) -> None:
    cli.module(
        "sums",
        """
import logging, os
from pyjobs import Worker

worker = Worker(queues=["words"], concurrency=1)

@worker.handler
def run(job):
    logging.info("amid the job")
    return os.getpid()
""",
    )
    words = ["--executor", "process", "--max-jobs-per-child", "1"]
    worker = cli.start("work", "sums:worker", *words)
    for id in ("a", "b"):
        submit(cli, "x", id)
    pids = {int(cli("result", "words", id, "--wait", "60").out) for id in ("a", "b")}
    worker.send_signal(signal.SIGTERM)
    code, log = ended(worker)
    assert code == 0
    assert len(pids - {worker.pid}) == 2
    assert all(f"[{pid}] INFO amid the job" in log for pid in pids)


def test_redis_down_is_an_error_of_one_line(cli: Cli) -> None:
    told = cli.process("work", "tasks:worker", "--quiet", "--url", DEAD_URL)
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith("pyjobs: redis://:***@127.0.0.1:1: Error 111 connecting to ")
    assert told.err.endswith("; is Redis running there? --url or PYJOBS_URL says where it is\n")
    assert told.err.count("\n") == 1


NO_HANDLER = (
    "handler: this worker has none, and no tasks: decorate a function with @worker.handler, or "
    "make the worker with tasks=[...]"
)


def test_redis_down_logs_no_line_that_says_ready(cli: Cli) -> None:
    told = cli.process("work", "tasks:worker", "--url", DEAD_URL)
    assert (told.code, told.err.count("\n"), "ready" in told.err) == (1, 1, False)


def test_a_missing_handler_is_refused_before_anything_is_logged(cli: Cli) -> None:
    assert cli.process("work", "tasks:lonely") == (1, "", f"pyjobs: {NO_HANDLER}\n")


def test_a_queue_of_another_mode_is_an_error_of_one_line(cli: Cli) -> None:
    cli("submit", "words", "1", "--mode", "simple")
    told = cli.process("work", "tasks:worker", "--quiet")
    assert (told.code, told.err) == (1, "pyjobs: queue words is simple, not reliable\n")


def test_a_wrong_argument_is_an_error_of_one_line(cli: Cli) -> None:
    wrong = {
        "tasks": "'tasks' has several workers; name one: tasks:worker, tasks:lonely",
        ".tasks:worker": "'.tasks:worker' is not MODULE:WORKER, such as tasks:worker",
        "nothing:worker": "no module 'nothing' in the current directory or Python's path",
        "tasks.py:worker": (
            "no module 'tasks.py' in the current directory or Python's path; "
            "name the module, not its file: tasks"
        ),
        "tasks:wroker": "tasks:wroker is not there; workers in tasks: worker, lonely",
        "tasks:text": "tasks:text is a str, not a Worker; workers in tasks: worker, lonely",
        "json:loads": "json:loads is a function, not a Worker; workers in json: none",
        "tasks:lonely": NO_HANDLER,
        "tasks:worker --concurrency 0": (
            "--concurrency: must be a whole number from 1 to 10000, not 0"
        ),
    }
    told = cli.in_one_process(*[("work", "--quiet", *words.split()) for words in wrong])
    assert told == [(1, "", f"pyjobs: {message}\n") for message in wrong.values()]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("import nothing_such", "ModuleNotFoundError: No module named 'nothing_such'"),
        ("\n1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit('why')", "SystemExit: why"),
    ],
)
def test_a_module_that_raises_shows_its_own_traceback(cli: Cli, text: str, what: str) -> None:
    cli.module("broken", text)
    told = cli.process("work", "broken:worker")
    assert told.code == 1
    assert told.err.startswith("Traceback")
    assert told.err.splitlines()[1].endswith(
        f'broken.py", line {len(text.splitlines())}, in <module>'
    )
    assert told.err.endswith(f"{what}\npyjobs: broken can't be imported: {what}\n")


def test_a_wrong_setting_of_the_worker_is_an_error_of_one_line(cli: Cli) -> None:
    cli.module("broken", "from pyjobs import Worker\nworker = Worker(mode='relaible')")
    message = "mode: 'relaible' is not one of simple, recoverable, reliable"
    assert cli.process("work", "broken:worker") == (1, "", f"pyjobs: broken: {message}\n")


HANGS = """
import asyncio, hashlib, logging, threading, time
from pathlib import Path
from pyjobs import Worker
from pyjobs.cli import stops

stops.END_SECONDS = {patience}
worker = Worker(queues=["words"], concurrency=1, grace=0.2)

@worker.handler
async def hang(job):
    Path("hangs").touch()
    if job.data == "loop":
        time.sleep(60)
    if job.data == "thread":
        await asyncio.to_thread(time.sleep, 60)
    if job.data == "own thread":
        threading.Thread(target=time.sleep, args=[60]).start()
    if job.data == "compiled":
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
    if job.data == "log":
        logging.warning("x" * 10_000_000)
    while job.data == "task":
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
"""


def hanging(cli: Cli, kind: str, patience: float) -> subprocess.Popen[str]:
    """A worker whose handler hangs in this way."""
    cli.module("hangs", HANGS.replace("{patience}", str(patience)))
    submit(cli, kind, "a")
    worker = cli.start("work", "hangs:worker")
    wait_until((cli.folder / "hangs").exists, SECONDS)
    return worker


@pytest.mark.parametrize(
    ("kind", "named", "state"),
    [
        ("loop", "job a on queue words; ", "pending"),
        ("task", "task ", "pending"),
        ("thread", "thread ThreadPoolExecutor-", "pending"),
        ("own thread", "thread Thread-", "done"),
        ("compiled", "job a on queue words; ", "pending"),
    ],
)
def test_a_stop_ends_the_process_whatever_a_handler_does(
    cli: Cli, kind: str, named: str, state: str
) -> None:
    worker = hanging(cli, kind, 8.0 if kind == "task" else 0.5)
    worker.send_signal(signal.SIGTERM)
    code, log = ended(worker)
    assert code == 1
    assert "ERROR ending without waiting for " in log and named in log
    with connect(cli.url) as redis:
        assert redis.hmget("jobs:{words}:job:a", "state", "crashes") == [state.encode(), None]


def test_a_stop_ends_the_process_whose_log_nobody_reads(cli: Cli) -> None:
    worker = hanging(cli, "log", 0.5)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(SECONDS) == 1
    with connect(cli.url) as redis:
        assert redis.hmget("jobs:{words}:job:a", "state", "crashes") == [b"pending", None]
    assert worker.stderr is not None
    worker.stderr.close()


def test_a_third_signal_ends_the_process_whose_log_nobody_reads(cli: Cli) -> None:
    worker = hanging(cli, "log", 60.0)
    for _ in range(3):
        worker.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    assert worker.wait(SECONDS) == 1
    assert worker.stderr is not None
    worker.stderr.close()


def test_a_third_signal_ends_the_process_at_once(cli: Cli) -> None:
    worker = hanging(cli, "loop", 60.0)
    for _ in range(3):
        worker.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    code, log = ended(worker)
    assert code == 1
    assert "ended by a third signal" in log


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT], ids=["HUP", "QUIT"])
def test_sighup_and_sigquit_stop_the_worker(cli: Cli, number: signal.Signals) -> None:
    worker = cli.start("work", "tasks:worker")
    assert worker.stderr is not None
    assert "is ready" in worker.stderr.readline()
    worker.send_signal(number)
    code, log = ended(worker)
    assert code == 0
    assert "stopping" in log


def test_a_worker_started_by_nohup_survives_sighup(cli: Cli) -> None:
    """Whoever ignored the signal for the worker meant it."""
    words = [sys.executable, "-m", "pyjobs", "work", "tasks:worker", "--url", cli.url]
    ignore = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    worker = subprocess.Popen(
        [sys.executable, "-c", ignore + "os.execv(sys.argv[1], sys.argv[1:])", *words],
        cwd=cli.folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert worker.stderr is not None
    assert "is ready" in worker.stderr.readline()
    worker.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert worker.poll() is None
    worker.terminate()
    assert ended(worker)[0] == 0


@pytest.mark.parametrize("processes", ["1", long("2")])
def test_a_filter_of_the_program_that_raises_does_not_end_the_worker(
    cli: Cli, processes: str
) -> None:
    text = """
        import logging
        from tasks import worker
        logging.basicConfig(level=logging.INFO)
        logging.raiseExceptions = False
        def refuse(record):
            raise ValueError("a filter of the program")
        for name in ["pyjobs.cli.work", "pyjobs.cli.supervisor", "pyjobs.cli.stops"]:
            logging.getLogger(name).addFilter(refuse)
        for handler in logging.getLogger().handlers:
            handler.addFilter(refuse)
    """
    cli.module("filtered", textwrap.dedent(text))
    worker = cli.start("work", "filtered:worker", "--processes", processes)
    submit(cli, "x", "a")
    assert cli("result", "words", "a", "--wait", "60").code == 0
    worker.terminate()
    assert ended(worker) == (0, "")


def test_a_worker_that_is_started_while_redis_is_away_ends_or_waits(cli: Cli) -> None:
    began = time.monotonic()
    code, log = ended(cli.start("work", "tasks:worker", "--url", DEAD_URL))
    assert code == 1 and re.fullmatch(
        r"pyjobs: redis://:\*\*\*@127\.0\.0\.1:1: .*refused; is .*\n", log
    )
    code, log = ended(cli.start("work", "tasks:worker", "--url", DEAD_URL, "--wait", "1"))
    first, *others = log.splitlines()
    assert "is unavailable (Error 111 " in first and "trying again" in first
    assert code == 1 and len(others) == 1 and others[0].startswith("pyjobs: redis://")
    assert time.monotonic() - began > 1


@pytest.mark.parametrize("processes", ["1", long("2")])
def test_a_worker_waits_for_redis_at_its_start(cli: Cli, processes: str) -> None:
    with own_server() as server:
        url = server.url
        server.kill()
        words = ["--url", url, "--wait", "60", "--processes", processes]
        worker = cli.start("work", "tasks:worker", *words)
        assert worker.stderr is not None
        assert "is unavailable" in worker.stderr.readline()
        server.start()
        assert cli("submit", "words", "1", "--url", url, "--wait", "60").code == 0
        worker.terminate()
        assert ended(worker)[0] == 0


def test_a_stop_ends_the_wait_for_redis_at_the_start(cli: Cli) -> None:
    worker = cli.start("work", "tasks:worker", "--url", DEAD_URL, "--wait", "60")
    assert worker.stderr is not None
    assert "is unavailable" in worker.stderr.readline()
    worker.terminate()
    assert ended(worker)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["TERM", "HUP"])
def test_a_signal_while_the_module_is_imported_ends_the_process(
    cli: Cli, number: signal.Signals
) -> None:
    """As process 1 of a container it has no other way: a signal without a handler is ignored."""
    text = """
        import signal, time
        from pathlib import Path
        assert callable(signal.getsignal(signal.SIGTERM)), "no handler"
        Path("imports").touch()
        time.sleep(60)
    """
    cli.module("slow", textwrap.dedent(text))
    worker = cli.start("work", "slow:worker")
    wait_until((cli.folder / "imports").exists, SECONDS)
    worker.send_signal(number)
    assert ended(worker)[0] == 128 + number


def log_of_a_failure(cli: Cli, *options: str) -> str:
    """What a worker with these options logs of one job that fails."""
    cli.module("fails", "import pyjobs\nworker = pyjobs.Worker(queues=['words'], grace=5)\n")
    with (cli.folder / "fails.py").open("a") as file:
        file.write("@worker.handler\ndef run(job):\n    worker.stop()\n    return 1 / 0\n")
    submit(cli, "any", "a")
    code, log = ended(cli.start("work", "fails:worker", *options))
    assert code == 0
    line = (
        r"job a on queue words failed at attempt 1 \(tried again in \d\.\d s\): ZeroDivisionError"
    )
    assert re.search(line, log)
    return log


def test_a_traceback_is_logged_where_it_is_asked_for(cli: Cli) -> None:
    log = log_of_a_failure(cli, "--traceback")
    assert "DEBUG job a on queue words:\n  Traceback (most recent call last):\n" in log
    assert "return 1 / 0" in log
    assert " starts, " not in log


def test_a_verbose_log_has_starts_and_tracebacks(cli: Cli) -> None:
    log = log_of_a_failure(cli, "--verbose")
    assert "DEBUG job a on queue words starts, attempt 1\n" in log
    assert "return 1 / 0" in log


def test_no_traceback_is_logged_unless_it_is_asked_for(cli: Cli) -> None:
    assert "Traceback" not in log_of_a_failure(cli)


def test_options_of_the_log_are_passed_to_the_processes() -> None:
    assert Entries().options() == []
    assert Entries(quiet=True, traceback=True).options() == ["--quiet", "--traceback"]


def test_quiet_and_verbose_exclude_each_other(cli: Cli) -> None:
    told = cli("work", "tasks:worker", "--quiet", "--verbose")
    assert told.code != 0 and "--quiet and --verbose exclude each other" in told.err


def test_the_log_is_one_json_object_a_line(cli: Cli) -> None:
    submit(cli, "fail", "a")
    worker = cli.start("work", "tasks:worker", "--log", "json")
    assert worker.stderr is not None
    first = json.loads(worker.stderr.readline())
    assert set(first) == {"time", "level", "logger", "message", "process"}
    assert (first["level"], first["process"]) == ("INFO", worker.pid)
    assert first["logger"].startswith("pyjobs.") and "is ready" in first["message"]
    worker.terminate()
    _, log = ended(worker)
    assert all(json.loads(line)["time"].endswith("+00:00") for line in log.splitlines())


@pytest.mark.parametrize("processes", ["1", long("2")])
def test_a_url_of_the_worker_counts_before_the_environment_and_the_option_before_both(
    cli: Cli, processes: str
) -> None:
    cli.module(
        "elsewhere",
        "from pyjobs import Worker\n"
        "worker = Worker('redis://127.0.0.1:1', queues=['words'])\n"
        "worker.handler(lambda job: 'here')\n",
    )
    told = cli.process("work", "elsewhere")
    assert told.err.startswith("pyjobs: redis://127.0.0.1:1: Error 111 connecting to ")
    worker = cli.start("work", "elsewhere", "--url", cli.url, "--processes", processes)
    assert cli("submit", "words", "1", "--wait", "60").out == '"here"\n'
    worker.terminate()
    assert ended(worker)[0] == 0
