"""Calls about many jobs, each with its jobs, and the error of a submit that was refused in part.

Nothing else may live here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple

from pyjobs.client.job import J, presence
from pyjobs.client.options import with_trace
from pyjobs.client.presence import Presence
from pyjobs.engine import CALL_BYTES, SUBMIT_ITEMS, Call, Durable
from pyjobs.errors import OutcomeUnknown, PyjobsError


class JobsCall(NamedTuple, Generic[J]):
    """Holds one call and the jobs that it is about.

    Attributes:
        call: the call.
        jobs: the jobs, in the order of the call's items.
        places: for a submit, the position of each job among the values that were given.
        known: for a submit, the positions in `jobs` of those that an earlier submit has entered.
    """

    call: Call[Any]
    jobs: list[J]
    places: Sequence[int] = ()
    known: frozenset[int] = frozenset()


class Batch(Generic[J]):
    """Holds one submit: its jobs, in the order of their values, and the calls made so far.

    Args:
        count: how many values are submitted.
        making: makes the calls, one when it is asked for one.
        queues: the names of the queues of all values.
        durable: where the jobs must be before the submit returns; None does not wait.

    Attributes:
        queues: the names of the queues of all values.
        durable: where the jobs must be before the submit returns; None does not wait.
        jobs: a job for each value, None until its call is made.
        made: the calls that were made, each with its jobs.
        trace: the options of a trace context, for calls that have none; '' for none.
    """

    def __init__(
        self,
        count: int,
        making: Iterator[JobsCall[J]],
        queues: Collection[str],
        durable: Durable | None = None,
    ) -> None:
        self.queues = queues
        self.durable = durable
        self.jobs: list[J] = [None] * count  # type: ignore[list-item]
        self.made: list[JobsCall[J]] = []
        self.trace = ""
        self._making = making

    @classmethod
    def of(cls, made: JobsCall[J], queue: str) -> Batch[J]:
        """Return the submit of one call, which was made already."""
        batch = cls(len(made.jobs), iter(()), (queue,))
        batch.made.append(made)
        batch.jobs[:] = made.jobs
        return batch

    @property
    def first_jobs(self) -> list[J]:
        """The first job of each call."""
        return [made.jobs[0] for made in self.made]

    def calls(self) -> Iterator[Call[Any]]:
        """Yield the calls. Each call and its jobs are made when it is asked for.

        The transport asks for a call while Redis works on the calls before.
        """
        for made in self._making:
            self.made.append(made)
            for place, job in zip(made.places, made.jobs, strict=True):
                self.jobs[place] = job
            yield self._traced(made.call) if self.trace else made.call

    def _traced(self, call: Call[Any]) -> Call[Any]:
        place = call.script.names.index("options")
        text = with_trace(str(call.args[place]), self.trace)
        return call._replace(args=(*call.args[:place], text, *call.args[place + 1 :]))


def split(places: Sequence[int], data: Sequence[bytes]) -> Iterator[Sequence[int]]:
    """Yield `places` in parts that make one call each: by count, and by the bytes of `data`."""
    begin = total = 0
    for at, place in enumerate(places):
        size = len(data[place])
        if at - begin == SUBMIT_ITEMS or (total and total + size > CALL_BYTES):
            yield places[begin:at]
            begin, total = at, 0
        total += size
    if begin < len(places):
        yield places[begin:]


def submit_error(batch: Batch[Any], answers: Sequence[Any]) -> PyjobsError:
    """Return the error of a submit of which some calls were refused or have no answer.

    That is the first OutcomeUnknown among `answers`, or else the first error. Its `accepted` has
    the ids of the jobs that Redis has accepted, the `ids` of an OutcomeUnknown those of the jobs
    that have no answer.
    """
    errors = [answer for answer in answers if isinstance(answer, PyjobsError)]
    unknown = [error for error in errors if isinstance(error, OutcomeUnknown)]
    accepted: dict[int, str] = {}
    ids: dict[int, str] = {}
    for call, answer in zip(batch.made, answers, strict=True):
        if isinstance(answer, OutcomeUnknown):
            ids |= zip(call.places, (job.id for job in call.jobs), strict=True)
        elif not isinstance(answer, PyjobsError):
            jobs = [(place, batch.jobs[place]) for place in call.places]
            accepted |= {at: job.id for at, job in jobs if presence(job) is Presence.ACCEPTED}
    error = (unknown or errors)[0]
    error.accepted = ids_in_order(accepted)
    if isinstance(error, OutcomeUnknown):
        error.ids = ids_in_order(ids)
    return error


def in_redis(jobs: Iterable[Any]) -> Iterator[str]:
    """Yield the ids of the jobs that Redis has accepted."""
    return (job.id for job in jobs if presence(job) is Presence.ACCEPTED)


def ids_in_order(ids: dict[int, str]) -> tuple[str, ...]:
    """Return ids in the order of their places."""
    return tuple(ids[place] for place in sorted(ids))
