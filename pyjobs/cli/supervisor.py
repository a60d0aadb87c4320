"""`pyjobs work --processes N` and `--reload`: one worker in processes, under a parent that replaces
them.

How the processes are started, stopped and replaced may live here: `keep` runs in the parent,
`serve` in each child. A socket joins the two. The parent sends a byte for each stop; when the
parent ends, even by SIGKILL, the child reads the end of the stream. The child sends the message of
the error that ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from pyjobs.cli.output import say
from pyjobs.cli.reload import changes
from pyjobs.cli.stops import END_SECONDS, StopListener
from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.log import logger
from pyjobs.transport import Backoff, ErrorTranslation
from pyjobs.worker import STOPS, StopSignals, Worker, how_ended

log = logger(__name__)

# Gives the children the URL of --url.
GIVEN_URL = "PYJOBS_GIVEN_URL"
# Exit codes of a child that has sent its error: one that a new process would meet too, and a Redis
# that can't be reached. Python itself exits with 0, 1 or 2.
FATAL, UNAVAILABLE = 3, 4
# Seconds before a child is replaced: the first pause, doubled for each child in a row that died
# before it was steady, up to the longest.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 30.0
# Seconds that the parent waits for the message of a child that has ended.
MESSAGE_SECONDS = 1.0
# Seconds that the parent waits for a child to end itself when its time is over.
KILL_SECONDS = 2.0


def keep(
    number: int, words: Sequence[str], url: str | None, grace: float, *, reload: bool = False
) -> int:
    """Run `pyjobs work` in several processes until a signal, and return the exit code.

    Args:
        number: how many processes.
        words: arguments of `pyjobs` in each process, from `work` on.
        url: the URL of Redis, which the processes get by their environment, because arguments are
            visible to other users and a URL may hold a password; None is the worker's own.
        grace: seconds that the worker's jobs get to finish after the first stop.
        reload: whether the processes begin anew when a source file changes.
    """
    env = dict(os.environ) if url is None else {**os.environ, GIVEN_URL: url}
    if reload:
        # Python takes a compiled file for fresh when the source has its size and its second.
        env["PYTHONDONTWRITEBYTECODE"] = "1"
    return asyncio.run(Parent(words, env, grace, reload=reload).run(number))


def given_url() -> str | None:
    """Return the URL that the parent of this process was given by --url, None where it was not."""
    return os.environ.get(GIVEN_URL)


class Parent:
    """Responsible for a number of children: replaces those that die, and passes stops on.

    Args:
        words: arguments of `pyjobs` in each child.
        env: environment of each child.
        grace: seconds that the worker's jobs get to finish after the first stop.
        reload: whether the children begin anew when a source file changes.
    """

    def __init__(
        self, words: Sequence[str], env: dict[str, str], grace: float, *, reload: bool = False
    ) -> None:
        self._words = words
        self._env = env
        self._grace = grace
        self._stops = 0
        self._stopping = asyncio.Event()
        self._reload = reload
        # Set at each change of a source file, for those that wait for one.
        self._changed = asyncio.Event()
        self._outdated: set[asyncio.StreamWriter] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._children: set[asyncio.subprocess.Process] = set()
        self._code = 0

    async def run(self, number: int) -> int:
        """Run so many children until a stop or a fatal error, and return the exit code."""
        loop = asyncio.get_running_loop()

        def on_signal(_: int) -> None:
            loop.call_soon_threadsafe(self._stop)

        with StopSignals(on_signal):
            watching = [self._watch()] if self._reload else []
            await asyncio.gather(*(self._keep() for _ in range(number)), *watching)
        return self._code

    def _stop(self) -> None:
        self._stops += 1
        self._stopping.set()
        if self._stops > 2:
            self._kill()
            return
        seconds = END_SECONDS + KILL_SECONDS + (self._grace if self._stops == 1 else 0.0)
        asyncio.get_running_loop().call_later(seconds, self._kill)
        for writer in self._writers:
            writer.write(b".")

    async def _watch(self) -> None:
        """Stop the children whenever a source file has changed, so that new ones begin."""
        async for names in changes(Path.cwd(), self._stopping):
            log.info("changed: %s", ", ".join(names))
            self._changed.set()
            self._changed.clear()
            # A second byte would be a second stop, which hands running jobs back.
            for writer in self._writers - self._outdated:
                writer.write(b".")
            self._outdated |= self._writers

    async def _next_change(self) -> None:
        """Wait for a changed source file, or for a stop."""
        waits = [asyncio.ensure_future(one.wait()) for one in (self._changed, self._stopping)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()

    def _kill(self) -> None:
        """Kill the children that have not ended in their time."""
        for process in self._children:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def _keep(self) -> None:
        """Run a child, and a new one whenever it has died, until a stop or a fatal error."""
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        replaced = False
        while not self._stopping.is_set():
            began = time.monotonic()
            outdated = False
            try:
                pid, code, said, outdated = await self._child()
            except OSError as error:
                pid, code, said = 0, 1, f"could not be started: {error}"
            if outdated and not self._stopping.is_set():
                continue
            if self._reload and not self._stopping.is_set():
                log.warning(
                    "process %d %s; another one starts at the next change",
                    pid,
                    said or how_ended(code),
                )
                await self._next_change()
            elif code == FATAL or (code == UNAVAILABLE and not replaced):
                self._end(said)
            elif self._stopping.is_set():
                if code not in {0, UNAVAILABLE, *(-one for one in STOPS if one != signal.SIGQUIT)}:
                    log.warning("process %d %s", pid, how_ended(code))
                    self._code = 1
            else:
                if time.monotonic() - began > STEADY_SECONDS:
                    backoff.reset()
                pause = backoff.pause()
                why = said or how_ended(code)
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

    async def _child(self) -> tuple[int, int, str, bool]:
        """Run a child to its end; return its process id, its exit code, its message, and whether it
        was stopped because of a change."""
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
        self._children.add(process)
        writer.write(b"." * self._stops)
        code = await process.wait()
        self._children.discard(process)
        self._writers.discard(writer)
        outdated = writer in self._outdated
        self._outdated.discard(writer)
        said = b""
        # A process that the child has started may outlive it and hold the stream open.
        with contextlib.suppress(TimeoutError, OSError):
            said = await asyncio.wait_for(reader.read(), MESSAGE_SECONDS)
        writer.close()
        return process.pid, code, said.decode(errors="replace"), outdated


def serve(worker: Worker, fd: int, stops: StopListener) -> int:
    """Run a worker as a child, and return the child's exit code.

    Args:
        worker: the worker.
        fd: file descriptor of the socket to the parent.
        stops: passes on the stops of signals and of the parent.
    """
    parent = socket.socket(fileno=fd)
    parent.set_inheritable(False)
    stops.listen(worker)
    threading.Thread(
        target=listen, args=(parent, worker, stops), name="pyjobs-parent", daemon=True
    ).start()
    try:
        with ErrorTranslation(worker.settings.url):
            worker.run(signals=False)
    except PyjobsError as error:
        with contextlib.suppress(OSError):
            parent.sendall(" ".join(str(error).splitlines()).encode())
        return UNAVAILABLE if isinstance(error, Unavailable) else FATAL
    finally:
        stops.finish()
    return 0


def listen(parent: socket.socket, worker: Worker, stops: StopListener) -> None:
    """Pass on each byte of the parent as a stop, and its end too."""
    with contextlib.suppress(OSError):
        while received := parent.recv(16):
            for _ in received:
                stops.heard.put("parent")
    stops.heard.put("parent")
    log.error("the parent is gone")
