"""`Admin`: what an operator asks of queues and does to them. No operation may live here.

`AsyncAdmin` is made of the same plans; only who sends them differs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence

from pyjobs.admin import counters as counting
from pyjobs.admin import edits, moves, plans
from pyjobs.admin import events as happenings
from pyjobs.admin import repair as records
from pyjobs.admin import split as splits
from pyjobs.admin import workers as listing
from pyjobs.admin.answers import Answer
from pyjobs.admin.dead import DeadJobs
from pyjobs.admin.doctor import (
    examine_queues,
    examine_server,
    problems_of_nodes,
    queues_to_examine,
    sorted_by_level,
)
from pyjobs.admin.edits import Edited
from pyjobs.admin.filters import Filter, JobEdit
from pyjobs.admin.memory import QueueMemory, memory
from pyjobs.admin.pages import page
from pyjobs.admin.plan import drive, drive_each, one
from pyjobs.admin.problem import Problem
from pyjobs.admin.reap import ReapedQueue, reap
from pyjobs.admin.repair import Finding, Repaired
from pyjobs.admin.workers import SeenWorkers
from pyjobs.engine import (
    MAX_ITEMS,
    OPERATOR,
    Counters,
    Event,
    EventPage,
    Explanation,
    JobPage,
    Keys,
    Limits,
    ModeName,
    ParkedJob,
    Parts,
    Place,
    QueueStats,
    ShownJob,
    State,
    StoredSchedule,
)
from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.transport import (
    ErrorTranslation,
    GivenServer,
    Outage,
    address_of,
    chosen_url,
    connect,
    is_cluster,
    owner_of,
    primaries,
    read_parts,
)
from pyjobs.validate import checked, positive, to_ms

Progress = Callable[[int], object]
ALL = Filter()


class Admin:
    """Responsible for what an operator asks of the queues of a server and does to them.

    Args:
        url: where Redis is. None is the environment variable PYJOBS_URL, or redis://localhost:6379
            where that is unset. Or a client or pool of redis-py, of which the address, the login
            and the TLS settings are taken over, and no connection.
        prefix: what every key in Redis begins with.

    Raises:
        BadArgument: the URL or the prefix is not one.
    """

    def __init__(self, url: str | GivenServer | None = None, *, prefix: str = "jobs") -> None:
        self._keys = Keys(prefix)
        url = chosen_url(url)
        self._server = connect(url)
        self._errors = ErrorTranslation(url)

    def __enter__(self) -> Admin:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def queues(self) -> dict[str, str]:
        """Return the queues of the registry: name -> mode, sorted by name.

        Raises:
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.queues(self._keys))

    def status(self) -> list[plans.QueueStatus]:
        """Return the numbers of every queue of the registry (queue/stats).

        Raises:
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.status(self._keys))

    def stats(self, queue: str) -> QueueStats:
        """Return the numbers of a queue (queue/stats).

        Args:
            queue: the queue's name.

        Raises:
            BadArgument: a name is not a name, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid it.
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
            BadArgument: the name is not a name, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid it.
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
            BadArgument: the name is not a name, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid it.
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
            BadArgument: a name is not a name.
            Forbidden: Redis's access rules forbid it.
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
            BadArgument: a name is not a name.
            Forbidden: Redis's access rules forbid it.
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

        Jobs that wait, are delayed, in flight or dead have an order: the next job comes first, or
        the one that has been dead longest. Other jobs are found among all keys of the server, a
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
            BadArgument: a name is not a name, or there is no such state.
            Forbidden: Redis's access rules forbid it.
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

    def failures(self, queue: str, *, progress: Progress | None = None) -> list[plans.Failure]:
        """Count the dead jobs of a queue by the type of their error, the most frequent first.

        Args:
            queue: the queue's name.
            progress: called with how many dead jobs were looked at so far.

        Raises:
            BadArgument: a name is not a name.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.failures(self._keys, queue, progress))

    def pause(self, queue: str, seconds: float | None = None) -> int:
        """Let claims take nothing from a queue (queue/pause).

        Args:
            queue: the queue's name.
            seconds: until claims take jobs again, 0.001 or more; None is not before `resume`.

        Returns:
            ms until claims take jobs again; -1 is not before `resume`.

        Raises:
            BadArgument: a name is not a name.
            Forbidden: Redis's access rules forbid it.
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
            BadArgument: a name is not a name.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, one(OPERATOR.resume(self._keys.queue(queue))))

    def purge(self, queue: str, place: Place, *, progress: Progress | None = None) -> int:
        """End and forget the jobs of one place; return how many entries are gone (queue/purge).

        Args:
            queue: the queue's name.
            place: 'pending', 'delayed' or 'dead'.
            progress: called with how many entries are gone so far.

        Raises:
            BadArgument: a name is not a name, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.purge(self._keys, queue, place, progress))

    def delete(self, queue: str, ids: Sequence[str]) -> list[Answer]:
        """Forget jobs that wait or have ended (queue/delete).

        Args:
            queue: the queue's name.
            ids: the jobs' ids.

        Raises:
            BadArgument: a name is not a name.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.delete(self._keys, queue, ids))

    def run_now(
        self, queue: str, ids: Sequence[str], *, delay: float | None = None
    ) -> list[Answer]:
        """Let delayed jobs run now, before those that wait; or change when they are due
        (queue/run).

        Args:
            queue: the queue's name.
            ids: the jobs' ids.
            delay: seconds from now until the jobs are due; None is that they are the next to run.

        Raises:
            BadArgument: a name is not a name, or the delay is not a number of 0 or more.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            wait = to_ms("delay", delay)
            return drive(self._server, plans.run_now(self._keys, queue, ids, wait))

    def requeue(self, queue: str, ids: Sequence[str]) -> list[Answer]:
        """Put dead jobs, in recoverable mode failed ones, back into their queue (<mode>/requeue).

        Args:
            queue: the queue's name.
            ids: the jobs' ids.

        Raises:
            BadArgument: a name is not a name.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.requeue(self._keys, queue, ids))

    def cancel(self, queue: str, ids: Sequence[str]) -> list[Answer]:
        """End jobs that have not ended yet (<mode>/cancel).

        Args:
            queue: the queue's name.
            ids: the jobs' ids.

        Raises:
            BadArgument: a name is not a name, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.cancel(self._keys, queue, ids))

    def mode(self, queue: str) -> ModeName:
        """Return the mode of a queue, which its first submit has set. A producer may ask.

        Args:
            queue: the queue's name.

        Raises:
            BadArgument: the name is not a name, or nothing was ever submitted to the queue; the
                message has the registered name that is nearest.
            Forbidden: Redis's access rules forbid it.
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
            BadArgument: the name is not a name, a number is out of its range, or nothing was ever
                submitted to the queue.
            WrongMode: the queue is not reliable.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.dead(self._keys, queue, skip, limit))

    def reap(
        self,
        queues: Sequence[str] = (),
        *,
        mode: ModeName | None = None,
        older_than: float | None = None,
        max_crashes: int | None = None,
        limit: int = MAX_ITEMS,
        seconds: float | None = None,
    ) -> list[ReapedQueue]:
        """Put back the jobs that dead workers held, until no queue has more (<mode>/reap).

        What goes wrong with one queue is noted in its row, and the other queues go on. Simple
        queues have nothing to put back.

        Args:
            queues: names of queues; none is every queue of the registry.
            mode: mode of named queues that have lost theirs.
            older_than: put back jobs of recoverable queues that were claimed so many seconds ago;
                None leaves these queues out.
            max_crashes: how many leases of a job of a reliable queue may run out until it is dead,
                3 when left out.
            limit: most jobs of each kind in one call, 1 to 1000.
            seconds: when to stop although there is more to do; None is never.

        Returns:
            What was done, a row for each queue.

        Raises:
            BadArgument: a mode is given and no queue is named, or a name is not a name.
            Forbidden: Redis's access rules forbid a call.
            Unavailable: Redis can't be reached, or refuses to work.
        """
        until = math.inf if seconds is None else time.monotonic() + seconds
        with self._errors:
            return drive(
                self._server,
                reap(
                    self._keys,
                    queues,
                    mode=mode,
                    older_than=to_ms("older_than", older_than),
                    max_crashes=max_crashes,
                    limit=limit,
                    until=until,
                ),
            )

    def count_jobs(
        self,
        queue: str,
        edit: JobEdit,
        where: Filter = ALL,
        *,
        progress: edits.Progress | None = None,
    ) -> int:
        """Count the jobs to which `edit_jobs` would do something; nothing is changed (queue/list;
        SCAN and queue/find).

        Args:
            queue: the queue's name.
            edit: 'requeue', 'cancel', 'delete', 'run' or 'move'.
            where: which jobs.
            progress: called with how many jobs were counted so far, and 0.

        Raises:
            BadArgument: a name is not a name, nothing was ever submitted to the queue, or the
                filter does not fit what is done.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, edits.count_jobs(self._keys, queue, edit, where, progress))

    def edit_jobs(
        self,
        queue: str,
        edit: JobEdit,
        where: Filter = ALL,
        *,
        expected: int | None = None,
        progress: edits.Progress | None = None,
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
            BadArgument: a name is not a name, nothing was ever submitted to the queue, the filter
                does not fit what is done, or the number has moved; nothing was done.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached. The jobs of the pages before have been changed.
        """
        with self._errors:
            return drive(
                self._server,
                edits.edit_jobs(self._keys, queue, edit, where, expected, progress),
            )

    def move(self, queue: str, to: str, ids: Sequence[str]) -> list[Answer]:
        """Move jobs that wait, are delayed or dead to another queue of the same mode (queue/send,
        queue/receive, queue/sent).

        A move that breaks off leaves jobs in the outbox, where no claim finds them. The next move
        of the queue carries them on. Clients of a live job hear that it is cancelled, with the
        queue where it went.

        Args:
            queue: the name of the queue where the jobs are.
            to: the name of the other queue; in a cluster it may be on another node.
            ids: the jobs' ids.

        Raises:
            BadArgument: a name is not a name, or nothing was ever submitted to the queue.
            WrongMode: the other queue has another mode; nothing was done.
            QueueFull: Redis is full. Jobs may be in the outbox.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached. Jobs may be in the outbox.
        """
        with self._errors:
            return drive(self._server, moves.move_ids(self._keys, queue, to, ids))

    def move_jobs(
        self,
        queue: str,
        to: str,
        where: Filter = ALL,
        *,
        expected: int | None = None,
        progress: edits.Progress | None = None,
    ) -> Edited:
        """Move all jobs that a filter lets through to another queue of the same mode, page by page
        (queue/send, queue/receive, queue/sent).

        A move that breaks off leaves jobs in the outbox, where no claim finds them. The next move
        of the queue carries them on. `count_jobs(queue, "move", where)` counts the jobs.

        Args:
            queue: the name of the queue where the jobs are.
            to: the name of the other queue; in a cluster it may be on another node.
            where: which jobs; those that wait when it has no state.
            expected: how many jobs were counted. When the number has moved by more than a tenth
                since, nothing is done.
            progress: called with how many jobs were looked after so far, and how many there are;
                with 0 while they are counted.

        Raises:
            BadArgument: a name is not a name, nothing was ever submitted to the queue, the filter
                does not fit, or the number has moved; nothing was done.
            WrongMode: the other queue has another mode; nothing was done.
            QueueFull: Redis is full. Jobs may be in the outbox.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached. Jobs may be in the outbox.
        """
        with self._errors:
            return drive(
                self._server,
                moves.move_jobs(self._keys, queue, to, where, expected, progress),
            )

    def outbox(self, queue: str) -> list[ParkedJob]:
        """Return the jobs that are on their way to another queue, the one that left first at the
        head (queue/outbox).

        Args:
            queue: the queue's name.

        Raises:
            BadArgument: a name is not a name, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, moves.outbox(self._keys, queue))

    def settle(self, queue: str, ids: Sequence[str], word: str) -> list[Answer]:
        """Say what became of stale jobs of the outbox (queue/sent).

        A job is stale when it was parked over a day ago: no move carries it on, since the other
        queue may have forgotten that it has received the job.

        Args:
            queue: the name of the queue that the jobs have left.
            ids: the jobs' ids.
            word: 'gone' when the other queue has received them, and they are forgotten here; 'back'
                when it has not, and they go back to their places.

        Raises:
            BadArgument: a name is not a name, the word is another, or nothing was ever submitted to
                the queue.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, moves.settle(self._keys, queue, ids, word))

    def check(self, queue: str, *, progress: Progress | None = None) -> list[Finding]:
        """Hold every entry and every stored job of a queue against the other; return what is wrong
        (queue/walk, queue/check, SCAN).

        Args:
            queue: the queue's name.
            progress: called with how many entries were looked at so far.

        Raises:
            BadArgument: a name is not a name, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, records.check(self._keys, queue, progress))

    def repair(self, queue: str, *, progress: Progress | None = None) -> list[Repaired]:
        """Mend what a check finds, while workers run; return what was wrong and what became of it
        (queue/repair).

        Args:
            queue: the queue's name.
            progress: called with how many entries were looked at so far.

        Raises:
            BadArgument: a name is not a name, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, records.repair(self._keys, queue, progress))

    def doctor(
        self,
        queues: Sequence[str] = (),
        *,
        role: str = "operator",
        oldest: float = 300.0,
    ) -> list[Problem]:
        """Return what is wrong with the server and its queues, errors first.

        Each node of a cluster is examined. Nothing is written. A server may hide a setting; a
        problem with the code 'unseen' says which.

        Args:
            queues: the queues' names; none is every queue of the registry.
            role: 'producer', 'worker' or 'operator': whose rights the user of the URL needs.
            oldest: seconds that a job may wait.

        Raises:
            BadArgument: a name is not a name, or nothing was ever submitted to a queue.
            Forbidden: Redis's access rules forbid to read the registry.
            Unavailable: Redis can't be reached.
        """
        wait = to_ms("oldest", oldest) or 0
        with self._errors:
            names = drive(self._server, queues_to_examine(self._keys, queues))
            nodes, spans = primaries(self._server), is_cluster(self._server)
            place = names[0] if names else "any"
            where = [address_of(node) for node in nodes]
            looks = [examine_server(self._keys, one, role, place, spans) for one in where]
            answers = drive_each(list(zip(nodes, looks, strict=True)))
            found = problems_of_nodes(where, answers, spans)
            found += drive(self._server, examine_queues(self._keys, names, bool(queues), wait))
        return sorted_by_level(found)

    def schedules(self, queue: str) -> list[StoredSchedule]:
        """Return the schedules of a queue, the one whose moment comes first at the head
        (schedule/list).

        Args:
            queue: the queue's name.

        Raises:
            BadArgument: a name is not a name, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.schedules(self._keys, queue))

    def edit_schedule(self, queue: str, name: str, edit: plans.ScheduleEdit) -> str:
        """Pause, resume or remove a schedule (schedule/pause, schedule/resume, schedule/remove).

        Args:
            queue: the queue's name.
            name: the schedule's name.
            edit: 'pause', 'resume' or 'remove'.

        Returns:
            'paused', 'resumed', 'running' (it was not paused) or 'removed'.

        Raises:
            BadArgument: a name is not a name, or nothing was ever submitted to the queue.
            NoSchedule: there is no such schedule.
            Forbidden: Redis's access rules forbid it.
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
            BadArgument: a name is not a name, or nothing was ever submitted to the queue.
            NoSchedule: there is no such schedule.
            QueueFull: Redis is at its memory limit; nothing was written.
            Forbidden: Redis's access rules forbid it.
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
            BadArgument: a name is not a name, or there is no such mode.
            WrongMode: the queue is not empty; nothing was written.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, plans.set_mode(self._keys, queue, mode))

    def parts(self, queue: str) -> Parts:
        """Return in how many parts a queue is split (queue/parts).

        Args:
            queue: the queue's name.

        Raises:
            BadArgument: a name is not a name.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, splits.parts_of(self._keys, queue))

    def split(self, queue: str, parts: int, *, mode: ModeName = "reliable") -> Parts:
        """Split a queue in more parts, which lie on the nodes of a cluster by turns (queue/parts).

        Clients and workers go on. Where a split broke off, the same call carries it on.

        Args:
            queue: the queue's name.
            parts: how many parts, 2 to 32. There is no way back.
            mode: the mode, where nothing was ever submitted to the queue.

        Returns:
            The parts. `older` is not 0 where the queue had jobs: then `settle` it later.

        Raises:
            BadArgument: a name is not a name, there are more parts already, or the queue can't be
                split: it has schedules with unique keys, jobs on their way to another queue, or
                the split before was not settled.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        key = self._keys.queue(queue)
        with self._errors:
            primaries(self._server)  # a cluster asks for its table
            owner = owner_of(self._server)
            limits = drive(self._server, splits.own_limits(self._keys, queue))
            plan = splits.split(self._keys, queue, parts, mode, owner)
            found = drive(self._server, plan)
            read_parts(self._server, key)
            drive(self._server, one(OPERATOR.limit(key, **limits)))
            return found

    def settle_parts(self, queue: str, *, progress: Progress | None = None) -> str:
        """Settle a split, when each job is in its part (SCAN; queue/parts).

        Until then each submit to a new part looks into the part that its job had before the split.

        Args:
            queue: the queue's name.
            progress: called with how many jobs were looked at so far.

        Returns:
            '' when it is settled; else the id of a job that is elsewhere, and nothing changes.

        Raises:
            BadArgument: a name is not a name.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            left = drive(self._server, splits.settle(self._keys, queue, progress))
            read_parts(self._server, self._keys.queue(queue))
            return left

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
            pending: most jobs that wait or are delayed, 0 to 1,000,000,000.
            bytes: most bytes of a payload, 0 to 1,048,576.
            dead: how many dead jobs are kept, 0 to 10,000.

        Raises:
            BadArgument: a name is not a name, or a number is out of its bounds.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            call = OPERATOR.limit(self._keys.queue(queue), pending=pending, bytes=bytes, dead=dead)
            return drive(self._server, one(call))

    def counters(
        self, queue: str, *, minutes: int = 5, skip: int = 0, each: bool = False
    ) -> Counters:
        """Return what happened in a queue in some minutes, by task (queue/counters).

        Args:
            queue: the queue's name.
            minutes: how many minutes, 1 to 4320. The present one, which has only begun, is one.
            skip: how many minutes to pass over, 0 to 4320; 0 begins with the present one.
            each: whether each minute comes by itself; else they are added up.

        Raises:
            BadArgument: a name is not a name, a number is out of its bounds, or nothing was ever
                submitted to the queue.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, counting.counters(self._keys, queue, minutes, skip, each))

    def all_counters(self, *, minutes: int = 5) -> dict[str, Counters | PyjobsError]:
        """Return what happened in each queue of the registry in the last minutes (queue/counters).

        A queue that could not be read has its error. Where a queue has many tasks, fewer minutes
        are read: `Counters.minutes` says how many.

        Args:
            minutes: how many minutes, 1 to 60. The present one, which has only begun, is one.

        Raises:
            BadArgument: the number is out of its bounds.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, counting.all_counters(self._keys, minutes))

    def set_counting(self, queue: str, on: bool) -> bool:
        """Switch the counters of a queue on or off, and return whether that changed anything
        (queue/counting).

        What was counted stays for its three days.

        Args:
            queue: the queue's name.
            on: whether the queue counts.

        Raises:
            BadArgument: a name is not a name, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, counting.switch(self._keys, queue, on))

    def events(
        self, queue: str, *, after: str = "", limit: int = 1000, newest: bool = False
    ) -> EventPage:
        """Return what happened to the jobs of a queue that keeps events, in that order
        (queue/events).

        Args:
            queue: the queue's name.
            after: the name of the event behind which to go on; '' begins with the oldest.
            limit: most events, 1 to 1000.
            newest: whether to return the latest events behind `after`, in place of the first.

        Raises:
            BadArgument: a name is not a name, a number is out of its bounds, or nothing was ever
                submitted to the queue.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            plan = happenings.events(self._keys, queue, after, limit, newest)
            return drive(self._server, plan)

    def follow_events(
        self, queue: str, *, after: str | None = None, every: float = 0.25
    ) -> Iterator[Event]:
        """Yield what happens to the jobs of a queue that keeps events, without an end
        (queue/events).

        While Redis can't be reached nothing is yielded; then the iteration goes on behind the event
        that was yielded last. An event `lost` says that events in between are gone.

        Args:
            queue: the queue's name.
            after: the name of the event behind which to begin. None begins with what happens from
                now on, and '' with the oldest event that is kept.
            every: seconds between two looks, 0.001 or more.

        Raises:
            BadArgument: a name is not a name, or the number is out of its bounds.
            Forbidden: Redis's access rules forbid it.
        """
        pause = positive("every", every) or 250
        tail, outage = happenings.Tail(self._keys, queue, after), Outage(self._errors.where)
        while True:
            found: list[Event] = []
            wait = pause / 1000
            try:
                with self._errors:
                    found = drive(self._server, tail.read())
                outage.over()
            except Unavailable as error:
                wait = outage.pause(error)
            yield from found
            if not found:
                time.sleep(wait)

    def keep_events(self, queue: str, number: int) -> bool:
        """Say how many of its latest events a queue keeps; return whether that changed anything
        (queue/keep).

        A queue keeps none at first. Each event takes about 100 bytes, and a call some microseconds
        more for each of its jobs. There may be a hundred events more than were asked for.

        Args:
            queue: the queue's name.
            number: how many, 0 to 1,000,000; 0 keeps none, and forgets those that are there.

        Raises:
            BadArgument: a name is not a name, the number is out of its bounds, or nothing was ever
                submitted to the queue.
            WrongParts: the queue is split, and so keeps no events.
            Forbidden: Redis's access rules forbid it.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return drive(self._server, happenings.keep(self._keys, queue, number))
