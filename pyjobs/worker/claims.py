"""The claims of one worker: which claim is sent next, and whether another one makes sense.

What becomes of claimed jobs is decided in core.py. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyjobs.engine import CLAIM_BYTES, Call, ClaimReply, Mode, Policy
from pyjobs.errors import OutcomeUnknown, PyjobsError


class Claims:
    """Makes one claim at a time, and repeats it until it is answered, where repeating is safe.

    Attributes:
        due: whether there may be jobs that no claim has seen.
        wait: what the latest answer said: ms until the next claim makes sense; -1 is unknown.
        first_sent: when the latest claim was sent for the first time, seconds of the monotonic
            clock.
        max_bytes: most bytes of payloads that the next claim asks for. Halved after an answer that
            came too late or not at all, as on a slow link; then it grows again.
        unsure: whether a claim without an answer may have been carried out and have taken jobs.

    Args:
        mode: the mode whose claim is called.
        keys: the queues' keys, most urgent first.
        policy: the worker's settings that a claim carries.
        nonce: returns a name that was never used before.
    """

    def __init__(
        self, mode: Mode, keys: Sequence[str], policy: Policy, nonce: Callable[[], str]
    ) -> None:
        self.due = True
        self.wait = 0
        self.first_sent = 0.0
        self.unsure = False
        self.max_bytes = CLAIM_BYTES
        self._mode = mode
        self._keys = keys
        self._policy = policy
        self._nonce = nonce
        self._call: Call[ClaimReply] | None = None

    @property
    def under_way(self) -> bool:
        """Whether a claim has no answer yet."""
        return self._call is not None

    def call(self, limit: int, room: int, now: float) -> Call[ClaimReply]:
        """Return the claim that has no answer yet, or a new one.

        Args:
            limit: most jobs of a new claim.
            room: most bytes of payloads that its worker can hold.
            now: seconds of the monotonic clock.
        """
        if self._call is None:
            # A script that is asked for nothing brings as much.
            size = min(room, self.max_bytes)
            bound = None if size == CLAIM_BYTES else size
            self._call = self._mode.claim_with(
                self._keys, limit, bound, self._nonce(), self._policy
            )
            self.first_sent = now
        # A wake token that arrives from here on may stand for a job that this claim did not see,
        # and sets `due` again.
        self.due = False
        return self._call

    def answered(self, reply: ClaimReply, *, late: bool = False) -> None:
        """Take the reply to the claim under way.

        Args:
            reply: the reply.
            late: whether it came so late that its jobs can't be run.
        """
        self._call, self.unsure = None, False
        if late:
            self._ask_for_less()
        else:
            self.max_bytes = min(CLAIM_BYTES, self.max_bytes * 9 // 8 + 1)
        self.wait = reply.wait
        self.due = self.due or reply.wait == 0

    def refused(self) -> None:
        """Drop the claim under way: Redis refused it, and would refuse it again."""
        self._call, self.unsure = None, False

    def unanswered(self, error: PyjobsError) -> None:
        """Keep the claim under way to be sent again, where repeating is safe; drop it elsewhere.

        Args:
            error: OutcomeUnknown when the claim may have been carried out.
        """
        unknown = isinstance(error, OutcomeUnknown)
        if unknown and not self._mode.script("claim").replay_safe:
            self._call, self.due = None, True
            self._ask_for_less()
        else:
            if unknown:
                self._ask_for_less()
            self.unsure = self.unsure or unknown

    def _ask_for_less(self) -> None:
        self.max_bytes = max(1, self.max_bytes // 2)
