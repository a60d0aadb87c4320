"""Submits that are awaited at the same time, to be sent in few calls. Nothing here sends or waits.

Each is answered by itself: an error goes to those whom it is about, and one that is cancelled
disturbs nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Generic

from pyjobs.client.batch import Batch, Item
from pyjobs.client.core import ClientCore
from pyjobs.client.pending import J
from pyjobs.errors import ClientClosed, OutcomeUnknown, PyjobsError

Waiting = asyncio.Future[J]


class Coalescer(Generic[J]):
    """What was not sent yet, and what is on its way.

    Args:
        core: makes calls of it.
    """

    def __init__(self, core: ClientCore[J]) -> None:
        self._core = core
        self._next: list[tuple[Item, Waiting[J]]] = []
        self._sent: list[tuple[Item, Waiting[J]]] = []

    def add(self, item: Item, waiting: Waiting[J]) -> Waiting[J]:
        """One more, and the future that its job or its error goes to."""
        self._next.append((item, waiting))
        return waiting

    def batch(self) -> Batch[J] | None:
        """All that was added since the last call and is still wanted; None when nothing was."""
        self._sent = [(item, waiting) for item, waiting in self._next if not waiting.done()]
        self._next = []
        return self._core.together([item for item, _ in self._sent]) if self._sent else None

    def accept(self, batch: Batch[J], answers: Sequence[Any]) -> list[J]:
        """Answer everybody. Returns the jobs that were there before, and must be asked for."""
        before = self._core.take(batch, answers)
        for chunk, answer in zip(batch.chunks, answers, strict=True):
            for place in chunk.places:
                item, waiting = self._sent[place]
                if waiting.done():
                    continue
                if isinstance(answer, PyjobsError):
                    waiting.set_exception(copied(answer, item))
                else:
                    waiting.set_result(batch.jobs[place])
        return before

    def fail(self, error: BaseException) -> None:
        """It was not sent to the end."""
        for item, waiting in self._sent:
            if not waiting.done():
                told = f"interrupted before its answer came ({type(error).__name__}: {error})"
                waiting.set_exception(copied(OutcomeUnknown(told), item))
        for _, waiting in self._next:
            if not waiting.done():
                waiting.set_exception(ClientClosed("the client was closed before it was sent"))
        self._sent, self._next = [], []


def copied(error: PyjobsError, item: Item) -> PyjobsError:
    """An error of many submits, for one of them."""
    own = type(error)(*error.args)
    own.__cause__ = error.__cause__
    if isinstance(own, OutcomeUnknown):
        own.ids = (item.id,)
    return own
