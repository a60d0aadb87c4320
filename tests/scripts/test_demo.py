"""The demonstration, as its users run it: what it prints, how it ends, what it leaves behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from support.lanes import long
from support.running import wait_until
from support.servers import own_server

from pyjobs.engine.modes import MODES
from pyjobs.testing import find_servers
from pyjobs.transport.server import connect

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[2] / "scripts"
ROW = re.compile(r"│ (\w+) +│ +(\d+) │ +\d+\.\d\d │ +[\d,]+ │ +(\d+) │ +(\d+) │")
KINDS = [*MODES, "count", "longest"]
LINES = "first\nsecond\n\nvierte Zeile: äöü ✓ 𝄞\n"
NOBODY = "redis://:secret@127.0.0.1:1"

Done = subprocess.CompletedProcess[str]


def environment(url: str = "", path: str = "") -> dict[str, str]:
    settings = {"PYJOBS_URL": url, "PATH": path or "/nonexistent", "COLUMNS": "100"}
    return {**os.environ, **settings, "PYTHONIOENCODING": "utf-8", "TERM": "dumb"}


def demo(*args: str | Path, url: str = "", path: str = "") -> Done:
    """Run it; by default with no server on PATH and none named."""
    return subprocess.run(
        [sys.executable, SCRIPTS / "demo.py", *args],
        capture_output=True,
        encoding="utf-8",
        env=environment(url, path),
        timeout=100,
        check=False,
    )


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text"
    path.write_text(LINES, encoding="utf-8")
    return path


def assert_well(done: Done, jobs: int) -> None:
    assert (done.returncode, done.stderr) == (0, "")
    assert ROW.findall(done.stdout) == [(kind, str(jobs), "0", "0") for kind in KINDS]
    assert "Every line came back reversed.\n" in done.stdout
    assert re.search(r"The schedule tick made [2-9] jobs, one every 1 s.\n$", done.stdout)
    assert all(f"{jobs}/{jobs}" in line for line in bars(done)), done.stdout


def bars(done: Done) -> list[str]:
    found = [line for line in done.stdout.splitlines() if line.split(" ")[0] in KINDS]
    assert [line.split(" ")[0] for line in found] == KINDS
    return found


def assert_trouble(done: Done, *words: str) -> None:
    """One line that says what is wrong, and no traceback."""
    assert done.returncode == 1
    assert re.fullmatch(r"demo: [^\n]+\n", done.stderr), done.stderr
    assert all(word in done.stderr for word in words), done.stderr


@pytest.fixture(scope="session")
def valkey() -> str:
    """Name of the bundled server."""
    return next(found.name for found in find_servers() if found.name.startswith("valkey"))


def test_the_demo_in_memory_reverses_every_line(text: Path) -> None:
    done = demo(text, url="memory://demo")
    assert_well(done, 4)
    assert "Server: fakeredis, in this process, at memory://demo\n" in done.stdout
    assert f"Text:   {text}, 4 lines\n" in done.stdout


@pytest.mark.long
def test_the_demo_on_the_bundled_server_reverses_the_whole_text(valkey: str) -> None:
    done = demo()
    assert_well(done, len((SCRIPTS / "jargon.txt").read_text(encoding="utf-8").splitlines()))
    version = valkey.removeprefix("valkey-")
    assert re.search(
        rf"^Server: Valkey {version}\.\d+ \(the bundled one\) at redis://127\.0\.0\.1:\d+$",
        done.stdout,
        re.MULTILINE,
    )


@pytest.mark.long
def test_a_server_on_path_comes_before_the_bundled_one(text: Path, tmp_path: Path) -> None:
    redis = next(found for found in find_servers() if found.name.startswith("redis"))
    (tmp_path / "redis-server").symlink_to(redis.path)
    done = demo(text, path=str(tmp_path))
    assert_well(done, 4)
    version = redis.name.removeprefix("redis-")
    assert f"Server: Redis {version}." in done.stdout
    assert f"({tmp_path}/redis-server) at redis://" in done.stdout


@pytest.mark.long
def test_a_server_on_path_that_does_not_start_is_reported_and_replaced(
    text: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text(f"#!{sys.executable}\nraise SystemExit(3)\n")
    broken.chmod(0o755)
    done = demo(text, path=str(tmp_path))
    assert done.returncode == 0
    assert re.fullmatch(rf"demo: {broken} will not do: [^\n]+ status 3; [^\n]+\n", done.stderr)
    assert "(the bundled one)" in done.stdout


@pytest.mark.long
def test_the_demo_removes_only_its_own_keys_from_a_shared_server(text: Path) -> None:
    with own_server() as server, connect(server.url) as looking:
        looking.set("jobs:queues", "theirs")
        assert_well(demo(text, url=server.url), 4)
        assert looking.keys("*") == [b"jobs:queues"]


@pytest.mark.parametrize("number", [signal.SIGINT, long(signal.SIGTERM)])
def test_a_signal_stops_the_demo_and_leaves_no_key(tmp_path: Path, number: int) -> None:
    text = tmp_path / "long"
    text.write_text("a line\n" * 500_000)
    with own_server() as server, connect(server.url) as looking:
        process = subprocess.Popen(
            [sys.executable, SCRIPTS / "demo.py", text],
            env=environment(server.url),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            # Whoever starts the tests in the background may have told all that follow to ignore it.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        wait_until(lambda: looking.keys("demo-*:simple:{words}:meta"))
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
        assert (process.returncode, stderr) == (130, "demo: stopped\n")
        assert looking.keys("*") == []


# --- what goes wrong ---


def test_a_wrong_answer_is_counted(text: Path, tmp_path: Path) -> None:
    for name in ("demo.py", "demo_worker.py"):
        (tmp_path / name).write_text((SCRIPTS / name).read_text(encoding="utf-8"))
    worker = tmp_path / "demo_worker.py"
    right = worker.read_text()
    worker.write_text(right.replace("[::-1]", ".upper()"))
    assert worker.read_text() != right
    done = subprocess.run(
        [sys.executable, tmp_path / "demo.py", text],
        capture_output=True,
        encoding="utf-8",
        env=environment("memory://wrong"),
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "demo: not every line came back as it must\n")
    assert ROW.findall(done.stdout) == [(mode, "4", "3", "0") for mode in MODES]


def test_a_missing_file_is_an_error_of_one_line(tmp_path: Path) -> None:
    assert_trouble(demo(tmp_path / "none"), str(tmp_path / "none"), "No such file")


def test_a_directory_is_an_error_of_one_line(tmp_path: Path) -> None:
    assert_trouble(demo(tmp_path), str(tmp_path), "directory")


def test_a_text_that_is_not_utf_8_is_an_error_of_one_line(tmp_path: Path) -> None:
    path = tmp_path / "latin"
    path.write_bytes(b"caf\xe9\n")
    assert_trouble(demo(path), str(path), "not UTF-8 (at byte 3)")


def test_an_empty_file_is_an_error_of_one_line(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    assert_trouble(demo(path), str(path), "empty")


def test_a_server_that_does_not_answer_is_an_error_of_one_line(text: Path) -> None:
    done = demo(text, url=NOBODY)
    assert_trouble(done, "127.0.0.1:1", "refused")
    assert "secret" not in done.stderr


@pytest.mark.parametrize("url", ["localhost", long("redis://host:port"), long("http://localhost")])
def test_a_text_that_is_no_url_is_an_error_of_one_line(text: Path, url: str) -> None:
    assert_trouble(demo(text, url=url), "PYJOBS_URL", url)


def test_a_line_that_is_too_long_is_an_error_of_one_line(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_text("x" * 20_000_000)
    assert_trouble(demo(path, url="memory://long"), "bytes, more than")
