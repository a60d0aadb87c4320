"""A worker's process as the harness holds it: started, killed, stopped. Nothing about jobs."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from chaos.log import Log

HERE = str(Path(__file__).parent.parent)


class Process:
    """One place for a worker: its process, and a new one where the harness says so.

    Attributes:
        environ: what its next process finds in its environment.
        package: the folder from which its next process imports pyjobs, '' for this one's.

    Args:
        command: what to run.
        log: where its ends are noted.
        output: the file for what it prints.
    """

    def __init__(self, command: Sequence[str], log: Log, output: Path) -> None:
        self._command, self._log, self._output = command, log, output
        self.environ: dict[str, str] = {}
        self.package = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        path = filter(None, (self.package, HERE, os.environ.get("PYTHONPATH")))
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path), **self.environ},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._log.write("up", note=self.environ.get("PYJOBS_CRASH_AT", ""), pid=self.pid)

    def kill(self) -> None:
        """kill -9, and a new process in its place."""
        if self._process is None:
            return
        # Written before, and when it is dead: what the process still did in between came before.
        pid = self.pid
        self._log.write("strike", pid=pid)
        self.end()
        self._log.write("kill", note="harness", pid=pid)
        self.start()

    def stop(self) -> None:
        """SIGSTOP."""
        self._log.write("strike", pid=self.pid)
        os.kill(self.pid, signal.SIGSTOP)
        # Written when it stands still: what the process still did in between came before.
        os.waitpid(self.pid, os.WUNTRACED)
        self._log.write("stop", pid=self.pid)

    def go_on(self) -> None:
        """SIGCONT."""
        self._log.write("cont", pid=self.pid)
        os.kill(self.pid, signal.SIGCONT)

    def look(self, suicidal: bool) -> None:
        """Note a death that the harness did not cause; start again only what may kill itself."""
        if self._process is None or (code := self._process.poll()) is None:
            return
        expected = suicidal and code == -signal.SIGKILL
        what, note = ("kill", "itself") if expected else ("died", f"exit code {code}")
        self._log.write(what, note=note, pid=self.pid)
        self.end()
        if expected:
            self.start()

    def close(self, suicidal: bool, seconds: float = 60.0) -> None:
        """SIGTERM; an idle worker must then end well, or by its own hand where it may."""
        if self._process is None:
            return
        own = {-signal.SIGKILL} if suicidal else set()
        self._process.terminate()
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._log.write("died", note=f"no end {seconds:g} s after SIGTERM", pid=self.pid)
        else:
            # One that was started just now ends of the signal itself: it had not begun to serve.
            if code not in {0, -signal.SIGTERM} | own:
                self._log.write("died", note=f"exit code {code} after SIGTERM", pid=self.pid)
        self.end()

    def end(self) -> None:
        """kill -9, and none in its place."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process = None
