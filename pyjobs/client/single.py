"""The submit of a single job, from its item to its job. Nothing here sends or waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic

from pyjobs.client.batch import Batch, JobsCall
from pyjobs.client.core import ClientCore
from pyjobs.client.job import J, note
from pyjobs.client.presence import PresenceEvent
from pyjobs.client.submit import Item

NEW = [b"new"]
# The places of a batch of one, and those of its jobs that an earlier submit has entered.
ONE, NONE, KNOWN = (0,), frozenset[int](), frozenset({0})


class Single(Generic[J]):
    """Responsible for the submit of one job: its call, and what the answer means.

    As a rule the job is new, which costs no more than a comparison here. Any other answer is that
    of a batch of one.

    Args:
        core: the client's core.
        item: the submit.

    Attributes:
        call: the call.
        asked: the job that was submitted, alone in a tuple.
        job: the job to return, once the answer is taken.
    """

    __slots__ = ("_core", "_is_made", "_item", "asked", "call", "job")

    def __init__(self, core: ClientCore[J], item: Item) -> None:
        self._core, self._item = core, item
        self.job, self._is_made = core.builder.job(item)
        self.asked = (self.job,)
        self.call = core.builder.call(item)

    def doubt(self) -> None:
        """Note that an exception has broken off the sending: the job may be in Redis or not."""
        note(self.asked, PresenceEvent.DOUBTED)

    def take(self, answer: Any) -> Sequence[J]:
        """Take the answer: what the script replied, `Kept`, or a PyjobsError.

        Returns:
            The job where it was in Redis before, and must be looked up.

        Raises:
            PyjobsError: the answer is this error.
        """
        core = self._core
        is_new = type(answer) is list and answer[1::2] == NEW
        if is_new and self._is_made and not core.closed:
            note(self.asked, PresenceEvent.SEEN)
            return ()
        made = JobsCall(self.call, [self.job], ONE, NONE if self._is_made else KNOWN)
        batch = Batch.of(made, self._item.queue)
        before = core.accept(batch, (answer,))
        self.job = batch.jobs[0]
        return before
