"""What the modes' verbs have in common: how values become a Call, and a reply becomes values.

Pure: nothing is sent, no clock is read, no state of a job is decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from pyjobs.engine.call import Call
from pyjobs.engine.outcome import Outcome, Policy
from pyjobs.engine.replies import ClaimReply, Submitted, parse_submitted, parse_words
from pyjobs.engine.scripts import Arg, Option, Script, script


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
        self, queue: str, verb: str, ended: Iterable[tuple[str, str, Outcome]], policy: Policy
    ) -> Call[list[str]]:
        """The call that ends runs, (id, token, outcome) each, by the one verb of them all."""
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
