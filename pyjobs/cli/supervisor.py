"""`pyjobs work --processes N`: one worker in several processes, under a parent that replaces them.

How the processes are started, stopped and replaced may live here: `keep` runs in the parent,
`serve` in each child. A socket joins the two. The parent sends a byte for each stop; when the
parent ends, even by SIGKILL, the child reads the end of the stream. The child sends the message of
the error that ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence

from pyjobs.cli.output import say
from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.transport import Backoff, ErrorTranslation
from pyjobs.worker import Worker

log = logging.getLogger(__name__)

# Exit codes of a child that has sent its error: one that a new process would meet too, and a Redis
# that can't be reached. Python itself exits with 0, 1 or 2.
FATAL, UNAVAILABLE = 3, 4
STOPS = (signal.SIGTERM, signal.SIGINT)
# Seconds before a child is replaced: the first pause, doubled for each child in a row that died
# before it was steady, up to the longest.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 30.0
# Seconds that the parent waits for the message of a child that has ended.
MESSAGE_SECONDS = 1.0
# Seconds that a child without a parent has beyond its worker's grace.
ORPHAN_SECONDS = 10.0


def keep(number: int, words: Sequence[str], url: str | None) -> int:
    """Run `pyjobs work` in several processes until SIGTERM or SIGINT, and return the exit code.

    Args:
        number: how many processes.
        words: arguments of `pyjobs` in each process, from `work` on.
        url: the URL of Redis, which the processes get by PYJOBS_URL, because arguments are visible
            to other users and a URL may hold a password; None leaves PYJOBS_URL as it is.
    """
    env = dict(os.environ) if url is None else {**os.environ, "PYJOBS_URL": url}
    return asyncio.run(Parent(words, env).run(number))


class Parent:
    """Responsible for a number of children: replaces those that die, and passes stops on.

    Args:
        words: arguments of `pyjobs` in each child.
        env: environment of each child.
    """

    def __init__(self, words: Sequence[str], env: dict[str, str]) -> None:
        self._words = words
        self._env = env
        self._stops = 0
        self._stopping = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._code = 0

    async def run(self, number: int) -> int:
        """Run so many children until a stop or a fatal error, and return the exit code."""
        loop = asyncio.get_running_loop()
        for one in STOPS:
            loop.add_signal_handler(one, self._stop)
        await asyncio.gather(*(self._keep() for _ in range(number)))
        return self._code

    def _stop(self) -> None:
        self._stops += 1
        self._stopping.set()
        for writer in self._writers:
            writer.write(b".")

    async def _keep(self) -> None:
        """Run a child, and a new one whenever it has died, until a stop or a fatal error."""
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        replaced = False
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                pid, code, said = await self._child()
            except OSError as error:
                pid, code, said = 0, 1, f"could not be started: {error}"
            if code == FATAL or (code == UNAVAILABLE and not replaced):
                self._end(said)
            elif self._stopping.is_set():
                if code not in {0, UNAVAILABLE, *(-one for one in STOPS)}:
                    log.warning("process %d %s", pid, ended(code))
                    self._code = 1
            else:
                if time.monotonic() - began > STEADY_SECONDS:
                    backoff.reset()
                pause = backoff.pause()
                why = said or ended(code)
                log.warning("process %d %s; another one starts in %.1f s", pid, why, pause)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
                replaced = True

    def _end(self, why: str) -> None:
        """Stop all children, because of an error that every new child would meet too."""
        if self._code == 0:
            say(why)
        self._code = 1
        if not self._stopping.is_set():
            self._stop()

    async def _child(self) -> tuple[int, int, str]:
        """Run a child to its end; return its process id, its exit code and its message."""
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        with theirs:
            fd = theirs.fileno()
            # In a process group of its own, because a terminal's Ctrl-C is for the parent, which
            # passes it on.
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "pyjobs", *self._words, "--parent", str(fd)),
                stdin=asyncio.subprocess.DEVNULL,
                env=self._env,
                pass_fds=[fd],
                process_group=0,
            )
        self._writers.add(writer)
        writer.write(b"." * self._stops)
        code = await process.wait()
        self._writers.discard(writer)
        said = b""
        # A process that the child has started may outlive it and hold the stream open.
        with contextlib.suppress(TimeoutError, OSError):
            said = await asyncio.wait_for(reader.read(), MESSAGE_SECONDS)
        writer.close()
        return process.pid, code, said.decode(errors="replace")


def ended(code: int) -> str:
    """Return the end of a process in words.

    Args:
        code: its exit code, or the negative number of the signal that killed it.
    """
    if code >= 0:
        return f"ended with exit code {code}"
    names = {one.value: one.name for one in signal.Signals}
    return f"was killed by {names.get(-code, f'signal {-code}')}"


def serve(worker: Worker, fd: int) -> int:
    """Run a worker as a child, and return the child's exit code.

    Args:
        worker: the worker.
        fd: file descriptor of the socket to the parent.
    """
    parent = socket.socket(fileno=fd)
    parent.set_inheritable(False)
    stops = StopListener(worker, parent)
    for one in STOPS:
        signal.signal(one, lambda *_: stops.heard.put("signal"))
    stops.start()
    try:
        with ErrorTranslation(worker.settings.url):
            worker.run(signals=False)
    except PyjobsError as error:
        with contextlib.suppress(OSError):
            parent.sendall(" ".join(str(error).splitlines()).encode())
        return UNAVAILABLE if isinstance(error, Unavailable) else FATAL
    return 0


class StopListener(threading.Thread):
    """Responsible for stopping the worker of a child: on a signal, a byte of the parent or its end.

    A service manager may send one signal to parent and child alike, so that one stop comes both
    ways. The stops of the two sources are counted apart, and the greater count is the number of
    stops. A second stop would hand back the jobs that the first stop lets finish.

    Attributes:
        heard: where a stop came from, 'signal' or 'parent'. A signal handler may put, because the
            queue takes no lock.
    """

    def __init__(self, worker: Worker, parent: socket.socket) -> None:
        super().__init__(name="pyjobs-stops", daemon=True)
        self.heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._worker = worker
        self._parent = parent

    def run(self) -> None:
        """Pass each stop on to the worker, for as long as the process lives."""
        threading.Thread(target=self._listen, name="pyjobs-parent", daemon=True).start()
        counts: Counter[str] = Counter()
        given = 0
        while True:
            counts[self.heard.get()] += 1
            if max(counts.values()) > given:
                given += 1
                self._worker.stop()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while stops := self._parent.recv(16):
                for _ in stops:
                    self.heard.put("parent")
        log.error("the parent is gone")
        self.heard.put("parent")
        # A handler that blocks the event loop would keep the process alive for ever, and there is
        # no parent to kill it.
        time.sleep(self._worker.settings.grace + ORPHAN_SECONDS)
        os._exit(1)
