"""How single submits of an asyncio client are sent: together where they are awaited together.

Only the sending may live here. Which submits share a call is decided in coalesce.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from pyjobs.asyncutil import cancel_and_wait
from pyjobs.client.aio_job import Job
from pyjobs.client.batch import Batch
from pyjobs.client.coalesce import Coalescer, Waiting
from pyjobs.client.core import ClientCore
from pyjobs.client.submit import Item
from pyjobs.errors import ClientClosed
from pyjobs.transport import AsyncServer, arun_many

# Called with a submit that was answered, and its jobs that were in Redis before.
Follow = Callable[[Batch[Job], list[Job]], Coroutine[Any, Any, None]]


class Sender:
    """Responsible for the single submits to one server, or to one node of a cluster: one that says
    nothing must not hold up the submits to others.

    Args:
        core: the client's core.
        server: where the queues are.
    """

    def __init__(self, core: ClientCore[Job], server: AsyncServer) -> None:
        self._core = core
        self._server = server
        self._coalescer: Coalescer[Job] = Coalescer(core)
        self._task: asyncio.Task[None] | None = None

    def add(self, item: Item, follow: Follow) -> Waiting[Job]:
        """Send a submit soon. Returns the future that gets its job or its error.

        Args:
            item: the submit.
            follow: called when submits were answered. It is not kept: a client that the program
                drops is freed at once.
        """
        waiting = self._coalescer.add(item, asyncio.get_running_loop().create_future())
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send(follow), name="pyjobs-submit")
        return waiting

    async def close(self) -> None:
        """Fail every submit that has no answer."""
        if self._task is not None:
            await cancel_and_wait(self._task)
        # A task that is cancelled before its first step has failed no submit.
        self._coalescer.fail(ClientClosed("the client was closed"))

    async def _send(self, follow: Follow) -> None:
        """Send the submits that were added, and again while submits were added meanwhile."""
        try:
            while batch := self._coalescer.batch():
                with self._core.submitting(batch):
                    answers = await arun_many(
                        self._server, batch.calls(), errors_in_place=True, durable=batch.durable
                    )
                    before = self._coalescer.accept(batch, answers)
                await follow(batch, before)
        except BaseException as error:
            self._coalescer.fail(error)
            raise
