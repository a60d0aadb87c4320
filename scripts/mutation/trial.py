"""Runs tests on a mutant in a process of its own, which ends with all that it started."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

QUIET = ("-q", "-x", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-p", "no:xdist")
# A test that hangs by a mutant is ended long before the limit of the whole suite.
TEST_SECONDS = 30
RUN_SECONDS = 240


@dataclass(frozen=True)
class Verdict:
    """How a run ended.

    Attributes:
        by: the first test that failed, 'time' when the run took too long, or nothing.
        seconds: how long the run took.
    """

    by: str
    seconds: float


class FirstFailure:
    """A plugin of pytest: which test failed first."""

    def __init__(self) -> None:
        self.by = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.by = self.by or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.by = self.by or f"{report.nodeid or 'collection'}: not collected"


def forked(work: Callable[[], str], most: float = RUN_SECONDS) -> tuple[str, float]:
    """What `work` returns, run in a forked process, and how many seconds it took.

    A process that does not end in `most` seconds is killed, and 'time' is returned.
    """
    began = time.monotonic()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _run(work, writer)
    os.close(writer)
    parts: list[bytes] = []
    try:
        while True:
            left = began + most - time.monotonic()
            if not select.select([reader], [], [], max(left, 0))[0]:
                return "time", time.monotonic() - began
            if not (part := os.read(reader, 65536)):
                return b"".join(parts).decode(), time.monotonic() - began
            parts.append(part)
    finally:
        os.close(reader)
        # Its own processes die with it: they are of its group, or wait for the end of a pipe.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _run(work: Callable[[], str], writer: int) -> None:
    """Do the work of a forked process, which ends here."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    try:
        answer = work()
    except BaseException as error:
        answer = f"{type(error).__name__}: {error}"
    os.write(writer, answer.encode())
    os.close(writer)
    os._exit(0)


def pytest_here(arguments: Sequence[str]) -> str:
    """Run pytest in this process; the first test that failed, or nothing."""
    first = FirstFailure()
    status = pytest.main([*QUIET, f"--timeout={TEST_SECONDS}", *arguments], plugins=[first])
    return first.by or ("" if status == pytest.ExitCode.OK else f"pytest ended with {status!r}")
