"""Round trips that break off: which errors pass, and when a worker gives up."""

from __future__ import annotations

import asyncio

import pytest

from pyjobs.errors import Forbidden
from pyjobs.worker.claiming.faults import MOST_IN_A_ROW, PAUSE_SECONDS, Faults


@pytest.mark.parametrize("error", [Forbidden("no"), asyncio.CancelledError(), SystemExit()])
def test_an_error_that_repeating_does_not_cure_is_raised_at_once(error: BaseException) -> None:
    with pytest.raises(type(error)):
        Faults().pause(error)


def test_pauses_grow_until_the_error_is_raised() -> None:
    faults, error = Faults(), TypeError("a fault of a library")
    pauses = [faults.pause(error) for _ in range(MOST_IN_A_ROW)]
    assert pauses == [PAUSE_SECONDS * number for number in range(1, MOST_IN_A_ROW + 1)]
    with pytest.raises(TypeError):
        faults.pause(error)


def test_an_answer_begins_the_count_anew() -> None:
    faults, error = Faults(), TypeError("a fault of a library")
    for _ in range(MOST_IN_A_ROW):
        faults.pause(error)
    faults.over()
    assert faults.pause(error) == PAUSE_SECONDS
