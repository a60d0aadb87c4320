"""What a worker changes in its process, and how it changes that back: the handlers of signals, the
default threads of the event loop, and what a forked child of a handler does.

Nothing about jobs may live here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import FrameType, TracebackType
from typing import Any, ClassVar, NoReturn
from weakref import WeakSet

# Not every system has the last two.
NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
STOPS = tuple(signal.Signals[name] for name in NAMES if hasattr(signal, name))
# A shell that starts a program by `nohup` or in the background has these ignored on purpose.
OPTIONAL = STOPS[2:]


class StopSignals:
    """Responsible for the handlers of SIGTERM, SIGINT, SIGHUP and SIGQUIT while a worker runs: a
    context manager that restores the program's own handlers at its end. It does nothing outside
    the main thread, where Python allows no handlers.

    In a child of `os.fork` the handlers and the wakeup file descriptor are what they were before.

    Args:
        stop: called with the number of each signal, from a signal handler: any code of the main
            thread may be interrupted, so `stop` takes no lock that the main thread may hold.
        signals: the signals; the others are left alone.
        heard: called with the number of each signal that comes while an event loop runs, from a
            thread of its own. Python calls no signal handler while compiled code keeps the main
            thread, as a database driver that waits. None: no thread is needed.
    """

    def __init__(
        self,
        stop: Callable[[int], None],
        signals: Iterable[signal.Signals] = STOPS,
        heard: Callable[[int], None] | None = None,
    ) -> None:
        self._stop = stop
        self._signals = tuple(signals)
        self._heard = heard
        self._before: dict[signal.Signals, Any] = {}
        self._wakeup_fd = -1
        self._far: socket.socket | None = None

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is not threading.main_thread():
            return self
        self._wakeup_fd = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(self._wakeup_fd)
        for one in self._signals:
            before = signal.getsignal(one)
            if one in OPTIONAL and before is signal.SIG_IGN:
                continue
            self._before[one] = before
            signal.signal(one, self._handle)
        ACTIVE.append(self)
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self in ACTIVE:
            ACTIVE.remove(self)
            self.restore()
        if self._far is not None:
            signal.set_wakeup_fd(self._wakeup_fd)
            self._far.close()

    def loop_runs(self) -> None:
        """Begin to call `heard`, in the main thread. The event loop that runs has set a wakeup file
        descriptor of its own by now; what comes is passed on to it."""
        if self._heard is None or self._far is not None:
            return
        near, self._far = socket.socketpair()
        self._far.setblocking(False)
        loops = signal.set_wakeup_fd(self._far.fileno(), warn_on_full_buffer=False)
        threading.Thread(
            target=self._hear, args=[self._heard, near, loops], name="pyjobs-signals", daemon=True
        ).start()

    def restore(self) -> None:
        """Give each signal the handler that it had before."""
        for one, before in self._before.items():
            # None is a handler that was not installed by Python, and can't be put back.
            signal.signal(one, signal.SIG_DFL if before is None else before)

    def restore_in_child(self) -> None:
        """Restore handlers and wakeup file descriptor in a forked child."""
        signal.set_wakeup_fd(self._wakeup_fd)
        self.restore()

    def _handle(self, number: int, _: FrameType | None) -> None:
        self._stop(number)

    def _hear(self, heard: Callable[[int], None], near: socket.socket, loops: int) -> None:
        with near:
            while numbers := near.recv(64):
                if loops >= 0:
                    # The loop may have ended.
                    with contextlib.suppress(OSError):
                        os.write(loops, numbers)
                for number in numbers:
                    if number in self._before:
                        heard(number)


class Forks:
    """Holds how often this process or its parents were forked since this module was imported. Code
    that finds another count than before runs in a child that a handler has forked.

    Attributes:
        count: how often.
        loops: the event loops of workers: a child that comes back into one of them ends there.
    """

    count = 0
    loops: ClassVar[WeakSet[asyncio.AbstractEventLoop]] = WeakSet()

    @classmethod
    def guard(cls, loop: asyncio.AbstractEventLoop) -> int:
        """Let every child end that comes back into this loop. Returns the count."""
        cls.loops.add(loop)
        return cls.count

    @classmethod
    def end_child(cls, count: int) -> None:
        """End this process if it was forked since the count was this."""
        if cls.count != count:
            end_process(None)


ACTIVE: list[StopSignals] = []


def note_fork() -> None:
    """Make a forked child's signals what they were before the run, and end the child where it comes
    back into a worker's event loop; called in each child."""
    Forks.count += 1
    while ACTIVE:
        ACTIVE.pop().restore_in_child()
    for loop in list(Forks.loops):
        keep_out(loop)


def keep_out(loop: asyncio.AbstractEventLoop) -> None:
    """End this process as soon as the loop turns: its sockets and its jobs are those of the parent,
    and so are the callbacks that wait for the next turn."""
    ready: Any = getattr(loop, "_ready", None)
    if isinstance(ready, deque):
        # The turn under way counts its callbacks, so as many must be there.
        waiting = len(ready)
        ready.clear()
        ready.extend([asyncio.Handle(end_process, (None,), loop)] * max(1, waiting))
    else:
        loop.call_soon(end_process, None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=note_fork)


def end_process(error: BaseException | None) -> NoReturn:
    """End this process as Python would, without what Python does at an end. For a child that a
    handler has forked and that comes back from the handler: connections and jobs are those of its
    parent.

    Args:
        error: what ends it; None for an orderly end.
    """
    code = 0
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        traceback.print_exception(error)
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(code)


def how_ended(code: int | None) -> str:
    """Return the end of a process in words.

    Args:
        code: its exit code, or the negative number of the signal that killed it; None where
            neither is known.
    """
    if code is None:
        return "ended"
    if code >= 0:
        return f"ended with exit code {code}"
    names = {one.value: one.name for one in signal.Signals}
    return f"was killed by {names.get(-code, f'signal {-code}')}"


def in_parent(count: int, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Call a program's function in a thread, and return its result. A process that the function has
    forked, and that comes back from it, ends here: the thread would wait in it for ever.

    Args:
        count: `Forks.count` before the call.
        function: what is called.
        args: its arguments by position.
        named: its arguments by name.
    """
    try:
        result = function(*args, **named)
    except BaseException as error:
        if Forks.count != count:
            end_process(error)
        raise
    Forks.end_child(count)
    return result


class DefaultThreads(ThreadPoolExecutor):
    """Responsible for what handlers call by `asyncio.to_thread`. Its shutdown waits for no thread,
    so that a thread that hangs does not keep the event loop from ending."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """Call a function in a thread; a process that the function has forked ends there."""
        return super().submit(in_parent, Forks.count, function, *args, **named)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Start nothing any more. `wait` is ignored."""
        super().shutdown(wait=False, cancel_futures=cancel_futures)


def busy_threads(known: Iterable[threading.Thread] = ()) -> list[str]:
    """Return which threads keep this process from ending, each with the line that it runs.

    Args:
        known: threads that are left out.
    """
    frames = sys._current_frames()
    found = []
    for thread in set(threading.enumerate()) - set(known):
        frame = frames.get(thread.ident or 0)
        if not thread.daemon and frame is not None:
            where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            found.append(f"thread {thread.name} at {where} in {frame.f_code.co_name}")
    return found
