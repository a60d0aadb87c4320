"""Every error that pyjobs raises, and how a code word of a script becomes one.

    PyjobsError
    ├── BadArgument        BADARG      an argument broke its contract; nothing was written
    ├── WrongMode          WRONGMODE   the queue works in another mode; nothing was written
    ├── BadLayout          BADLAYOUT   the queue's keys are of another version; nothing was written
    ├── WrongType          WRONGTYPE   a key of the queue holds something else; nothing was written
    ├── Conflict           CONFLICT    another job is in the way: it has this id and other data, or,
    │                                  for a requeue, the unique key
    ├── LeaseLost          LOST        the token is not the job's any more; nothing was written
    ├── NoJob              NOJOB       there is no such job (any more); nothing was written
    ├── QueueFull          OOM         Redis is at its memory limit; nothing was written
    ├── Forbidden          NOPERM      Redis's access rules forbid it; the message names what
    ├── Undecodable                    bytes that are not what the codec makes
    ├── Unencodable                    a value that the codec can't turn into bytes
    ├── JobFailed                      the job's handler failed; carries what it raised
    ├── JobCancelled                   the job was cancelled
    ├── JobExpired                     the job was not started in time, and never will be
    ├── ResultGone                     the result's retention is over, or there never was such a job
    ├── ClientClosed                   the client was closed while this job was pending
    ├── MissingExtra                   a package of an optional extra is not installed
    └── Unavailable                    Redis can't be reached, or refuses to work
        └── OutcomeUnknown             ... and the call may or may not have been carried out

A wait that takes longer than its timeout raises the built-in TimeoutError. Only errors and the
table of their codes may live in this file.
"""

from __future__ import annotations

import re


class PyjobsError(Exception):
    """The base of all of them.

    Attributes:
        accepted: when `submit_many` raises it: the ids of the jobs that were accepted all the same.
    """

    code = ""
    accepted: tuple[str, ...] = ()


class BadArgument(PyjobsError, ValueError):
    """An argument broke its contract; the message names it. Nothing was written."""

    code = "BADARG"


class WrongMode(PyjobsError):
    """The queue works in another mode than the caller. Nothing was written."""

    code = "WRONGMODE"


class BadLayout(PyjobsError):
    """The queue's keys are of a layout that these scripts don't know. Nothing was written."""

    code = "BADLAYOUT"


class WrongType(PyjobsError):
    """A key of the queue holds something of another type. Nothing was written."""

    code = "WRONGTYPE"


class Conflict(PyjobsError):
    """Another job is in the way, and stands: one with this id and other data."""

    code = "CONFLICT"


class LeaseLost(PyjobsError):
    """The token is not the job's any more: it was claimed again, or put back.

    Nothing was written.
    """

    code = "LOST"


class NoJob(PyjobsError):
    """There is no such job, or not any more. Nothing was written."""

    code = "NOJOB"


class QueueFull(PyjobsError):
    """Redis is at its memory limit and refused the submit whole. Nothing was written."""

    code = "OOM"


class Forbidden(PyjobsError):
    """Redis's access rules forbid it to this user; the message names what."""

    code = "NOPERM"


class Undecodable(PyjobsError):
    """Bytes that are not what the codec makes: not JSON, or only half of it."""


class Unencodable(PyjobsError, TypeError):
    """A value that the codec can't turn into bytes."""


class JobFailed(PyjobsError):
    """A job failed for good.

    Attributes:
        type: class name of what the handler raised, '' when nothing was recorded.
        message: its message.
        traceback: its traceback as text, cut to a bound.
        reason: '-' in simple and recoverable mode, else why it was given up: 'attempts',
            'rejected' or 'crashed'.
    """

    def __init__(self, type: str, message: str, traceback: str, reason: str = "-") -> None:
        because = {"crashed": "its workers kept dying", "rejected": "rejected"}.get(reason, "")
        told = ": ".join(part for part in (because, type, message) if part)
        super().__init__(told or "the job failed")
        self.type = type
        self.message = message
        self.traceback = traceback
        self.reason = reason


class JobCancelled(PyjobsError):
    """The job was cancelled before it ended."""


class JobExpired(PyjobsError):
    """The job was not claimed within its `expires`, and never will be."""


class ResultGone(PyjobsError):
    """The result's retention is over, or there never was a job of this id."""


class ClientClosed(PyjobsError):
    """The client was closed while this job was pending, or is that of another process or event
    loop. The job itself goes on."""


class MissingExtra(PyjobsError, ImportError):
    """A package of an optional extra is not installed; the message says what to install."""


class Unavailable(PyjobsError, ConnectionError):
    """Redis can't be reached, or refuses to work now; the message says which and why."""


class OutcomeUnknown(Unavailable):
    """The call was sent and no answer came: it may have been carried out, or not.

    Attributes:
        ids: of the jobs whose submit it was; but for simple mode they may be submitted again.
    """

    ids: tuple[str, ...] = ()


BY_CODE: dict[str, type[PyjobsError]] = {
    kind.code: kind
    for kind in (
        BadArgument,
        WrongMode,
        BadLayout,
        WrongType,
        Conflict,
        LeaseLost,
        NoJob,
        QueueFull,
        Forbidden,
    )
}
CODE = re.compile(rf"\b({'|'.join(BY_CODE)}) (.*)", re.DOTALL)


def from_reply(text: str) -> PyjobsError | None:
    """The error that an error reply of a script stands for, None when it is none of ours.

    Redis before 7 wraps what a script raises in words of its own, so the code is searched for.
    """
    match = CODE.search(text)
    return BY_CODE[match[1]](match[2]) if match else None
