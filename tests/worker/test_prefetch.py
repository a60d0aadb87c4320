"""How far ahead a worker claims, from how long its jobs run: decided without a clock."""

from __future__ import annotations

import pytest

from pyjobs.worker.claiming.prefetch import (
    AHEAD_SECONDS,
    MOST_AHEAD,
    STUCK_SECONDS,
    WEIGHT,
    Prefetch,
)


def test_the_first_run_decides_how_many_jobs_are_claimed_ahead() -> None:
    made = Prefetch(10, None)
    made.ran(0.0042)
    assert made.ahead == int(10 * AHEAD_SECONDS / 0.0042)


def test_later_runs_change_the_mean_by_their_weight() -> None:
    made = Prefetch(10, None)
    made.ran(0.01)
    made.ran(0.02)
    assert made.ahead == int(10 * AHEAD_SECONDS / (0.01 + 0.01 * WEIGHT))


def test_runs_that_take_no_time_have_the_most_jobs_claimed_ahead() -> None:
    made = Prefetch(10, None)
    made.ran(0.0)
    assert (made.ahead, made.room, made.share) == (MOST_AHEAD, 10 + MOST_AHEAD, 5 + MOST_AHEAD // 2)


def test_a_worker_of_one_job_claims_one() -> None:
    assert (Prefetch(1, 0).room, Prefetch(1, 0).share) == (1, 1)


@pytest.mark.parametrize(("later", "stuck"), [(-0.001, False), (0.0, True), (1.0, True)])
def test_a_worker_is_stuck_when_nothing_has_started_for_so_long(later: float, stuck: bool) -> None:
    made = Prefetch(10, None)
    made.ran(0.0001)
    made.started(50.0)
    assert made.stuck(50.0 + STUCK_SECONDS + later) is stuck
    assert (made.ahead == 0) is stuck


def test_a_short_run_after_a_stop_does_not_fill_the_worker_again() -> None:
    made = Prefetch(100, None)
    made.ran(0.0001)
    made.started(50.0)
    made.stuck(50.0 + 4 * STUCK_SECONDS)
    made.ran(0.0)
    assert made.ahead == int(100 * AHEAD_SECONDS / (4 * STUCK_SECONDS * (1 - WEIGHT)))


def test_a_mean_that_is_longer_than_the_stop_stays() -> None:
    made = Prefetch(1000, None)
    made.ran(8 * STUCK_SECONDS)
    made.started(50.0)
    made.stuck(50.0 + STUCK_SECONDS)
    made.ran(8 * STUCK_SECONDS)
    assert made.ahead == int(1000 * AHEAD_SECONDS / (8 * STUCK_SECONDS))


def test_a_fixed_number_of_jobs_stays_and_never_sticks() -> None:
    made = Prefetch(10, 3)
    made.ran(0.0)
    made.started(0.0)
    assert not made.stuck(1000.0)
    assert (made.ahead, made.room) == (3, 13)
