"""A claimed job as users see it, and the pull style, in which `done` and `fail` end it.

Only what a handler meets may live here. What the worker itself knows of a run lives in run.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pyjobs import codec
from pyjobs.engine import Outcome
from pyjobs.errors import BadArgument, LeaseLost, PyjobsError
from pyjobs.output import encode_chunk
from pyjobs.progress import encode_progress
from pyjobs.worker.outcomes import encode_state, failure, success
from pyjobs.worker.refusals import NOT_RECORDED, refusal
from pyjobs.worker.run import Run


class PulledOutcome:
    """Carries the outcome of one pulled job to its executor, and the script's answer back."""

    __slots__ = ("_answer", "_loop", "_outcome")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._outcome: asyncio.Future[Outcome] = self._loop.create_future()
        self._answer: asyncio.Future[str] | None = None

    @property
    def given(self) -> bool:
        """Whether no other outcome can be given: there is one, or the executor waits no more."""
        return self._outcome.done()

    async def wait(self) -> Outcome:
        """Wait until `record` gives the outcome, and return it."""
        try:
            return await self._outcome
        except asyncio.CancelledError:
            # An outcome that was given just before the cancellation counts: `record` waits for it.
            if self._outcome.cancelled() or not self._outcome.done():
                raise
            return self._outcome.result()

    async def record(self, outcome: Outcome) -> str:
        """Give the outcome, and return the script's word about it."""
        self._answer = self._loop.create_future()
        self._outcome.set_result(outcome)
        return await self._answer

    def recorded(self, word: str) -> None:
        """Pass the script's word on to `record`."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(word)


class ClaimedJob:
    """Describes one claimed job to its handler, and ends a job that came from `Worker.jobs`.

    Attributes:
        data: the value that was submitted.
    """

    __slots__ = ("_pulled", "_run", "data")

    def __init__(self, run: Run, data: Any) -> None:
        self._run = run
        self._pulled: PulledOutcome | None = None
        self.data = data

    def __repr__(self) -> str:
        return f"<ClaimedJob {self.id} on {self.queue}, attempt {self.attempt}>"

    @property
    def id(self) -> str:
        """The job's id."""
        return self._run.id

    @property
    def queue(self) -> str:
        """The name of the job's queue."""
        return self._run.queue

    @property
    def attempt(self) -> int:
        """The number of the attempt: 1 for the first. A release by a worker that stops is no
        attempt."""
        return self._run.attempt

    @property
    def queued(self) -> int:
        """When the job was submitted, in ms since the epoch by Redis's clock."""
        return self._run.queued

    @property
    def timeout(self) -> float | None:
        """Seconds that the handler may take, None for no limit."""
        return self._run.timeout

    @property
    def task(self) -> str:
        """The name of the job's task; '' for a bare job."""
        return self._run.task

    @property
    def traceparent(self) -> str:
        """The W3C trace context of the job's submitter, such as '00-4bf9...-00f0...-01'; '' where
        the submit gave none, and in a worker without middleware."""
        return self._run.traceparent

    @property
    def tracestate(self) -> str:
        """The rest of the W3C trace context, as its vendors write it; '' for none."""
        return self._run.tracestate

    @property
    def token(self) -> str:
        """The fencing token of this claim. The same job claimed again has another token."""
        return self._run.token

    @property
    def state(self) -> Any:
        """What an earlier run of the job has saved by `save`; None when none has. Any value that
        has JSON.

        Raises:
            Undecodable: another program saved what is not JSON.
        """
        saved = self._run.saved
        return None if saved is None else codec.decode(saved)

    def save(self, state: Any) -> Awaitable[None]:
        """Save a value, which the next attempt of the job gets as `state`: after a failure, a
        release, a crash or a requeue (reliable/update). The value is removed when the job is done.

        An `async def` handler awaits what this returns, one save after the other. In a plain
        handler, which runs in a thread or in a child process, the value is recorded when this
        returns.

        Args:
            state: any value that has JSON, of up to 1 MiB.

        Raises:
            LeaseLost: the job was claimed again or put back; nothing was saved.
            JobCancelled: the job was cancelled; nothing was saved.
            NoJob: the job does not exist any more; nothing was saved.
            Unencodable: the value has no JSON.
            TooLarge: the value has more than 1 MiB of JSON.
            Unavailable: Redis can't be reached; OutcomeUnknown: the value may have been saved.
            BadArgument: the queue is not reliable.
        """
        updates = self._updates("only a job of reliable mode can save")
        sent: Awaitable[None] = updates.save(self._run, encode_state(state))
        return sent

    def progress(self, fraction: float | None, text: str = "") -> Awaitable[None]:
        """Report how far the job is, to all who follow the job (<mode>/update).

        The call returns at once. A report is sent within a tenth of a second; of reports that come
        faster the latest is sent. A report just before the end of the run may be left out. The
        awaitable that is returned may be dropped.

        Args:
            fraction: from 0 to 1; None where it is not known.
            text: what the handler does; with the fraction at most 4 KiB as JSON.

        Raises:
            LeaseLost: the job was claimed again or put back; JobCancelled: the job was cancelled;
                NoJob: the job does not exist any more.
            TooLarge: the text is too long.
            BadArgument: the fraction is not from 0 to 1, the text is no str, or the mode is simple.
        """
        body = encode_progress(fraction, text)
        updates = self._updates("no job of simple mode reports progress")
        sent: Awaitable[None] = updates.report(self._run, body)
        return sent

    def append(self, value: Any) -> Awaitable[None]:
        """Append a value to the output of the job, which its clients read (<mode>/append). A
        handler that yields appends what it yields.

        An `async def` handler awaits what this returns. In a plain handler, which runs in a
        thread or in a child process, the value is recorded when this returns.

        Args:
            value: any value that has JSON, of up to 64 KiB.

        Raises:
            LeaseLost: the job was claimed again or put back; nothing was written.
            JobCancelled: the job was cancelled; nothing was written.
            NoJob: the job does not exist any more; nothing was written.
            Unencodable: the value has no JSON.
            TooLarge: the value has more than 64 KiB of JSON, or all attempts of the job together
                have written 10,000 values or 4 MiB.
            Unavailable: Redis can't be reached; OutcomeUnknown: the value may have been written.
            BadArgument: the mode is simple.
        """
        body = encode_chunk(value)
        updates = self._updates("no job of simple mode has output")
        sent: Awaitable[None] = updates.append(self._run, body)
        return sent

    @property
    def context(self) -> Any:
        """What the worker's `lifespan` has yielded; None without a lifespan, and in a child
        process."""
        found = getattr(self._run, "lifespan_value", None)
        return None if found is None else found.value

    @property
    def lost(self) -> bool:
        """Whether the result of this run would be discarded: the lease was lost, or the job was
        cancelled, put back or given up. A handler in a thread can't be stopped and should return
        when it reads True."""
        return self._run.lost

    async def done(self, result: Any = None) -> None:
        """Complete a job that came from `Worker.jobs`, and wait until its result is recorded.

        Args:
            result: any value that has JSON.

        Raises:
            LeaseLost: the job was claimed again or put back, or may have been; nothing was
                recorded.
            JobCancelled: the job was cancelled; nothing was recorded.
            NoJob: the job does not exist any more; nothing was recorded.
            Unencodable: the result has no JSON; the job is still held.
            PyjobsError: the job has ended already, or a handler runs it.
        """
        await self._end(success(result))

    async def fail(self, error: BaseException | str) -> None:
        """Fail a job that came from `Worker.jobs`, and wait until its error is recorded.

        Args:
            error: an exception, or a message. Retry, Snooze, Continue and Reject do what they do
                when a handler raises them.

        Raises:
            LeaseLost: the job was claimed again or put back, or may have been; nothing was
                recorded.
            JobCancelled: the job was cancelled; nothing was recorded.
            NoJob: the job does not exist any more; nothing was recorded.
            PyjobsError: the job has ended already, or a handler runs it.
        """
        await self._end(failure(error if isinstance(error, BaseException) else Exception(error)))

    def _updates(self, lacking: str) -> Any:
        """Return what sends the updates of the run.

        Raises:
            LeaseLost: the run is lost, as that of a dead job which `on_dead` gets.
            BadArgument: there is nothing to send them, for the mode has no such updates.
        """
        if self._run.updates is not None:
            return self._run.updates
        if self._run.lost:
            raise refusal(self._run, self._run.loss)
        raise BadArgument(f"job {self.id} on queue {self.queue}: {lacking}")

    async def _end(self, outcome: Outcome) -> None:
        if self._run.lost:
            raise refusal(self._run, self._run.loss)
        if self._pulled is None or self._pulled.given:
            raise PyjobsError(
                f"job {self.id} can't be ended here: it has ended, or its handler's return ends it"
            )
        word = await self._pulled.record(outcome)
        if word == LeaseLost.code:
            # Nothing was sent where the heartbeat has heard meanwhile why the run is lost.
            word = self._run.loss or word
            raise refusal(self._run, word)
        if word in NOT_RECORDED:
            raise refusal(self._run, word)

    async def _until_ended(self) -> Outcome:
        self._pulled = PulledOutcome()
        self._run.on_recorded = self._pulled.recorded
        return await self._pulled.wait()


async def pulled_outcome(job: ClaimedJob) -> Outcome:
    """Wait until `done` or `fail` ends the job, and return its outcome; the handler of a pull."""
    return await job._until_ended()


# What runs a job: a function of the claimed job.
Handler = Callable[[ClaimedJob], Any]
