"""Which call goes to which node, and what each answer means. Nothing is sent: a node is made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from redis import exceptions
from support.store import Q

from pyjobs.engine.call import Call
from pyjobs.engine.queue import fetch
from pyjobs.engine.simple import SIMPLE
from pyjobs.errors import OutcomeUnknown, PyjobsError, QueueFull, Unavailable
from pyjobs.transport.errors import translated
from pyjobs.transport.router import MOST_HOPS, PART, Group, Routing
from pyjobs.transport.slots import Address, SlotTable, slot_of

A, B = Address("a", 1), Address("b", 2)
OTHER = "jobs:{other}"
TRIES = 3

Answer = Callable[[Call[Any]], Any]


def table_with(**owners: Address) -> SlotTable:
    """A table in which one node owns all, and others the slots of some queues."""
    table = SlotTable([A])
    table.learn([[0, 16383, [b"a", 1, b"id"]]], A)
    for name, owner in owners.items():
        table.moved(slot_of(name), owner)
    return table


def error(cause: exceptions.RedisError) -> PyjobsError:
    return translated(cause)


def moved(queue: str, to: str) -> PyjobsError:
    return error(exceptions.MovedError(f"{slot_of(queue)} {to}"))


def lost() -> OutcomeUnknown:
    found = OutcomeUnknown("reset")
    found.__cause__ = exceptions.ConnectionError("reset")
    return found


def calls(*queues: str) -> list[Call[Any]]:
    return [fetch(queue, ["a"]) for queue in queues]


class Rounds:
    """Runs a routing to its end; each node answers what it was made to."""

    def __init__(self, routing: Routing, **nodes: Answer) -> None:
        self.sent: list[tuple[str, list[str]]] = []
        self.pauses: list[float] = []
        while (pause := routing.begin_round()) is not None:
            self.pauses.append(pause)
            for group in routing.groups():
                routing.take(group, self._answers(group, nodes))
        self.answers = routing.answers

    def _answers(self, group: Group, nodes: dict[str, Answer]) -> list[Any]:
        host = "nobody" if group.node is None else group.node.host
        self.sent.append((host, [call.keys[0] for call in group.calls]))
        return [nodes[host](call) for call in group.calls]


def test_calls_go_to_the_owners_of_their_slots_and_answers_keep_their_places() -> None:
    table = table_with(other=B)
    routing = Routing(table, calls(Q, OTHER, Q), TRIES)
    rounds = Rounds(routing, a=lambda _: "from a", b=lambda _: "from b")
    assert rounds.answers == ["from a", "from b", "from a"]
    assert rounds.sent == [("a", [Q, Q]), ("b", [OTHER])]


def test_a_stream_is_pulled_in_parts() -> None:
    routing = Routing(table_with(), (call for call in calls(*[Q] * (PART + 1))), TRIES)
    rounds = Rounds(routing, a=lambda _: 1)
    assert [len(queues) for _, queues in rounds.sent] == [PART, 1]
    assert rounds.answers == [1] * (PART + 1)


def test_no_calls_have_no_answers() -> None:
    assert Rounds(Routing(table_with(), [], TRIES)).answers == []


def test_moved_is_followed_at_once_and_remembered_even_without_a_try() -> None:
    table = table_with()
    rounds = Rounds(
        Routing(table, calls(Q, OTHER), 0),
        a=lambda call: moved("q", "b:2") if call.keys[0] == Q else "stays",
        b=lambda _: "moved",
    )
    assert rounds.answers == ["moved", "stays"] and rounds.pauses == [0.0, 0.0]
    assert rounds.sent[1:] == [("b", [Q])] and table.owner(Q) == B


def test_a_call_that_may_not_be_repeated_follows_moved() -> None:
    """Nothing was carried out."""
    call = SIMPLE.submit(Q, [("a", b"1")])
    assert not call.script.replay_safe
    routing = Routing(table_with(), [call], TRIES)
    assert Rounds(routing, a=lambda _: moved("q", "b:2"), b=lambda _: 1).answers == [1]


def test_nodes_that_name_each_other_are_followed_a_bounded_number_of_times() -> None:
    rounds = Rounds(
        Routing(table_with(), calls(Q), 0),
        a=lambda _: moved("q", "b:2"),
        b=lambda _: moved("q", "a:1"),
    )
    assert len(rounds.sent) == MOST_HOPS + 1
    assert type(rounds.answers[0]) is Unavailable


@pytest.mark.parametrize(
    "cause",
    [
        exceptions.AskError(f"{slot_of(Q)} b:2"),
        exceptions.TryAgainError("Multiple keys request during rehashing of slot"),
        exceptions.ClusterDownError("The cluster is down"),
        exceptions.ReadOnlyError("You can't write against a read only replica."),
        exceptions.BusyLoadingError("Redis is loading the dataset in memory"),
        exceptions.ConnectionError("Error 111 connecting to a:1. Connection refused."),
    ],
    ids=lambda cause: type(cause).__name__,
)
@pytest.mark.parametrize("call", [fetch(Q, ["a"]), SIMPLE.submit(Q, [("a", b"1")])])
def test_a_call_that_was_refused_is_sent_again_after_a_pause_to_the_owner_by_then(
    cause: Any, call: Call[Any]
) -> None:
    table = table_with()
    answers = iter([error(cause), error(cause), "there"])
    rounds = Rounds(Routing(table, [call], TRIES), a=lambda _: next(answers))
    assert rounds.answers == ["there"] and {host for host, _ in rounds.sent} == {"a"}
    assert len(rounds.pauses) == 3 and 0.0 < rounds.pauses[2] <= 0.05


def test_the_last_refusal_is_the_answer_when_the_tries_are_used_up() -> None:
    table = table_with()
    rounds = Rounds(
        Routing(table, calls(Q), TRIES),
        a=lambda _: error(exceptions.AskError(f"{slot_of(Q)} b:2")),
    )
    assert len(rounds.sent) == 1 + TRIES and table.stale
    assert type(rounds.answers[0]) is Unavailable


def test_a_call_that_may_have_run_is_repeated_only_where_its_script_may_be() -> None:
    safe, unsafe = fetch(Q, ["a"]), SIMPLE.submit(Q, [("a", b"1")])
    answers = iter([lost(), lost(), "again"])
    rounds = Rounds(Routing(table_with(), [safe, unsafe], TRIES), a=lambda _: next(answers))
    assert rounds.answers[0] == "again"
    assert isinstance(rounds.answers[1], OutcomeUnknown)


@pytest.mark.parametrize(
    "answer",
    [
        error(exceptions.ResponseError("WRONGMODE queue q is simple")),
        error(exceptions.AuthenticationError("WRONGPASS")),
        error(exceptions.NoScriptError("No matching script.")),
        QueueFull("OOM"),
    ],
    ids=lambda answer: type(answer.__cause__).__name__,
)
def test_an_error_that_repeating_does_not_cure_is_the_answer(answer: PyjobsError) -> None:
    rounds = Rounds(Routing(table_with(), calls(Q), TRIES), a=lambda _: answer)
    assert rounds.answers == [answer] and len(rounds.sent) == 1


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(exceptions.TimeoutError("Timeout connecting to server"), id="not reached"),
        pytest.param(exceptions.BusyLoadingError("LOADING"), id="refused"),
        pytest.param(exceptions.NoPermissionError("NOPERM"), id="forbidden"),
    ],
)
def test_a_call_that_may_have_run_is_unknown_although_its_later_tries_have_not(
    later: exceptions.RedisError,
) -> None:
    answers = iter([lost(), *[error(later) for _ in range(9)]])
    routing = Routing(table_with(), calls(Q), TRIES)
    [found] = Rounds(routing, a=lambda _: next(answers)).answers
    assert type(found) is OutcomeUnknown
    assert type(found.__cause__) is type(later)


def test_a_node_that_is_gone_keeps_no_other_node_from_answering() -> None:
    refused = error(exceptions.ConnectionError("Error 111 connecting to a:1. Connection refused."))
    rounds = Rounds(
        Routing(table_with(other=B), calls(Q, OTHER), TRIES),
        a=lambda _: refused,
        b=lambda _: "lives",
    )
    assert str(rounds.answers[0]) == f"node a:1: {refused}"
    assert rounds.answers[1] == "lives"
    assert [host for host, _ in rounds.sent].count("b") == 1


def test_calls_of_a_slot_that_nobody_owns_wait_for_an_owner() -> None:
    table = SlotTable([A])

    def nobody(_: Call[Any]) -> Any:
        table.learn([[0, 16383, [b"a", 1, b"id"]]], A)
        return Unavailable("no owner")

    rounds = Rounds(Routing(table, calls(Q), TRIES), nobody=nobody, a=lambda _: "there")
    assert rounds.answers == ["there"]


def test_a_round_in_which_a_node_said_nothing_counts_as_two_tries() -> None:
    silent = error(exceptions.TimeoutError("Timeout reading from socket"))
    routing = Routing(table_with(), calls(Q), 4)
    rounds = Rounds(routing, a=lambda _: silent)
    assert len(rounds.sent) == 3
    assert isinstance(rounds.answers[0], Unavailable)
    refused = error(exceptions.ConnectionError("refused"))
    assert len(Rounds(Routing(table_with(), calls(Q), 4), a=lambda _: refused).sent) == 5
