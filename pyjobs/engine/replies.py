"""What the scripts answer, as values: each shape, and the function that makes it of a raw reply."""

from __future__ import annotations

from typing import Any, NamedTuple


class Submitted(NamedTuple):
    """What became of one submitted job.

    Attributes:
        id: its id, made by the script when none was given.
        outcome: 'new', the state of the job that had this id already, or 'CONFLICT'.
    """

    id: str
    outcome: str


class Claimed(NamedTuple):
    """One job, as a claim hands it out.

    Attributes:
        queue_index: which of the queues of the claim it came from.
        id: the job's id.
        token: what its holder presents from now on.
        data: the payload's bytes.
        attempt: 1 for the first start; graceful hand-backs are not counted.
        queued: when it was submitted, ms since the epoch, Redis's clock.
        timeout: how long its handler may run, ms; 0 is no limit of its own.
    """

    queue_index: int
    id: str
    token: str
    data: bytes
    attempt: int
    queued: int
    timeout: int


class ClaimReply(NamedTuple):
    """The reply of a claim.

    Attributes:
        wait: ms until there may be more: 0 is now, -1 is unknown.
        jobs: what was claimed.
    """

    wait: int
    jobs: list[Claimed]


class Reaped(NamedTuple):
    """The reply of a reap: whether to call again, and what was moved."""

    more: bool
    promoted: int
    put_back: list[str]
    dead: list[str]


class Stored(NamedTuple):
    """What is stored of a job: its state ('' when there is no such job) and its outcome.

    Times are ms since the epoch; 0 is not yet.
    """

    state: str
    reason: str
    queued: int
    started: int
    processed: int
    body: bytes


class Dead(NamedTuple):
    """One dead job: why and when it died (ms since the epoch), and what was counted against it."""

    id: str
    reason: str
    died: int
    attempts: int
    crashes: int
    error: bytes


class DeadPage(NamedTuple):
    """How many dead jobs there are, and some of them."""

    total: int
    jobs: list[Dead]


def parse_submitted(reply: Any) -> list[Submitted]:
    words = [word.decode() for word in reply]
    return list(map(Submitted, words[::2], words[1::2]))


def parse_claimed(reply: Any) -> ClaimReply:
    jobs = [
        Claimed(queue - 1, id.decode(), token.decode(), data, attempt, queued, timeout)
        for queue, id, token, data, attempt, queued, timeout in reply[1:]
    ]
    return ClaimReply(reply[0], jobs)


def parse_words(reply: Any) -> list[str]:
    return [word.decode() for word in reply]


def parse_reaped(reply: Any) -> Reaped:
    more, promoted, put_back, dead = reply
    return Reaped(more == 1, promoted, parse_words(put_back), parse_words(dead))


def parse_stored(reply: Any) -> list[Stored]:
    return [
        Stored(state.decode(), reason.decode(), queued, started, processed, body)
        for state, reason, queued, started, processed, body in reply
    ]


def parse_dead(reply: Any) -> DeadPage:
    jobs = [
        Dead(id.decode(), reason.decode(), died, attempts, crashes, error)
        for id, reason, died, attempts, crashes, error in reply[1:]
    ]
    return DeadPage(reply[0], jobs)
