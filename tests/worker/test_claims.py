"""Which queues a worker claims from, when one of them can't be read: decided without a server."""

from __future__ import annotations

import itertools

import pytest
from support.worker_core import NOW, OneLaneCore, args, begin, claimed, finish, make, take, verbs

from pyjobs.engine.limits import CLAIM_BYTES, RECORD_ITEMS
from pyjobs.engine.modes import MODES
from pyjobs.engine.outcome import Policy
from pyjobs.engine.replies import ClaimReply
from pyjobs.errors import (
    BadLayout,
    Forbidden,
    OutcomeUnknown,
    PyjobsError,
    Unavailable,
    WrongMode,
    WrongType,
)
from pyjobs.worker.claiming.claims import FIRST_LOOK, LONGEST_LOOK, Claims

A, B, C = KEYS = ("jobs:{a}", "jobs:{b}", "jobs:{c}")
ROOM = 67_108_864  # bytes
UNNAMED = WrongType("Operation against a key holding the wrong kind of value")
OF_B = [
    WrongMode("queue b is simple, not reliable"),
    BadLayout("queue b has layout 2, not 1"),
    BadLayout("queue b has the token x, not a number"),
]
LATER = NOW + LONGEST_LOOK


def claims(mode: str = "reliable", keys: tuple[str, ...] = KEYS) -> Claims:
    numbers = itertools.count(1)
    policy = Policy(lease=1000)
    return Claims(MODES[mode], keys, policy, lambda: f"nonce{next(numbers)}")


def asked(made: Claims, now: float = NOW) -> tuple[str, ...]:
    return made.call(RECORD_ITEMS, ROOM, now).keys


def nonce(made: Claims) -> str:
    return str(made.call(RECORD_ITEMS, ROOM, NOW).args[0])


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("error", OF_B, ids=["mode", "layout", "token"])
def test_a_queue_that_an_error_names_is_left_out_of_the_next_claim(
    mode: str, error: PyjobsError
) -> None:
    made = claims(mode)
    assert asked(made) == KEYS
    made.refused_by_queue(error, NOW)
    assert made.due and not made.under_way
    assert asked(made) == (A, C)
    assert made.served == [0, 2]
    assert made.changes == [(1, error)]


@pytest.mark.parametrize("error", [UNNAMED, Forbidden("NOPERM")], ids=["type", "right"])
def test_a_queue_that_no_error_names_is_found_by_claims_of_one_queue(error: PyjobsError) -> None:
    made = claims()
    asked(made)
    made.refused_by_queue(error, NOW)
    found = []
    for answer in (None, error, None):
        found.append(asked(made))
        if answer is None:
            made.answered(ClaimReply(-1, []))
        else:
            made.refused_by_queue(answer, NOW)
        assert made.due
    assert found == [(A,), (B,), (C,)]
    assert asked(made) == (A, C)
    assert made.changes == [(1, error)]


def test_a_reply_of_fewer_queues_has_the_indices_of_the_worker() -> None:
    made = claims()
    asked(made)
    made.refused_by_queue(OF_B[0], NOW)
    asked(made)
    reply = made.answered(ClaimReply(-1, [claimed(0), claimed(1)]))
    assert [job.queue_index for job in reply.jobs] == [0, 2]


def test_a_queue_that_was_set_aside_is_claimed_again_later_and_then_served() -> None:
    made = claims()
    asked(made)
    made.refused_by_queue(OF_B[0], NOW)
    asked(made)
    made.answered(ClaimReply(-1, []))
    assert 0 < made.wait_ms(NOW) <= LONGEST_LOOK * 1000
    assert asked(made, LATER) == KEYS
    made.answered(ClaimReply(-1, []))
    assert made.served == [0, 1, 2]
    assert made.changes[1:] == [(1, None)]
    assert made.wait_ms(LATER) == -1


def test_a_queue_that_stays_bad_is_reported_once_and_looked_at_less_and_less_often() -> None:
    made = claims()
    now, pauses = NOW, []
    for _ in range(12):
        while asked(made, now) != KEYS:
            made.answered(ClaimReply(-1, []))
            pauses.append(made.wait_ms(now))
            now += made.wait_ms(now) / 1000
        made.refused_by_queue(OF_B[0], now)
    assert made.changes == [(1, OF_B[0])]
    assert pauses[0] <= 1000 and LONGEST_LOOK * 500 <= pauses[-1] <= LONGEST_LOOK * 1000


@pytest.mark.parametrize("error", [OF_B[0], UNNAMED])
def test_a_claim_that_may_have_taken_jobs_is_repeated_for_the_other_queues(
    error: PyjobsError,
) -> None:
    """The jobs that it took would wait for the end of their lease, and each count a crash."""
    made = claims()
    first = nonce(made)
    made.unanswered(OutcomeUnknown("no reply"))
    asked(made)
    made.refused_by_queue(error, NOW)
    while made.unsure:
        assert nonce(made) == first
        made.answered(ClaimReply(-1, []))
    assert made.due or error is OF_B[0]
    assert nonce(made) != first


def test_queues_that_are_all_bad_leave_no_claim_to_repeat() -> None:
    made = claims(keys=(A, B))
    asked(made)
    made.unanswered(OutcomeUnknown("no reply"))
    made.refused_by_queue(WrongMode("queue a is simple, not reliable"), NOW)
    assert asked(made) == (B,)
    made.refused_by_queue(OF_B[0], NOW)
    assert made.served == [] and not made.unsure


class TestCore:
    """What the worker makes of it; its queues are a and b."""

    def bad(self, core: OneLaneCore, error: PyjobsError = OF_B[0]) -> None:
        core.woken()
        core.answered(core.requests(NOW), [error], NOW)

    def test_a_worker_goes_on_with_the_queues_that_are_good(self) -> None:
        core = make()
        self.bad(core)
        assert core.fatal is None and core.changes() == [("b", OF_B[0])] and core.changes() == []
        [request] = core.requests(NOW)
        assert request.call.keys == (A,)
        core.answered([request], [ClaimReply(-1, [claimed(0)])], NOW)
        [run] = begin(core)
        assert run.queue == "a"

    def test_a_worker_all_of_whose_queues_are_bad_ends_with_the_error(self) -> None:
        core = make()
        self.bad(core)
        error = WrongMode("queue a is simple, not reliable")
        self.bad(core, error)
        assert core.fatal is error
        core.stop(now=True)
        assert core.drained

    def test_an_idle_worker_looks_again_at_a_queue_that_was_set_aside(self) -> None:
        core = make()
        self.bad(core)
        core.answered(core.requests(NOW), [ClaimReply(-1, [])], NOW)
        wait = core.idle_ms(NOW)
        assert wait is not None and 0 < wait <= 1000
        core.woken()
        [request] = core.requests(NOW + wait / 1000)
        assert request.call.keys == (A, B)

    @pytest.mark.parametrize("error", [UNNAMED, Forbidden("NOPERM")], ids=["type", "right"])
    def test_an_outcome_that_its_queue_refuses_ends_no_worker(self, error: PyjobsError) -> None:
        core = make()
        [run] = take(core, 1, queue=1)
        finish(core, run)
        requests = core.requests(NOW)
        assert verbs(requests) == ["complete", "claim"]
        refused = core.answered(requests, [error, ClaimReply(-1, [])], NOW)
        assert refused == [(run, str(error))]
        assert core.fatal is None and core.lanes.served == [0] and not core.held

    def test_a_full_worker_repeats_a_claim_that_may_have_taken_jobs_with_a_valid_limit(
        self,
    ) -> None:
        core = make(room=1)
        core.unanswered(core.requests(NOW), OutcomeUnknown("no reply"))
        core.stop()
        self.bad(core)
        [request] = core.requests(NOW)
        assert args(request)["limit"] == 1


@pytest.mark.parametrize(
    ("wait", "looks", "waits"),
    [
        (-1, [1.5], 1500),
        (0, [1.5], 0),
        (700, [1.5], 700),
        (2000, [1.5], 1500),
        (2000, [1.5, 1.25], 1250),
        (2000, [], 2000),
    ],
)
def test_the_next_claim_is_at_the_first_of_its_jobs_and_of_the_looks(
    wait: int, looks: list[float], waits: int
) -> None:
    made = claims()
    asked(made)
    made.answered(ClaimReply(wait, []))
    for index, seconds in enumerate(looks):
        made.set_aside(index, OF_B[0], NOW + seconds - FIRST_LOOK)
    assert made.wait_ms(NOW) == waits


def test_the_next_claim_waits_for_a_look_when_every_queue_is_set_aside() -> None:
    made = claims()
    for index in range(len(KEYS)):
        made.set_aside(index, OF_B[0], NOW)
    made.wait = 1
    assert made.wait_ms(NOW) == FIRST_LOOK * 1000
    assert made.wait_ms(NOW + 10 * FIRST_LOOK) == 1


def test_a_claim_that_came_late_asks_for_half_as_many_bytes_and_later_ones_for_an_eighth_more() -> (
    None
):
    made = claims()
    asked(made)
    made.answered(ClaimReply(0, []), late=True)
    assert made.max_bytes == CLAIM_BYTES // 2
    asked(made)
    made.answered(ClaimReply(0, []))
    assert made.max_bytes == CLAIM_BYTES // 2 * 9 // 8 + 1
    for _ in range(9):
        asked(made)
        made.answered(ClaimReply(0, []))
    assert made.max_bytes == CLAIM_BYTES


def test_a_claim_whose_answer_was_broken_off_is_repeated_for_half_as_many_bytes() -> None:
    made = claims()
    first = made.call(RECORD_ITEMS, ROOM, NOW)
    for part in (2, 4):
        made.unanswered(OutcomeUnknown("connection closed"))
        again = made.call(1, 1, NOW)
        assert (again.keys, again.args[:3]) == (first.keys, first.args[:3])
        assert f"bytes={CLAIM_BYTES // part}" in str(again.args[3]).split()
    made.unanswered(Unavailable("refused"))
    assert made.call(1, 1, NOW) is again


def test_the_first_claim_is_due_at_once() -> None:
    made = claims()
    assert made.due
    assert made.wait_ms(NOW) == 0
