"""Which channel is heard on which node of a cluster: decided without a server."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from redis import exceptions
from support.cluster import key_slot

from pyjobs.errors import Unavailable
from pyjobs.transport.backoff import Backoff
from pyjobs.transport.shards import ANY_NODE, CLASSIC_SECONDS, BaseShards
from pyjobs.transport.slots import Address, SlotTable
from pyjobs.transport.subscription import BaseSubscription

A, B = b"jobs:{q}:client:a", b"jobs:{r}:client:a"
ONE, TWO = Address("one", 1), Address("two", 2)
BOTH = {A: ONE, B: TWO}


def table(owners: dict[bytes, Address]) -> SlotTable:
    found = SlotTable([ONE])
    rows = [[0, 16383, [b"one", 1, b"id", []]]]
    assert found.learn(rows, ONE) and found.sharded
    for channel, owner in owners.items():
        found.moved(key_slot(channel.decode()), owner)
    return found


class Shards(BaseShards[BaseSubscription]):
    """Places its channels, and takes replies that are given to it."""

    def __init__(self, owners: dict[bytes, Address] = BOTH, *, classic: bool = False) -> None:
        super().__init__(table(owners), needed=False, classic=classic)
        self._channels.update(dict.fromkeys((A, B)))

    def place(self) -> dict[Address, list[bytes]]:
        server: Any = SimpleNamespace(connection_pool=None)
        found = self._owners(self._unplaced())
        for node, names in found.items():
            part = self._parts.setdefault(
                node, BaseSubscription(server, (), Backoff(1, 1), False, sharded=True)
            )
            part.enter(names)
            assert set(part._unsent()) == set(names)
            self._where.update(dict.fromkeys(names, node))
        return dict(found)

    def says(self, node: Address, reply: Any) -> None:
        part = self._parts[node]
        part._take(reply)
        self._answered_by(part)

    def confirm(self) -> None:
        for name, node in list(self._where.items()):
            self.says(node, [b"ssubscribe", name, 1])

    def begin_classic(self) -> None:
        server: Any = SimpleNamespace(connection_pool=None)
        self._parts[ANY_NODE] = BaseSubscription(server, (), Backoff(1, 1), False)

    def left(self, seconds: float, waited: float) -> float:
        return self._left((A, B), time.monotonic() - waited, seconds)

    def breaks(self, node: Address) -> None:
        self._broke(node, Unavailable("away"))

    def heard(self) -> set[bytes]:
        return {name for name in self._channels if self._is_answered(name)}

    def is_stale(self) -> bool:
        return self._table.stale

    def wait_is_over(self) -> None:
        self._due = 0.0


@pytest.fixture
def shards() -> Shards:
    found = Shards()
    found.place()
    found.confirm()
    return found


def test_each_channel_is_placed_once_on_the_owner_of_its_slot() -> None:
    shards = Shards()
    assert shards.place() == {ONE: [A], TWO: [B]}
    assert shards.place() == {}
    assert shards.heard() == set()
    shards.confirm()
    assert shards.heard() == {A, B}
    assert not shards.missed


def test_a_channel_that_its_node_gives_up_is_placed_anew_and_reported_as_missed(
    shards: Shards,
) -> None:
    shards.says(ONE, [b"sunsubscribe", A, 0])
    assert shards.heard() == {B}
    assert shards.is_stale()
    assert shards.place() == {ONE: [A]}
    assert not shards.missed
    shards.confirm()
    assert shards.heard() == {A, B}
    assert shards.missed


def test_a_channel_is_placed_on_the_node_that_an_answer_names_at_once() -> None:
    shards = Shards({A: ONE, B: ONE})
    shards.place()
    shards.says(ONE, exceptions.MovedError(f"{key_slot('q')} two:2"))
    assert shards.place() == {TWO: [A]}
    shards.confirm()
    assert shards.heard() == {A, B}


def test_nodes_that_name_each_other_are_asked_after_a_pause() -> None:
    shards = Shards({A: ONE, B: ONE})
    shards.place()
    shards.says(ONE, exceptions.MovedError(f"{key_slot('q')} two:2"))
    shards.place()
    shards.says(TWO, exceptions.MovedError(f"{key_slot('q')} one:1"))
    assert shards.pause > 0
    assert shards.place() == {}
    shards.wait_is_over()
    assert shards.place() == {ONE: [A]}


def test_a_node_that_breaks_costs_the_channels_of_others_nothing(shards: Shards) -> None:
    shards.breaks(ONE)
    assert shards.heard() == {B}
    assert shards.place() == {}
    shards.wait_is_over()
    assert shards.place() == {ONE: [A]}
    shards.confirm()
    assert shards.missed


def test_a_broken_connection_for_classic_channels_is_reported_as_missed(shards: Shards) -> None:
    shards.begin_classic()
    shards.breaks(ANY_NODE)
    assert shards.missed
    assert shards.heard() == {A, B}
    # What is published there until they are heard again is missed too.
    shards.missed = False
    shards.begin_classic()
    shards.says(ANY_NODE, [b"subscribe", A, 1])
    assert shards.missed


def test_the_owners_of_channels_are_waited_for_to_the_end_and_without_them_it_is_an_error() -> None:
    shards = Shards(classic=True)
    shards.place()
    assert shards.left(5.0, waited=1.0) == pytest.approx(4.0, abs=0.5)
    with pytest.raises(Unavailable):
        shards.left(5.0, waited=5.0)


def test_classic_channels_are_waited_for_for_a_moment_and_then_reported_as_missed() -> None:
    """Redis publishes there what the node of a channel has no subscriber for."""
    shards = Shards(classic=True)
    shards.place()
    shards.confirm()
    assert 0 < shards.left(5.0, waited=0.0) <= CLASSIC_SECONDS
    shards.begin_classic()
    shards.says(ANY_NODE, [b"subscribe", A, 1])
    assert 0 < shards.left(5.0, waited=0.0) <= CLASSIC_SECONDS, "one is lacking"
    assert shards.left(5.0, waited=CLASSIC_SECONDS) == 0
    assert not shards.missed
    shards.says(ANY_NODE, [b"subscribe", B, 2])
    assert shards.missed


def test_classic_channels_that_are_heard_in_time_have_missed_nothing() -> None:
    shards = Shards(classic=True)
    shards.place()
    shards.confirm()
    shards.begin_classic()
    for name in (A, B):
        shards.says(ANY_NODE, [b"subscribe", name, 1])
    assert shards.left(5.0, waited=0.0) == 0
    assert not shards.missed


def test_channels_without_an_owner_are_placed_after_a_pause() -> None:
    shards = Shards()
    shards._table = SlotTable([ONE])
    assert shards.place() == {}
    assert shards.pause > 0
    assert shards.heard() == set()
