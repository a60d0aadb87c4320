"""Reliable mode, verb -> Call: at least once, one recorded outcome, under a lease.

Only this mode's verbs may live here.
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
    parse_claimed_with_deaths,
    parse_dead,
    parse_reaped,
    parse_words,
)
from pyjobs.engine.scripts import Option
from pyjobs.engine.verbs import StoredVerbs, bodies


class Reliable(StoredVerbs):
    """Makes the calls of the verbs of reliable mode.

    reliable/submit, claim, update, append, complete, fail, extend, release, cancel, reap, dead,
    requeue and schedule.
    """

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
        max_bytes: int | None = None,
        names_deaths: bool = False,
        traces: bool = False,
    ) -> Call[ClaimReply]:
        """Return the call that takes jobs off queues under a lease (reliable/claim).

        Args:
            queues: keys of the queues, the most urgent first.
            nonce: a name that was never used before. The same nonce gets the same jobs.
            limit: most jobs, 1 to 1000.
            lease: ms until the jobs are taken back, unless the lease is extended.
            max_crashes: how many leases of one job may run out until the job is dead.
            max_bytes: most bytes of payloads; the first job is returned whatever its size. None is
                4 MiB.
            names_deaths: whether the reply names the jobs that this call makes dead, since their
                leases ran out too often.
            traces: whether the reply has the trace context of jobs that have one.
        """
        claim = self.script("claim")
        deaths, trace = (1 if asked else None for asked in (names_deaths, traces))
        options = claim.choose(max_crashes=max_crashes, bytes=max_bytes, deaths=deaths, trace=trace)
        args = claim.bind(nonce=nonce, limit=limit, lease=lease, options=options)
        parse = parse_claimed_with_deaths if names_deaths else parse_claimed
        return Call(claim, tuple(queues), args, parse)

    def claim_with(
        self, queues: Sequence[str], limit: int, max_bytes: int | None, nonce: str, policy: Policy
    ) -> Call[ClaimReply]:
        return self.claim(
            queues,
            nonce=nonce,
            limit=limit,
            lease=policy.lease,
            max_crashes=policy.max_crashes,
            max_bytes=max_bytes,
            names_deaths=policy.names_deaths,
            traces=policy.traces,
        )

    def record(
        self, queue: str, verb: str, ended: Iterable[tuple[str, str, Outcome]], policy: Policy
    ) -> Call[list[str]]:
        if verb in ("release", "unknown"):
            tokens = ((id, token) for id, token, _ in ended)
            return self.release(queue, tokens, unknown=verb == "unknown")
        if verb == "complete":
            return self.complete(queue, bodies(ended), retention=policy.retention)
        failed = ((id, token, end.verdict, end.body) for id, token, end in ended)
        return self.fail(queue, failed, max_attempts=policy.max_attempts, backoff=policy.backoff)

    def fail(
        self, queue: str, jobs: Iterable[tuple[str, str, str, bytes]], **options: Option
    ) -> Call[list[str]]:
        """Return the call that ends attempts (reliable/fail); each job is tried again or is dead.

        Args:
            queue: the queue's key.
            jobs: id, token, verdict and error of each job.
            options: options of the script; durations in ms.
        """
        return self._items_call("fail", queue, jobs, options)

    def extend(self, queue: str, jobs: Iterable[tuple[str, str]], *, lease: int) -> Call[list[str]]:
        """Return the call that renews leases (reliable/extend); the reply is a word a job.

        Args:
            queue: the queue's key.
            jobs: id and token of each job.
            lease: ms from now until the lease ends.
        """
        extend = self.script("extend")
        items = [part for job in jobs for part in job]
        return Call(extend, (queue,), extend.bind(items, lease=lease), parse_words)

    def release(
        self, queue: str, jobs: Iterable[tuple[str, str]], *, unknown: bool = False
    ) -> Call[list[str]]:
        """Return the call that hands jobs back (reliable/release); no attempt is counted.

        Args:
            queue: the queue's key. The jobs become the next on the queue.
            jobs: id and token of each job.
            unknown: whether the worker does not know the task of these jobs. Then each job waits,
                longer each time, and is dead after a day.
        """
        return self._items_call("release", queue, jobs, {"unknown": 1 if unknown else None})

    def reap(self, queue: str, *, limit: int, max_crashes: int | None = None) -> Call[Reaped]:
        """Return the call that puts jobs back whose lease has run out (reliable/reap).

        Args:
            queue: the queue's key.
            limit: most jobs, 1 to 1000.
            max_crashes: how many leases of one job may run out until the job is dead.
        """
        reap = self.script("reap")
        args = reap.bind(limit=limit, options=reap.choose(max_crashes=max_crashes))
        return Call(reap, (queue,), args, parse_reaped)

    def dead(self, queue: str, *, skip: int, limit: int) -> Call[DeadPage]:
        """Return the call that lists dead jobs, the longest dead first (reliable/dead).

        Args:
            queue: the queue's key.
            skip: how many jobs to leave out first.
            limit: most jobs, 1 to 1000.
        """
        dead = self.script("dead")
        return Call(dead, (queue,), dead.bind(skip=skip, limit=limit), parse_dead)


RELIABLE = Reliable()
