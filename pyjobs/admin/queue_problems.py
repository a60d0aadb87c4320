"""What is wrong with a queue, by its numbers and its schedules. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pyjobs.admin.problem import Problem
from pyjobs.engine import QueueStats, StoredSchedule
from pyjobs.errors import BadLayout, PyjobsError, Unavailable, WrongType

# How long a wake token and a pending job are there before nobody seems to work.
IDLE_MS = 5_000


def refused_problems(queue: str, error: PyjobsError) -> Iterator[Problem]:
    """Yield the problem of a queue whose numbers can't be read."""
    where = f"queue {queue}"
    if isinstance(error, BadLayout):
        yield Problem(
            "error", "layout", where, str(error),
            "these scripts know another version of the queue's keys, and touch none of them",
            "install the version of pyjobs that wrote the queue, and empty it",
        )  # fmt: skip
        return
    yield Problem(
        "error", "unreadable", where, f"{error.code or type(error).__name__}: {error}",
        "neither a client nor a worker can use the queue",
        "start its node again" if isinstance(error, Unavailable) else f"pyjobs check {queue}",
    )  # fmt: skip


def event_problems(queue: str, answer: object) -> Iterator[Problem]:
    """Yield what is wrong with the stream of a queue's events.

    Args:
        queue: the queue's name.
        answer: what the queue says of its events, or an error.
    """
    if isinstance(answer, WrongType):
        yield Problem(
            "warning", "events", f"queue {queue}", "the key of its events is no stream",
            "no event is written or read; all else goes on", f"pyjobs events {queue} --off",
        )  # fmt: skip


def stats_problems(queue: str, stats: QueueStats, oldest: int) -> Iterator[Problem]:
    """Yield what the numbers of a queue say.

    Args:
        queue: the queue's name.
        stats: its numbers.
        oldest: ms that a job may wait.
    """
    where = f"queue {queue}"
    idle = stats.pending and not stats.inflight and stats.awake and not stats.paused
    if not stats.mode:
        yield Problem(
            "note", "unused", where, "nothing was ever submitted to it",
            "a client that meant this queue uses another name, prefix, database or server",
            "pyjobs status",
        )  # fmt: skip
    if stats.paused:
        till = "until a resume" if stats.paused < 0 else f"for another {stats.paused / 1000:.0f} s"
        yield Problem(
            "warning", "paused", where, f"the queue is paused {till}",
            f"jobs are pending ({stats.pending}), and workers claim none", f"pyjobs resume {queue}",
        )  # fmt: skip
    if idle and stats.oldest >= IDLE_MS:
        yield Problem(
            "error", "workers", where,
            "jobs are pending, none is in flight, and no idle worker is there",
            "the jobs run when a worker of the queue is there", "pyjobs work MODULE:WORKER",
        )  # fmt: skip
    elif stats.oldest >= oldest and not stats.paused:
        yield Problem(
            "warning", "oldest", where, f"the next job has waited {stats.oldest / 1000:.0f} s",
            "the workers are too few or too slow", "start more workers, or raise --concurrency",
        )  # fmt: skip
    if stats.mode == "reliable" and stats.overdue >= IDLE_MS:
        yield Problem(
            "warning", "overdue", where,
            f"a lease ran out {stats.overdue / 1000:.0f} s ago and nobody put the job back",
            "a claim or a reap does that, and none was there since", f"pyjobs reap {queue}",
        )  # fmt: skip
    if stats.dead:
        yield Problem(
            "warning", "dead", where,
            "1 job is dead" if stats.dead == 1 else f"{stats.dead} jobs are dead",
            "they failed for good, and are forgotten a week after", f"pyjobs failures {queue}",
        )  # fmt: skip
    if stats.broken:
        yield Problem(
            "warning", "broken", where, f"{stats.broken} entries could not be run",
            "something else than pyjobs writes or deletes keys of the queue",
            f"pyjobs check {queue}",
        )  # fmt: skip


def outbox_problems(queue: str, parked: Mapping[str, int]) -> Iterator[Problem]:
    """Yield what is held up on its way to another queue.

    Args:
        queue: the queue's name.
        parked: how many jobs of the outbox have which finding.
    """
    where = f"queue {queue}"
    stale = parked.get("stale", 0)
    left = sum(number for finding, number in parked.items() if finding not in ("", "stale"))
    if stale:
        yield Problem(
            "error", "stale", where,
            f"{stale} jobs have been on their way to another queue for over a day",
            "no move carries them on, since the other queue may have forgotten what it received",
            f"pyjobs outbox {queue}, and then --gone or --back with their ids",
        )  # fmt: skip
    if left:
        yield Problem(
            "warning", "outbox", where,
            f"{left} jobs are in the outbox: a move has broken off",
            "no claim finds them until they are carried on", f"pyjobs check {queue} --repair",
        )  # fmt: skip


def schedule_problems(queue: str, schedules: Sequence[StoredSchedule]) -> Iterator[Problem]:
    """Yield the schedules that make no jobs any more."""
    for one in schedules:
        if not one.next and not one.paused:
            yield Problem(
                "error", "schedule", f"queue {queue}",
                f"schedule {one.name} has run out of moments",
                "it makes no jobs until a worker of the queue, or a client, gives it more",
                "pyjobs work MODULE:WORKER" if one.cron else "set the schedule again",
            )  # fmt: skip
