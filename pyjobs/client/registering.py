"""How a client enters its queues in the registry, beside its submits: in a cluster the registry is
on one node, and no submit to another node's queue may wait for that.

Only what sends or waits may live here. Which queue is entered when is decided by the core.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping

from pyjobs.asyncutil import cancel_and_wait
from pyjobs.engine import Keys
from pyjobs.transport import AsyncServer, Server, aregister, is_cluster, register

# Seconds that the end of a client waits for an entry that is being made.
END_SECONDS = 0.5


class Registrar:
    """Responsible for the entries of a synchronous client. In a cluster a thread makes them, one at
    a time; on one server the caller's does, which has just had an answer from there.

    Args:
        server: where the registry is.
        keys: the names under the prefix.
    """

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server, self._keys = server, keys
        self._waiting: dict[str, str] = {}
        self._busy = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = False

    def enter(self, queues: Mapping[str, str]) -> None:
        """Enter queues, soon. Any thread may call this.

        Args:
            queues: queue name -> mode.
        """
        if not is_cluster(self._server):
            register(self._server, self._keys, queues)
            return
        self._waiting.update(queues)
        if not self._busy.acquire(blocking=False):
            return
        thread = threading.Thread(target=self._run, name="pyjobs-registry", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # The process may have no thread left: the next submit tries again.
            self._busy.release()
        else:
            self._thread = thread

    def end(self) -> None:
        """Wait for what is being entered, END_SECONDS at most. What is left then is not entered."""
        if self._thread is not None:
            self._thread.join(END_SECONDS)
        self._ended = True

    def _run(self) -> None:
        try:
            while self._waiting and not self._ended:
                register(self._server, self._keys, dict([self._waiting.popitem()]))
        finally:
            self._busy.release()
        if self._ended:
            # What was connected anew since the close.
            self._server.close()
        elif self._waiting:
            self.enter({})


class AsyncRegistrar:
    """Responsible for the entries of an asyncio client. In a cluster a task makes them, one at a
    time; on one server the caller's does, which has just had an answer from there.

    Args:
        server: where the registry is.
        keys: the names under the prefix.
    """

    def __init__(self, server: AsyncServer, keys: Keys) -> None:
        self._server, self._keys = server, keys
        self._waiting: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    async def enter(self, queues: Mapping[str, str]) -> None:
        """Enter queues, soon.

        Args:
            queues: queue name -> mode, at least one.
        """
        if not is_cluster(self._server):
            await aregister(self._server, self._keys, queues)
            return
        self._waiting.update(queues)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="pyjobs-registry")

    async def end(self) -> None:
        """Wait for what is being entered, END_SECONDS at most."""
        if self._task is None:
            return
        # The task of an event loop that has ended is done, and no other loop can wait for it.
        if not self._task.done():
            await asyncio.wait({self._task}, timeout=END_SECONDS)
        await cancel_and_wait(self._task)

    async def _run(self) -> None:
        while self._waiting:
            await aregister(self._server, self._keys, dict([self._waiting.popitem()]))
