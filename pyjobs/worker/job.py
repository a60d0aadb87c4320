"""A claimed job as its handler sees it, and how its run may end. Nothing here sends anything."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any, NoReturn

from pyjobs import codec
from pyjobs.engine import MAX_BYTES, Claimed, Outcome
from pyjobs.errors import JobCancelled, LeaseLost, NoJob, PyjobsError, Unencodable
from pyjobs.worker.verdicts import Verdict

WHY_CHARS = 200
# What a script says to the outcome of a job, where it recorded nothing.
NOT_RECORDED: dict[str, tuple[type[PyjobsError], str]] = {
    LeaseLost.code: (LeaseLost, "it was claimed again, or put back"),
    NoJob.code: (NoJob, "no such job any more"),
    "cancelled": (JobCancelled, "it was cancelled"),
}


class ClaimedJob:
    """One job in the hands of a worker.

    Attributes:
        id: the job's id.
        queue: the name of its queue.
        data: what was submitted.
        attempt: 1 for the first start; graceful hand-backs are not counted.
        queued: when it was submitted, ms since the epoch by Redis's clock.
        timeout: seconds that the handler may take, None for no limit.
        token: what fences this claim; the same job claimed again has another one.
        over: whether its run has ended without a result; the outcome may still be on its way.
        since: when its claim was sent, seconds of this process's monotonic clock.
        began: when it was started here, likewise; while it waits for a place, the same as `since`.
        lost: True once nothing that comes of this run will be recorded any more.
    """

    __slots__ = (
        "_ended",
        "_told",
        "_why",
        "attempt",
        "began",
        "data",
        "id",
        "lost",
        "over",
        "queue",
        "queue_index",
        "queued",
        "raw",
        "since",
        "timeout",
        "token",
    )

    def __init__(
        self, claimed: Claimed, queue: str, timeout: float | None, since: float = 0.0
    ) -> None:
        self.id = claimed.id
        self.queue = queue
        self.queue_index = claimed.queue_index
        self.raw = claimed.data
        self.data: Any = None
        self.attempt = claimed.attempt
        self.queued = claimed.queued
        self.timeout = claimed.timeout / 1000 if claimed.timeout else timeout
        self.token = claimed.token
        self.lost = False
        self._why = ""
        self.over = False
        self.since = self.began = since
        self._ended: asyncio.Future[Outcome] | None = None
        self._told: asyncio.Future[str] | None = None

    def __repr__(self) -> str:
        return f"<ClaimedJob {self.id} on {self.queue}, attempt {self.attempt}>"

    async def done(self, result: Any = None) -> None:
        """End a job that came from `Worker.jobs`: wait until its result is recorded.

        Raises:
            LeaseLost: it was claimed again or put back, or may have been; nothing was recorded.
            JobCancelled: it was cancelled; nothing was recorded.
            NoJob: there is no such job any more.
            Unencodable: the result has no JSON; the job is still in hand.
            PyjobsError: it has ended already, or a handler runs it.
        """
        await self._end(success(result))

    async def fail(self, error: BaseException | str) -> None:
        """The same with an error: an exception, or what went wrong in words."""
        await self._end(failure(error if isinstance(error, BaseException) else Exception(error)))

    async def _end(self, outcome: Outcome) -> None:
        if self.lost:
            self._refuse(self._why)
        if self._ended is None or self._ended.done():
            raise PyjobsError(
                f"job {self.id} is not in hand: it ended, or its handler's return ends it"
            )
        self._told = asyncio.get_running_loop().create_future()
        self._ended.set_result(outcome)
        word = await self._told
        if word in NOT_RECORDED:
            self._refuse(word)

    def lose(self, why: str) -> None:
        """Nothing that comes of this run is recorded any more.

        Args:
            why: the word of a script, or anything else.
        """
        self.lost, self._why = True, why

    def _refuse(self, why: str) -> NoReturn:
        error, words = NOT_RECORDED.get(why, (LeaseLost, "another claim may have it"))
        raise error(f"job {self.id} on queue {self.queue}: {words}")

    async def until_ended(self) -> Outcome:
        """Wait for `done` or `fail`."""
        self._ended = asyncio.get_running_loop().create_future()
        try:
            return await self._ended
        except asyncio.CancelledError:
            # An end that was given in the same moment counts: its giver waits for the record.
            if self._ended.cancelled() or not self._ended.done():
                raise
            return self._ended.result()

    def tell(self, word: str) -> None:
        """What the script said to this job's outcome."""
        if self._told is not None and not self._told.done():
            self._told.set_result(word)


def in_words(why: str) -> str:
    """Why nothing was recorded, where it is a script's own word."""
    return NOT_RECORDED[why][1] if why in NOT_RECORDED else why


def success(result: Any) -> Outcome:
    """Raises Unencodable when the result can't be stored."""
    body = codec.encode(result)
    if len(body) > MAX_BYTES:
        raise Unencodable(f"result: {len(body)} bytes, more than {MAX_BYTES}")
    return Outcome("complete", body)


def failure(error: BaseException, verdict: str = "retry") -> Outcome:
    """What an exception leaves: type, message and traceback, each cut to a bound."""
    if isinstance(error, Verdict):
        verdict = error.verdict
    # An exception's own code may do anything; whoever runs a job must be told of its end.
    try:
        message = str(error)
    except BaseException:
        message = "an error that has no words for itself"
    try:
        text = "".join(traceback.format_exception(error, limit=-50))
    except BaseException:
        # One that is no proper SyntaxError can't be shown, for instance.
        text = "".join(traceback.format_tb(error.__traceback__, limit=-50))
    name = type(error).__name__
    # Escaped, for a line of the log is one line.
    words = repr(message[:WHY_CHARS])[1:-1]
    why = f"{name}: {words}" if words else name
    return Outcome("fail", codec.encode_error(name, message, text), verdict, why)
