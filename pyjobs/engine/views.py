"""What the reading verbs of lua/queue/ show of a queue and its jobs, as values, and their parsers.

Nothing is decoded here: payloads, results and errors stay bytes.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

Place = Literal["pending", "delayed", "inflight", "dead"]
PLACES: tuple[Place, ...] = ("pending", "delayed", "inflight", "dead")
# The states of jobs: that of each place, and those of jobs that no place has.
State = Literal["pending", "delayed", "inflight", "dead", "done", "failed", "cancelled", "expired"]
ENDED: tuple[State, ...] = ("done", "failed", "cancelled", "expired")
STATES: tuple[State, ...] = (*PLACES, *ENDED)


class QueueStats(NamedTuple):
    """Holds the numbers of one queue.

    Attributes:
        mode: 'simple', 'recoverable' or 'reliable'; '' when nothing was ever submitted.
        layout: the version of the queue's keys; 0 when nothing was ever submitted.
        pending: entries of the list, with the jobs that were cancelled there.
        delayed: jobs that wait for their time.
        quarantined: of these, jobs that crashed twice and wait for their turn.
        inflight: jobs that are claimed and have not ended.
        overdue: ms since the first lease ran out that no call has taken back; in recoverable mode
            since the oldest claim; -1 is none.
        dead: dead jobs that are kept.
        broken: entries of the list of what could not be run.
        oldest: ms since the submit of the next job that may run; -1 is none.
        due: ms until the first delayed job is due; 0 is now, -1 is none.
        paused: ms until claims take jobs again; 0 is not paused, -1 is until a resume.
        awake: whether a wake token is there, which no idle worker has taken.
    """

    mode: str
    layout: int
    pending: int
    delayed: int
    quarantined: int
    inflight: int
    overdue: int
    dead: int
    broken: int
    oldest: int
    due: int
    paused: int
    awake: bool


class ShownJob(NamedTuple):
    """Holds all that is known of one job. Times are ms since the epoch, 0 is not yet.

    Attributes:
        state: 'pending', 'delayed', 'inflight', 'done', 'failed', 'dead', 'cancelled' or 'expired';
            '' when there is no such job.
        place: the sorted set that has it: 'delayed', 'quarantine', 'inflight', 'dead'; '' is none.
        at: when it is due, when its lease ends (recoverable: when it was claimed), or when it died.
        ttl: ms until it is forgotten; -1 is not before it has ended.
        task: the name of its task; '' is none.
        attempt: the number of the attempt that runs or comes next; of a dead job that of the last.
        queued: when it was submitted.
        started: when it was last claimed.
        processed: when it ended.
        reason: why it is dead; '' when it is not.
        token: of its latest claim; '' before the first claim and after a reap.
        client: the clients that hear how it ends, separated by spaces.
        unique: its unique key; '' is none.
        expires: not to be started from then on; 0 is at any time.
        retention: ms that its outcome is kept; -1 where its submit did not say.
        timeout: ms that a handler may run; -1 where its submit did not say.
        max_attempts: failures until it is dead; -1 where its submit did not say.
        backoff: ms before its second attempt; -1 where its submit did not say.
        max_run: ms that it may be in flight; -1 where its submit did not say.
        failures: how many of its attempts failed, as its handlers reported.
        crashes: leases that ran out since its handler last ended a run.
        past: failures, and the leases that ran out before its handler last ended a run.
        releases: how often a worker handed it back.
        error: bytes of its last error.
        result: bytes of its result.
        data: bytes of its payload.
        progress: bytes of the latest progress; b'' before the first one.
        saved: bytes that its next attempt goes on from; b'' is nothing.
        traceparent: the W3C trace context of the job's submitter; '' is none.
        tracestate: the rest of that context; '' is none.
    """

    state: str
    place: str
    at: int
    ttl: int
    task: str
    attempt: int
    queued: int
    started: int
    processed: int
    reason: str
    token: str
    client: str
    unique: str
    expires: int
    retention: int
    timeout: int
    max_attempts: int
    backoff: int
    max_run: int
    failures: int
    crashes: int
    past: int
    releases: int
    error: bytes
    result: bytes
    data: bytes
    progress: bytes
    saved: bytes
    traceparent: str
    tracestate: str


class ListedJob(NamedTuple):
    """Holds one job of a page.

    Attributes:
        id: the job's id; '' for an entry of a simple queue that is no job.
        state: 'pending', 'delayed', 'inflight', 'done', 'failed', 'dead', 'cancelled' or 'expired'.
        task: the name of its task; '' is none.
        at: when it is due, when its lease ends (recoverable: when it was claimed), or when it died,
            ms since the epoch; 0 for a pending job.
        attempt: the number of the attempt that runs or comes next; of a dead job that of the last.
        queued: when it was submitted, ms since the epoch.
        started: when it was last claimed, ms since the epoch; 0 is never.
        processed: when it ended, ms since the epoch; 0 is not yet.
        reason: why it is dead; 'quarantine' for a delayed job in quarantine; else ''.
        error: the first bytes of its last error.
        data: the first bytes of its payload.
    """

    id: str
    state: str
    task: str
    at: int
    attempt: int
    queued: int
    started: int
    processed: int
    reason: str
    error: bytes
    data: bytes


class JobPage(NamedTuple):
    """Holds a page of the jobs of a queue in one state.

    Attributes:
        cursor: where the next page begins; '' when this is the last one.
        total: entries of the place, whatever the filter; -1 for jobs that no place has.
        looked: entries, or keys of jobs, that this page has looked at.
        jobs: the jobs of the page that the filter lets through.
    """

    cursor: str
    total: int
    looked: int
    jobs: list[ListedJob]


class FoundJobs(NamedTuple):
    """Holds those of some named jobs that a filter lets through.

    Attributes:
        looked: at how many of the names the call has looked; ask for the others again.
        jobs: the jobs.
    """

    looked: int
    jobs: list[ListedJob]


class Explanation(NamedTuple):
    """Says why a job is not running.

    Attributes:
        code: a word for programs, such as 'paused', 'backoff' or 'pending'.
        sentence: the reason for people, in one sentence.
    """

    code: str
    sentence: str


class WalkedEntry(NamedTuple):
    """Holds one entry of a place, held against its job.

    Attributes:
        id: the job's id; '' in simple mode.
        finding: what is wrong, such as 'missing' or 'stray'; '' is nothing.
        state: the job's state; '' when there is no such job.
    """

    id: str
    finding: str
    state: str


class WalkedPage(NamedTuple):
    """Holds a page of a walk.

    Attributes:
        cursor: where the next page begins; '' when this is the last one.
        total: entries of the place.
        entries: the entries of the page.
    """

    cursor: str
    total: int
    entries: list[WalkedEntry]


class CheckedJob(NamedTuple):
    """Holds what is wrong with a job.

    Attributes:
        finding: what is wrong, such as 'unlisted'; '' is nothing.
        state: the job's state; '' when there is no such job.
        token: of its latest claim, by which a second look knows whether it was claimed meanwhile.
    """

    finding: str
    state: str
    token: str


class Purged(NamedTuple):
    """Holds what a purge did.

    Attributes:
        gone: entries that were taken away.
        more: whether there are more.
    """

    gone: int
    more: bool


class Limits(NamedTuple):
    """Holds the limits of a queue, as they are in force.

    Attributes:
        pending: most jobs that are pending or delayed; 0 is any number.
        bytes: most bytes of a payload; 1 MiB where the queue has no limit of its own.
        dead: how many dead jobs are kept; 10,000 where the queue has no limit of its own.
    """

    pending: int
    bytes: int
    dead: int


def parse_limits(reply: Any) -> Limits:
    """Parse the reply of queue/limit."""
    return Limits(*reply)


class ModeSet(NamedTuple):
    """Holds what queue/mode did.

    Attributes:
        outcome: 'changed', 'same' when the queue has this mode, or 'kept' when it is not empty.
        was: the mode before; '' when nothing was ever submitted.
        held: jobs that are pending, delayed, in flight, dead or parked.
        scheduled: how many schedules the queue has.
    """

    outcome: str
    was: str
    held: int
    scheduled: int


def parse_set(reply: Any) -> ModeSet:
    """Parse the reply of queue/mode."""
    return ModeSet(*texts(reply))


def parse_purged(reply: Any) -> Purged:
    """Parse the reply of queue/purge."""
    return Purged(reply[0], reply[1] == 1)


def parse_stats(reply: Any) -> QueueStats:
    """Parse the reply of queue/stats."""
    mode, *numbers, awake = reply
    return QueueStats._make([mode.decode(), *numbers, awake == 1])


def parse_shown(reply: Any) -> ShownJob:
    """Parse the reply of queue/show."""
    *values, parent, state = reply
    trace = parent.decode(), unquote(state.decode())
    return ShownJob._make([*texts(values[:-5]), *values[-5:], *trace])


def parse_listed(reply: Any) -> JobPage:
    """Parse the reply of queue/list."""
    cursor, total, looked, *jobs = reply
    return JobPage(text_of(cursor), total, looked, _rows(jobs))


def parse_found(reply: Any) -> FoundJobs:
    """Parse the reply of queue/find."""
    looked, *jobs = reply
    return FoundJobs(looked, _rows(jobs))


def _rows(jobs: Any) -> list[ListedJob]:
    return [ListedJob(*texts(job[:-2]), *job[-2:]) for job in jobs]


def parse_explained(reply: Any) -> Explanation:
    """Parse the reply of queue/explain."""
    return Explanation(*texts(reply))


def parse_walked(reply: Any) -> WalkedPage:
    """Parse the reply of queue/walk."""
    cursor, total, *entries = reply
    return WalkedPage(text_of(cursor), total, [WalkedEntry(*texts(entry)) for entry in entries])


def parse_checked(reply: Any) -> list[CheckedJob]:
    """Parse the reply of queue/check: a `CheckedJob` for each id, in order."""
    return [CheckedJob(*texts(job)) for job in reply]


def text_of(value: Any) -> Any:
    """Return bytes as a text, and any other value as it is. What stands in a queue may have been
    written by hand, and a cursor must go back as it came."""
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else value


def texts(values: Any) -> Any:
    """Return the values of a row, bytes as texts."""
    return [text_of(value) for value in values]
