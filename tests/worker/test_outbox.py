"""How outcomes are packed into calls: decided without a server."""

from __future__ import annotations

import pytest
from support.worker_core import claimed

from pyjobs.engine.limits import CALL_BYTES, RECORD_ITEMS
from pyjobs.engine.outcome import Outcome
from pyjobs.worker.claiming.outbox import Outbox
from pyjobs.worker.run import Run

KEYS = ("jobs:{a}", "jobs:{b}")


def outbox(*bodies: bytes, verb: str = "complete", queue: int = 0) -> Outbox:
    made = Outbox()
    for body in bodies:
        made.add(Run(claimed(queue), "ab"[queue], None), Outcome(verb, body))
    return made


def sizes(made: Outbox) -> list[int]:
    """How many outcomes each call carries."""
    return [len(part) for _, _, part in made.drain(KEYS)]


@pytest.mark.parametrize(
    ("bodies", "parts"),
    [
        ([CALL_BYTES - 1, 1, 1], [3]),
        ([CALL_BYTES + 1, 1], [1, 1]),
        ([CALL_BYTES, 1, 1], [2, 1]),
    ],
)
def test_a_call_takes_outcomes_until_they_exceed_its_bytes(
    bodies: list[int], parts: list[int]
) -> None:
    assert sizes(outbox(*(b"x" * size for size in bodies))) == parts


def test_a_call_takes_so_many_outcomes_and_no_more() -> None:
    assert sizes(outbox(*[b""] * (RECORD_ITEMS + 1))) == [RECORD_ITEMS, 1]


def test_the_bytes_of_a_call_count_from_its_first_outcome() -> None:
    half = b"x" * (CALL_BYTES // 2 + 1)
    assert sizes(outbox(half, half, half, half)) == [2, 2]


def test_an_outbox_that_was_drained_is_empty() -> None:
    made = outbox(b"1")
    assert made
    assert sizes(made) == [1]
    assert not made
    assert sizes(made) == []
