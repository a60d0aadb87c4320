"""What the modes' verbs have in common: how values become a Call, and a reply becomes values.

Pure: nothing is sent, no clock is read, no state of a job is decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

from pyjobs.call import Call
from pyjobs.ending import Ending, Policy
from pyjobs.scripts import Arg, Option, Script, script

MAX_ITEMS = 1000
MAX_BYTES = 1_048_576
# What Python puts into one call at most.
CALL_BYTES = 4 * MAX_BYTES


class Submitted(NamedTuple):
    """What became of one submitted job.

    Attributes:
        id: its id, made by the script when none was given.
        outcome: 'new', the state of the job that had this id already, or 'CONFLICT'.
    """

    id: str
    outcome: str


class Claimed(NamedTuple):
    """One job, as a claim hands it out.

    Attributes:
        queue_index: which of the queues of the claim it came from.
        id: the job's id.
        token: what its holder presents from now on.
        data: the payload's bytes.
        attempt: 1 for the first start; graceful hand-backs are not counted.
        queued: when it was submitted, ms since the epoch, Redis's clock.
        timeout: how long its handler may run, ms; 0 is no limit of its own.
    """

    queue_index: int
    id: str
    token: str
    data: bytes
    attempt: int
    queued: int
    timeout: int


class ClaimReply(NamedTuple):
    """The reply of a claim.

    Attributes:
        wait: ms until there may be more: 0 is now, -1 is unknown.
        jobs: what was claimed.
    """

    wait: int
    jobs: list[Claimed]


class Reaped(NamedTuple):
    """The reply of a reap: whether to call again, and what was moved."""

    more: bool
    promoted: int
    put_back: list[str]
    dead: list[str]


class Stored(NamedTuple):
    """What is stored of a job: its state ('' when there is no such job) and its outcome.

    Times are ms since the epoch; 0 is not yet.
    """

    state: str
    reason: str
    queued: int
    started: int
    processed: int
    body: bytes


class Dead(NamedTuple):
    """One dead job: why and when it died (ms since the epoch), and what was counted against it."""

    id: str
    reason: str
    died: int
    attempts: int
    crashes: int
    error: bytes


class DeadPage(NamedTuple):
    """How many dead jobs there are, and some of them."""

    total: int
    jobs: list[Dead]


class Verbs:
    """The verbs that every mode has; a mode's class adds its own.

    Attributes:
        name: the mode's name.
        stores: whether jobs and results are kept in Redis beside the queue.
        leases: whether a claim must be extended.
        handed_back: the verb for a job that is handed back unfinished; None leaves it to a reap.
    """

    name: ClassVar[str]
    stores: ClassVar[bool]
    leases: ClassVar[bool]
    handed_back: ClassVar[str | None]

    def script(self, verb: str) -> Script:
        return script(f"{self.name}/{verb}")

    def submit(
        self,
        queue: str,
        jobs: Iterable[tuple[str, bytes]],
        *,
        client: str = "",
        **options: Option,
    ) -> Call[list[Submitted]]:
        """Submit (id, data) pairs; '' as id asks the script for one.

        Args:
            queue: the queue's key.
            client: who is told the results; '' is nobody.
            options: those of the mode's script, ms.
        """
        submit = self.script("submit")
        items: list[Arg] = [part for job in jobs for part in job]
        args = submit.bind(items, client=client, options=submit.choose(**options))
        return Call(submit, (queue,), args, parse_submitted)

    def complete(
        self, queue: str, jobs: Iterable[tuple[str, str, bytes]], **options: Option
    ) -> Call[list[str]]:
        """Record the results of (id, token, result) triples; the reply is a word for each."""
        return self._end("complete", queue, jobs, options)

    def claim_with(
        self, queues: Sequence[str], limit: int, nonce: str, policy: Policy
    ) -> Call[ClaimReply]:
        """The claim of a worker with this policy."""
        raise NotImplementedError

    def record(
        self, queue: str, verb: str, ended: Iterable[tuple[str, str, Ending]], policy: Policy
    ) -> Call[list[str]]:
        """The call that ends runs, (id, token, ending) each, by the one verb of them all."""
        options: dict[str, Option] = {"retention": policy.retention} if self.stores else {}
        return self._end(verb, queue, ((id, token, end.body) for id, token, end in ended), options)

    def _end(
        self, verb: str, queue: str, jobs: Iterable[tuple[Arg, ...]], options: dict[str, Option]
    ) -> Call[list[str]]:
        used = self.script(verb)
        args = {"options": used.choose(**options)} if "options" in used.names else {}
        items = [part for job in jobs for part in job]
        return Call(used, (queue,), used.bind(items, **args), parse_words)


class StoredVerbs(Verbs):
    """What recoverable and reliable have beyond that: jobs that can be found by their id."""

    stores = True

    def cancel(self, queue: str, ids: Iterable[str], **options: Option) -> Call[list[str]]:
        """End jobs that have not ended yet; the reply is a word for each."""
        return self._end("cancel", queue, ((id,) for id in ids), options)


def fetch(queue: str, ids: Sequence[str]) -> Call[list[Stored]]:
    """What is stored of these jobs (queue/result)."""
    result = script("queue/result")
    return Call(result, (queue,), result.bind(ids), parse_stored)


def wake(queue: str) -> Call[bool]:
    """Pass a wake token on to the next idle worker of this queue (queue/wake)."""
    used = script("queue/wake")
    return Call(used, (queue,), used.bind(), bool)


def parse_submitted(reply: Any) -> list[Submitted]:
    words = [word.decode() for word in reply]
    return list(map(Submitted, words[::2], words[1::2]))


def parse_claimed(reply: Any) -> ClaimReply:
    jobs = [
        Claimed(queue - 1, id.decode(), token.decode(), data, attempt, queued, timeout)
        for queue, id, token, data, attempt, queued, timeout in reply[1:]
    ]
    return ClaimReply(reply[0], jobs)


def parse_words(reply: Any) -> list[str]:
    return [word.decode() for word in reply]


def parse_reaped(reply: Any) -> Reaped:
    more, promoted, put_back, dead = reply
    return Reaped(more == 1, promoted, parse_words(put_back), parse_words(dead))


def parse_stored(reply: Any) -> list[Stored]:
    return [
        Stored(state.decode(), reason.decode(), queued, started, processed, body)
        for state, reason, queued, started, processed, body in reply
    ]


def parse_dead(reply: Any) -> DeadPage:
    jobs = [
        Dead(id.decode(), reason.decode(), died, attempts, crashes, error)
        for id, reason, died, attempts, crashes, error in reply[1:]
    ]
    return DeadPage(reply[0], jobs)
