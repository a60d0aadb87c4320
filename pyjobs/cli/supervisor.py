"""`pyjobs work --processes N`: one worker in several processes, under a parent that keeps them.

How they are started, stopped and replaced may live here: `keep` in the parent, `serve` in a child.
Between the two is a socket. The parent sends a byte for each stop, and its end, even by SIGKILL, is
seen as the end of the stream; the child sends the words of the error that ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import random
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence

from pyjobs.cli.common import tell
from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.transport import ErrorTranslation
from pyjobs.worker import Worker

log = logging.getLogger("pyjobs")

# How a child ends that has said why; Python itself ends with 0, 1 or 2.
FATAL, AWAY = 3, 4
STOPS = (signal.SIGTERM, signal.SIGINT)
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 30.0
WORDS_SECONDS = 1.0
ORPHAN_SECONDS = 10.0


def keep(number: int, words: Sequence[str], url: str | None) -> int:
    """Run `pyjobs work` in so many processes until SIGTERM or SIGINT. Returns the exit code.

    Args:
        number: how many.
        words: the command's own arguments, from `work` on.
        url: what the children get by PYJOBS_URL, for a URL may hold a password; None: nothing.
    """
    env = dict(os.environ) if url is None else {**os.environ, "PYJOBS_URL": url}
    return asyncio.run(Parent(words, env).run(number))


class Parent:
    """Keeps a number of children alive, and passes stops on.

    Args:
        words: the arguments of a child.
        env: its environment.
    """

    def __init__(self, words: Sequence[str], env: dict[str, str]) -> None:
        self._words = words
        self._env = env
        self._stops = 0
        self._stopping = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._code = 0

    async def run(self, number: int) -> int:
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
        """A child, and another one whenever it has died, until a stop or an error of ours."""
        quick = 0
        replaced = False
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                pid, code, said = await self._child()
            except OSError as error:
                pid, code, said = 0, 1, f"could not be started: {error}"
            if code == FATAL or (code == AWAY and not replaced):
                self._end(said)
            elif self._stopping.is_set():
                if code not in {0, AWAY, *(-one for one in STOPS)}:
                    log.warning("process %d %s", pid, ended(code))
                    self._code = 1
            else:
                quick = 0 if time.monotonic() - began > STEADY_SECONDS else min(quick + 1, 16)
                pause = min(FIRST_PAUSE * 2**quick, LONGEST_PAUSE) * random.uniform(0.5, 1.0)
                why = said or ended(code)
                log.warning("process %d %s; another one starts in %.1f s", pid, why, pause)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
                replaced = True

    def _end(self, why: str) -> None:
        """An error that another start will not mend; the others will have the same one."""
        if self._code == 0:
            tell(why)
        self._code = 1
        if not self._stopping.is_set():
            self._stop()

    async def _child(self) -> tuple[int, int, str]:
        """Run a child to its end: its process id, its exit code, and its last words."""
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        with theirs:
            fd = theirs.fileno()
            # A group of its own: a terminal's Ctrl-C is for the parent, which passes it on.
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
        # What the child has started, and left behind, may hold the stream open.
        with contextlib.suppress(TimeoutError, OSError):
            said = await asyncio.wait_for(reader.read(), WORDS_SECONDS)
        writer.close()
        return process.pid, code, said.decode(errors="replace")


def ended(code: int) -> str:
    """The end of a process in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    names = {one.value: one.name for one in signal.Signals}
    return f"was killed by {names.get(-code, f'signal {-code}')}"


def serve(worker: Worker, fd: int) -> int:
    """Run a worker as a child. Returns its exit code.

    Args:
        fd: the socket to the parent.
    """
    parent = socket.socket(fileno=fd)
    parent.set_inheritable(False)
    stops = Stops(worker, parent)
    for one in STOPS:
        signal.signal(one, lambda *_: stops.heard.put("signal"))
    stops.start()
    try:
        with ErrorTranslation(worker.settings.url):
            worker.run(signals=False)
    except PyjobsError as error:
        with contextlib.suppress(OSError):
            parent.sendall(" ".join(str(error).splitlines()).encode())
        return AWAY if isinstance(error, Unavailable) else FATAL
    return 0


class Stops(threading.Thread):
    """Stops the worker when the parent says so, has died, or a signal comes.

    A service manager sends a signal to parent and child alike. One that came both ways is one
    stop; taken for two, it would hand back at once what the first lets finish.

    Attributes:
        heard: from whom a stop came, one by one; a signal handler may put, it takes no lock.
    """

    def __init__(self, worker: Worker, parent: socket.socket) -> None:
        super().__init__(name="pyjobs-stops", daemon=True)
        self.heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._worker = worker
        self._parent = parent

    def run(self) -> None:
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
        # A handler that blocks the loop would keep the process for ever, and nobody to kill it.
        time.sleep(self._worker.settings.grace + ORPHAN_SECONDS)
        os._exit(1)
