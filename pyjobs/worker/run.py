"""One run of a claimed job, as the worker's own parts hold it.

Only the facts of a run and its state may live here. Pure: no I/O, no clock and no event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from pyjobs.engine import Claimed


class RunState(Enum):
    """Says whether an outcome of a run can still be recorded.

    Attributes:
        HELD: the claim is valid, as far as this worker knows.
        STOPPED: the run has ended without a result, and its outcome is not recorded yet. Its lease
            is renewed until the outcome is recorded; its thread may still be running.
        LOST: no outcome of the run will be recorded any more.
    """

    HELD = "held"
    STOPPED = "stopped"
    LOST = "lost"


# Python 3.11 is slow to look up an attribute of an Enum class, and each run looks up a few.
HELD = RunState.HELD


class Run:
    """Holds the facts and the state of one run, from its claim until its outcome is recorded.

    Attributes:
        id: the job's id.
        queue: the name of the job's queue.
        queue_index: which of the worker's queues that is, from 0.
        token: fences this claim; the same job claimed again has another token.
        data: the payload's bytes.
        attempt: 1 for the first start; released runs are not counted.
        queued: when the job was submitted, ms since the epoch by Redis's clock.
        timeout: seconds that the handler may take, None for no limit.
        task: the name of the job's task; '' for a bare job.
        saved: bytes of what an earlier run has saved; None when no run has.
        traceparent: the W3C trace context of the job's submitter; '' for none, or where the claim
            did not ask.
        tracestate: the rest of that context; '' for none.
        claimed_at: when the claim was first sent, seconds of this process's monotonic clock.
        started_at: when the handler began, by the same clock; None before that.
        state: whether an outcome can still be recorded.
        loss: why the run is lost, a script's word or any other text; '' for no known reason.
        lifespan_value: what the worker's lifespan has yielded, as a `LifespanValue`; not set where
            there is no lifespan.
        output: what the run has written; not set before it writes.
        updates: sends what the run saves; None where nothing can.
        on_recorded: called with the script's word about the outcome; None where nobody waits.

    Args:
        claimed: the job, as the claim returned it.
        queue: the name of its queue.
        timeout: seconds for the handler, where the job has no limit of its own.
        claimed_at: when the claim was first sent, seconds of the monotonic clock.
    """

    __slots__ = (
        "_permits",
        "attempt",
        "claimed_at",
        "data",
        "id",
        "lifespan_value",
        "loss",
        "on_recorded",
        "output",
        "queue",
        "queue_index",
        "queued",
        "saved",
        "started_at",
        "state",
        "task",
        "timeout",
        "token",
        "traceparent",
        "tracestate",
        "updates",
    )

    def __init__(
        self, claimed: Claimed, queue: str, timeout: float | None, claimed_at: float = 0.0
    ) -> None:
        # Unpacked at once: reading the fields by name takes twice as long.
        (
            index,
            self.id,
            self.token,
            self.data,
            self.attempt,
            self.queued,
            timeout_ms,
            self.task,
            self.saved,
            self.traceparent,
            self.tracestate,
        ) = claimed
        self.queue_index = index
        self.queue = queue
        self.timeout = timeout_ms / 1000 if timeout_ms else timeout
        self.claimed_at = claimed_at
        self.started_at: float | None = None
        self.state = HELD
        self.loss = ""
        self.on_recorded: Callable[[str], None] | None = None
        self.updates: Any = None
        self.lifespan_value: Any
        self.output: Any
        # Its only element goes to `begin` or to `hold_back`: `pop` is atomic between threads.
        self._permits = [True]

    def __repr__(self) -> str:
        return f"<Run {self.id} on {self.queue}, attempt {self.attempt}, {self.state.value}>"

    @property
    def lost(self) -> bool:
        """Whether a result of this run would be discarded."""
        return self.state is not HELD

    @property
    def size(self) -> int:
        """How many bytes the claim has brought."""
        return len(self.data) + len(self.saved or b"")

    def begin(self, now: float) -> bool:
        """Note that the handler begins. Returns False where `hold_back` came first: the handler
        must not be called. Any thread may call this.

        Args:
            now: seconds of the monotonic clock.
        """
        try:
            self._permits.pop()
        except IndexError:
            return False
        self.started_at = now
        return True

    def hold_back(self) -> bool:
        """Keep the handler from beginning. Returns False where the handler has begun, or was held
        back before. Any thread may call this."""
        try:
            return self._permits.pop()
        except IndexError:
            return False

    def stop(self) -> None:
        """Enter the state STOPPED, unless the run is lost."""
        if self.state is HELD:
            self.state = RunState.STOPPED

    def lose(self, why: str = "") -> None:
        """Enter the state LOST; any thread may call this.

        Args:
            why: the word of a script, or any other text; '' keeps an earlier reason.
        """
        self.loss = why or self.loss
        self.state = RunState.LOST

    def recorded(self, word: str) -> None:
        """Report to `on_recorded` what the script answered to the outcome.

        Args:
            word: the script's word; 'LOST' also where no outcome is sent.
        """
        if self.on_recorded is not None:
            self.on_recorded(word)
