"""What a subscription makes of the replies on its connection: decided without a server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from redis import exceptions

from pyjobs.errors import Forbidden
from pyjobs.transport.backoff import Backoff
from pyjobs.transport.subscription import BaseSubscription

A, B = b"jobs:{q}:client:a", b"jobs:{q}:client:b"
DENIED = exceptions.NoPermissionError("no channel for you")


class Subscription(BaseSubscription):
    """A subscription that is told its replies."""

    def ask(self) -> list[bytes]:
        """The channels that it sends."""
        return self._unsent()

    def take(self, reply: Any) -> None:
        self._take(reply)


def made(*, needed: bool = False) -> Subscription:
    server: Any = SimpleNamespace(connection_pool=None)
    found = Subscription(server, [A.decode(), B.decode()], Backoff(1, 1), needed)
    assert found.ask() == [A, B]
    return found


@pytest.mark.parametrize(
    ("replies", "ready"),
    [
        ([], [False]),
        ([[b"subscribe", A, 1], [b"subscribe", B, 2]], [False, False, True]),
        ([[b"subscribe", A, 1], DENIED], [False, False, True]),
        ([DENIED, [b"subscribe", B, 1]], [False, False, True]),
        ([DENIED, DENIED], [False, False, False]),
    ],
    ids=["none", "both heard", "the second forbidden", "the first forbidden", "both forbidden"],
)
def test_a_subscription_is_ready_when_every_channel_is_answered_and_one_is_heard(
    replies: list[Any], ready: list[bool]
) -> None:
    found = made()
    states = [found.ready]
    for reply in replies:
        found.take(reply)
        states.append(found.ready)
    assert states == ready


def test_a_channel_is_sent_once() -> None:
    found = made()
    assert found.ask() == []


def test_channels_that_are_needed_raise_when_the_last_of_them_is_forbidden() -> None:
    found = made(needed=True)
    found.take(DENIED)
    with pytest.raises(Forbidden, match="no channel for you"):
        found.take(DENIED)


def test_a_forbidden_channel_beside_one_that_is_heard_raises_nothing_and_is_reported() -> None:
    found = made(needed=True)
    found.take([b"subscribe", A, 1])
    assert found.refusal is None
    found.take(DENIED)
    assert isinstance(found.refusal, Forbidden)


def test_an_error_that_answers_no_channel_is_raised() -> None:
    found = made()
    for name in (A, B):
        found.take([b"subscribe", name, 1])
    with pytest.raises(Forbidden):
        found.take(DENIED)


# --- whether the connection is alive ---


def test_a_probe_asks_once_more_for_one_channel_that_is_heard() -> None:
    found = made()
    assert found.probe() is None
    found.take([b"subscribe", A, 1])
    found.take([b"subscribe", B, 2])
    asked = found.probe()
    assert asked is not None and found.ask() == [asked]
    assert found.is_asked(asked) and found.ready
    found.take([b"subscribe", asked, 2])
    assert not found.is_asked(asked) and found.ask() == []
