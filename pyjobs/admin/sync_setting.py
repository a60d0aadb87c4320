"""The methods of `Admin` that change queues and their schedules.

No operation may live here: a plan makes it.
"""

from __future__ import annotations

from pyjobs.admin import plans
from pyjobs.admin import split as splits
from pyjobs.admin.base import Base
from pyjobs.admin.plan import ReportLooked, drive, one
from pyjobs.engine import OPERATOR, Limits, ModeName, Parts
from pyjobs.transport import Server
from pyjobs.validate import positive


class Settings(Base[Server]):
    """Responsible for what an operator changes of a queue, and not of its jobs."""

    def pause(self, queue: str, seconds: float | None = None) -> int:
        """Let claims take nothing from a queue (queue/pause).

        Args:
            queue: the queue's name.
            seconds: until claims take jobs again, 0.001 or more; None is not before `resume`.

        Returns:
            ms until claims take jobs again; -1 is not before `resume`.

        Raises:
            BadArgument: a name is malformed.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(
                self._server,
                one(
                    OPERATOR.pause(self._keys.queue(queue), span=positive("seconds", seconds) or 0)
                ),
            )

    def resume(self, queue: str) -> bool:
        """Let claims take jobs from a queue again; return whether jobs are pending (queue/resume).

        Args:
            queue: the queue's name.

        Raises:
            BadArgument: a name is malformed.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, one(OPERATOR.resume(self._keys.queue(queue))))

    def edit_schedule(self, queue: str, name: str, edit: plans.ScheduleEdit) -> str:
        """Pause, resume or remove a schedule (schedule/pause, schedule/resume, schedule/remove).

        Args:
            queue: the queue's name.
            name: the schedule's name.
            edit: 'pause', 'resume' or 'remove'.

        Returns:
            'paused', 'resumed', 'running' (it was not paused) or 'removed'.

        Raises:
            BadArgument: a name is malformed, or nothing was ever submitted to the queue.
            NoSchedule: there is no such schedule.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.edit_schedule(self._keys, queue, name, edit))

    def run_schedule(self, queue: str, name: str, id: str | None = None) -> tuple[str, str]:
        """Make a job of a schedule now, beside those of its moments (schedule/run).

        Args:
            queue: the queue's name.
            name: the schedule's name; it may be paused.
            id: the job's id. A repeated call with it makes no second job. Default: a new id.

        Returns:
            The job's id and 'new'; or id and state of the job that has the id or the unique key.

        Raises:
            BadArgument: a name is malformed, or nothing was ever submitted to the queue.
            NoSchedule: there is no such schedule.
            QueueFull: Redis is at its memory limit; nothing was written.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.run_schedule(self._keys, queue, name, id))

    def set_mode(self, queue: str, mode: ModeName) -> str:
        """Change the mode of a queue that holds no job and no schedule (queue/mode).

        Workers of the mode before set the queue aside.

        Args:
            queue: the queue's name.
            mode: 'simple', 'recoverable' or 'reliable'.

        Returns:
            The mode before; '' when nothing was ever submitted.

        Raises:
            BadArgument: a name is malformed, or there is no such mode.
            WrongMode: the queue is not empty; nothing was written.
            WrongParts: the queue is split; nothing was written.
            QueueFull: Redis is at its memory limit.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.set_mode(self._keys, queue, mode))

    def parts(self, queue: str) -> Parts:
        """Return in how many parts a queue is split (queue/parts).

        Args:
            queue: the queue's name.

        Raises:
            BadArgument: a name is malformed.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, splits.parts_of(self._keys, queue))

    def split(
        self, queue: str, parts: int, *, mode: ModeName = "reliable", durable: str = "no"
    ) -> Parts:
        """Split a queue in more parts, which lie on the nodes of a cluster by turns (queue/parts).

        Clients and workers go on. Where a split broke off, the same call carries it on.

        Args:
            queue: the queue's name.
            parts: how many parts, 2 to 32. There is no way back.
            mode: the mode, where nothing was ever submitted to the queue.
            durable: where the number of parts must be before this returns: 'replicas:N' in memory
                (WAIT), 'aof' on the disk (WAITAOF), or 'no'. A failover to a replica that did not
                have the number ends in refused submits, until the queue is split again.

        Returns:
            The parts. `older` is not 0 where the queue had jobs: then call `settle_parts` later.

        Raises:
            BadArgument: a name is malformed, there are more parts already, or the queue can't be
                split: it has schedules with unique keys, jobs on their way to another queue, or
                the split before was not settled; or `durable` is not what it must be.
            NotDurable: too few had the number in time: call again.
            QueueFull: Redis is at its memory limit: call again when it has room.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, splits.split(self._keys, queue, parts, mode, durable))

    def settle_parts(self, queue: str, *, progress: ReportLooked | None = None) -> str:
        """Settle a split, when each job is in its part (SCAN; queue/parts).

        Until then each submit to a new part looks into the part that its job had before the split.

        Args:
            queue: the queue's name.
            progress: called with how many jobs were looked at so far.

        Returns:
            '' when it is settled; else the id of a job that is elsewhere, and nothing changes.

        Raises:
            BadArgument: a name is malformed, or the split broke off: split the queue again.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached, or a part has moved to another node meanwhile.
        """
        with self._errors:
            return drive(self._server, splits.settle_split(self._keys, queue, progress))

    def limit(
        self,
        queue: str,
        *,
        pending: int | None = None,
        bytes: int | None = None,
        dead: int | None = None,
    ) -> Limits:
        """Set the limits of a queue, and return them (queue/limit). Without one, they are read.

        What is None stays as it is, and 0 takes a limit away. A submit beyond `pending` raises
        QueueFull, and one beyond `bytes` raises TooLarge. A job that is there already is not
        refused, and neither is one that comes back by a retry, a requeue or a schedule.

        Args:
            queue: the queue's name.
            pending: most jobs that are pending or delayed, 0 to 1,000,000,000.
            bytes: most bytes of a payload, 0 to 1,048,576.
            dead: how many dead jobs are kept, 0 to 10,000.

        Raises:
            BadArgument: a name is malformed, or a number is out of its bounds.
            QueueFull: Redis is at its memory limit; nothing was written.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            plan = plans.limit(self._keys, queue, pending=pending, bytes=bytes, dead=dead)
            return drive(self._server, plan)
