"""The methods of `AsyncAdmin` that change jobs.

No operation may live here: a plan makes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyjobs.admin import edits, moves, plans
from pyjobs.admin.answers import Answer
from pyjobs.admin.base import Base
from pyjobs.admin.edits import Edited
from pyjobs.admin.filters import ALL, Filter, JobEdit
from pyjobs.admin.plan import ReportLooked, adrive
from pyjobs.engine import Place
from pyjobs.transport import AsyncServer


class AsyncChanges(Base[AsyncServer]):
    """Responsible for what an operator does to jobs, by id or by filter, by asyncio."""

    async def purge(self, queue: str, place: Place, *, progress: ReportLooked | None = None) -> int:
        """End and forget the jobs of one place; return how many entries are gone (queue/purge).

        Args:
            queue: the queue's name.
            place: 'pending', 'delayed' or 'dead'.
            progress: called with how many entries are gone so far.

        Raises:
            BadArgument: a name is malformed, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return await adrive(self._server, plans.purge(self._keys, queue, place, progress))

    async def delete(self, queue: str, ids: Sequence[str]) -> list[Answer]:
        """Forget jobs that are pending, delayed or ended (queue/delete).

        Args:
            queue: the queue's name.
            ids: the jobs' ids.

        Raises:
            BadArgument: a name is malformed.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return await adrive(self._server, plans.delete(self._keys, queue, ids))

    async def run_now(
        self, queue: str, ids: Sequence[str], *, delay: float | None = None
    ) -> list[Answer]:
        """Let delayed jobs run now, before pending ones; or change when they are due
        (queue/run).

        Args:
            queue: the queue's name.
            ids: the jobs' ids.
            delay: seconds from now until the jobs are due; None is that they are the next to run.

        Raises:
            BadArgument: a name is malformed, or the delay is not a number of 0 or more.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return await adrive(self._server, plans.run_now(self._keys, queue, ids, delay))

    async def requeue(self, queue: str, ids: Sequence[str]) -> list[Answer]:
        """Put dead jobs, in recoverable mode failed ones, back into their queue (<mode>/requeue).

        Args:
            queue: the queue's name.
            ids: the jobs' ids.

        Raises:
            BadArgument: a name is malformed.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return await adrive(self._server, plans.requeue(self._keys, queue, ids))

    async def cancel(self, queue: str, ids: Sequence[str]) -> list[Answer]:
        """End jobs that have not ended yet (<mode>/cancel).

        Args:
            queue: the queue's name.
            ids: the jobs' ids.

        Raises:
            BadArgument: a name is malformed, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return await adrive(self._server, plans.cancel(self._keys, queue, ids))

    async def count_jobs(
        self,
        queue: str,
        edit: JobEdit,
        where: Filter = ALL,
        *,
        progress: edits.ReportDone | None = None,
    ) -> int:
        """Count the jobs to which `edit_jobs` would do something; nothing is changed (queue/list;
        SCAN and queue/find).

        Args:
            queue: the queue's name.
            edit: 'requeue', 'cancel', 'delete', 'run' or 'move'.
            where: which jobs.
            progress: called with how many jobs were counted so far, and 0.

        Raises:
            BadArgument: a name is malformed, nothing was ever submitted to the queue, or the
                filter does not fit what is done.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return await adrive(
                self._server, edits.count_jobs(self._keys, queue, edit, where, progress)
            )

    async def edit_jobs(
        self,
        queue: str,
        edit: JobEdit,
        where: Filter = ALL,
        *,
        expected: int | None = None,
        progress: edits.ReportDone | None = None,
    ) -> Edited:
        """Requeue, cancel, delete or run now all jobs that a filter lets through, page by page
        (queue/list, or SCAN and queue/find; <mode>/requeue, <mode>/cancel, queue/delete,
        queue/run).

        The jobs are counted first, and no more jobs are changed than were counted. A job whose
        state has changed since its page was read is left alone.

        Args:
            queue: the queue's name.
            edit: 'requeue', 'cancel', 'delete' or 'run'.
            where: which jobs. A cancel and a delete need a state.
            expected: how many jobs `count_jobs` has counted. When the number has moved by more
                than a tenth since, nothing is done.
            progress: called with how many jobs were looked after so far, and how many there are;
                with 0 while they are counted.

        Raises:
            BadArgument: a name is malformed, nothing was ever submitted to the queue, the filter
                does not fit what is done, or the number has moved; nothing was done.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached. The jobs of the pages before have been changed.
        """
        with self._errors:
            return await adrive(
                self._server,
                edits.edit_jobs(self._keys, queue, edit, where, expected, progress),
            )

    async def move(self, queue: str, to: str, ids: Sequence[str]) -> list[Answer]:
        """Move pending, delayed or dead jobs to another queue of the same mode (queue/send,
        queue/receive, queue/sent).

        A move that breaks off leaves jobs in the outbox, where no claim finds them. The next move
        of the queue carries them on. Clients of a live job hear that it is cancelled, with the
        queue where it went.

        Args:
            queue: the name of the queue where the jobs are.
            to: the name of the other queue; in a cluster it may be on another node.
            ids: the jobs' ids.

        Raises:
            BadArgument: a name is malformed, or nothing was ever submitted to the queue.
            WrongMode: the other queue has another mode; nothing was done.
            WrongParts: one of the queues was split, and the split is not settled; nothing was done.
            QueueFull: Redis is full. Jobs may be in the outbox.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached. Jobs may be in the outbox.
        """
        with self._errors:
            return await adrive(self._server, moves.move_ids(self._keys, queue, to, ids))

    async def move_jobs(
        self,
        queue: str,
        to: str,
        where: Filter = ALL,
        *,
        expected: int | None = None,
        progress: edits.ReportDone | None = None,
    ) -> Edited:
        """Move all jobs that a filter lets through to another queue of the same mode, page by page
        (queue/send, queue/receive, queue/sent).

        A move that breaks off leaves jobs in the outbox, where no claim finds them. The next move
        of the queue carries them on. `count_jobs(queue, "move", where)` counts the jobs.

        Args:
            queue: the name of the queue where the jobs are.
            to: the name of the other queue; in a cluster it may be on another node.
            where: which jobs; the pending ones when it has no state.
            expected: how many jobs were counted. When the number has moved by more than a tenth
                since, nothing is done.
            progress: called with how many jobs were looked after so far, and how many there are;
                with 0 while they are counted.

        Raises:
            BadArgument: a name is malformed, nothing was ever submitted to the queue, the filter
                does not fit, or the number has moved; nothing was done.
            WrongMode: the other queue has another mode; nothing was done.
            WrongParts: one of the queues was split, and the split is not settled; nothing was done.
            QueueFull: Redis is full. Jobs may be in the outbox.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached. Jobs may be in the outbox.
        """
        with self._errors:
            return await adrive(
                self._server,
                moves.move_jobs(self._keys, queue, to, where, expected, progress),
            )

    async def settle(self, queue: str, ids: Sequence[str], word: str) -> list[Answer]:
        """Say what became of stale jobs of the outbox (queue/sent).

        A job is stale when it was parked over a day ago: no move carries it on, since the other
        queue may have forgotten that it has received the job.

        Args:
            queue: the name of the queue that the jobs have left.
            ids: the jobs' ids.
            word: 'gone' when the other queue has received them, and they are forgotten here; 'back'
                when it has not, and they go back to their places.

        Raises:
            BadArgument: a name is malformed, the word is another, or nothing was ever submitted to
                the queue.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return await adrive(self._server, moves.settle(self._keys, queue, ids, word))
