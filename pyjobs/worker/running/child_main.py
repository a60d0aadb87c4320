"""What runs in a child process of a worker: it takes one run after the other from its socket, calls
the handler, and answers with the outcome. Only that may live here.

A child has no connection to Redis. The end of the stream ends the child, in the midst of a run too,
when a SIGTERM says so. A message is a pickled value behind its length.
"""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import multiprocessing
import os
import pickle
import resource
import signal
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from pyjobs.engine import Outcome
from pyjobs.worker.outcomes import failure, outcome_of
from pyjobs.worker.process import STOPS, Forks, StopSignals
from pyjobs.worker.run import Run
from pyjobs.worker.running.child_updates import ChildUpdates, Update, UpdateReply
from pyjobs.worker.running.invocation import ReturnedAwaitable, called
from pyjobs.worker.running.job import Handler

LENGTH = struct.Struct("!I")
RECEIVED = 1 << 18
# A message carries a value of 1 MiB at most. Four characters of text, read as a length, are more
# than this.
MOST_BYTES = 1 << 26
# The option of prctl by which Linux sends a signal to a process whose parent has ended.
PR_SET_PDEATHSIG = 1
PARENT_GONE = 1


class Ready(NamedTuple):
    """A child's first message: it can run jobs.

    Attributes:
        why_not: why it can't, in words; '' where it can.
    """

    why_not: str = ""


class RunAnswer(NamedTuple):
    """A child's message at the end of a run.

    Attributes:
        outcome: how the run ended.
        resident: bytes of memory that the child has now; 0 where nobody asked for them.
    """

    outcome: Outcome
    resident: int


class Ended(SystemExit):
    """Leaves the handler of a run that was given up. A handler's cleanup runs as at any exit."""


class NoMessage(Exception):
    """Bytes came that are no message: a handler has written into the socket to its worker."""


class Messages:
    """Takes bytes as they come, and yields whole messages."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        """Add bytes, and yield the messages that are whole.

        Raises:
            NoMessage: the bytes are no message.
        """
        self._bytes += data
        while len(self._bytes) >= LENGTH.size:
            length = LENGTH.unpack_from(self._bytes)[0]
            if length > MOST_BYTES:
                raise NoMessage
            end = LENGTH.size + length
            if len(self._bytes) < end:
                return
            message = bytes(memoryview(self._bytes)[LENGTH.size : end])
            del self._bytes[:end]
            yield unpacked(message)


def packed(message: Any) -> bytes:
    """Return a message as it goes over the socket."""
    data = pickle.dumps(message)
    return LENGTH.pack(len(data)) + data


def unpacked(message: bytes) -> Any:
    """Return the value of a message.

    Raises:
        NoMessage: the bytes are no message.
    """
    try:
        return pickle.loads(message)
    except Exception as error:
        raise NoMessage from error


def serve(
    near: socket.socket, handler: bytes, set_up: Callable[[], None] | None, weighs: bool
) -> None:
    """Run jobs until the stream ends: the whole life of a child.

    Args:
        near: the child's end of the socket.
        handler: the pickled handler, which is the name of a function as a rule.
        set_up: called before the handler is looked for; None for nothing.
        weighs: whether answers say how much memory the child has.
    """
    end_with_parent()
    child = ChildRuns(near, weighs)
    with StopSignals(child.on_signal):
        # They were blocked since before the start, so that a Ctrl-C ends no half-made child.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        try:
            if set_up is not None:
                set_up()
            function = pickle.loads(handler)
        except BaseException as error:
            traceback.print_exception(error)
            near.sendall(packed(Ready(f"{type(error).__name__}: {error}")))
            return
        try:
            child.run(function)
        except (Ended, ConnectionError):
            return


class ChildRuns:
    """Responsible for the runs of this process.

    Args:
        near: the child's end of the socket.
        weighs: whether answers say how much memory the child has.
    """

    def __init__(self, near: socket.socket, weighs: bool) -> None:
        self._near = near
        self._weighs = weighs
        self._is_busy = False
        self._messages = Messages()

    def on_signal(self, number: int) -> None:
        """Leave the handler at a SIGTERM, if the parent has ended the stream. Any other signal is
        for the parent, to whose process group or service this process belongs.

        Raises:
            Ended: the run was given up.
        """
        if number == signal.SIGTERM and self._is_busy and self._is_given_up():
            raise Ended

    def run(self, handler: Handler) -> None:
        """Run jobs until the stream ends.

        Raises:
            Ended: the run was given up.
            ConnectionError: the parent is gone.
        """
        self._near.sendall(packed(Ready()))
        context = contextvars.copy_context()
        while data := self._near.recv(RECEIVED):
            for run in self._messages.feed(data):
                self._is_busy = True
                # A SIGTERM that came before was ignored.
                if self._is_given_up():
                    raise Ended
                outcome = self._ran(handler, run, context.copy())
                # What the handler made of `Ended` is no outcome of its own.
                if outcome.verb == "fail" and self._is_given_up():
                    raise Ended
                self._is_busy = False
                self._near.sendall(packed(RunAnswer(outcome, resident() if self._weighs else 0)))

    def _ran(self, handler: Handler, run: Run, context: contextvars.Context) -> Outcome:
        """Return the outcome of a run, which may say something meanwhile."""
        updates: ChildUpdates | None = run.updates
        if updates is not None:
            updates.begin(self._ask)
        outcome = self._outcome(handler, run, context)
        if updates is not None:
            updates.end()
        return outcome

    def _ask(self, update: Update, waits: bool) -> UpdateReply | None:
        """Send what a run says, and return the worker's answer.

        Raises:
            Ended: the run was given up.
        """
        self._near.sendall(packed(update))
        if not waits:
            return None
        while data := self._near.recv(RECEIVED):
            for reply in self._messages.feed(data):
                # The signal may have come while the answer hid the end of the stream.
                if self._is_given_up():
                    raise Ended
                found: UpdateReply = reply
                return found
        raise Ended

    def _outcome(self, handler: Handler, run: Run, context: contextvars.Context) -> Outcome:
        ended = called(handler, run, context, Forks.count)
        if not isinstance(ended, ReturnedAwaitable):
            return ended
        try:
            return ended.context.run(asyncio.run, awaited_outcome(ended.awaitable))
        except BaseException as error:
            return failure(error)

    def _is_given_up(self) -> bool:
        """Whether the stream has ended. During a run only answers come on it."""
        try:
            return not self._near.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True


async def awaited_outcome(awaitable: Any) -> Outcome:
    """Await what a handler returned, and return the outcome."""
    return outcome_of(await awaitable)


def resident() -> int:
    """Return how many bytes of memory this process has; the most so far where the system does not
    say how many it has now."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return pages * resource.getpagesize()


def end_with_parent() -> None:
    """Let this process end when its parent does, by SIGKILL too, and whatever it does then."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=wait_for_parent, name="pyjobs-parent", daemon=True).start()


def wait_for_parent() -> NoReturn:
    """Wait for the end of the parent, and end this process."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(PARENT_GONE)
