"""The table of which node owns which slot: what it learns from replies and errors."""

from __future__ import annotations

from typing import Any

import pytest
from redis import exceptions
from support.store import Q

from pyjobs.transport.router import redirected
from pyjobs.transport.slots import Address, SlotTable, key_in, slot_of

A, B, C = Address("a", 1), Address("b", 2), Address("c", 3)


def member(node: Address) -> list[Any]:
    return [node.host.encode(), node.port, b"id", []]


def table_of(*spans: tuple[int, int, Address], seeds: tuple[Address, ...] = (A,)) -> SlotTable:
    table = SlotTable(seeds)
    assert table.learn([[first, last, member(owner)] for first, last, owner in spans], A)
    return table


def test_keys_of_one_queue_are_in_the_slot_of_its_tag() -> None:
    assert slot_of(Q) == slot_of(f"{Q}:wake") == slot_of("q")
    assert slot_of("jobs:queues") != slot_of("q")


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (("HSET", "jobs:queues", "q", "reliable"), "jobs:queues"),
        (("BLPOP", f"{Q}:wake", 1.0), f"{Q}:wake"),
        (("HGET", "jobs:queues", "q"), "jobs:queues"),
        (("PING",), None),
        (("ACL", "WHOAMI"), None),
    ],
)
def test_a_command_without_a_key_may_go_to_any_node(words: Any, key: str | None) -> None:
    assert key_in(words) == key


def test_a_table_that_has_learned_nothing_knows_no_owner_and_is_stale() -> None:
    table = SlotTable([A])
    assert table.owner(Q) is None and table.stale and table.nodes() == [A]
    assert table.owners() == []


def test_the_owner_of_a_slot_is_that_of_the_span_around_it() -> None:
    slot = slot_of(Q)
    table = table_of((0, slot - 1, A), (slot, slot, B), (slot + 1, 16383, C))
    assert table.owner(Q) == B
    assert table.owners() == [A, B, C] and not table.stale


def test_a_slot_between_two_spans_has_no_owner() -> None:
    slot = slot_of(Q)
    table = table_of((slot + 1, 16383, C), (0, slot - 1, A))
    assert table.owner(Q) is None


@pytest.mark.parametrize("host", [b"", b"?", None])
def test_a_node_without_a_host_is_at_the_host_that_was_asked(host: bytes | None) -> None:
    table = SlotTable([A])
    assert table.learn([[0, 16383, [host, 7, b"id"]]], Address("asked", 1))
    assert table.owner(Q) == ("asked", 7)


def test_replicas_are_nodes_and_no_owners() -> None:
    table = SlotTable([A])
    table.learn([[0, 16383, member(B), member(C)]], A)
    assert table.owners() == [B] and sorted(table.nodes()) == [A, B, C]


def test_a_reply_without_a_slot_changes_nothing() -> None:
    table = table_of((0, 16383, B))
    assert not table.learn([], A)
    assert table.owner(Q) == B and table.version == 1


def test_moved_names_the_owner_of_one_slot_until_the_next_reply() -> None:
    table = table_of((0, 16383, B))
    assert redirected(table, B, exceptions.MovedError(f"{slot_of(Q)} c:3"))
    assert table.owner(Q) == C and table.owner("jobs:queues") == B
    assert C in table.nodes() and C in table.owners()
    table.learn([[0, 16383, member(A)]], A)
    assert table.owner(Q) == A


def test_moved_without_a_host_means_the_host_that_answered() -> None:
    table = table_of((0, 16383, B))
    assert redirected(table, B, exceptions.MovedError(f"{slot_of(Q)} :9"))
    assert table.owner(Q) == ("b", 9)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.AskError(f"{slot_of(Q)} c:3"),
        exceptions.TryAgainError("Multiple keys request during rehashing of slot"),
        exceptions.ClusterDownError("The cluster is down"),
        exceptions.ReadOnlyError("You can't write against a read only replica."),
        exceptions.BusyLoadingError("Redis is loading the dataset in memory"),
        exceptions.ConnectionError("Error 111 connecting to b:2. Connection refused."),
        exceptions.TimeoutError("no reply in 5 s"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_answer_that_says_not_now_makes_the_table_stale_and_names_no_owner(error: Any) -> None:
    """ASK names a node too; it is not followed."""
    table = table_of((0, 16383, B))
    assert not redirected(table, B, error)
    assert table.stale and table.owner(Q) == B


def test_an_error_of_the_call_leaves_the_table_as_it_is() -> None:
    table = table_of((0, 16383, B))
    assert not redirected(table, B, exceptions.ResponseError("WRONGMODE queue q is simple"))
    assert not table.stale


def test_a_node_whose_connection_broke_comes_last_until_it_answers() -> None:
    table = table_of((0, 5000, A), (5001, 9000, B), (9001, 16383, C))
    table.broke(A)
    assert {table.nodes()[-1] for _ in range(20)} == {A}
    assert table.broken_last([A, C, B]) == [C, B, A]
    table.answered(A)
    assert table.broken_last([A, C, B]) == [A, C, B]


def test_the_node_that_answered_last_comes_first_for_what_any_node_can_answer() -> None:
    table = table_of((0, 100, B), (101, 16383, C))
    table.broke(A)
    table.answered(B)
    table.answered(C)
    assert {tuple(table.answering()) for _ in range(20)} == {(C, B, A)}
    table.broke(C)
    assert {table.answering()[0] for _ in range(20)} == {B}
