"""What the scripts reply, as values: each shape, and the parser that makes it from a raw reply.

Nothing else may live here. Times are whole ms since the epoch, by Redis's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

# What a claim that is sent again says of a job that does not fit: queue, id and token.
LEFT_VALUES = 3


class Submitted(NamedTuple):
    """Holds what a submit did with one job.

    Attributes:
        id: the job's id, made by the script when the submit had none.
        outcome: 'new', the state of the job that had this id already, or 'CONFLICT'.
    """

    id: str
    outcome: str


class Claimed(NamedTuple):
    """Holds one job as a claim hands it out.

    Attributes:
        queue_index: position of the job's queue among the queues of the claim, from 0.
        id: the job's id.
        token: what the holder presents to every later call about the job.
        data: the payload's bytes.
        attempt: 1 for the first start; a job that was handed back keeps its number.
        queued: when the job was submitted, ms since the epoch.
        timeout: how long the handler may run, ms; 0 is no limit of the job's own.
        task: the name of the job's task; '' for a bare job.
        saved: bytes of what an earlier run has saved; None when no run has.
        traceparent: the W3C trace context of the job's submitter; '' where the job has none, or
            where the claim did not ask.
        tracestate: the rest of that context; '' for none.
    """

    queue_index: int
    id: str
    token: str
    data: bytes
    attempt: int
    queued: int
    timeout: int
    task: str = ""
    saved: bytes | None = None
    traceparent: str = ""
    tracestate: str = ""


class ClaimReply(NamedTuple):
    """Holds the reply of a claim.

    Attributes:
        wait: ms until there may be more jobs: 0 is now, -1 is unknown.
        jobs: the jobs that were claimed.
        deaths: the jobs that this call made dead, where it was asked for them: each as the position
            of its queue among the queues of the claim, from 0, and its id.
        left: the jobs that a claim which was sent again for fewer bytes holds as well, with queue,
            id and token only.
    """

    wait: int
    jobs: list[Claimed]
    deaths: Sequence[tuple[int, str]] = ()
    left: Sequence[Claimed] = ()


class Reaped(NamedTuple):
    """Holds the reply of a reap.

    Attributes:
        more: whether the same call has more to do.
        promoted: how many delayed jobs joined their queue.
        put_back: ids of the jobs that were put back.
        dead: ids of the jobs that died.
    """

    more: bool
    promoted: int
    put_back: list[str]
    dead: list[str]


class Stored(NamedTuple):
    """Holds what is stored of one job.

    Attributes:
        state: 'pending', 'delayed', 'inflight', 'done', 'failed', 'dead', 'cancelled' or 'expired';
            '' when there is no such job.
        reason: why a dead job died: 'attempts', 'rejected', 'crashed' or 'unknown'; else '-'.
        queued: when the job was submitted, ms since the epoch.
        started: when the job was last claimed, ms since the epoch; 0 is not yet.
        processed: when the job ended, ms since the epoch; 0 is not yet.
        body: bytes of the result, or of the last error.
        attempts: of a dead job how many attempts it had, with those whose lease ran out; 0 of any
            other.
    """

    state: str
    reason: str
    queued: int
    started: int
    processed: int
    body: bytes
    attempts: int = 0


class Dead(NamedTuple):
    """Holds one dead job.

    Attributes:
        id: the job's id.
        reason: 'attempts', 'rejected', 'crashed' or 'unknown'.
        died: when the job died, ms since the epoch.
        failures: how many attempts failed.
        crashes: how many leases ran out.
        error: bytes of the last error; empty when none was recorded.
        task: the name of the job's task; '' for a bare job.
    """

    id: str
    reason: str
    died: int
    failures: int
    crashes: int
    error: bytes
    task: str = ""


class DeadPage(NamedTuple):
    """Holds a page of the dead jobs of a queue.

    Attributes:
        total: how many dead jobs the queue has.
        jobs: those of this page, the longest dead first.
    """

    total: int
    jobs: list[Dead]


class Written(NamedTuple):
    """Holds one chunk of a job's output.

    Attributes:
        attempt: the attempt that wrote it.
        number: which chunk of its run it is, from 1.
        body: its bytes.
    """

    attempt: int
    number: int
    body: bytes


class OutputPage(NamedTuple):
    """Holds a part of a job's output.

    Attributes:
        total: how many chunks the job has.
        chunks: those of this part, in order.
    """

    total: int
    chunks: list[Written]


def parse_output(reply: Any) -> OutputPage:
    """Parse the reply of queue/output."""
    total, *chunks = reply
    return OutputPage(total, [Written(*chunk) for chunk in chunks])


def parse_submitted(reply: Any) -> list[Submitted]:
    """Parse the reply of <mode>/submit: a `Submitted` for each job, in the call's order."""
    words = [word.decode() for word in reply]
    return list(map(Submitted, words[::2], words[1::2]))


def parse_claimed(reply: Any) -> ClaimReply:
    """Parse the reply of <mode>/claim."""
    end = len(reply)
    while end > 1 and len(reply[end - 1]) == LEFT_VALUES:
        end -= 1
    left = [
        Claimed(queue - 1, id.decode(), token.decode(), b"", 1, 0, 0)
        for queue, id, token in reply[end:]
    ]
    jobs = [
        Claimed(
            queue - 1,
            id.decode(),
            token.decode(),
            data,
            attempt,
            queued,
            timeout,
            # As a rule a task, or nothing.
            *(more and ((more[0].decode(),) if len(more) == 1 else _more(*more))),
        )
        for queue, id, token, data, attempt, queued, timeout, *more in reply[1:end]
    ]
    return ClaimReply(reply[0], jobs, left=left)


def _more(task: bytes, saved: bytes = b"", *trace: bytes) -> tuple[Any, ...]:
    """Parse what a job in the reply of a claim may have at its end."""
    return (task.decode(), saved or None, *[unquote(text.decode()) for text in trace])


def parse_claimed_with_deaths(reply: Any) -> ClaimReply:
    """Parse the reply of reliable/claim with the option `deaths`."""
    deaths = [entry for entry in reply[1:] if len(entry) == 2]
    found = parse_claimed(reply[: len(reply) - len(deaths)])
    return found._replace(deaths=[(queue - 1, id.decode()) for queue, id in deaths])


def parse_words(reply: Any) -> list[str]:
    """Parse a reply that is a word for each job, such as 'done', 'LOST' or 'NOJOB'."""
    return [word.decode() for word in reply]


def parse_reaped(reply: Any) -> Reaped:
    """Parse the reply of recoverable/reap or reliable/reap."""
    more, promoted, put_back, dead = reply
    return Reaped(more == 1, promoted, parse_words(put_back), parse_words(dead))


def parse_stored(reply: Any) -> list[Stored]:
    """Parse the reply of queue/result or queue/watch: a `Stored` for each id, in order."""
    return [Stored(state.decode(), reason.decode(), *more) for state, reason, *more in reply]


def parse_dead(reply: Any) -> DeadPage:
    """Parse the reply of reliable/dead."""
    jobs = [
        Dead(id.decode(), reason.decode(), died, failures, crashes, error, *map(bytes.decode, more))
        for id, reason, died, failures, crashes, error, *more in reply[1:]
    ]
    return DeadPage(reply[0], jobs)


class Announced(NamedTuple):
    """Holds what a worker has said of itself last.

    Attributes:
        worker: the worker's name.
        ago: ms since it said so.
        about: what it said, as bytes.
    """

    worker: str
    ago: int
    about: bytes


def parse_announced(reply: Any) -> list[Announced]:
    """Parse the reply of queue/workers."""
    now, *workers = reply
    return [
        Announced(worker.decode(), max(0, now - said), about) for worker, said, about in workers
    ]
