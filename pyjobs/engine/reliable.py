"""Reliable mode, verb -> Call: at least once, one recorded outcome, under a lease.

Pure; only this mode's verbs live here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyjobs.engine.call import Call
from pyjobs.engine.outcome import Outcome, Policy
from pyjobs.engine.replies import (
    ClaimReply,
    DeadPage,
    Reaped,
    parse_claimed,
    parse_dead,
    parse_reaped,
    parse_words,
)
from pyjobs.engine.scripts import Option
from pyjobs.engine.verbs import StoredVerbs


class Reliable(StoredVerbs):
    """reliable/submit, claim, complete, fail, extend, release, cancel, reap, dead and requeue."""

    name = "reliable"
    leases = True
    handed_back = "release"

    def claim(
        self,
        queues: Sequence[str],
        *,
        nonce: str,
        limit: int,
        lease: int,
        max_crashes: int | None = None,
    ) -> Call[ClaimReply]:
        """Take up to `limit` jobs off the queues, in their order, for `lease` ms.

        Args:
            queues: keys, most urgent first.
            nonce: a name never used before; the same nonce gets the same jobs.
            limit: most jobs, 1 to 1000.
            lease: ms until they are taken back, unless extended.
            max_crashes: leases of one job that may run out until it is dead.
        """
        claim = self.script("claim")
        options = claim.choose(max_crashes=max_crashes)
        args = claim.bind(nonce=nonce, limit=limit, lease=lease, options=options)
        return Call(claim, tuple(queues), args, parse_claimed)

    def claim_with(
        self, queues: Sequence[str], limit: int, nonce: str, policy: Policy
    ) -> Call[ClaimReply]:
        return self.claim(
            queues, nonce=nonce, limit=limit, lease=policy.lease, max_crashes=policy.max_crashes
        )

    def record(
        self, queue: str, verb: str, ended: Iterable[tuple[str, str, Outcome]], policy: Policy
    ) -> Call[list[str]]:
        if verb == "release":
            return self.release(queue, ((id, token) for id, token, _ in ended))
        if verb == "complete":
            return super().record(queue, verb, ended, policy)
        failed = ((id, token, end.verdict, end.body) for id, token, end in ended)
        return self.fail(queue, failed, max_attempts=policy.max_attempts, backoff=policy.backoff)

    def fail(
        self, queue: str, jobs: Iterable[tuple[str, str, str, bytes]], **options: Option
    ) -> Call[list[str]]:
        """End the attempts of (id, token, verdict, error): each is tried again, or is dead."""
        return self._end("fail", queue, jobs, options)

    def extend(self, queue: str, jobs: Iterable[tuple[str, str]], *, lease: int) -> Call[list[str]]:
        """Renew the leases of (id, token) pairs, to `lease` ms from now."""
        extend = self.script("extend")
        items = [part for job in jobs for part in job]
        return Call(extend, (queue,), extend.bind(items, lease=lease), parse_words)

    def release(self, queue: str, jobs: Iterable[tuple[str, str]]) -> Call[list[str]]:
        """Hand (id, token) pairs back to the head of their queue; no attempt is counted."""
        return self._end("release", queue, jobs, {})

    def reap(self, queue: str, *, limit: int, max_crashes: int | None = None) -> Call[Reaped]:
        """Put back up to `limit` jobs whose lease has run out."""
        reap = self.script("reap")
        args = reap.bind(limit=limit, options=reap.choose(max_crashes=max_crashes))
        return Call(reap, (queue,), args, parse_reaped)

    def dead(self, queue: str, *, skip: int, limit: int) -> Call[DeadPage]:
        """List up to `limit` dead jobs, the longest dead first, leaving out the first `skip`."""
        dead = self.script("dead")
        return Call(dead, (queue,), dead.bind(skip=skip, limit=limit), parse_dead)

    def requeue(self, queue: str, ids: Iterable[str]) -> Call[list[str]]:
        """Give dead jobs another life; the reply is a word for each."""
        return self._end("requeue", queue, ((id,) for id in ids), {})


RELIABLE = Reliable()
