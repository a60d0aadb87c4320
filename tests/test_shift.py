"""What a worker decides: no server, no clock and no event loop is needed to ask it."""

from __future__ import annotations

import pytest
from shifts import (
    EVERY,
    NOW,
    REPEATABLE,
    args,
    begin,
    claimed,
    finish,
    ids,
    items,
    make,
    take,
    verbs,
    words,
)

from pyjobs import codec
from pyjobs.engine.limits import CALL_BYTES, MAX_BYTES
from pyjobs.engine.outcome import Ending
from pyjobs.engine.replies import ClaimReply
from pyjobs.errors import OutcomeUnknown, PyjobsError, Unavailable
from pyjobs.worker.core import Shift
from pyjobs.worker.job import failure, success
from pyjobs.worker.outbox import CALL_ITEMS


class TestClaim:
    @EVERY
    def test_the_first_thing_is_a_claim_of_all_queues_in_order(self, mode: str) -> None:
        [request] = make(mode, room=7).requests(NOW)
        assert request.call.script.name == f"{mode}/claim"
        assert request.call.keys == ("jobs:{a}", "jobs:{b}")
        # Half of its room: the others are claimed while these run.
        assert args(request)["limit"] == 3

    def test_it_says_for_how_long(self) -> None:
        [request] = make(max_crashes=5).requests(NOW)
        assert args(request)["lease"] == 30_000
        assert args(request)["options"] == "max_crashes=5"

    def test_only_what_there_is_room_for(self) -> None:
        shift = make(room=5)
        take(shift, 3)
        shift.woken()
        assert args(shift.requests(NOW)[0])["limit"] == 2

    def test_no_more_than_a_call_should_take(self) -> None:
        assert args(make(room=5000).requests(NOW)[0])["limit"] == CALL_ITEMS

    def test_not_when_full(self) -> None:
        shift = make(room=2)
        take(shift, 2, wait=0)
        assert shift.requests(NOW) == []
        assert not shift.woken()
        assert shift.requests(NOW) == []

    def test_not_when_stopping(self) -> None:
        shift = make()
        take(shift, 2, wait=0)
        shift.stop()
        assert shift.requests(NOW) == []
        shift.woken()
        assert shift.requests(NOW) == []

    def test_again_at_once_when_there_are_more(self) -> None:
        shift = make()
        take(shift, 2, wait=0)
        assert verbs(shift.requests(NOW)) == ["claim"]

    @pytest.mark.parametrize("wait", [-1, 500])
    def test_not_again_when_there_are_none(self, wait: int) -> None:
        shift = make()
        take(shift, 2, wait=wait)
        assert shift.requests(NOW) == []

    def test_each_claim_has_a_nonce_of_its_own(self) -> None:
        shift = make()
        first = shift.requests(NOW)
        shift.answered(first, [ClaimReply(0, [])], NOW)
        assert args(first[0])["nonce"] != args(shift.requests(NOW)[0])["nonce"]

    def test_a_job_knows_its_queue_and_its_limit(self) -> None:
        shift = make(timeout=9.0)
        jobs = [claimed(0), claimed(1, timeout=1500)]
        shift.answered(shift.requests(NOW), [ClaimReply(-1, jobs)], NOW)
        started = begin(shift)
        assert [(job.id, job.queue, job.timeout) for job in started] == [
            (jobs[0].id, "a", 9.0),
            (jobs[1].id, "b", 1.5),
        ]
        assert set(started) == shift.held


class TestEnd:
    @EVERY
    def test_endings_and_the_next_claim_are_one_round_trip(self, mode: str) -> None:
        shift = make(mode, room=3)
        [job, _] = take(shift, 2)
        finish(shift, job)
        requests = shift.requests(NOW)
        assert verbs(requests) == ["complete", "claim"]
        assert items(requests[0]) == [job.id, job.token, b'"result"']
        assert requests[0].call.keys == ("jobs:{a}",)

    @EVERY
    def test_also_when_every_place_was_taken(self, mode: str) -> None:
        """The place that an ending frees is filled in the same round trip."""
        shift = make(mode, room=2)
        jobs = take(shift, 2, wait=0)
        finish(shift, jobs[0])
        requests = shift.requests(NOW)
        assert verbs(requests) == ["complete", "claim"]
        assert args(requests[1])["limit"] == 1

    def test_an_ended_job_is_held_until_it_is_recorded(self) -> None:
        """Its lease must not run out on the way."""
        shift = make()
        [job] = take(shift, 1)
        finish(shift, job)
        requests = shift.requests(NOW)
        assert job in shift.held
        shift.answered(requests, words(requests), NOW)
        assert not shift.held
        assert shift.requests(NOW) == []

    def test_by_queue_and_verb(self) -> None:
        shift = make()
        first, second = take(shift, 2, queue=0)
        third, fourth = take(shift, 2, queue=1)
        finish(shift, first, third)
        finish(shift, second, fourth, ending=failure(ValueError("no")))
        requests = shift.requests(NOW)[:-1]
        found = {
            (request.call.script.name, request.call.keys[0]): ids(request) for request in requests
        }
        assert len(requests) == 4
        assert found == {
            ("reliable/complete", "jobs:{a}"): [first.id],
            ("reliable/fail", "jobs:{a}"): [second.id],
            ("reliable/complete", "jobs:{b}"): [third.id],
            ("reliable/fail", "jobs:{b}"): [fourth.id],
        }

    def test_within_the_items_of_a_call(self) -> None:
        shift = make(room=5000)
        jobs = [job for _ in range(3) for job in take(shift, CALL_ITEMS)]
        finish(shift, *jobs[:-5])
        requests = shift.requests(NOW)[:-1]
        assert [len(request.ended) for request in requests] == [CALL_ITEMS] * 2 + [CALL_ITEMS - 5]
        assert [id for request in requests for id in ids(request)] == [job.id for job in jobs[:-5]]

    def test_within_the_bytes_of_a_call(self) -> None:
        shift = make(room=20)
        jobs = take(shift, 10)
        finish(shift, *jobs, ending=Ending("complete", b"x" * (MAX_BYTES - 1)))
        requests = shift.requests(NOW)[:-1]
        sizes = [sum(len(ending.body) for _, ending in request.ended) for request in requests]
        assert max(sizes) <= CALL_BYTES + MAX_BYTES
        assert len(requests) > 1
        assert [id for request in requests for id in ids(request)] == [job.id for job in jobs]

    def test_terms_go_with_them(self) -> None:
        shift = make(retention=60_000, max_attempts=4, backoff=250)
        done, failed = take(shift, 2)
        finish(shift, done)
        finish(shift, failed, ending=failure(ValueError("no"), "reject"))
        complete, fail, _ = shift.requests(NOW)
        assert args(complete)["options"] == "retention=60000"
        assert args(fail)["options"] == "max_attempts=4 backoff=250"
        assert items(fail)[2] == "reject"

    @pytest.mark.parametrize("mode", ["simple", "recoverable"])
    def test_failures_of_the_other_modes_have_no_verdict(self, mode: str) -> None:
        shift = make(mode)
        [job] = take(shift, 1)
        finish(shift, job, ending=failure(ValueError("no")))
        request = shift.requests(NOW)[0]
        assert request.call.script.name == f"{mode}/fail"
        assert items(request)[:2] == [job.id, job.token]
        assert codec.decode_error(items(request)[2])[:2] == ("ValueError", "no")

    def test_a_job_that_is_not_held_is_nobodys_business(self) -> None:
        shift = make()
        [job] = take(shift, 1)
        finish(shift, job)
        requests = shift.requests(NOW)
        shift.answered(requests, words(requests), NOW)
        finish(shift, job)
        assert shift.requests(NOW) == []


class TestNoAnswer:
    @REPEATABLE
    @pytest.mark.parametrize("error", [Unavailable("away"), OutcomeUnknown("perhaps")])
    def test_a_claim_is_sent_again_with_the_same_nonce(self, mode: str, error: PyjobsError) -> None:
        """What the first one took is handed out to the second."""
        shift = make(mode)
        first = shift.requests(NOW)
        shift.unanswered(first, error)
        again = shift.requests(NOW)
        assert again[0].call == first[0].call
        shift.answered(again, [ClaimReply(0, [])], NOW)
        assert args(shift.requests(NOW)[0])["nonce"] != args(first[0])["nonce"]

    def test_the_same_when_it_alone_of_a_round_trip_got_none(self) -> None:
        shift = make()
        [job] = take(shift, 1)
        finish(shift, job)
        requests = shift.requests(NOW)
        shift.answered(requests, [["done"], OutcomeUnknown("perhaps")], NOW)
        again = shift.requests(NOW)
        assert verbs(again) == ["claim"]
        assert again[0].call == requests[1].call

    @pytest.mark.parametrize("error", [Unavailable("away"), OutcomeUnknown("perhaps")])
    def test_simple_goes_on_claiming(self, error: PyjobsError) -> None:
        shift = make("simple")
        shift.unanswered(shift.requests(NOW), error)
        assert verbs(shift.requests(NOW)) == ["claim"]

    @EVERY
    def test_endings_are_sent_again_when_nothing_was_written(self, mode: str) -> None:
        shift = make(mode)
        jobs = take(shift, 2)
        finish(shift, *jobs)
        first = shift.requests(NOW)
        shift.unanswered(first, Unavailable("away"))
        assert shift.held == set(jobs)
        again = shift.requests(NOW)
        assert verbs(again) == ["complete", "claim"]
        assert again[0].call == first[0].call

    @REPEATABLE
    def test_and_when_nobody_knows(self, mode: str) -> None:
        shift = make(mode)
        jobs = take(shift, 2)
        finish(shift, *jobs)
        first = shift.requests(NOW)
        shift.unanswered(first, OutcomeUnknown("perhaps"))
        assert shift.requests(NOW)[0].call == first[0].call

    def test_but_not_in_simple(self) -> None:
        """A second message would be a second result."""
        shift = make("simple")
        finish(shift, *take(shift, 2))
        shift.unanswered(shift.requests(NOW), OutcomeUnknown("perhaps"))
        assert not shift.held
        assert "complete" not in verbs(shift.requests(NOW))

    def test_endings_that_came_meanwhile_go_along(self) -> None:
        shift = make()
        first, second = take(shift, 2)
        finish(shift, first)
        requests = shift.requests(NOW)
        finish(shift, second)
        shift.unanswered(requests, Unavailable("away"))
        assert sorted(ids(shift.requests(NOW)[0])) == sorted([first.id, second.id])

    def test_of_one_letter_only(self) -> None:
        shift = make()
        [first] = take(shift, 1, queue=0)
        [second] = take(shift, 1, queue=1)
        finish(shift, first, second)
        requests = shift.requests(NOW)
        shift.answered(requests, [Unavailable("away"), ["done"], ClaimReply(-1, [])], NOW)
        assert shift.held == {first}
        assert ids(shift.requests(NOW)[0]) == [first.id]


class TestIdle:
    def test_nobody_sleeps_before_the_first_claim(self) -> None:
        assert make().idle_ms() is None

    @pytest.mark.parametrize("wait", [-1, 1, 500])
    def test_as_long_as_the_claim_said(self, wait: int) -> None:
        shift = make()
        take(shift, 1, wait=wait)
        assert shift.idle_ms() == wait

    def test_not_while_a_claim_is_under_way(self) -> None:
        shift = make()
        shift.requests(NOW)
        assert shift.idle_ms() is None

    def test_not_while_there_are_more(self) -> None:
        shift = make()
        take(shift, 1, wait=0)
        assert shift.idle_ms() is None

    def test_not_with_endings_in_hand(self) -> None:
        shift = make()
        finish(shift, *take(shift, 1))
        assert shift.idle_ms() is None

    def test_not_when_full(self) -> None:
        shift = make(room=2)
        take(shift, 2)
        assert shift.idle_ms() is None

    def test_not_when_stopping(self) -> None:
        shift = make()
        take(shift, 1)
        shift.stop()
        assert shift.idle_ms() is None

    def test_woken_makes_hungry(self) -> None:
        shift = make()
        take(shift, 1)
        assert shift.woken()
        assert shift.idle_ms() is None
        assert verbs(shift.requests(NOW)) == ["claim"]

    def test_woken_while_a_claim_is_under_way(self) -> None:
        """It ran before the job came that the token told of: its answer is old news."""
        shift = make()
        requests = shift.requests(NOW)
        assert shift.woken()
        shift.answered(requests, [ClaimReply(-1, [])], NOW)
        assert shift.idle_ms() is None
        assert verbs(shift.requests(NOW)) == ["claim"]

    def test_woken_tells_that_there_is_no_room(self) -> None:
        shift = make(room=1)
        [job] = take(shift, 1)
        assert not shift.woken()
        finish(shift, job)
        requests = shift.requests(NOW)
        shift.answered(requests, words(requests), NOW)
        # It was told of jobs, so it looks as soon as there is room.
        assert "claim" in verbs(requests) + verbs(shift.requests(NOW))


class TestPrefetch:
    def test_no_more_run_than_the_concurrency(self) -> None:
        shift = make(room=2, prefetch=3)
        for _ in range(3):
            requests = shift.requests(NOW)
            count = args(requests[0])["limit"]
            shift.answered(requests, [ClaimReply(0, [claimed() for _ in range(count)])], NOW)
        first, second = begin(shift)
        assert shift.waiting and shift.free == 0
        finish(shift, second)
        [third] = begin(shift)
        assert shift.held > {first, third}

    def test_those_that_wait_start_in_order(self) -> None:
        shift = make(room=1, prefetch=3)
        jobs = [claimed() for _ in range(4)]
        shift.answered(shift.requests(NOW), [ClaimReply(0, jobs)], NOW)
        started = []
        while job := shift.next_job(NOW):
            started.append(job.id)
            finish(shift, job)
        assert started == [job.id for job in jobs]

    def test_one_that_is_lost_while_it_waits_is_not_started(self) -> None:
        shift = make(room=1, prefetch=1)
        shift.answered(shift.requests(NOW), [ClaimReply(0, [claimed(), claimed()])], NOW)
        [first] = begin(shift)
        [second] = shift.held - {first}
        second.lost = True
        finish(shift, first)
        assert not begin(shift)
        assert shift.held == {first}

    def fast(self, seconds: float = 0.0001) -> Shift:
        """One whose jobs took so long."""
        shift = make(room=2, prefetch=None)
        assert shift.free == 2
        for _ in range(50):
            jobs = take(shift, 1)
            for job in jobs:
                shift.finished(job, success(1), NOW + seconds)
            requests = shift.requests(NOW)
            shift.answered(requests, words(requests), NOW)
        return shift

    def test_fits_itself_to_short_jobs(self) -> None:
        assert self.fast().free > 100

    def test_half_of_them_are_claimed_at_once(self) -> None:
        """So that one half runs while the other is on its way."""
        shift = self.fast()
        shift.woken()
        assert args(shift.requests(NOW)[0])["limit"] == shift.free // 2 > 50

    def test_and_to_long_ones(self) -> None:
        assert self.fast(seconds=0.1).free == 2

    def test_hands_back_what_found_no_place_for_long(self) -> None:
        """Two long jobs came after many short ones: the rest is for other workers."""
        shift = self.fast()
        shift.woken()
        requests = shift.requests(NOW)
        shift.answered(requests, [ClaimReply(0, [claimed() for _ in range(9)])], NOW)
        running = begin(shift)
        assert not shift.hand_back_hoard(NOW + 0.2)
        assert shift.hand_back_hoard(NOW + 0.3)
        assert verbs(shift.requests(NOW)) == ["release"]
        assert shift.free == 0 and len(running) == 2

    def test_not_while_jobs_find_their_place(self) -> None:
        shift = self.fast()
        shift.woken()
        shift.answered(shift.requests(NOW), [ClaimReply(0, [claimed() for _ in range(9)])], NOW)
        first, _ = begin(shift, NOW)
        finish(shift, first)
        begin(shift, NOW + 0.2)
        assert not shift.hand_back_hoard(NOW + 0.3)

    @pytest.mark.parametrize("mode", ["simple", "recoverable"])
    def test_not_where_nothing_can_be_handed_back(self, mode: str) -> None:
        """There only a number of its own makes a worker claim ahead."""
        shift = make(mode, room=2, prefetch=None)
        [job] = take(shift, 1)
        shift.finished(job, success(1), NOW)
        assert shift.free == 2
        shift = make(mode, room=1, prefetch=5)
        shift.answered(shift.requests(NOW), [ClaimReply(0, [claimed() for _ in range(6)])], NOW)
        begin(shift)
        assert not shift.hand_back_hoard(NOW + 10)

    def test_not_with_a_number_of_its_own(self) -> None:
        shift = make(room=1, prefetch=5)
        shift.answered(shift.requests(NOW), [ClaimReply(0, [claimed() for _ in range(6)])], NOW)
        begin(shift)
        assert not shift.hand_back_hoard(NOW + 10)

    def test_a_stop_hands_back_what_waits(self) -> None:
        shift = make(room=1, prefetch=5)
        shift.answered(shift.requests(NOW), [ClaimReply(0, [claimed() for _ in range(6)])], NOW)
        [running] = begin(shift)
        shift.stop()
        [request] = shift.requests(NOW)
        assert verbs([request]) == ["release"] and len(request.ended) == 5
        finish(shift, running)
        assert not begin(shift)

    @pytest.mark.parametrize("mode", ["simple", "recoverable"])
    def test_or_runs_it_where_it_can_not(self, mode: str) -> None:
        shift = make(mode, room=1, prefetch=5)
        shift.answered(shift.requests(NOW), [ClaimReply(0, [claimed() for _ in range(3)])], NOW)
        [running] = begin(shift)
        shift.stop()
        for _ in range(2):
            finish(shift, running)
            [running] = begin(shift)
        finish(shift, running)
        requests = shift.requests(NOW)
        assert len(requests[0].ended) == 3
        shift.answered(requests, words(requests), NOW)
        assert shift.over

    def test_jobs_that_arrive_after_a_stop_are_handed_back(self) -> None:
        shift = make()
        requests = shift.requests(NOW)
        shift.stop()
        shift.answered(requests, [ClaimReply(0, [claimed()])], NOW)
        assert not begin(shift)
        assert verbs(shift.requests(NOW)) == ["release"]
