"""A submitted job as its client sees it: what is known of the job, without any waiting.

What both kinds of client share of a job may live here; how to wait lives in sync_job.py and
aio_job.py. A user sees the attributes and methods of a job. The functions below are for the
client's own files, and `settle_stored` for the command line.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

from pyjobs import codec
from pyjobs.client.presence import NEXT, Presence, PresenceEvent
from pyjobs.definition import Submission
from pyjobs.engine import Keys, PartKey, Reached, Stored
from pyjobs.errors import (
    BadArgument,
    Conflict,
    JobCancelled,
    JobExpired,
    JobFailed,
    NoResults,
    PyjobsError,
    ResultGone,
    Undecodable,
)
from pyjobs.hints import OF_JOBS, hinted
from pyjobs.progress import Progress

# A global name is found faster than a member of an Enum, which counts for 100,000 jobs.
SENT = Presence.SENT
LIVE_STATES = frozenset({"pending", "delayed", "inflight"})
# What each submit of a job has for itself.
OWN = frozenset({"created", "reached", "__weakref__"})


class JobRef(NamedTuple):
    """Names a job: a value that may be pickled, copied and stored. A pickled job is loaded as one.

    `client.job(ref)` returns the job.

    Attributes:
        id: the job's id.
        queue: the name of the job's queue.
    """

    id: str
    queue: str


class BaseJob:
    """Holds a job's id and queue and, once the outcome is known here, the outcome.

    Attributes:
        id: the job's id.
        queue: the name of the job's queue.
        created: whether the submit that returned this object has created the job; False when the
            submit found the job in Redis.
        reached: where the job was when its submit returned, as `Reached`; None when the submit was
            not durable.
    """

    __slots__ = (
        "__weakref__",
        "_decode",
        # Set for the jobs of a task that yields.
        "_decode_chunk",
        "_end",
        # Set where the submit went to a part of a queue that is split: the key of the part.
        "_part",
        "_presence",
        # Made when a progress is heard, or somebody follows the job.
        "_reports",
        "_source",
        "_waiter",
        "created",
        "id",
        "queue",
        "reached",
    )

    _decode_chunk: Callable[[bytes], Any]
    _part: PartKey
    _reports: Any

    def __init__(self, id: str, queue: str, source: Any = None) -> None:
        self.id = id
        self.queue = queue
        # The client's way to Redis; None for a job without a client.
        self._source = source
        self.created = True
        self.reached: Reached | None = None
        self._presence = SENT
        self._end: Stored | PyjobsError | None = None
        # A task's jobs have the decoder of the task.
        self._decode: Callable[[bytes], Any] = codec.decode
        # Made by the first call that waits; each kind of client has a kind of its own.
        self._waiter: Any = None

    def __repr__(self) -> str:
        state = getattr(self._end, "state", None) or ("pending" if self._end is None else "gone")
        return f"<Job {self.id} on {self.queue}: {state}>"

    def __reduce__(self) -> tuple[type[JobRef], tuple[str, str]]:
        # The outcome reaches this object only: one that is loaded elsewhere would wait for ever.
        return JobRef, (self.id, self.queue)

    def __copy__(self) -> NoReturn:
        raise TypeError(
            f"job {self.id} on queue {self.queue} can't be copied: its result reaches this object "
            "only; keep JobRef(job.id, job.queue) instead, which client.job takes"
        )

    def __deepcopy__(self, _: Any) -> NoReturn:
        self.__copy__()

    def done(self) -> bool:
        """Return whether the outcome is known here: a result or an error."""
        return self._end is not None

    @property
    def times(self) -> tuple[int, int, int] | None:
        """When the job was queued, last started and processed; None until the outcome is known.

        Milliseconds since the epoch, by Redis's clock.
        """
        end = self._end
        return (end.queued, end.started, end.processed) if isinstance(end, Stored) else None

    @property
    def progress(self) -> Progress | None:
        """How far the job is, as far as this client has heard; None before the first report.

        The handler reports by `job.progress(0.4, "page 40")`.
        """
        reports = getattr(self, "_reports", None)
        found: Progress | None = None if reports is None else reports.latest
        return found

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            hint = hinted(OF_JOBS, name)
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}{hint}")

    def _check_heard(self) -> None:
        """Check that the outcome can be waited for here.

        Raises:
            NoResults: the client was made with `results=False`.
            ClientClosed: the job belongs to another event loop.
        """

    def _add_waiter(self, waiter: Any) -> None:
        """Let `settle` wake a waiter too."""
        raise NotImplementedError

    def _drop_waiter(self, waiter: Any) -> None:
        """Take back a waiter that was not woken."""
        raise NotImplementedError

    def _wake(self) -> None:
        """Wake the calls that wait for the outcome."""
        raise NotImplementedError

    def _no_result(self, timeout: float | None) -> TimeoutError:
        return TimeoutError(f"job {self.id} on queue {self.queue}: no result in {timeout:g} s")

    def _no_results(self) -> NoResults:
        where = f"job {self.id} on queue {self.queue}"
        return NoResults(f"{where}: its client was made with results=False, and hears of no result")

    def _value(self) -> Any:
        """Return the decoded result, or raise the error; only for a job that is done."""
        if isinstance(self._end, Stored) and self._end.state == "done":
            return self._decode(self._end.body)
        error = self._error()
        assert error is not None
        raise error

    def _error(self) -> PyjobsError | None:
        end = self._end
        if isinstance(end, PyjobsError):
            return end
        if end is None:
            return None
        if end.state == "done":
            try:
                self._decode(end.body)
            except (Undecodable, BadArgument) as error:
                return error
            return None
        if end.state == "cancelled":
            if end.reason == "moved":
                to = end.body.decode(errors="replace")
                return JobCancelled(f"job {self.id} on queue {self.queue} was moved to queue {to}")
            return JobCancelled(f"job {self.id} on queue {self.queue} was cancelled")
        if end.state == "expired":
            return JobExpired(f"job {self.id} on queue {self.queue} was not started in time")
        return JobFailed(*codec.decode_error(end.body), end.reason, end.attempts or 1)


# The kind of job of one client.
J = TypeVar("J", bound=BaseJob)


def same_job(job: J) -> J:
    """Return another object of a job, with its own `created` and `reached`. All else is that of
    `job`, which it keeps alive."""
    kind: Any = type(job)
    made: J = _sharing(kind)(job)
    return made


@functools.cache
def _sharing(kind: type[Any]) -> Callable[[BaseJob], Any]:
    names = {name for base in kind.__mro__ for name in base.__dict__.get("__slots__", ())}
    content: dict[str, Any] = {name: _shared(name) for name in names - OWN}
    content |= {"__slots__": ("_of",), "__init__": _share, "__module__": kind.__module__}
    return type(kind.__name__, (kind,), content)


def _shared(name: str) -> property:
    def put(job: Any, value: Any) -> None:
        setattr(job._of, name, value)

    return property(operator.attrgetter(f"_of.{name}"), put)


def _share(job: Any, of: BaseJob) -> None:
    job._of, job.reached = of, None


def settle(job: BaseJob, end: Stored | PyjobsError) -> None:
    """Keep the outcome of a job and wake the calls that wait for it. The first outcome stands."""
    if job._end is None:
        job._end = end
        job._wake()


def decode_by(job: J, submission: Submission) -> J:
    """Let the task of a submit decode the result and the output of its job, and return the job."""
    job._decode = submission.decode
    if submission.decode_chunk is not None:
        job._decode_chunk = submission.decode_chunk
    return job


def chunk_decoder(job: BaseJob) -> Callable[[bytes], Any]:
    """Return what decodes a chunk of a job's output."""
    return getattr(job, "_decode_chunk", codec.decode)


def key_of(job: BaseJob, keys: Keys) -> str:
    """Return the key of the job's queue, or of the part of the queue that its submit has reached.

    A job stays in its part, also when the queue grows.
    """
    return getattr(job, "_part", None) or keys.queue(job.queue)


def note(jobs: Iterable[BaseJob], event: PresenceEvent) -> None:
    """Note what a client has learned about the presence of jobs in Redis."""
    after = NEXT[event]
    for job in jobs:
        job._presence = after[job._presence]


def presence(job: BaseJob) -> Presence:
    """Return what is known of a job's presence in Redis."""
    return job._presence


def unless_conflict(job: J) -> J:
    """Return the job.

    Raises:
        Conflict: the job's submit has met another job of the same id.
    """
    if isinstance(job._end, Conflict):
        raise job._end
    return job


def gone(job: BaseJob) -> ResultGone:
    """Return the error of a job that is not in Redis."""
    if job._presence is Presence.ACCEPTED:
        why = "its result is gone; its retention is over, or Redis lost it"
    else:
        why = "no such job; its retention is over, or there never was one"
    return ResultGone(f"job {job.id} on queue {job.queue}: {why}")


def settle_stored(job: J, stored: Stored) -> J | None:
    """Settle a job by what queue/result has found, and return it; None while the job is live."""
    if stored.state in LIVE_STATES:
        return None
    settle(job, stored if stored.state else gone(job))
    return job
