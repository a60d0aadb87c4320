"""Every error that pyjobs raises, and how a code word of a script becomes an error.

    PyjobsError
    ├── BadArgument        BADARG      an argument broke its contract; nothing was written
    │   └── TooLarge       TOOLARGE    what is to be stored or reported is over its limit
    ├── WrongMode          WRONGMODE   the queue works in another mode; nothing was written
    ├── BadLayout          BADLAYOUT   another version wrote the keys, or a server of 32 bits
    ├── WrongType          WRONGTYPE   a key of the queue holds something else; nothing was written
    ├── Conflict           CONFLICT    another job has this id and other data, or, for a requeue,
    │                                  holds the unique key
    ├── LeaseLost          LOST        the token does not hold the job any more; nothing was written
    ├── NoJob              NOJOB       there is no such job, or not any more; nothing was written
    ├── NoSchedule         NOSCHEDULE  the queue has no schedule of this name; nothing was written
    ├── WrongParts         PARTS       the queue has another number of parts; nothing was written
    ├── QueueFull          QUEUEFULL   the queue, or Redis (OOM), is full; nothing was written
    ├── Forbidden          NOPERM      Redis's access rules forbid the call; the message names what
    ├── Undecodable                    bytes that are not JSON
    ├── Unencodable                    a value that has no JSON
    ├── JobFailed                      the job's handler failed; carries the handler's error
    ├── JobCancelled                   the job was cancelled
    ├── JobExpired                     the job was not started in time, and never will be
    ├── ResultGone                     the result's retention is over, or there never was such a job
    ├── ClientClosed                   the client was closed, or belongs elsewhere; the job goes on
    ├── UnknownTask                    no task of this name is known here
    ├── NoResults                      the client was made without results
    ├── MissingExtra                   a package of an optional extra is not installed
    └── Unavailable                    Redis can't be reached, or refuses to work
        └── OutcomeUnknown             ... and the call may or may not have been carried out
            └── NotDurable             the call was carried out, and too few have what it wrote

A wait that takes longer than its timeout raises the built-in TimeoutError. Only errors, how
they are pickled, and the table of their codes may live in this file.
"""

from __future__ import annotations

import copy
import re
from typing import Any, TypeVar


class Rebuilt:
    """A base of exception classes: pickle and copy make such an exception from its `args` and its
    attributes, without its `__init__`, which may take other arguments than its message."""

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilt, (type(self), getattr(self, "args", ())), self.__dict__ or None


def rebuilt(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    """Return an exception of this class with these `args`, without a call of its `__init__`."""
    made = kind.__new__(kind, *args)
    made.args = args
    return made


class PyjobsError(Rebuilt, Exception):
    """The base class of every error of pyjobs.

    Attributes:
        code: the word that begins the error reply of a script, the same in Lua, Python and the
            protocol, such as 'BADARG'; '' for an error that no script replies.
        accepted: ids of the jobs that were accepted although `submit_many` raised this error.
    """

    code = ""
    accepted: tuple[str, ...] = ()


E = TypeVar("E", bound=PyjobsError)


def copied(error: E) -> E:
    """Return an error like this one, with its attributes and its cause, for one caller of several:
    each raises an error of its own."""
    own = copy.copy(error)
    own.__cause__ = error.__cause__
    return own


class BadArgument(PyjobsError, ValueError):
    """An argument broke its contract; the message begins with its name. Nothing was written."""

    code = "BADARG"


class TooLarge(BadArgument):
    """What is to be stored or reported is over its limit. Nothing was written.

    A payload, a result, an error and a saved value have 1 MiB at most, a value of an output 64 KiB,
    and a progress 4 KiB. A queue may have a smaller limit for payloads. Store what is large
    elsewhere, and submit where it is.
    """

    code = "TOOLARGE"


class WrongMode(PyjobsError):
    """The queue works in another mode than the caller. Nothing was written."""

    code = "WRONGMODE"


class BadLayout(PyjobsError):
    """The queue's keys have a layout that these scripts don't know, or the queue is not there yet
    and the server is a program of 32 bits. Nothing was written."""

    code = "BADLAYOUT"


class WrongType(PyjobsError):
    """A key of the queue holds something of another type. Nothing was written."""

    code = "WRONGTYPE"


class Conflict(PyjobsError):
    """Another job has this id and other data, or, for a requeue, holds the unique key. The other
    job stays as it is."""

    code = "CONFLICT"


class LeaseLost(PyjobsError):
    """The token does not hold the job any more: the job was claimed again, or put back.

    Nothing was written.
    """

    code = "LOST"


class NoJob(PyjobsError):
    """There is no such job, or not any more. Nothing was written."""

    code = "NOJOB"


class NoSchedule(PyjobsError):
    """The queue has no schedule of this name."""

    code = "NOSCHEDULE"


class WrongParts(PyjobsError):
    """The queue is split in parts, and refuses the call: no split queue has this feature, or the
    queue has another number of parts than its caller knows. Nothing was written."""

    code = "PARTS"


class QueueFull(PyjobsError):
    """The queue has as many jobs as it may have, or Redis is at its memory limit: the code word is
    QUEUEFULL or OOM then. The whole call was refused, and nothing was written."""

    code = "QUEUEFULL"


class Forbidden(PyjobsError):
    """Redis's access rules forbid the call to this user; the message names the command or key."""

    code = "NOPERM"


class Undecodable(PyjobsError):
    """Bytes that are not JSON, or only a part of it."""


class Unencodable(PyjobsError, TypeError):
    """A value that has no JSON; the message says why."""


BECAUSE = {
    "crashed": "its workers kept dying",
    "rejected": "rejected",
    "unknown": "no worker knew its task",
}


class JobFailed(PyjobsError):
    """The job failed for good. When the handler raised Reject, the message is the handler's own.

    Attributes:
        type: class name of the handler's last error, '' when none was recorded.
        message: message of that error.
        traceback: traceback of that error as text, its last 16,000 characters.
        reason: why the job died in reliable mode: 'attempts', 'rejected', 'crashed', or 'unknown'
            when no worker knew its task; '-' in the other modes.
        attempts: how many attempts the job had, with those whose lease ran out.
    """

    def __init__(
        self, type: str, message: str, traceback: str, reason: str = "-", attempts: int = 1
    ) -> None:
        because = BECAUSE.get(reason, "")
        parts = (message,) if type == "Reject" else (because, type, message)
        super().__init__(": ".join(part for part in parts if part) or "the job failed")
        self.type = type
        self.message = message
        self.traceback = traceback
        self.reason = reason
        self.attempts = attempts


class JobCancelled(PyjobsError):
    """The job was cancelled before it ended."""


class JobExpired(PyjobsError):
    """The job was not started within its `expires`, and never will be."""


class ResultGone(PyjobsError):
    """The result's retention is over, or there never was a job of this id."""


class ClientClosed(PyjobsError):
    """The client was closed while the job was pending, or belongs to another process or event loop.

    The job itself goes on.
    """


class UnknownTask(PyjobsError):
    """No task of this name is known here: the worker that claimed the job has no such task."""


class NoResults(PyjobsError):
    """The client was made with `results=False`, and receives no outcome. The job itself goes on."""


class MissingExtra(PyjobsError, ImportError):
    """A package of an optional extra is not installed; the message says what to install."""


class Unavailable(PyjobsError, ConnectionError):
    """Redis can't be reached, or refuses to work now; the message names the server and says why."""


class OutcomeUnknown(Unavailable):
    """The call was sent and no reply came: it may have been carried out, or not.

    Attributes:
        ids: ids of the jobs that the call submitted. In recoverable and reliable mode they may be
            submitted again under the same ids.
    """

    ids: tuple[str, ...] = ()


class NotDurable(OutcomeUnknown):
    """A submit with `durable` was carried out, and the replicas or the disk that it waited for did
    not have its jobs in time.

    The jobs are there as far as the server knows, and a failover or a crash may lose them. In
    recoverable and reliable mode they may be submitted again under the ids in `ids`.

    Attributes:
        reached: where the jobs of the submit are, as a `Reached`; None when the server did not say.
    """

    reached: Any = None


BY_CODE: dict[str, type[PyjobsError]] = {
    kind.code: kind
    for kind in (
        BadArgument,
        TooLarge,
        WrongMode,
        BadLayout,
        WrongType,
        Conflict,
        LeaseLost,
        NoJob,
        NoSchedule,
        WrongParts,
        QueueFull,
        Forbidden,
    )
}
# Redis's own code word where its memory is full.
BY_CODE["OOM"] = QueueFull
CODE = re.compile(rf"\b({'|'.join(BY_CODE)}) (.*)", re.DOTALL)


def from_reply(text: str) -> PyjobsError | None:
    """Return the error that an error reply of a script stands for, or None for any other reply.

    Redis before 7 puts words of its own before those of the script, so the code word may stand
    anywhere in the text.
    """
    match = CODE.search(text)
    return BY_CODE[match[1]](match[2]) if match else None
