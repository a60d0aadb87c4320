"""A submitted job as its client sees it: what is known of it, without any waiting.

What both kinds of client share of a job may live here; how to wait lives with each of them.
"""

from __future__ import annotations

from typing import Any, Self

from pyjobs import codec
from pyjobs.engine import Stored
from pyjobs.errors import (
    Conflict,
    JobCancelled,
    JobExpired,
    JobFailed,
    PyjobsError,
    ResultGone,
    Undecodable,
)

LIVE_STATES = frozenset({"pending", "delayed", "inflight"})


class BaseJob:
    """A job and, once it is known, its outcome.

    Attributes:
        id: the job's id.
        queue: the name of its queue.
        created: False when the latest submit of this id found the job there before.
        accepted: whether it is known to have been in Redis; None for an id that was only asked
            for, False while its submit is under way.
    """

    __slots__ = ("__weakref__", "_end", "_waiter", "accepted", "created", "id", "queue")

    def __init__(self, id: str, queue: str) -> None:
        self.id = id
        self.queue = queue
        self.created = True
        self.accepted: bool | None = False
        self._end: Stored | PyjobsError | None = None
        # How each kind of client waits is its own matter; made when somebody does.
        self._waiter: Any = None

    def __repr__(self) -> str:
        state = getattr(self._end, "state", None) or ("pending" if self._end is None else "gone")
        return f"<Job {self.id} on {self.queue}: {state}>"

    def done(self) -> bool:
        """Whether the outcome is known here: a result or an error."""
        return self._end is not None

    @property
    def times(self) -> tuple[int, int, int] | None:
        """When it was queued, last started and processed, ms since the epoch by Redis's clock;
        None while the outcome is not known."""
        end = self._end
        return (end.queued, end.started, end.processed) if isinstance(end, Stored) else None

    def settle(self, end: Stored | PyjobsError, *, wake: bool = True) -> None:
        """Keep the outcome and wake whoever waits. The first one stands."""
        if self._end is None:
            self._end = end
            if wake:
                self._wake()

    def accepted_or_raise(self) -> Self:
        """The job itself, or the Conflict that its submit has met."""
        if isinstance(self._end, Conflict):
            raise self._end
        return self

    def _wake(self) -> None:
        raise NotImplementedError

    def _no_result(self, timeout: float | None) -> TimeoutError:
        return TimeoutError(f"job {self.id} on queue {self.queue}: no result in {timeout} s")

    def _value(self) -> Any:
        """The result, decoded, or the error, raised; only once it is done."""
        if isinstance(self._end, Stored) and self._end.state == "done":
            return codec.decode(self._end.body)
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
                codec.decode(end.body)
            except Undecodable as error:
                return error
            return None
        if end.state == "cancelled":
            return JobCancelled(f"job {self.id} on queue {self.queue} was cancelled")
        if end.state == "expired":
            return JobExpired(f"job {self.id} on queue {self.queue} was not started in time")
        return JobFailed(*codec.decode_error(end.body), reason=end.reason)


def gone(job: BaseJob) -> ResultGone:
    """The error of a job that is not in Redis."""
    known = "its result is gone; its retention is over, or Redis lost it"
    unknown = "no such job; its retention is over, or there never was one"
    return ResultGone(f"job {job.id} on queue {job.queue}: {known if job.accepted else unknown}")
