"""The verbs of lua/queue/ that operators call: verb -> Call. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from pyjobs.engine.call import Call
from pyjobs.engine.replies import parse_words
from pyjobs.engine.scripts import script
from pyjobs.engine.views import (
    CheckedJob,
    Explanation,
    FoundJobs,
    JobPage,
    Limits,
    ModeSet,
    Place,
    Purged,
    QueueStats,
    ShownJob,
    WalkedPage,
    parse_checked,
    parse_explained,
    parse_found,
    parse_limits,
    parse_listed,
    parse_purged,
    parse_set,
    parse_shown,
    parse_stats,
    parse_walked,
)


class Operator:
    """Makes the calls of the verbs that operators call."""

    @staticmethod
    def stats(queue: str) -> Call[QueueStats]:
        """Return the call that counts what a queue holds (queue/stats).

        Args:
            queue: the queue's key.
        """
        used = script("queue/stats")
        return Call(used, (queue,), used.bind(), parse_stats)

    @staticmethod
    def show(queue: str, id: str) -> Call[ShownJob]:
        """Return the call that reads all that is known of one job (queue/show).

        Args:
            queue: the queue's key.
            id: the job's id.
        """
        used = script("queue/show")
        return Call(used, (queue,), used.bind(id=id), parse_shown)

    @staticmethod
    def list_jobs(
        queue: str,
        place: Place,
        *,
        cursor: str = "",
        limit: int = 100,
        task: str | None = None,
        error: str | None = None,
        older: int | None = None,
        newer: int | None = None,
        newest: bool = False,
        max_bytes: int = 0,
    ) -> Call[JobPage]:
        """Return the call that reads a page of the jobs in one place of a queue (queue/list).

        Args:
            queue: the queue's key.
            place: 'pending', 'delayed', 'inflight' or 'dead'.
            cursor: that of the page before; '' begins.
            limit: most jobs, 1 to 1000.
            task: only jobs of this task.
            error: only jobs whose last error has this text in it.
            older: only jobs that were submitted, or have ended, at least so many ms ago.
            newer: only jobs that were submitted, or have ended, at most so many ms ago.
            newest: whether to begin at the other end.
            max_bytes: how many bytes of each payload and error to return, 0 to 65536.
        """
        used = script("queue/list")
        options = used.choose(
            task=None if task is None else quote(task, safe=""),
            error=None if error is None else quote(error, safe=""),
            older=older,
            newer=newer,
            newest=1 if newest else None,
            bytes=max_bytes or None,
        )
        words = used.bind(state=place, cursor=_raw(cursor), limit=limit, options=options)
        return Call(used, (queue,), words, parse_listed)

    @staticmethod
    def find_jobs(
        queue: str,
        ids: Sequence[str],
        *,
        state: str | None = None,
        task: str | None = None,
        error: str | None = None,
        older: int | None = None,
        newer: int | None = None,
        max_bytes: int = 0,
    ) -> Call[FoundJobs]:
        """Return the call that reads those of some jobs that a filter lets through (queue/find).

        Args:
            queue: the queue's key.
            ids: 1 to 1000 ids.
            state: only jobs in this state, such as 'done'.
            task: only jobs of this task.
            error: only jobs whose last error has this text in it.
            older: only jobs that were submitted, or have ended, at least so many ms ago.
            newer: only jobs that were submitted, or have ended, at most so many ms ago.
            max_bytes: how many bytes of each payload and error to return, 0 to 65536.
        """
        used = script("queue/find")
        options = used.choose(
            state=state,
            task=None if task is None else quote(task, safe=""),
            error=None if error is None else quote(error, safe=""),
            older=older,
            newer=newer,
            bytes=max_bytes or None,
        )
        return Call(used, (queue,), used.bind(ids, options=options), parse_found)

    @staticmethod
    def explain(queue: str, id: str) -> Call[Explanation]:
        """Return the call that says why a job is not running (queue/explain).

        Args:
            queue: the queue's key.
            id: the job's id.
        """
        used = script("queue/explain")
        return Call(used, (queue,), used.bind(id=id), parse_explained)

    @staticmethod
    def walk(queue: str, place: Place, *, cursor: str = "", limit: int = 1000) -> Call[WalkedPage]:
        """Return the call that looks over a page of one place of a queue (queue/walk).

        Args:
            queue: the queue's key.
            place: 'pending', 'delayed', 'inflight' or 'dead'.
            cursor: that of the page before; '' begins.
            limit: most entries, 1 to 1000.
        """
        used = script("queue/walk")
        words = used.bind(state=place, cursor=_raw(cursor), limit=limit)
        return Call(used, (queue,), words, parse_walked)

    @staticmethod
    def check(queue: str, ids: Sequence[str]) -> Call[list[CheckedJob]]:
        """Return the call that holds jobs against the places of their queue (queue/check).

        Args:
            queue: the queue's key.
            ids: 1 to 1000 ids; the reply has a `CheckedJob` for each, in this order.
        """
        used = script("queue/check")
        return Call(used, (queue,), used.bind(ids), parse_checked)

    @staticmethod
    def repair(queue: str, mode: str, jobs: Sequence[tuple[str, str]]) -> Call[list[str]]:
        """Return the call that mends what `check` finds (queue/repair).

        Args:
            queue: the queue's key.
            mode: the queue's mode, in case the queue has lost it.
            jobs: 1 to 1000 pairs of id and token. The token is what `check` returned for a job
                that a whole walk of the list since then did not meet, and '-' for any other job.
                The reply is a word for each: 'right', 'mended' or 'left'.
        """
        used = script("queue/repair")
        return Call(
            used,
            (queue,),
            used.bind([part for job in jobs for part in job], mode=mode),
            parse_words,
        )

    @staticmethod
    def pause(queue: str, *, span: int = 0) -> Call[int]:
        """Return the call that lets claims take nothing from a queue (queue/pause).

        Args:
            queue: the queue's key.
            span: ms until claims take jobs again; 0 is not before a resume.
        """
        used = script("queue/pause")
        return Call(used, (queue,), used.bind(span=span), int)

    @staticmethod
    def resume(queue: str) -> Call[bool]:
        """Return the call that lets claims take jobs from a paused queue again (queue/resume).

        The reply is whether jobs are pending.

        Args:
            queue: the queue's key.
        """
        used = script("queue/resume")
        return Call(used, (queue,), used.bind(), bool)

    @staticmethod
    def set_mode(queue: str, mode: str) -> Call[ModeSet]:
        """Return the call that changes the mode of a queue that holds no job (queue/mode).

        Args:
            queue: the queue's key.
            mode: 'simple', 'recoverable' or 'reliable'.
        """
        used = script("queue/mode")
        return Call(used, (queue,), used.bind(mode=mode), parse_set)

    @staticmethod
    def limit(
        queue: str,
        *,
        pending: int | None = None,
        bytes: int | None = None,
        dead: int | None = None,
    ) -> Call[Limits]:
        """Return the call that sets and reads the limits of a queue (queue/limit).

        What is None stays as it is, and 0 takes a limit away.

        Args:
            queue: the queue's key.
            pending: most jobs that are pending or delayed, 0 to 1,000,000,000.
            bytes: most bytes of a payload, 0 to 1,048,576.
            dead: how many dead jobs are kept, 0 to 10,000.
        """
        used = script("queue/limit")
        options = used.choose(pending=pending, bytes=bytes, dead=dead)
        return Call(used, (queue,), used.bind(options=options), parse_limits)

    @staticmethod
    def purge(queue: str, place: Place, *, limit: int = 1000) -> Call[Purged]:
        """Return the call that ends and forgets jobs of one place of a queue (queue/purge).

        Args:
            queue: the queue's key.
            place: 'pending', 'delayed' or 'dead'.
            limit: most entries, 1 to 1000.
        """
        used = script("queue/purge")
        return Call(used, (queue,), used.bind(state=place, limit=limit), parse_purged)

    @staticmethod
    def delete(queue: str, ids: Sequence[str], *, state: str | None = None) -> Call[list[str]]:
        """Return the call that forgets jobs which are pending, delayed or ended (queue/delete).

        Args:
            queue: the queue's key.
            ids: 1 to 1000 ids; the reply is a word for each: 'deleted', 'inflight', the job's
                state where it is another than `state`, or 'NOJOB'.
            state: only jobs in this state, such as 'pending'; None is any.
        """
        used = script("queue/delete")
        return Call(used, (queue,), used.bind(ids, options=used.choose(state=state)), parse_words)

    @staticmethod
    def run_now(queue: str, ids: Sequence[str], *, delay: int | None = None) -> Call[list[str]]:
        """Return the call that lets delayed jobs run now, or at another time (queue/run).

        Args:
            queue: the queue's key.
            ids: 1 to 1000 ids; the reply is a word for each: 'pending', with `delay` 'delayed',
                another state, 'quarantine' or 'NOJOB'.
            delay: ms until they are due; None is that they are the next to run.
        """
        used = script("queue/run")
        return Call(used, (queue,), used.bind(ids, options=used.choose(delay=delay)), parse_words)


def _raw(cursor: str) -> bytes:
    return cursor.encode(errors="surrogateescape")


OPERATOR = Operator()
