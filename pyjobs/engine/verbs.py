"""What the modes' verbs have in common: how values become a Call, and a reply becomes values.

Nothing here sends a call, reads a clock or decides the state of a job.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal

from pyjobs.engine.call import Call
from pyjobs.engine.outcome import Outcome, Policy
from pyjobs.engine.replies import ClaimReply, Submitted, parse_submitted, parse_words
from pyjobs.engine.schedule import Scheduled, parse_scheduled
from pyjobs.engine.scripts import Arg, Option, Script, script

ModeName = Literal["simple", "recoverable", "reliable"]


class Verbs:
    """Makes the calls of the verbs that every mode has; a mode's class adds its own verbs.

    Attributes:
        name: the mode's name.
        stores: whether Redis keeps jobs and results beside the queue.
        leases: whether a worker must extend its claims.
        handed_back: the verb that hands an unfinished job back; None leaves the job to a reap.
    """

    name: ClassVar[ModeName]
    stores: ClassVar[bool]
    leases: ClassVar[bool]
    handed_back: ClassVar[str | None]

    def script(self, verb: str) -> Script:
        """Return the mode's script of this verb.

        Raises:
            KeyError: the mode has no such verb.
        """
        return script(f"{self.name}/{verb}")

    @functools.cached_property
    def _submit(self) -> Script:
        return self.script("submit")

    def submit(
        self,
        queue: str,
        jobs: Iterable[tuple[str, bytes]],
        *,
        client: str = "",
        **options: Option,
    ) -> Call[list[Submitted]]:
        """Return the call that submits jobs (<mode>/submit).

        Args:
            queue: the queue's key.
            jobs: id and data of each job; the script makes an id where it is ''.
            client: name of the client that gets the results; '' is none.
            options: options of the mode's script; durations in ms.
        """
        items = [part for job in jobs for part in job]
        text = self.script("submit").choose(**options)
        call = self.submit_items(queue, items, client=client, options=text)
        return Call(call.script, call.keys, call.args, parse_submitted)

    def submit_items(
        self, queue: str, items: Sequence[Arg], *, client: str, options: str
    ) -> Call[list[bytes]]:
        """Return the call that submits jobs, and leaves its reply as bytes (<mode>/submit).

        A client compares most replies as a whole. `parse_submitted` makes values of the others.

        Args:
            queue: the queue's key.
            items: id and data of each job in turn.
            client: name of the client that gets the results; '' is none.
            options: the options argument, as `Script.choose` writes it.
        """
        # The arguments in the order of the script, in every mode: `bind` costs a lone submit more.
        return Call(self._submit, (queue,), (client, options, *items), unparsed)

    def complete(
        self, queue: str, jobs: Iterable[tuple[str, str, bytes]], **options: Option
    ) -> Call[list[str]]:
        """Return the call that records results (<mode>/complete); the reply is a word a job.

        Args:
            queue: the queue's key.
            jobs: id, token and result of each job.
            options: options of the mode's script; durations in ms.
        """
        return self._items_call("complete", queue, jobs, options)

    def claim_with(
        self, queues: Sequence[str], limit: int, max_bytes: int | None, nonce: str, policy: Policy
    ) -> Call[ClaimReply]:
        """Return the claim of a worker that has this policy (<mode>/claim).

        Args:
            queues: keys of the queues, the most urgent first.
            limit: most jobs to claim.
            max_bytes: most bytes of their payloads; the first job is claimed whatever its size.
                None is 4 MiB.
            nonce: a name that was never used before.
            policy: the worker's settings.
        """
        raise NotImplementedError

    def record(
        self, queue: str, verb: str, ended: Iterable[tuple[str, str, Outcome]], policy: Policy
    ) -> Call[list[str]]:
        """Return the call that records how runs ended; the reply is a word a job.

        Args:
            queue: the queue's key.
            verb: the verb of all these outcomes, such as 'complete'.
            ended: id, token and outcome of each run.
            policy: the worker's settings.
        """
        raise NotImplementedError

    def _items_call(
        self, verb: str, queue: str, jobs: Iterable[tuple[Arg, ...]], options: dict[str, Option]
    ) -> Call[list[str]]:
        """Return a call of one queue that takes the same values of each job and replies a word."""
        used = self.script(verb)
        args = {"options": used.choose(**options)} if "options" in used.names else {}
        items = [part for job in jobs for part in job]
        return Call(used, (queue,), used.bind(items, **args), parse_words)


class StoredVerbs(Verbs):
    """Makes the calls that recoverable and reliable mode add: their jobs are found by id."""

    stores = True

    def cancel(self, queue: str, ids: Iterable[str], **options: Option) -> Call[list[str]]:
        """Return the call that cancels jobs (<mode>/cancel); the reply is a word a job.

        Args:
            queue: the queue's key.
            ids: ids of the jobs.
            options: options of the mode's script; durations in ms.
        """
        return self._items_call("cancel", queue, ((id,) for id in ids), options)

    def requeue(self, queue: str, ids: Iterable[str]) -> Call[list[str]]:
        """Return the call that puts dead jobs, in recoverable mode failed ones, on their queue
        again (<mode>/requeue); the reply is a word a job.

        Args:
            queue: the queue's key.
            ids: ids of the jobs.
        """
        return self._items_call("requeue", queue, ((id,) for id in ids), {})

    def update(self, queue: str, jobs: Iterable[tuple[Arg, ...]]) -> Call[list[str]]:
        """Return the call that reports what runs say before their end (<mode>/update); the reply is
        a word a job.

        Args:
            queue: the queue's key.
            jobs: id, token and progress of each job; in reliable mode what it saves, too. b'' is
                nothing.
        """
        return self._items_call("update", queue, jobs, {})

    def append(self, queue: str, chunks: Iterable[tuple[str, str, int, bytes]]) -> Call[list[str]]:
        """Return the call that appends to the output of jobs (<mode>/append); the reply is a word a
        job.

        Args:
            queue: the queue's key.
            chunks: id, token, number and bytes of one chunk of each job. The numbers of a run grow
                from 1, and a number that was written is not written again.
        """
        return self._items_call("append", queue, chunks, {})

    def schedule(self, queue: str, name: str, data: bytes, **options: Option) -> Call[Scheduled]:
        """Return the call that makes or changes a schedule (<mode>/schedule).

        Args:
            queue: the queue's key.
            name: the schedule's name.
            data: the payload of its jobs.
            options: options of the mode's script; durations in ms, texts percent-encoded.
        """
        used = self.script("schedule")
        args = used.bind(schedule=name, options=used.choose(**options), data=data)
        return Call(used, (queue,), args, parse_scheduled)


def bodies(ended: Iterable[tuple[str, str, Outcome]]) -> list[tuple[str, str, bytes]]:
    """Return id, token and body of each run, as `complete` takes them."""
    return [(id, token, outcome.body) for id, token, outcome in ended]


def unparsed(reply: Any) -> list[bytes]:
    """Return the raw reply of a submit: id and outcome of each job in turn."""
    found: list[bytes] = reply
    return found
