"""Sending submits that are durable: a wait for replicas follows the calls."""

from __future__ import annotations

from typing import Any

import pytest
from redis import exceptions
from support.delivery import NEW, NEW_REPLY, Delivery, submit
from support.store import Q

from pyjobs.engine.call import Call
from pyjobs.engine.durable import Durable, Kept, Reached
from pyjobs.engine.simple import SIMPLE
from pyjobs.errors import BadArgument, NotDurable, OutcomeUnknown

ONE_REPLICA = Durable(1, aof=False)


def durable(*calls: Call[Any]) -> Delivery:
    return Delivery(calls, errors_in_place=True, durable=ONE_REPLICA)


def test_the_wait_follows_the_calls_and_says_how_many_replicas_have_all_of_them() -> None:
    delivery = durable(submit("a"), submit("b"))
    [written] = delivery.packed()
    assert written.endswith(b"$4\r\nWAIT\r\n$1\r\n1\r\n$4\r\n3000\r\n")
    for reply in ([b"a", b"new"], [b"b", b"new"], 2):
        delivery.take(reply)
    delivery.pause()
    assert delivery.answers == [
        Kept(NEW, Reached(2, aof=False)),
        Kept([("b", "new")], Reached(2, aof=False)),
    ]


def test_calls_whose_wait_had_no_reply_are_sent_again() -> None:
    """Another connection can't wait for what they wrote."""
    delivery = durable(submit("a"))
    delivery.take(NEW_REPLY)
    delivery.pause(exceptions.ConnectionError("gone"))
    assert delivery.left == [0]
    delivery.take(NEW_REPLY)
    delivery.take(1)
    delivery.pause()
    assert delivery.answers == [Kept(NEW, Reached(1, aof=False))]


def test_calls_that_may_not_be_repeated_are_unknown_when_their_wait_has_no_reply() -> None:
    delivery = Delivery(
        [SIMPLE.submit(Q, [("a", b"1")])], errors_in_place=True, durable=ONE_REPLICA
    )
    delivery.take(NEW_REPLY)
    delivery.pause(exceptions.ConnectionError("gone"))
    [answer] = delivery.answers
    assert type(answer) is OutcomeUnknown


@pytest.mark.parametrize("waited", [0, exceptions.ResponseError("UNBLOCKED a demoted primary")])
def test_a_call_that_too_few_have_is_not_durable_and_not_sent_again(waited: Any) -> None:
    delivery = durable(submit("a"))
    delivery.take(NEW_REPLY)
    delivery.take(waited)
    delivery.pause()
    [answer] = delivery.answers
    assert isinstance(answer, NotDurable) and delivery.left == []


def test_a_call_that_the_script_refused_keeps_its_error() -> None:
    delivery = durable(submit("a"))
    delivery.take(exceptions.ResponseError("BADARG no"))
    delivery.take(1)
    delivery.pause()
    [answer] = delivery.answers
    assert type(answer) is BadArgument
