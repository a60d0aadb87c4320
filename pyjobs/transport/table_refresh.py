"""Which nodes of a cluster are asked for the owners of the slots, and what their answers mean.

Nothing here sends or waits: cluster.py does, by threads and by asyncio.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from redis import exceptions

from pyjobs.errors import Unavailable
from pyjobs.transport.errors import DISCONNECTED, translated
from pyjobs.transport.slots import Address, SlotTable

# A node that does not say which node owns which slot must not hold up the others for long.
PROBE_SECONDS = 1.0
# The first node is asked alone for so long. Most nodes answer sooner, and each further node costs a
# connection.
FIRST_SECONDS = 0.25

A = TypeVar("A", Future[Any], asyncio.Task[Any])


class TableRefresh(Generic[A]):
    """Responsible for one refresh of a table of slots: which node is asked when, and for how long
    the answers are waited for.

    Attributes:
        asked: the answers that have not come, each with its node.

    Args:
        table: learns what the nodes say.
        ask: sends CLUSTER SLOTS to one node; returns what will hold the reply.
    """

    def __init__(self, table: SlotTable, ask: Callable[[Address], A]) -> None:
        self.asked: dict[A, Address] = {}
        self._table = table
        self._ask: Callable[[Address], A] = ask

    def waits(self) -> Iterator[float]:
        """Ask nodes until one has named the owners. Yields each time how many seconds to wait, at
        most, until one of `asked` is done.

        A node that has not answered in an earlier round may still answer. One that has not answered
        by the end of the last round is silent.
        """
        for nodes, seconds in self._rounds():
            self.asked |= {self._ask(node): node for node in nodes}
            until = time.monotonic() + seconds
            while self.asked:
                yield max(0.0, until - time.monotonic())
                answered = [one for one in self.asked if one.done()]
                if not answered:
                    break
                for one in answered:
                    self._take(one, self.asked.pop(one))
                    if self._table.failure is None:
                        return
        for node in self.asked.values():
            self._failed(node, exceptions.TimeoutError(f"no reply in {PROBE_SECONDS:g} s"))

    def _rounds(self) -> Iterator[tuple[list[Address], float]]:
        """Yield nodes to ask, and for how many seconds their answers are waited for."""
        first, *others = self._table.nodes()
        if others:
            yield [first], FIRST_SECONDS
        yield others or [first], PROBE_SECONDS

    def _take(self, answer: A, node: Address) -> None:
        try:
            reply = answer.result()
        except exceptions.RedisError as error:
            self._failed(node, error)
            return
        self._table.answered(node)
        if self._table.learn(reply, node):
            self._table.failure = None
        else:
            self._table.failure = Unavailable(
                f"{node.host}:{node.port}: no node of the cluster has any slot"
            )

    def _failed(self, node: Address, error: exceptions.RedisError) -> None:
        if isinstance(error, DISCONNECTED):
            self._table.broke(node)
        failure = translated(error)
        failure.args = (f"{node.host}:{node.port}: {error}",)
        self._table.failure = failure
