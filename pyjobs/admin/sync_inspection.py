"""The methods of `Admin` that read queues, jobs, workers and schedules.

No operation may live here: a plan makes it.
"""

from __future__ import annotations

from pyjobs.admin import moves, plans
from pyjobs.admin import workers as listing
from pyjobs.admin.base import Base
from pyjobs.admin.dead import DeadJobs
from pyjobs.admin.filters import Filter
from pyjobs.admin.memory import QueueMemory, memory
from pyjobs.admin.pages import page
from pyjobs.admin.plan import ReportLooked, drive, one
from pyjobs.admin.workers import SeenWorkers
from pyjobs.engine import (
    OPERATOR,
    Explanation,
    JobPage,
    ModeName,
    ParkedJob,
    QueueStats,
    ShownJob,
    State,
    StoredSchedule,
)
from pyjobs.transport import Server
from pyjobs.validate import checked


class Inspection(Base[Server]):
    """Responsible for what an operator reads of queues and jobs as they are."""

    def queues(self) -> dict[str, str]:
        """Return the queues of the registry: name -> mode, sorted by name.

        Raises:
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.queues(self._keys))

    def status(self) -> list[plans.QueueStatus]:
        """Return the numbers of every queue of the registry (queue/stats).

        Raises:
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.status(self._keys))

    def stats(self, queue: str) -> QueueStats:
        """Return the numbers of a queue (queue/stats).

        Args:
            queue: the queue's name.

        Raises:
            BadArgument: a name is malformed, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.stats(self._keys, queue))

    def workers(self, queue: str | None = None) -> SeenWorkers:
        """Return the workers that have announced themselves (queue/workers).

        A worker is listed until half a minute after its latest word; a worker of many queues, up to
        an hour.

        Args:
            queue: the queue's name; None is every queue of the registry.

        Raises:
            BadArgument: the name is malformed, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, listing.workers(self._keys, queue))

    def memory(self, queue: str) -> QueueMemory:
        """Estimate how much memory of the server a queue takes (MEMORY USAGE of its keys, and of at
        most 100 of its jobs; queue/list).

        Args:
            queue: the queue's name.

        Raises:
            BadArgument: the name is malformed, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, memory(self._keys, queue))

    def show(self, queue: str, id: str) -> ShownJob:
        """Return all that is known of one job (queue/show).

        Args:
            queue: the queue's name.
            id: the job's id.

        Raises:
            BadArgument: a name is malformed.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(
                self._server, one(OPERATOR.show(self._keys.queue(queue), checked("id", id)))
            )

    def explain(self, queue: str, id: str) -> Explanation:
        """Return why a job is not running, as a word and a sentence (queue/explain).

        Args:
            queue: the queue's name.
            id: the job's id.

        Raises:
            BadArgument: a name is malformed.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(
                self._server, one(OPERATOR.explain(self._keys.queue(queue), checked("id", id)))
            )

    def jobs(
        self,
        queue: str,
        state: State = "pending",
        *,
        cursor: str = "",
        limit: int = 100,
        task: str | None = None,
        error: str | None = None,
        older: float | None = None,
        newer: float | None = None,
        newest: bool = False,
        max_bytes: int = 0,
    ) -> JobPage:
        """Return a page of the jobs of a queue in one state (queue/list; SCAN and queue/find).

        Jobs that are pending, delayed, in flight or dead have an order: the next job comes first,
        or the job that has been dead longest. Other jobs are found among all keys of the server, a
        thousand keys a page, so that a page may be short or empty.

        Args:
            queue: the queue's name.
            state: 'pending', 'delayed', 'inflight', 'dead', 'done', 'failed', 'cancelled' or
                'expired'.
            cursor: that of the page before; '' begins.
            limit: most jobs, 1 to 1000.
            task: only jobs of this task.
            error: only jobs whose last error has this text in it.
            older: only jobs that were submitted, or have ended, at least so many seconds ago.
            newer: only jobs that were submitted, or have ended, at most so many seconds ago.
            newest: whether to begin at the other end.
            max_bytes: how many bytes of each payload and error to return, 0 to 65536.

        Raises:
            BadArgument: a name is malformed, or there is no such state.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(
                self._server,
                page(
                    self._keys,
                    queue,
                    state,
                    cursor=cursor,
                    limit=limit,
                    newest=newest,
                    max_bytes=max_bytes,
                    **Filter(None, task, error, older, newer).wanted(),
                ),
            )

    def failures(self, queue: str, *, progress: ReportLooked | None = None) -> list[plans.Failure]:
        """Count the dead jobs of a queue by the type of their error and the place that raised it,
        the most frequent first (queue/list).

        Args:
            queue: the queue's name.
            progress: called with how many dead jobs were looked at so far.

        Raises:
            BadArgument: a name is malformed.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.failures(self._keys, queue, progress))

    def mode(self, queue: str) -> ModeName:
        """Return the mode of a queue, which its first submit has set. A producer may ask.

        Args:
            queue: the queue's name.

        Raises:
            BadArgument: the name is malformed, or nothing was ever submitted to the queue; the
                message has the registered name that is nearest.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.mode_of(self._keys, queue))

    def dead(self, queue: str, *, skip: int = 0, limit: int = 100) -> DeadJobs:
        """Return the dead jobs of a reliable queue, the longest dead first (reliable/dead).

        Args:
            queue: the queue's name.
            skip: how many jobs to leave out at the head, 0 to 1,000,000.
            limit: most jobs, 1 to 1000.

        Raises:
            BadArgument: the name is malformed, a number is out of its range, or nothing was ever
                submitted to the queue.
            WrongMode: the queue is not reliable.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.dead(self._keys, queue, skip, limit))

    def outbox(self, queue: str) -> list[ParkedJob]:
        """Return the jobs that are on their way to another queue, the one that left first at the
        head (queue/outbox).

        Args:
            queue: the queue's name.

        Raises:
            BadArgument: a name is malformed, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, moves.outbox(self._keys, queue))

    def schedules(self, queue: str) -> list[StoredSchedule]:
        """Return the schedules of a queue, the one whose moment comes first at the head
        (schedule/list).

        Args:
            queue: the queue's name.

        Raises:
            BadArgument: a name is malformed, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.schedules(self._keys, queue))
