"""A child process of a worker, as its worker sees it: its start, what it is sent and answers, and
its end.

child_main.py is what runs in it; process_executor.py decides which run it gets.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import math
import multiprocessing
import os
import pickle
import signal
import socket
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Protocol

from pyjobs.engine import Outcome
from pyjobs.errors import PyjobsError
from pyjobs.worker.outcomes import failure
from pyjobs.worker.process import STOPS
from pyjobs.worker.run import Run
from pyjobs.worker.running.child_main import (
    RECEIVED,
    Messages,
    NoMessage,
    Ready,
    RunAnswer,
    packed,
    serve,
)
from pyjobs.worker.running.child_updates import Update, UpdateReply

# Children are forked by a process that has imported pyjobs and has no thread. A fork of the worker
# itself would copy locks that its other threads hold; a fresh interpreter takes 20 times as long.
FORKS = multiprocessing.get_context("forkserver")
# A child that has nothing to do ends within this time, or is killed.
RETIRE_SECONDS = 2.0
# The end of a stream is seen a little before the end of its process. A process of which only the
# stream has ended is killed.
EXIT_SECONDS = 0.5
POLL_SECONDS = 0.005
LONGEST_POLL = 0.1


class ChildOwner(Protocol):
    """Hears of its children, in the event loop."""

    def child_ready(self, child: Child) -> None:
        """The child can run jobs."""

    def child_answered(self, child: Child, run: Run, answer: RunAnswer) -> None:
        """The child has ended a run, and has none now."""

    def child_ended(self, child: Child, code: int | None) -> None:
        """The process has ended.

        Args:
            child: the child.
            code: its exit code, or the negative number of a signal; None where it is not known.
        """


class Child:
    """Responsible for one child process.

    Attributes:
        pid: the process id.
        run: the run that it has; None between two runs.
        outcome: what is reported of its run if the child ends without an answer; None for a crash.
        is_ready: whether it has found the handler.
        why_not: why it can run nothing, in words; '' where nothing is wrong.
        ending: whether it gets no run any more.
        runs: how many runs it has ended.
        resident: bytes of memory that it had after the latest run.

    Args:
        owner: hears of what happens.
        handler: the pickled handler.
        set_up: called in the child before its first run; None for nothing.
        weighs: whether its answers say how much memory it has.

    Raises:
        OSError: no process can be started.
        RuntimeError: the program's main module starts the worker whenever it is imported.
    """

    def __init__(
        self, owner: ChildOwner, handler: bytes, set_up: Callable[[], None] | None, weighs: bool
    ) -> None:
        self.run: Run | None = None
        self.outcome: Outcome | None = None
        self.is_ready = False
        self.why_not = ""
        self.ending = False
        self.runs = 0
        self.resident = 0
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._messages = Messages()
        self._unsent = bytearray()
        self._has_reached = True
        self._recording: set[asyncio.Task[None]] = set()
        self._killing: asyncio.TimerHandle | None = None
        self._reading = True
        self._killed_at = math.inf
        self._maker = os.getpid()
        FORKS.set_forkserver_preload([serve.__module__])
        self._far, near = socket.socketpair()
        args = (near, handler, set_up, weighs)
        self._process = FORKS.Process(target=serve, args=args, name="pyjobs-child")
        try:
            with near, blocked_signals():
                self._process.start()
        except BaseException:
            self._far.close()
            raise
        self.pid = self._process.pid or 0
        kill_at_exit()
        ALIVE.add(self)
        self._far.setblocking(False)
        self._loop.add_reader(self._far, self._readable)

    def __repr__(self) -> str:
        return f"<Child {self.pid}>"

    @property
    def has_unsent(self) -> bool:
        """Whether the run that it was given has not reached it as a whole."""
        return not self._has_reached

    def give(self, run: Run) -> None:
        """Send a run to a child that has none."""
        self.run, self.outcome = run, None
        self._has_reached = False
        self._unsent += packed(run)
        self._send()

    def retire(self) -> None:
        """End a child that has no run: it leaves as any program does."""
        self._end_stream()
        self._kill_after(RETIRE_SECONDS)

    def give_up(self, outcome: Outcome, cleanup: float) -> None:
        """End the run of a child, and the child with it: by SIGTERM, which leaves the handler as an
        exit does, and later by SIGKILL.

        Args:
            outcome: what is reported of the run, unless its handler returns a result meanwhile.
            cleanup: seconds until the SIGKILL.
        """
        self.outcome = outcome
        if not self.ending:
            self._end_stream()
            self._process.terminate()
            self._kill_after(cleanup)

    def kill(self) -> None:
        """End the process by SIGKILL, at once."""
        self.ending = True
        self._killed_at = min(self._killed_at, time.monotonic())
        if self._maker == os.getpid():
            self._process.kill()

    def check(self) -> None:
        """Notice an end that the stream does not show, since a process that the handler has started
        holds the stream open."""
        if self._reading and self._process.exitcode is not None:
            self._lost()

    # --- the stream ---

    def _send(self) -> None:
        try:
            sent = self._far.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # the end of the stream is read too
        del self._unsent[:sent]
        if self._unsent:
            self._loop.add_writer(self._far, self._send)
        else:
            self._has_reached = True
            self._loop.remove_writer(self._far)

    def _readable(self) -> None:
        try:
            data = self._far.recv(RECEIVED)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
            return
        try:
            self._hear(data)
        except NoMessage:
            # What comes after such bytes can't be read either.
            wrote = ChildProcessError(
                "its process has written into the socket to its worker, which is not the handler's"
            )
            self.outcome = self.outcome or failure(wrote)
            self.kill()
            self._lost()

    def _hear(self, data: bytes) -> None:
        for message in self._messages.feed(data):
            if isinstance(message, Ready):
                self.why_not = message.why_not
                self.is_ready = not message.why_not
                if self.is_ready:
                    self._owner.child_ready(self)
            elif self.run is None:
                continue
            elif isinstance(message, Update):
                self._take(self.run, message)
            else:
                run, self.run = self.run, None
                self.runs += 1
                self.resident = message.resident
                self._owner.child_answered(self, run, message)

    def _take(self, run: Run, update: Update) -> None:
        """Record what the run of the child says, and answer."""
        if update.verb == "report":
            # A run that was lost is given up in another way.
            with contextlib.suppress(PyjobsError):
                run.updates.report(run, update.body)
            return
        task = self._loop.create_task(self._record(run, update), name="pyjobs-child-update")
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)

    async def _record(self, run: Run, update: Update) -> None:
        reply = UpdateReply(None)
        try:
            await getattr(run.updates, update.verb)(run, update.body)
        except PyjobsError as error:
            reply = UpdateReply(error)
        except Exception as error:
            reply = UpdateReply(
                PyjobsError(f"{update.verb} failed: {type(error).__name__}: {error}")
            )
        if self.run is run and not self.ending:
            self._unsent += packed(reply)
            self._send()

    def _end_stream(self) -> None:
        self.ending = True
        with contextlib.suppress(OSError):
            self._far.shutdown(socket.SHUT_WR)

    # --- the end ---

    def _kill_after(self, seconds: float) -> None:
        self._killing = self._loop.call_later(seconds, self.kill)

    def _lost(self) -> None:
        """Wait for the end of a process whose stream has ended."""
        self.ending = True
        self._reading = False
        self._loop.remove_reader(self._far)
        self._loop.remove_writer(self._far)
        self._far.close()
        if self._killing is None:
            self._kill_after(EXIT_SECONDS)
        self._await_exit(POLL_SECONDS)

    def _await_exit(self, pause: float) -> None:
        code = self._process.exitcode
        # A process that even SIGKILL does not end waits within the kernel.
        if code is None and time.monotonic() - self._killed_at < EXIT_SECONDS:
            self._loop.call_later(pause, self._await_exit, min(LONGEST_POLL, 2 * pause))
            return
        if self._killing is not None:
            self._killing.cancel()
        ALIVE.discard(self)
        self._owner.child_ended(self, code)


ALIVE: weakref.WeakSet[Child] = weakref.WeakSet()


@functools.cache
def kill_at_exit() -> None:
    """Let no child outlive this process. multiprocessing would wait for their ends; what is
    registered later is called earlier."""
    atexit.register(kill_all)


def kill_all() -> None:
    """Kill every child of this process."""
    for child in list(ALIVE):
        child.kill()


@contextlib.contextmanager
def blocked_signals() -> Iterator[None]:
    """Keep signals from this thread, and from the processes that the block starts."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def pickled(handler: Callable[..., object]) -> bytes:
    """Return a handler as it is sent to a child: the names of its module and of itself.

    Raises:
        Exception: any; a child can't find the handler.
    """
    return pickle.dumps(handler)
