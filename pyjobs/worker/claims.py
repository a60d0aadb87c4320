"""The claims of one worker: which is sent next, and whether another makes sense.

Pure, as all of core.py is; what becomes of the jobs is decided there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyjobs.engine import Call, ClaimReply, Mode, Policy
from pyjobs.errors import OutcomeUnknown, PyjobsError


class Claims:
    """One claim at a time: it is repeated until it has an answer, where that is safe.

    Attributes:
        hungry: whether there may be jobs that no claim has seen.
        wait: what the latest answer said: ms until the next claim makes sense; -1 is unknown.
        since: when the latest one was sent first.
        unsure: whether it may have been carried out, and what it took is not known here.

    Args:
        mode: whose claim to call.
        keys: of the queues, most urgent first.
        policy: what is added to the calls.
        nonce: makes the names of the claims.
    """

    def __init__(
        self, mode: Mode, keys: Sequence[str], policy: Policy, nonce: Callable[[], str]
    ) -> None:
        self.hungry = True
        self.wait = 0
        self.since = 0.0
        self.unsure = False
        self._mode = mode
        self._keys = keys
        self._policy = policy
        self._nonce = nonce
        self._call: Call[ClaimReply] | None = None

    @property
    def under_way(self) -> bool:
        """Whether one has no answer yet."""
        return self._call is not None

    def call(self, limit: int, now: float) -> Call[ClaimReply]:
        """The call to send: the one that has no answer yet, or a new one for up to `limit` jobs."""
        if self._call is None:
            self._call = self._mode.claim_with(self._keys, limit, self._nonce(), self._policy)
            self.since = now
        # From here on only what happens after the claim counts: a token that is taken while it
        # is on its way tells of a job that it may not have seen.
        self.hungry = False
        return self._call

    def answered(self, reply: ClaimReply) -> None:
        """It has its answer."""
        self._call, self.unsure = None, False
        self.wait = reply.wait
        self.hungry = self.hungry or reply.wait == 0

    def refused(self) -> None:
        """It is refused, and always would be."""
        self._call, self.unsure = None, False

    def unanswered(self, error: PyjobsError) -> None:
        """It has none; it is sent again, where that is safe."""
        unknown = isinstance(error, OutcomeUnknown)
        if unknown and not self._mode.script("claim").replay_safe:
            self._call, self.hungry = None, True
        else:
            self.unsure = self.unsure or unknown
