"""Recoverable mode, verb -> Call: data survives a crash, and a reap puts stuck jobs back.

Only this mode's verbs may live here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyjobs.engine.call import Call
from pyjobs.engine.outcome import Outcome, Policy
from pyjobs.engine.replies import ClaimReply, Reaped, parse_claimed, parse_reaped
from pyjobs.engine.scripts import Option
from pyjobs.engine.verbs import StoredVerbs, bodies


class Recoverable(StoredVerbs):
    """Makes the calls of the verbs of recoverable mode.

    recoverable/submit, claim, update, append, complete, fail, cancel, reap, requeue and schedule.
    """

    name = "recoverable"
    leases = False
    handed_back = None

    def claim(
        self,
        queues: Sequence[str],
        *,
        nonce: str,
        limit: int,
        max_bytes: int | None = None,
        traces: bool = False,
    ) -> Call[ClaimReply]:
        """Return the call that takes jobs off queues (recoverable/claim).

        Args:
            queues: keys of the queues, the most urgent first.
            nonce: a name that was never used before. The same nonce gets the same jobs.
            limit: most jobs, 1 to 1000.
            max_bytes: most bytes of payloads; the first job is returned whatever its size. None is
                4 MiB.
            traces: whether the reply has the trace context of jobs that have one.
        """
        claim = self.script("claim")
        options = claim.choose(bytes=max_bytes, trace=1 if traces else None)
        args = claim.bind(nonce=nonce, limit=limit, options=options)
        return Call(claim, tuple(queues), args, parse_claimed)

    def claim_with(
        self, queues: Sequence[str], limit: int, max_bytes: int | None, nonce: str, policy: Policy
    ) -> Call[ClaimReply]:
        traces = policy.traces
        return self.claim(queues, nonce=nonce, limit=limit, max_bytes=max_bytes, traces=traces)

    def record(
        self, queue: str, verb: str, ended: Iterable[tuple[str, str, Outcome]], policy: Policy
    ) -> Call[list[str]]:
        if verb == "complete":
            return self.complete(queue, bodies(ended), retention=policy.retention)
        return self.fail(queue, bodies(ended), retention=policy.retention)

    def fail(
        self, queue: str, jobs: Iterable[tuple[str, str, bytes]], **options: Option
    ) -> Call[list[str]]:
        """Return the call that records errors (recoverable/fail); no job is tried again.

        Args:
            queue: the queue's key.
            jobs: id, token and error of each job.
            options: options of the script; durations in ms.
        """
        return self._items_call("fail", queue, jobs, options)

    def reap(self, queue: str, *, limit: int, older_than: int) -> Call[Reaped]:
        """Return the call that puts jobs back which were claimed long ago (recoverable/reap).

        Args:
            queue: the queue's key.
            limit: most jobs, 1 to 1000.
            older_than: ms since the claim; a job that was claimed later stays.
        """
        reap = self.script("reap")
        return Call(reap, (queue,), reap.bind(limit=limit, older_than=older_than), parse_reaped)


RECOVERABLE = Recoverable()
