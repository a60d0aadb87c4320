"""Pauses between attempts, and what the log says of an outage."""

from __future__ import annotations

import pytest

from pyjobs.transport.backoff import Backoff, Outage


def test_a_pause_doubles_up_to_its_bound_and_loses_up_to_half_at_random() -> None:
    for _ in range(100):
        backoff = Backoff(1.0, 10.0)
        for most in (1.0, 2.0, 4.0, 8.0, 10.0, 10.0):
            assert most / 2 <= backoff.pause() <= most


def test_pauses_of_two_processes_differ() -> None:
    pauses = {Backoff(1.0, 10.0).pause() for _ in range(20)}
    assert len(pauses) > 1


def test_a_reset_makes_the_next_pause_a_first_one() -> None:
    backoff = Backoff(1.0, 10.0)
    for _ in range(5):
        backoff.pause()
    backoff.reset()
    assert backoff.pause() <= 1.0


def test_pauses_do_not_grow_when_the_first_is_the_longest() -> None:
    backoff = Backoff(0.4, 0.4)
    assert all(0.2 <= backoff.pause() <= 0.4 for _ in range(50))


def test_an_endless_outage_overflows_nothing() -> None:
    backoff = Backoff(0.1, 5.0)
    assert all(backoff.pause() <= 5.0 for _ in range(5000))


def test_an_outage_is_logged_once_when_it_begins_and_once_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outage = Outage("redis://here")
    outage.over()
    assert not caplog.records
    for _ in range(2):
        caplog.clear()
        pauses = [outage.pause(OSError("refused")) for _ in range(10)]
        assert pauses[0] <= 0.2 and max(pauses) <= 2.0
        outage.over()
        outage.over()
        assert [record.message for record in caplog.records] == [
            "redis://here is unavailable (refused); trying again",
            "redis://here is available again",
        ]
        assert {record.name for record in caplog.records} == {"pyjobs.transport.backoff"}
