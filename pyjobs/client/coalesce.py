"""Submits that are awaited at the same time and share calls. Nothing here sends or waits.

Each submit is answered by itself: an error goes to the submits that it is about, and a submit that
is cancelled does not affect the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Generic

from pyjobs.client.batch import Batch
from pyjobs.client.core import ClientCore
from pyjobs.client.job import J
from pyjobs.client.submit import Item
from pyjobs.errors import ClientClosed, OutcomeUnknown, PyjobsError, copied

Waiting = asyncio.Future[J]


class Coalescer(Generic[J]):
    """Holds the submits that were not sent yet and those under way, with a future for each.

    Args:
        core: the client's core.
    """

    def __init__(self, core: ClientCore[J]) -> None:
        self._core = core
        self._next: list[tuple[Item, Waiting[J]]] = []
        self._sent: list[tuple[Item, Waiting[J]]] = []

    def add(self, item: Item, waiting: Waiting[J]) -> Waiting[J]:
        """Add a submit and the future that gets its job or its error. Returns the future."""
        self._next.append((item, waiting))
        return waiting

    @property
    def waits(self) -> bool:
        """Whether a submit was added that was neither sent nor cancelled."""
        return bool(self._next) and any(not waiting.done() for _, waiting in self._next)

    def batch(self) -> Batch[J] | None:
        """Return the submits that were added since the last call and not cancelled, or None.

        A batch has the submits that are as durable as the first. The others wait for the next call.
        """
        live = [one for one in self._next if not one[1].done()]
        if not live:
            self._sent, self._next = [], []
            return None
        durable = live[0][0].durable
        self._sent = [one for one in live if one[0].durable == durable]
        self._next = [one for one in live if one[0].durable != durable]
        return self._core.builder.together([item for item, _ in self._sent])

    def accept(self, batch: Batch[J], answers: Sequence[Any]) -> list[J]:
        """Give each submit under way its job or its error.

        Returns:
            The jobs that were in Redis before, which must be looked up.
        """
        before = self._core.take(batch, answers)
        for call, answer in zip(batch.made, answers, strict=True):
            for place in call.places:
                item, waiting = self._sent[place]
                if waiting.done():
                    continue
                if isinstance(answer, PyjobsError):
                    waiting.set_exception(of_item(answer, item))
                else:
                    waiting.set_result(batch.jobs[place])
        return before

    def fail(self, error: BaseException) -> None:
        """Fail every submit: those under way may have reached Redis, the others were not sent."""
        for item, waiting in self._sent:
            if not waiting.done():
                why = f"interrupted before its answer came ({type(error).__name__}: {error})"
                waiting.set_exception(of_item(OutcomeUnknown(why), item))
        for _, waiting in self._next:
            if not waiting.done():
                waiting.set_exception(ClientClosed("the client was closed before it was sent"))
        self._sent, self._next = [], []


def of_item(error: PyjobsError, item: Item) -> PyjobsError:
    """Return the error of a call for one of its submits."""
    own = copied(error)
    if isinstance(own, OutcomeUnknown):
        own.ids = (item.id,)
    return own
