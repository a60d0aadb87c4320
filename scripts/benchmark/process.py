"""Client and worker processes of one system: started, asked, listened to, ended.

How this program talks to a driver lives here; what is asked lives in measure.py.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

from benchmark.case import Case

SCRIPTS = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0
STOP_SECONDS = 2.0
SETTLE_SECONDS = 0.2
LOG_LINES = 3
CLOCK_SECONDS = 1e-6


class Failed(Exception):
    """A system did not do what was asked of it; the message says what, with the end of its log."""


@dataclass(frozen=True)
class System:
    """What is measured: its name in the tables, and the command of its driver, without the role.

    Attributes:
        environment: variables that its driver needs besides.
    """

    name: str
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def ours(name: str, *command: str) -> System:
    """A system whose driver runs in this program's own environment."""
    return System(name, (sys.executable, "-m", *command))


class Process:
    """One driver process. A context manager; it is ended with the block, and with this process."""

    def __init__(self, system: System, role: str, case: Case, url: str) -> None:
        self._name = f"{system.name} {role}"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        read, write = os.pipe()
        environment = {
            **os.environ,
            **dict(system.environment),
            "BENCH_URL": url,
            "BENCH_CASE": case.dumps(),
            "BENCH_REPORT": str(write),
        }
        try:
            self._process = subprocess.Popen(
                [*system.command, role],
                cwd=SCRIPTS,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=self._log,
                pass_fds=[write],
                start_new_session=True,
                text=True,
            )
        finally:
            os.close(write)
        self._lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(read,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # It leads a group of its own, since some systems start processes too.
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, sign)
                self._process.wait(STOP_SECONDS)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._log.close()

    def ask(self, patience: float, /, **asked: Any) -> dict[str, Any]:
        """Send a line and return the answer to it, which may take so many seconds."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self.failed("ended") from None
        return self.next(patience)

    def next(self, seconds: float) -> dict[str, Any]:
        """The next line that it prints, within so many seconds."""
        try:
            told = self._lines.get(timeout=max(0.001, seconds))
        except queue.Empty:
            raise self.failed(f"told nothing in {seconds:.0f} s") from None
        if not told:
            raise self.failed("ended")
        return told

    def newest(self, seconds: float) -> dict[str, Any]:
        """The same, but of several lines that are there the last."""
        told = self.next(seconds)
        while not self._lines.empty():
            told = self.next(seconds)
        return told

    def failed(self, why: str) -> Failed:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return Failed(" | ".join([f"{self._name} {why}", *lines[-LOG_LINES:]]))

    def _read(self, pipe: int) -> None:
        with os.fdopen(pipe) as lines:
            for line in lines:
                self._lines.put(json.loads(line))
        self._lines.put({})


class Client(Process):
    """The process that enqueues jobs, and waits for results."""

    def __init__(self, system: System, case: Case, url: str) -> None:
        super().__init__(system, "client", case, url)

    def __enter__(self) -> Self:
        try:
            self.next(START_SECONDS)
        except BaseException:
            self.__exit__()
            raise
        return self


class Runs(NamedTuple):
    """The runs of the handler in all workers.

    Attributes:
        ran: how many.
        first: when the first began, seconds of a steady clock.
        last: when the last began.
        cpu: seconds of processor time of the workers since their first.
    """

    ran: int
    first: float
    last: float
    cpu: float

    @property
    def rate(self) -> float:
        """Runs a second; the first one only starts the clock."""
        return (self.ran - 1) / max(self.last - self.first, CLOCK_SECONDS)


class Workers:
    """The worker processes of one case. A context manager."""

    def __init__(self, system: System, case: Case, url: str) -> None:
        self._processes = [Process(system, "worker", case, url) for _ in range(case.workers)]
        self._told: list[dict[str, Any]] = [{"ran": 0} for _ in self._processes]

    def __enter__(self) -> Self:
        try:
            for process in self._processes:
                process.next(START_SECONDS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.__exit__()

    def until(self, jobs: int, seconds: float) -> Runs:
        """The runs, as soon as there are so many.

        Raises:
            Failed: so many seconds were not enough.
        """
        deadline = time.monotonic() + seconds
        while (runs := self._listen()).ran < jobs:
            if time.monotonic() > deadline:
                why = f"ran {runs.ran} of {jobs} jobs in {seconds:.0f} s"
                raise self._processes[0].failed(why)
        return runs

    def settled(self) -> Runs:
        """The runs after a moment in which the last outcomes are recorded."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            runs = self._listen()
        return runs

    def _listen(self) -> Runs:
        """Each worker prints something several times a second."""
        for at, process in enumerate(self._processes):
            self._told[at] = process.newest(START_SECONDS)
        busy = [told for told in self._told if told["ran"]]
        if not busy:
            return Runs(0, 0.0, 0.0, 0.0)
        return Runs(
            sum(told["ran"] for told in busy),
            min(told["first"] for told in busy),
            max(told["last"] for told in busy),
            sum(told["cpu"] for told in busy),
        )
