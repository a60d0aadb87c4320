"""Queues that are claimed apart, as in a cluster: order, room, and nodes that are away."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from support.worker_core import NOW, args, claimed, ids, verbs

from pyjobs.engine.limits import HELD_BYTES, MAX_BYTES
from pyjobs.engine.replies import ClaimReply
from pyjobs.errors import OutcomeUnknown, Unavailable, WrongMode
from pyjobs.worker import Worker
from pyjobs.worker.claiming.core import WorkerCore
from pyjobs.worker.claiming.lanes import HOLD_SECONDS, RESERVE_SECONDS, Lane
from pyjobs.worker.claiming.outbox import Request
from pyjobs.worker.outcomes import success

LATER = NOW + HOLD_SECONDS


def make(room: int = 10, mode: Any = "reliable") -> tuple[WorkerCore, Lane, Lane]:
    """A core whose queues a and b are lanes of their own."""
    nonces = (f"nonce{n}" for n in itertools.count(1))
    settings = Worker(queues=["a", "b"], concurrency=room, prefetch=0, mode=mode).settings
    core = WorkerCore(settings, apart=True, nonce=lambda: next(nonces))
    first, second = core.lanes
    return core, first, second


def asked(core: WorkerCore, lane: Lane, now: float = NOW) -> list[Request]:
    return core.requests(now, lane)


def answer(
    core: WorkerCore, lane: Lane, requests: list[Request], jobs: int = 0, wait: int = -1
) -> list[Any]:
    """Answer a claim, and start what it brought."""
    [request] = requests
    core.answered([request], [ClaimReply(wait, [claimed() for _ in range(jobs)])], NOW, lane)
    runs = []
    while run := core.next_run(NOW):
        runs.append(run)
    return runs


def test_each_queue_is_claimed_by_a_call_of_its_own() -> None:
    core, first, second = make()
    [claim] = asked(core, first)
    assert claim.call.keys == ("jobs:{a}",)
    answer(core, first, [claim])
    assert [request.call.keys for request in asked(core, second)] == [("jobs:{b}",)]


def test_jobs_are_of_the_queue_whose_claim_brought_them() -> None:
    core, first, second = make()
    answer(core, first, asked(core, first))
    [run] = answer(core, second, asked(core, second), jobs=1)
    assert (run.queue, run.queue_index) == ("b", 1)


def test_an_outcome_goes_into_a_round_trip_of_its_own_queue() -> None:
    core, first, second = make()
    answer(core, first, asked(core, first))
    [run] = answer(core, second, asked(core, second), jobs=1)
    core.finished(run, success(1), NOW)
    assert verbs(asked(core, first)) == []
    assert verbs(asked(core, second)) == ["complete", "claim"]


def test_a_later_queue_waits_for_the_answer_of_an_earlier_one_and_gets_the_room_it_left() -> None:
    core, first, second = make(room=4)
    claim = asked(core, first)
    assert asked(core, second) == []
    answer(core, first, claim, jobs=2, wait=0)
    assert asked(core, second) == [], "the earlier queue has more"
    answer(core, first, asked(core, first), jobs=1)
    [request] = asked(core, second)
    assert args(request)["limit"] == 1


def test_a_later_queue_does_not_wait_for_a_slow_answer() -> None:
    core, first, second = make(room=10)
    [slow] = asked(core, first)
    assert asked(core, second, LATER - 0.01) == []
    [request] = asked(core, second, LATER)
    assert args(request)["limit"] + args(slow)["limit"] <= 10


@pytest.mark.parametrize(("left", "second_asks"), [(6, 2), (5, 1), (4, 0)])
def test_claims_under_way_bring_no_more_bytes_together_than_the_worker_may_hold(
    left: int, second_asks: int
) -> None:
    core, first, second = make()
    held = claimed()._replace(data=bytes(HELD_BYTES - left * MAX_BYTES))
    core.answered(asked(core, first), [ClaimReply(0, [held])], NOW, first)
    assert args(asked(core, first)[0])["options"] == "", "the usual bytes of a claim"
    claims = asked(core, second, LATER)
    assert [args(claim)["options"] for claim in claims] == (
        [f"bytes={second_asks * MAX_BYTES}"] if second_asks else []
    )


def test_a_claim_that_a_silent_node_does_not_answer_takes_no_room_of_other_queues() -> None:
    core, first, second = make(room=1)
    silent = asked(core, first)
    # Time alone lets the second queue claim, so its round trips look again.
    assert asked(core, second, LATER) == [] and core.lanes.waits(second, core.free, LATER)
    assert not core.woken(LATER, second)
    late = NOW + RESERVE_SECONDS
    assert core.woken(late, second) and not core.lanes.waits(second, core.free, late)
    [claim] = asked(core, second, late)
    assert (args(claim)["limit"], args(claim)["options"]) == (1, ""), "and the usual bytes"
    # An answer that comes after all brings a job more, which other workers may run.
    answer(core, second, [claim], jobs=1)
    core.answered(silent, [ClaimReply(-1, [claimed()])], late, first)
    assert core.next_run(late) is None and not core.waiting
    assert verbs(asked(core, first, late)) == ["release"]


@pytest.mark.parametrize("mode", ["simple", "recoverable"])
def test_the_room_of_a_claim_is_kept_where_no_job_can_be_handed_back(mode: str) -> None:
    core, first, second = make(room=1, mode=mode)
    silent = asked(core, first)
    late = NOW + 2 * RESERVE_SECONDS
    assert asked(core, second, late) == [] and not core.woken(late, second)
    core.unanswered(silent, OutcomeUnknown("no reply"), first)
    assert verbs(asked(core, second, late)) == ["claim"]


@pytest.mark.parametrize("error", [Unavailable("refused"), OutcomeUnknown("reset")])
def test_a_queue_whose_node_is_away_holds_no_other_back_and_takes_no_room(error: Any) -> None:
    core, first, second = make(room=2)
    core.unanswered(asked(core, first), error, first)
    assert len(answer(core, second, asked(core, second), jobs=1)) == 1
    second.claims.due = True
    assert verbs(asked(core, second)) == ["claim"]


def test_outcomes_that_wait_for_a_node_that_is_away_take_no_room_of_the_queues_of_other_nodes() -> (
    None
):
    core, first, second = make(room=2)
    large = [claimed()._replace(data=bytes(HELD_BYTES // 2)) for _ in range(2)]
    core.answered(asked(core, first), [ClaimReply(-1, large)], NOW, first)
    runs = [core.next_run(NOW), core.next_run(NOW)]
    assert asked(core, second) == [], "the worker holds as much as it may"
    for run in runs:
        assert run is not None
        core.finished(run, success(1), NOW)
    sent = asked(core, first)
    assert verbs(sent) == ["complete"], "its own queue gets no more before they are recorded"
    core.unanswered(sent, OutcomeUnknown("no reply"), first)
    core.woken(NOW, first)
    assert verbs(asked(core, first)) == ["complete"]
    [claim] = asked(core, second)
    assert args(claim)["options"] == "", "the usual bytes of a claim"
    core.answered([claim], [ClaimReply(-1, large)], NOW, second)
    assert asked(core, second) == [], "the worker holds as much as it may, and the outcomes"
    # Once they are recorded, their queue is claimed from as before.
    core.answered(sent, [["done"] * 2], NOW, first)
    while run := core.next_run(NOW):
        core.finished(run, None, NOW)
    assert verbs(asked(core, first)) == ["claim"]


def test_an_answer_in_place_of_a_claim_shows_that_a_node_is_away_until_the_next_answer() -> None:
    core, first, second = make()
    core.answered(asked(core, first), [Unavailable("refused")], NOW, first)
    assert first.away
    answer(core, first, asked(core, first))
    assert not first.away and not second.away


def test_leases_without_an_answer_hold_back_the_claims_of_their_own_queue_only() -> None:
    core, first, second = make()
    first.renewals_first = True
    assert asked(core, first) == []
    assert verbs(asked(core, second)) == ["claim"]


def test_a_queue_that_is_set_aside_is_not_claimed_until_it_is_looked_at_again() -> None:
    core, first, second = make()
    core.answered(asked(core, first), [WrongMode("queue a is simple")], NOW, first)
    assert core.fatal is None and core.lanes.served == [1]
    assert asked(core, first) == [] and verbs(asked(core, second)) == ["claim"]
    wait = core.idle_ms(NOW, first)
    assert wait is not None and wait > 0
    core.woken(NOW, first)
    assert verbs(asked(core, first, NOW + wait / 1000)) == ["claim"]


def test_a_worker_none_of_whose_queues_can_be_served_ends() -> None:
    core, first, second = make()
    error = WrongMode("queue a is simple")
    core.answered(asked(core, first), [error], NOW, first)
    assert core.fatal is None
    core.answered(asked(core, second), [WrongMode("queue b is simple")], NOW, second)
    assert isinstance(core.fatal, WrongMode)


def test_a_token_wakes_the_queue_that_it_came_to() -> None:
    core, first, second = make()
    for lane in (first, second):
        answer(core, lane, asked(core, lane))
    assert core.idle_ms(NOW, first) == core.idle_ms(NOW, second) == -1
    assert core.woken(NOW, second)
    assert asked(core, first) == [] and verbs(asked(core, second)) == ["claim"]


def test_a_stop_waits_for_the_claim_of_every_queue() -> None:
    """It may have taken jobs, which can be released."""
    core, first, second = make()
    answer(core, first, asked(core, first))
    core.unanswered(asked(core, second), OutcomeUnknown("reset"), second)
    core.stop()
    assert not core.drained
    [claim] = asked(core, second)
    core.answered([claim], [ClaimReply(-1, [claimed()])], NOW, second)
    [release] = asked(core, second)
    assert verbs([release]) == ["release"] and len(ids(release)) == 1
