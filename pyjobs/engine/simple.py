"""Simple mode, verb -> Call: at most once, nothing stored. Only this mode's verbs may live here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyjobs.engine.call import Call
from pyjobs.engine.outcome import Outcome, Policy
from pyjobs.engine.replies import ClaimReply, parse_claimed
from pyjobs.engine.verbs import Verbs, bodies


class Simple(Verbs):
    """Makes the calls of simple/submit, claim, complete and fail."""

    name = "simple"
    stores = False
    leases = False
    handed_back = "fail"

    def claim(
        self,
        queues: Sequence[str],
        *,
        limit: int,
        max_bytes: int | None = None,
        traces: bool = False,
    ) -> Call[ClaimReply]:
        """Return the call that takes jobs off queues (simple/claim).

        The jobs then exist in the claiming process only.

        Args:
            queues: keys of the queues, the most urgent first.
            limit: most jobs, 1 to 1000.
            max_bytes: most bytes of payloads; the first job is returned whatever its size. None is
                4 MiB.
            traces: whether the reply has the trace context of jobs that have one.
        """
        claim = self.script("claim")
        args = claim.bind(
            limit=limit, options=claim.choose(bytes=max_bytes, trace=1 if traces else None)
        )
        return Call(claim, tuple(queues), args, parse_claimed)

    def claim_with(
        self, queues: Sequence[str], limit: int, max_bytes: int | None, nonce: str, policy: Policy
    ) -> Call[ClaimReply]:
        return self.claim(queues, limit=limit, max_bytes=max_bytes, traces=policy.traces)

    def record(
        self, queue: str, verb: str, ended: Iterable[tuple[str, str, Outcome]], policy: Policy
    ) -> Call[list[str]]:
        if verb == "complete":
            return self.complete(queue, bodies(ended))
        return self.fail(queue, bodies(ended))

    def fail(self, queue: str, jobs: Iterable[tuple[str, str, bytes]]) -> Call[list[str]]:
        """Return the call that publishes errors to the jobs' clients (simple/fail).

        Args:
            queue: the queue's key.
            jobs: id, token and error of each job.
        """
        return self._items_call("fail", queue, jobs, {})


SIMPLE = Simple()
