"""Simple mode, verb -> Call: at most once, nothing stored. Pure; only its verbs live here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyjobs.engine.call import Call
from pyjobs.engine.outcome import Policy
from pyjobs.engine.replies import ClaimReply, parse_claimed
from pyjobs.engine.verbs import Verbs


class Simple(Verbs):
    """simple/submit, claim, complete and fail."""

    name = "simple"
    stores = False
    leases = False
    handed_back = "fail"

    def claim(self, queues: Sequence[str], *, limit: int) -> Call[ClaimReply]:
        """Take up to `limit` jobs off the queues, in order; they live only with the caller."""
        claim = self.script("claim")
        return Call(claim, tuple(queues), claim.bind(limit=limit), parse_claimed)

    def claim_with(
        self, queues: Sequence[str], limit: int, nonce: str, policy: Policy
    ) -> Call[ClaimReply]:
        return self.claim(queues, limit=limit)

    def fail(self, queue: str, jobs: Iterable[tuple[str, str, bytes]]) -> Call[list[str]]:
        """Tell the clients of (id, token, error) triples that they failed."""
        return self._end("fail", queue, jobs, {})


SIMPLE = Simple()
