"""Throwaway real servers: the Redis and Valkey programs of this machine, run on loopback.

Starting, stopping and killing a server may live here. Nothing about jobs.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from pyjobs.testing.binaries import Binary

START_SECONDS = 30.0
STOP_SECONDS = 5.0
PORT_TRIES = 10
# Characters at the end of a server's log that an error carries.
LOG_TAIL = 2000

# Below the range that the kernel gives to outgoing connections. A client that keeps dialling a
# stopped server could otherwise get the server's own port, reach itself, and hold the port.
PORTS = range(20000, 32000)


class StartFailed(RuntimeError):
    """A server did not start; the message says which one and why, with the tail of its log."""


class Server:
    """Responsible for one server process on loopback. A context manager, which starts and closes.

    Nothing is saved unless `args` say so. Port and directory stay the same until `close`, so data
    may outlive `stop` and `kill`. The server ends with this process, however this process ends.

    Args:
        binary: the program to run.
        args: more options of the server, such as `["--appendonly", "yes"]`, without the port.
        directory: where the server keeps its data and log; a new one, which `close` removes, when
            left out.
        environ: variables of the server's environment, added to those of this process.

    Attributes:
        binary: the program.
    """

    def __init__(
        self,
        binary: Binary,
        *,
        args: Sequence[str] = (),
        directory: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.binary = binary
        self._args = tuple(args)
        self._environ = {**os.environ, **(environ or {})}
        self._given = directory
        self._directory = directory
        self._port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The TCP port, known from the first start on.

        Raises:
            RuntimeError: the server was never started.
        """
        if self._port is None:
            raise RuntimeError(f"{self.binary.name} was never started")
        return self._port

    @property
    def url(self) -> str:
        """The URL `redis://127.0.0.1:<port>`, known from the first start on.

        Raises:
            RuntimeError: the server was never started.
        """
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the server.

        Raises:
            RuntimeError: the server is not running.
        """
        if self._process is None:
            raise RuntimeError(f"{self.binary.name} is not running")
        return self._process.pid

    def log(self) -> str:
        """Return what the server has printed since its last start, '' before the first start."""
        path = self._log_path()
        return path.read_text(errors="replace") if path and path.exists() else ""

    def start(self) -> None:
        """Start the server and return when it answers. A server that answers stays as it is.

        Raises:
            StartFailed: the server can't be run, dies, or gives no answer within 30 seconds.
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
        # The port is chosen once, because the URL must stay good after a restart.
        if self._port is None:
            self._port = self._launch_somewhere()
        else:
            self._launch(self._port)

    def stop(self) -> None:
        """End the server by SIGTERM, and by SIGKILL when it is still there 5 seconds later."""
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the server by SIGKILL, as a crash does: it saves nothing before."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._guard is not None:
            with self._guard:
                self._guard.kill()
            self._guard = None

    def restart(self) -> None:
        """Stop the server and start it again with the same port and directory.

        Raises:
            StartFailed: the server can't be run, dies, or gives no answer within 30 seconds.
        """
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop the server, and remove its directory unless it was given. Also done at exit."""
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
                # Another process may take the port after it was found free.
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
                # In a session of its own, so that Ctrl-C does not reach the server: the program
                # may still need it to end well.
                self._process = subprocess.Popen(
                    command,
                    env=self._environ,
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
    """Start a shell that kills the process `pid` when this process ends.

    The shell waits for the end of its stdin, a pipe that ends with this process.
    """
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
    """Return whether the server `pid` serves on `port`: False while it loads its data."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\nINFO server\r\n")
            with connection.makefile("rb") as reply:
                pong = reply.readline()
                if not pong.startswith(b"+PONG"):
                    # Any other refusal, such as a missing password, comes from a server that is up.
                    return pong.startswith(b"-") and not pong.startswith(b"-LOADING")
                size = reply.readline()
                # Another server may hold the port, and this one is about to die of it.
                return f"process_id:{pid}\r\n".encode() in reply.read(int(size[1:]))
    except (OSError, ValueError):
        return False
