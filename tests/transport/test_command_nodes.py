"""Which nodes of a cluster get a command that is no script. Nothing is sent."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from redis import exceptions

from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.transport.cluster import NodeClients
from pyjobs.transport.commands import _asking
from pyjobs.transport.router import MOST_HOPS
from pyjobs.transport.slots import Address, slot_of

ONE, OTHER = Address("one", 1), Address("other", 2)
KEY = "jobs:{q}:pending"


@pytest.fixture
def nodes() -> NodeClients[Any]:
    """A cluster of two nodes, of which `ONE` owns every slot."""
    found: NodeClients[Any] = NodeClients([ONE, OTHER], lambda *_: None, 1.0)
    found.table.learn([[0, 16383, [b"one", 1, b"id"], [b"other", 2, b"id"]]], ONE)
    return found


def moved(to: Address) -> exceptions.MovedError:
    return exceptions.MovedError(f"{slot_of(KEY)} {to.host}:{to.port}")


def reply_of(asking: Generator[Any, Any, Any], answer: Any) -> Any:
    with pytest.raises(StopIteration) as end:
        asking.send(answer)
    return end.value.value


def test_a_command_with_a_key_goes_to_the_owner_of_its_slot_and_follows_the_slot(
    nodes: NodeClients[Any],
) -> None:
    asking = _asking(nodes, KEY)
    assert next(asking) is None
    assert asking.send(None) == ONE
    assert asking.send(moved(OTHER)) is None
    assert asking.send(None) == OTHER
    assert reply_of(asking, b"reply") == b"reply"


def test_a_command_whose_slot_moves_each_time_is_given_up(nodes: NodeClients[Any]) -> None:
    asking = _asking(nodes, KEY)
    next(asking)
    for _ in range(MOST_HOPS):
        asking.send(None)
        assert asking.send(moved(OTHER)) is None
    assert asking.send(None) == OTHER
    with pytest.raises(PyjobsError):
        asking.send(moved(ONE))


def test_a_command_whose_owner_is_silent_is_unavailable_and_names_the_node(
    nodes: NodeClients[Any],
) -> None:
    asking = _asking(nodes, KEY)
    next(asking)
    asking.send(None)
    with pytest.raises(Unavailable, match="one:1"):
        asking.send(exceptions.TimeoutError("no reply in 1 s"))
    assert nodes.table.is_broken(ONE)


def test_a_command_whose_slot_has_no_known_owner_raises_why_the_table_is_not_known(
    nodes: NodeClients[Any],
) -> None:
    unknown: NodeClients[Any] = NodeClients([ONE], lambda *_: None, 1.0)
    unknown.table.failure = Unavailable("one:1: no reply in 1 s")
    asking = _asking(unknown, KEY)
    next(asking)
    with pytest.raises(Unavailable, match="one:1"):
        asking.send(None)


def test_a_command_without_a_key_goes_to_the_next_node_when_one_is_silent(
    nodes: NodeClients[Any],
) -> None:
    nodes.table.answered(ONE)
    asking = _asking(nodes, None)
    assert next(asking) is None
    assert asking.send(None) == ONE
    assert asking.send(exceptions.TimeoutError("no reply in 1 s")) == OTHER
    assert reply_of(asking, b"PONG") == b"PONG"
    assert nodes.table.answering()[0] == OTHER


def test_a_command_without_a_key_that_a_node_refuses_is_sent_to_no_other(
    nodes: NodeClients[Any],
) -> None:
    asking = _asking(nodes, None)
    next(asking)
    asking.send(None)
    with pytest.raises(exceptions.NoPermissionError):
        asking.send(exceptions.NoPermissionError("no"))
