"""Running a plain handler in child processes, which are replaced when they end, and when they have
run long enough.

Which child gets which run is decided here. child.py is one child.
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from pyjobs.engine import RELEASE, Outcome
from pyjobs.errors import BadArgument
from pyjobs.log import logger
from pyjobs.worker.outcomes import failure
from pyjobs.worker.process import how_ended
from pyjobs.worker.run import Run
from pyjobs.worker.running.child import Child, pickled
from pyjobs.worker.running.child_main import RunAnswer
from pyjobs.worker.running.invocation import CLEANUP_SECONDS, Report
from pyjobs.worker.running.job import Handler
from pyjobs.worker.running.time_limits import TimeLimits
from pyjobs.worker.settings import Children

log = logger(__name__)
# A child may be replaced from this share of its limits on, at random, so that not all children
# reach them at the same time.
EARLIEST = 0.8
# After so many children in a row that could run nothing, the worker ends.
MOST_FAILED_STARTS = 3
LOOK_SECONDS = 0.01


class ProcessExecutor:
    """Runs a plain handler in a pool of child processes, one run at a time in each. This process
    keeps the claims, the leases and the outcomes: the end of a child is the failure of one run.

    A run that is cancelled or late ends with its child, and is reported when the child has ended.
    The time limit begins when a child gets the run.

    Raises:
        BadArgument: a child can't find the handler.
    """

    def __init__(
        self,
        handler: Handler,
        size: int,
        report: Report,
        children: Children,
        cleanup: float = CLEANUP_SECONDS,
    ) -> None:
        self._handler = findable(handler)
        self._size = size
        self._report = report
        self._how = children
        self._cleanup = cleanup
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Run] = deque()
        # The child of each run that is not reported; None for a run that waits for a child.
        self._runs: dict[Run, Child | None] = {}
        self._limits = TimeLimits(self._give_up)
        self._children: dict[Child, float] = {}
        self._idle: deque[Child] = deque()
        self._failed_starts = 0
        self._why = ""
        self._closed = False

    @property
    def running(self) -> int:
        return len(self._runs)

    @property
    def abandoned(self) -> int:
        return 0

    def __contains__(self, run: Run) -> bool:
        return run in self._runs

    def start(self, run: Run) -> None:
        self._runs[run] = None
        self._waiting.append(run)
        self._hand_out()

    def cancel(self, run: Run) -> None:
        self._give_up(run, RELEASE)

    def cancel_all(self) -> None:
        for run, child in list(self._runs.items()):
            if child is None:
                # Reported after this call, as the others are.
                self._loop.call_soon(self._give_up, run, RELEASE)
            else:
                self._give_up(run, RELEASE)

    def check(self) -> None:
        for child in list(self._children):
            child.check()
        self._fill()
        failed = self._failed_starts >= MOST_FAILED_STARTS or not self._children
        if failed and not any(child.is_ready for child in self._children):
            raise RuntimeError(self._why)

    def close(self) -> None:
        self._closed = True
        for child in list(self._children):
            if child.is_ready and child.run is None:
                child.retire()
            else:
                child.kill()

    async def wait_closed(self) -> None:
        while self._children:
            # A process that a handler has left behind holds the socket open, so the end of the
            # child is not heard there.
            for child in list(self._children):
                child.check()
            await asyncio.sleep(LOOK_SECONDS)

    # --- runs ---

    def _hand_out(self) -> None:
        """Give runs that wait to children that have none."""
        while self._waiting and self._idle:
            if self._idle[0].ending:
                self._idle.popleft()
                continue
            run = self._waiting.popleft()
            # A run that was given up while it waited was reported.
            if run not in self._runs:
                continue
            if not run.begin(time.monotonic()):
                self._loop.call_soon(self._end, run, RELEASE)
                continue
            child = self._runs[run] = self._idle.popleft()
            self._limits.start(run)
            child.give(run)

    def _give_up(self, run: Run, outcome: Outcome) -> None:
        if run not in self._runs:
            return
        child = self._runs[run]
        if child is None:
            self._end(run, outcome)
        # A run that is lost or handed back is released, even if its timeout came first.
        elif not child.outcome or outcome is RELEASE:
            child.give_up(outcome, self._cleanup)

    def _end(self, run: Run, outcome: Outcome) -> None:
        if run in self._runs:
            del self._runs[run]
            self._limits.stop(run)
            self._report(run, outcome)

    # --- children ---

    def child_ready(self, child: Child) -> None:
        self._failed_starts = 0
        if not child.ending:
            self._idle.append(child)
            self._hand_out()

    def child_answered(self, child: Child, run: Run, answer: RunAnswer) -> None:
        if not child.ending:
            if self._is_due(child):
                child.retire()
            else:
                self._idle.append(child)
        self._end(run, answer.outcome)
        self._hand_out()

    def child_ended(self, child: Child, code: int | None) -> None:
        del self._children[child]
        if child in self._idle:
            self._idle.remove(child)
        ended = how_ended(code)
        if not child.is_ready:
            self._failed_starts += 1
            self._why = child.why_not or (
                f"a child process {ended} before it could run a job; its stderr says why"
            )
        elif child.run is None and code != 0:
            log.warning("child process %d %s", child.pid, ended)
        if child.run is not None:
            crashed = failure(ChildProcessError(f"its process {ended}"))
            # A run that has not reached its child has not begun.
            self._end(child.run, child.outcome or (RELEASE if child.has_unsent else crashed))
        # A child that ends by itself without a run may do so again and again.
        if child.is_ready and (child.runs or child.run is not None):
            self._fill()

    def _fill(self) -> None:
        """Start the children that are missing."""
        while not self._closed and len(self._children) < self._size:
            try:
                weighs = self._how.max_memory is not None
                child = Child(self, self._handler, self._how.set_up, weighs)
            except (OSError, RuntimeError) as error:
                self._why = f"no child process can be started: {error}"
                return
            self._children[child] = random.uniform(EARLIEST, 1.0)

    def _is_due(self, child: Child) -> bool:
        """Whether a child is to be replaced now: at a limit in any case, and before that where no
        other child is being replaced."""
        share = max(
            child.runs / (self._how.max_jobs or math.inf),
            child.resident / (self._how.max_memory or math.inf),
        )
        if share >= 1.0:
            return True
        missing = any(one.ending or not one.is_ready for one in self._children)
        return share >= self._children[child] and not missing


def findable(handler: Handler, what: str = "handler") -> bytes:
    """Return a handler as a child finds it.

    Raises:
        BadArgument: a child can't find the handler.
    """
    try:
        return pickled(handler)
    except Exception as error:
        raise BadArgument(
            f"{what}: executor='process' runs a function that a new process can import by its "
            f"name, from the top level of a module: {error}"
        ) from None


def check_findable(what: str, function: Any) -> None:
    """Check that a child can import a function by its name.

    Args:
        what: what it is, for the message.
        function: a function, or a task.

    Raises:
        BadArgument: a child can't find it: it is no attribute of its module, or its module is a
            program that was read from the standard input or from a command line.
    """
    findable(function, what)
    main = sys.modules["__main__"]
    if getattr(function, "__module__", "") == "__main__" and not (
        getattr(main, "__spec__", None) or Path(getattr(main, "__file__", "")).is_file()
    ):
        raise BadArgument(
            f"{what}: executor='process' runs a function that a new process can import, and this "
            "program has no file; move the function into a module"
        )
