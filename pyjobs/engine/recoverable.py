"""Recoverable mode, verb -> Call: the data survives, and an operator or cron puts stuck jobs back.

Pure; only this mode's verbs live here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyjobs.engine.call import Call
from pyjobs.engine.outcome import Policy
from pyjobs.engine.replies import ClaimReply, Reaped, parse_claimed, parse_reaped
from pyjobs.engine.scripts import Option
from pyjobs.engine.verbs import StoredVerbs


class Recoverable(StoredVerbs):
    """recoverable/submit, claim, complete, fail, cancel and reap."""

    name = "recoverable"
    leases = False
    handed_back = None

    def claim(self, queues: Sequence[str], *, nonce: str, limit: int) -> Call[ClaimReply]:
        """Take up to `limit` jobs off the queues, in order, under a nonce never used before."""
        claim = self.script("claim")
        return Call(claim, tuple(queues), claim.bind(nonce=nonce, limit=limit), parse_claimed)

    def claim_with(
        self, queues: Sequence[str], limit: int, nonce: str, policy: Policy
    ) -> Call[ClaimReply]:
        return self.claim(queues, nonce=nonce, limit=limit)

    def fail(
        self, queue: str, jobs: Iterable[tuple[str, str, bytes]], **options: Option
    ) -> Call[list[str]]:
        """Record the errors of (id, token, error) triples; nothing is tried again."""
        return self._end("fail", queue, jobs, options)

    def reap(self, queue: str, *, limit: int, older_than: int) -> Call[Reaped]:
        """Put back up to `limit` jobs that were claimed at least `older_than` ms ago."""
        reap = self.script("reap")
        return Call(reap, (queue,), reap.bind(limit=limit, older_than=older_than), parse_reaped)


RECOVERABLE = Recoverable()
