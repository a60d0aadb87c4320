"""How single submits of an asyncio client are sent: alone, or together where they are awaited
together.

Only the sending may live here. Which submits share a call is decided in coalesce.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from pyjobs.asyncutil import Breakable, cancel_and_wait
from pyjobs.client.aio_job import Job
from pyjobs.client.coalesce import Coalescer
from pyjobs.client.core import ClientCore
from pyjobs.client.single import Single
from pyjobs.client.submit import Item
from pyjobs.errors import ClientClosed, OutcomeUnknown
from pyjobs.transport import AsyncServer, arun_many

# Called when a submit was answered, with the first job of each call and the jobs that were in Redis
# before.
Follow = Callable[[Sequence[Job], Sequence[Job]], Coroutine[Any, Any, None]]


class Sender:
    """Responsible for the single submits to one server, or to one node of a cluster: one that says
    nothing must not hold up the submits to others.

    A task sends the submits that are awaited together, so that no submit which is cancelled breaks
    off a call of others. A submit that is awaited by itself, as the one before was, is sent by its
    own task, which is cheaper. Submits that come meanwhile wait, and are sent together.

    Args:
        core: the client's core.
        server: where the queues are.
    """

    def __init__(self, core: ClientCore[Job], server: AsyncServer) -> None:
        self._core = core
        self._server = server
        self._coalescer: Coalescer[Job] = Coalescer(core)
        self._task: asyncio.Task[None] | None = None
        # The call that the task of its submit sends itself.
        self._lone: Breakable | None = None
        # Whether the last call was of one submit, and no other came while it was under way.
        self._was_alone = True

    async def submit(self, item: Item, follow: Follow) -> Job:
        """Send a submit, and return its job.

        Args:
            item: the submit.
            follow: called when submits were answered. It is not kept: a client that the program
                drops is freed at once.

        Raises:
            PyjobsError: the submit has failed.
        """
        is_free = self._lone is None and (self._task is None or self._task.done())
        if is_free and self._was_alone:
            return await self._send_alone(item, follow)
        self._was_alone = False
        waiting = self._coalescer.add(item, asyncio.get_running_loop().create_future())
        if is_free:
            self._begin(follow)
        return await waiting

    async def close(self) -> None:
        """Fail every submit that has no answer."""
        if self._lone is not None:
            self._lone.break_off()
        if self._task is not None:
            await cancel_and_wait(self._task)
        # A task that is cancelled before its first step has failed no submit.
        self._coalescer.fail(ClientClosed("the client was closed"))

    def _begin(self, follow: Follow) -> None:
        self._task = asyncio.create_task(self._send_together(follow), name="pyjobs-submit")

    async def _send_alone(self, item: Item, follow: Follow) -> Job:
        """Send a submit in its own task, and then begin with those that were added meanwhile."""
        single = Single(self._core, item)
        lone = self._lone = Breakable()
        try:
            with single:
                with lone:
                    [answer] = await arun_many(
                        self._server, (single.call,), errors_in_place=True, durable=item.durable
                    )
                if lone.was_broken_off:
                    error = OutcomeUnknown("the client was closed before the answer came")
                    error.ids = (item.id,)
                    raise error
        except BaseException:
            # Its connection is closed. A program that cancels one submit after the other shall not
            # have a connection made for each.
            self._was_alone = False
            raise
        finally:
            self._lone = None
            if self._coalescer.waits:
                self._begin(follow)
        before = single.take(answer)
        await follow(single.asked, before)
        return single.job

    async def _send_together(self, follow: Follow) -> None:
        """Send the submits that were added, and again while submits were added meanwhile."""
        try:
            while batch := self._coalescer.batch():
                with self._core.submitting(batch):
                    answers = await arun_many(
                        self._server, batch.calls(), errors_in_place=True, durable=batch.durable
                    )
                    before = self._coalescer.accept(batch, answers)
                self._was_alone = len(batch.jobs) == 1
                await follow(batch.first_jobs, before)
        except BaseException as error:
            self._coalescer.fail(error)
            raise
