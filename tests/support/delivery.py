"""A delivery of calls, one step after the other: a test makes up what the server answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from redis import exceptions

from pyjobs.engine.call import Call
from pyjobs.engine.durable import Durable
from pyjobs.engine.reliable import RELIABLE
from pyjobs.transport import retry
from pyjobs.transport.retry import Done, GiveUp, Send
from support.store import Q

# What a submit of the job `a` returns, and what the server says then.
NEW = [("a", "new")]
NEW_REPLY = [b"a", b"new"]


def submit(id: str, data: bytes = b"data") -> Call[Any]:
    return RELIABLE.submit(Q, [(id, data)])


class Delivery:
    """A delivery, step by step: what an attempt brings is made up here."""

    def __init__(
        self,
        calls: Iterable[Call[Any]],
        *,
        errors_in_place: bool = False,
        durable: Durable | None = None,
    ) -> None:
        self._delivery = retry.Delivery(calls, errors_in_place=errors_in_place, durable=durable)
        self._step: Send | GiveUp | Done = self._delivery.first_step()

    @property
    def left(self) -> list[int]:
        return self._delivery.left

    @property
    def answers(self) -> list[Any]:
        return self._delivery.answers

    @property
    def loads(self) -> Sequence[str]:
        assert isinstance(self._step, Send)
        return self._step.loads

    def packed(self) -> Iterator[bytes]:
        assert isinstance(self._step, Send)
        return self._step.attempt.packed()

    def take(self, reply: Any) -> None:
        """A reply to the next call; all of them are given before the first reply."""
        assert isinstance(self._step, Send)
        if not self._step.attempt.given:
            list(self.packed())
        self._step.attempt.take(reply)

    def pause(self, error: exceptions.RedisError | None = None) -> float:
        """The attempt is over. Returns the pause before the next one, or raises what is raised."""
        if isinstance(self._step, Send):
            self._step = self._delivery.next_step(self._step.attempt, error)
        if isinstance(self._step, GiveUp):
            raise self._step.error
        return self._step.pause if isinstance(self._step, Send) else 0.0
