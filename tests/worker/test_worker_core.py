"""What a worker decides: no server, no clock and no event loop is needed to ask it."""

from __future__ import annotations

import pytest
from support.worker_core import (
    EVERY,
    NOW,
    REPEATABLE,
    OneLaneCore,
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
from pyjobs.engine.limits import CALL_BYTES, MAX_BYTES, RECORD_ITEMS
from pyjobs.engine.outcome import Outcome
from pyjobs.engine.replies import ClaimReply
from pyjobs.errors import OutcomeUnknown, PyjobsError, QueueFull, Unavailable
from pyjobs.worker.outcomes import failure, success


class TestClaim:
    @EVERY
    def test_the_first_request_claims_from_all_queues_in_order(self, mode: str) -> None:
        [request] = make(mode, room=7).requests(NOW)
        assert request.call.script.name == f"{mode}/claim"
        assert request.call.keys == ("jobs:{a}", "jobs:{b}")
        # Half of its room: the others are claimed while these run.
        assert args(request)["limit"] == 3

    def test_a_claim_names_lease_and_max_crashes(self) -> None:
        [request] = make(max_crashes=5).requests(NOW)
        assert args(request)["lease"] == 30_000
        assert args(request)["options"] == "max_crashes=5"

    def test_a_claim_asks_for_no_more_than_there_is_room_for(self) -> None:
        core = make(room=5)
        take(core, 3)
        core.woken()
        assert args(core.requests(NOW)[0])["limit"] == 2

    def test_a_claim_asks_for_no_more_than_call_items(self) -> None:
        assert args(make(room=5000).requests(NOW)[0])["limit"] == RECORD_ITEMS

    def test_a_worker_holds_64_mib_of_payloads_at_most(self) -> None:
        core = make(room=10)
        held = claimed()._replace(data=bytes(62 << 20))
        core.answered(core.requests(NOW), [ClaimReply(0, [held])], NOW)
        claim = core.requests(NOW)
        assert args(claim[0])["options"] == f"bytes={2 << 20}"
        more = claimed()._replace(data=bytes((1 << 20) + 1))
        core.answered(claim, [ClaimReply(0, [more])], NOW)
        assert core.requests(NOW) == [], "the next payload might be of 1 MiB"
        run, _ = begin(core)
        finish(core, run)
        requests = core.requests(NOW)
        assert verbs(requests) == ["complete"]
        core.answered(requests, words(requests), NOW)
        assert verbs(core.requests(NOW)) == ["claim"]

    def test_jobs_that_did_not_fit_into_a_repeated_answer_are_released_with_the_next_claim(
        self,
    ) -> None:
        core = make(room=3)
        core.unanswered(core.requests(NOW), OutcomeUnknown("too large for the connection"))
        again = core.requests(NOW)
        given, left = claimed(0), claimed(1)._replace(data=b"")
        core.answered(again, [ClaimReply(0, [given], left=[left])], NOW)
        assert [run.id for run in begin(core)] == [given.id]
        requests = core.requests(NOW)
        assert verbs(requests) == ["release", "claim"]
        assert items(requests[0]) == [left.id, left.token]
        assert args(requests[1])["nonce"] != args(again[0])["nonce"]

    def test_no_claim_is_sent_before_the_first_renewal_after_an_outage(self) -> None:
        """The claim would take back the jobs whose leases ended meanwhile."""
        core = make()
        [job] = take(core, 1)
        core.unanswered(core.requests(NOW), OutcomeUnknown("no reply"))
        core.lanes[0].renewals_first = True
        core.woken()
        assert core.requests(NOW) == []
        finish(core, job)
        assert verbs(core.requests(NOW)) == ["complete"]
        core.lanes[0].renewals_first = False
        assert verbs(core.requests(NOW)) == ["claim"]

    def test_a_claim_that_a_full_redis_refuses_is_sent_again(self) -> None:
        core = make()
        core.answered(core.requests(NOW), [QueueFull("OOM command not allowed")], NOW)
        assert core.fatal is None and verbs(core.requests(NOW)) == ["claim"]

    def test_a_full_core_claims_nothing(self) -> None:
        core = make(room=2)
        take(core, 2, wait=0)
        assert core.requests(NOW) == []
        assert not core.woken()
        assert core.requests(NOW) == []

    def test_a_stopping_core_claims_nothing(self) -> None:
        core = make()
        take(core, 2, wait=0)
        core.stop()
        assert core.requests(NOW) == []
        core.woken()
        assert core.requests(NOW) == []

    def test_a_claim_follows_at_once_when_wait_is_0(self) -> None:
        core = make()
        take(core, 2, wait=0)
        assert verbs(core.requests(NOW)) == ["claim"]

    @pytest.mark.parametrize("wait", [-1, 500])
    def test_no_claim_follows_when_the_queue_is_empty(self, wait: int) -> None:
        core = make()
        take(core, 2, wait=wait)
        assert core.requests(NOW) == []

    def test_each_claim_has_a_nonce_of_its_own(self) -> None:
        core = make()
        first = core.requests(NOW)
        core.answered(first, [ClaimReply(0, [])], NOW)
        assert args(first[0])["nonce"] != args(core.requests(NOW)[0])["nonce"]

    def test_a_claimed_job_has_its_queue_and_timeout(self) -> None:
        core = make(timeout=9.0)
        jobs = [claimed(0), claimed(1, timeout=1500)]
        core.answered(core.requests(NOW), [ClaimReply(-1, jobs)], NOW)
        started = begin(core)
        assert [(job.id, job.queue, job.timeout) for job in started] == [
            (jobs[0].id, "a", 9.0),
            (jobs[1].id, "b", 1.5),
        ]
        assert set(started) == core.held


class TestEnd:
    @EVERY
    def test_outcomes_and_the_next_claim_are_one_round_trip(self, mode: str) -> None:
        core = make(mode, room=3)
        [job, _] = take(core, 2)
        finish(core, job)
        requests = core.requests(NOW)
        assert verbs(requests) == ["complete", "claim"]
        assert items(requests[0]) == [job.id, job.token, b'"result"']
        assert requests[0].call.keys == ("jobs:{a}",)

    @EVERY
    def test_the_outcome_of_a_full_core_goes_with_a_claim_of_the_free_place(
        self, mode: str
    ) -> None:
        """The place that an outcome frees is filled in the same round trip."""
        core = make(mode, room=2)
        jobs = take(core, 2, wait=0)
        finish(core, jobs[0])
        requests = core.requests(NOW)
        assert verbs(requests) == ["complete", "claim"]
        assert args(requests[1])["limit"] == 1

    def test_an_ended_job_is_held_until_it_is_recorded(self) -> None:
        """Its lease must not run out on the way."""
        core = make()
        [job] = take(core, 1)
        finish(core, job)
        requests = core.requests(NOW)
        assert job in core.held
        core.answered(requests, words(requests), NOW)
        assert not core.held
        assert core.requests(NOW) == []

    def test_outcomes_are_sent_in_a_call_for_each_queue_and_verb(self) -> None:
        core = make()
        first, second = take(core, 2, queue=0)
        third, fourth = take(core, 2, queue=1)
        finish(core, first, third)
        finish(core, second, fourth, outcome=failure(ValueError("no")))
        requests = core.requests(NOW)[:-1]
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

    def test_outcomes_are_split_by_the_items_of_a_call(self) -> None:
        core = make(room=5000)
        jobs = [job for _ in range(3) for job in take(core, RECORD_ITEMS)]
        finish(core, *jobs[:-5])
        requests = core.requests(NOW)[:-1]
        sizes = [len(request.ended) for request in requests]
        assert sizes == [RECORD_ITEMS, RECORD_ITEMS, RECORD_ITEMS - 5]
        assert [id for request in requests for id in ids(request)] == [job.id for job in jobs[:-5]]

    def test_outcomes_are_split_by_the_bytes_of_a_call(self) -> None:
        core = make(room=20)
        jobs = take(core, 10)
        finish(core, *jobs, outcome=Outcome("complete", b"x" * (MAX_BYTES - 1)))
        requests = core.requests(NOW)[:-1]
        sizes = [sum(len(outcome.body) for _, outcome in request.ended) for request in requests]
        assert max(sizes) <= CALL_BYTES + MAX_BYTES
        assert len(requests) > 1
        assert [id for request in requests for id in ids(request)] == [job.id for job in jobs]

    def test_outcomes_carry_retention_max_attempts_backoff_and_verdict(self) -> None:
        core = make(retention=60.0, max_attempts=4, backoff=0.25)
        done, failed = take(core, 2)
        finish(core, done)
        finish(core, failed, outcome=failure(ValueError("no"), "reject"))
        complete, fail, _ = core.requests(NOW)
        assert args(complete)["options"] == "retention=60000"
        assert args(fail)["options"] == "max_attempts=4 backoff=250"
        assert items(fail)[2] == "reject"

    @pytest.mark.parametrize("mode", ["simple", "recoverable"])
    def test_failures_in_simple_and_recoverable_mode_have_no_verdict(self, mode: str) -> None:
        core = make(mode)
        [job] = take(core, 1)
        finish(core, job, outcome=failure(ValueError("no")))
        request = core.requests(NOW)[0]
        assert request.call.script.name == f"{mode}/fail"
        assert items(request)[:2] == [job.id, job.token]
        assert codec.decode_error(items(request)[2])[:2] == ("ValueError", "no")

    def test_a_job_that_is_not_held_is_not_recorded(self) -> None:
        core = make()
        [job] = take(core, 1)
        finish(core, job)
        requests = core.requests(NOW)
        core.answered(requests, words(requests), NOW)
        finish(core, job)
        assert core.requests(NOW) == []


class TestNoAnswer:
    @REPEATABLE
    @pytest.mark.parametrize("error", [Unavailable("away"), OutcomeUnknown("perhaps")])
    def test_an_unanswered_claim_is_sent_again_with_the_same_nonce(
        self, mode: str, error: PyjobsError
    ) -> None:
        """What the first one took is handed out to the second."""
        core = make(mode)
        first = core.requests(NOW)
        core.unanswered(first, error)
        again = core.requests(NOW)
        assert args(again[0])["nonce"] == args(first[0])["nonce"]
        core.answered(again, [ClaimReply(0, [])], NOW)
        assert args(core.requests(NOW)[0])["nonce"] != args(first[0])["nonce"]

    def test_a_claim_that_alone_was_unanswered_is_sent_again(self) -> None:
        core = make()
        [job] = take(core, 1)
        finish(core, job)
        requests = core.requests(NOW)
        core.answered(requests, [["done"], OutcomeUnknown("perhaps")], NOW)
        again = core.requests(NOW)
        assert verbs(again) == ["claim"]
        assert args(again[0])["nonce"] == args(requests[1])["nonce"]

    @pytest.mark.parametrize("error", [Unavailable("away"), OutcomeUnknown("perhaps")])
    def test_an_unanswered_simple_claim_is_followed_by_a_new_one(self, error: PyjobsError) -> None:
        core = make("simple")
        core.unanswered(core.requests(NOW), error)
        assert verbs(core.requests(NOW)) == ["claim"]

    @EVERY
    def test_unavailable_outcomes_are_sent_again(self, mode: str) -> None:
        core = make(mode)
        jobs = take(core, 2)
        finish(core, *jobs)
        first = core.requests(NOW)
        core.unanswered(first, Unavailable("away"))
        assert core.held == set(jobs)
        again = core.requests(NOW)
        assert verbs(again) == ["complete", "claim"]
        assert again[0].call == first[0].call

    @REPEATABLE
    def test_unknown_outcomes_are_sent_again(self, mode: str) -> None:
        core = make(mode)
        jobs = take(core, 2)
        finish(core, *jobs)
        first = core.requests(NOW)
        core.unanswered(first, OutcomeUnknown("perhaps"))
        assert core.requests(NOW)[0].call == first[0].call

    def test_unknown_outcomes_in_simple_mode_are_not_sent_again(self) -> None:
        """A second message would be a second result."""
        core = make("simple")
        finish(core, *take(core, 2))
        core.unanswered(core.requests(NOW), OutcomeUnknown("perhaps"))
        assert not core.held
        assert "complete" not in verbs(core.requests(NOW))

    def test_later_outcomes_go_with_those_that_are_sent_again(self) -> None:
        core = make()
        first, second = take(core, 2)
        finish(core, first)
        requests = core.requests(NOW)
        finish(core, second)
        core.unanswered(requests, Unavailable("away"))
        assert sorted(ids(core.requests(NOW)[0])) == sorted([first.id, second.id])

    def test_only_the_unanswered_call_of_a_round_trip_is_sent_again(self) -> None:
        core = make()
        [first] = take(core, 1, queue=0)
        [second] = take(core, 1, queue=1)
        finish(core, first, second)
        requests = core.requests(NOW)
        core.answered(requests, [Unavailable("away"), ["done"], ClaimReply(-1, [])], NOW)
        assert core.held == {first}
        assert ids(core.requests(NOW)[0]) == [first.id]


class TestIdle:
    def test_the_core_is_not_idle_before_its_first_claim(self) -> None:
        assert make().idle_ms(NOW) is None

    @pytest.mark.parametrize("wait", [-1, 1, 500])
    def test_the_core_is_idle_for_the_wait_of_its_claim(self, wait: int) -> None:
        core = make()
        take(core, 1, wait=wait)
        assert core.idle_ms(NOW) == wait

    def test_the_core_is_not_idle_while_a_claim_is_under_way(self) -> None:
        core = make()
        core.requests(NOW)
        assert core.idle_ms(NOW) is None

    def test_the_core_is_not_idle_while_jobs_are_left(self) -> None:
        core = make()
        take(core, 1, wait=0)
        assert core.idle_ms(NOW) is None

    def test_the_core_is_not_idle_with_outcomes_to_send(self) -> None:
        core = make()
        finish(core, *take(core, 1))
        assert core.idle_ms(NOW) is None

    def test_a_full_core_is_not_idle(self) -> None:
        core = make(room=2)
        take(core, 2)
        assert core.idle_ms(NOW) is None

    def test_a_stopping_core_is_not_idle(self) -> None:
        core = make()
        take(core, 1)
        core.stop()
        assert core.idle_ms(NOW) is None

    def test_a_woken_core_claims(self) -> None:
        core = make()
        take(core, 1)
        assert core.woken()
        assert core.idle_ms(NOW) is None
        assert verbs(core.requests(NOW)) == ["claim"]

    def test_a_core_woken_during_a_claim_claims_again(self) -> None:
        """It ran before the job came that the token told of: its answer is old news."""
        core = make()
        requests = core.requests(NOW)
        assert core.woken()
        core.answered(requests, [ClaimReply(-1, [])], NOW)
        assert core.idle_ms(NOW) is None
        assert verbs(core.requests(NOW)) == ["claim"]

    def test_a_full_core_refuses_a_wake_token_and_claims_when_there_is_room(self) -> None:
        core = make(room=1)
        [job] = take(core, 1)
        assert not core.woken()
        finish(core, job)
        requests = core.requests(NOW)
        core.answered(requests, words(requests), NOW)
        # It was told of jobs, so it looks as soon as there is room.
        assert "claim" in verbs(requests) + verbs(core.requests(NOW))


class TestPrefetch:
    def test_prefetched_jobs_start_only_within_the_concurrency(self) -> None:
        core = make(room=2, prefetch=3)
        for _ in range(3):
            requests = core.requests(NOW)
            count = args(requests[0])["limit"]
            core.answered(requests, [ClaimReply(0, [claimed() for _ in range(count)])], NOW)
        first, second = begin(core)
        assert core.waiting and core.free == 0
        finish(core, second)
        [third] = begin(core)
        assert core.held > {first, third}

    def test_prefetched_jobs_start_in_order(self) -> None:
        core = make(room=1, prefetch=3)
        jobs = [claimed() for _ in range(4)]
        core.answered(core.requests(NOW), [ClaimReply(0, jobs)], NOW)
        started = []
        while job := core.next_run(NOW):
            started.append(job.id)
            finish(core, job)
        assert started == [job.id for job in jobs]

    def test_a_prefetched_job_that_is_lost_is_not_started(self) -> None:
        core = make(room=1, prefetch=1)
        core.answered(core.requests(NOW), [ClaimReply(0, [claimed(), claimed()])], NOW)
        [first] = begin(core)
        [second] = core.held - {first}
        second.lose()
        finish(core, first)
        assert not begin(core)
        assert core.held == {first}

    def test_the_prefetched_job_behind_one_that_is_lost_is_started(self) -> None:
        core = make(room=1, prefetch=2)
        core.answered(core.requests(NOW), [ClaimReply(0, [claimed() for _ in range(2)])], NOW)
        core.answered(core.requests(NOW), [ClaimReply(0, [claimed()])], NOW)
        [first] = begin(core)
        second, third = sorted(core.held - {first}, key=lambda run: run.token)
        second.lose()
        finish(core, first)
        assert begin(core) == [third]

    def fast(self, seconds: float = 0.0001) -> OneLaneCore:
        """One whose jobs took so long."""
        core = make(room=2, prefetch=None)
        assert core.free == 2
        for _ in range(50):
            jobs = take(core, 1)
            for job in jobs:
                core.finished(job, success(1), NOW + seconds)
            requests = core.requests(NOW)
            core.answered(requests, words(requests), NOW)
        return core

    def test_prefetch_grows_with_short_jobs(self) -> None:
        assert self.fast().free > 100

    def test_a_claim_asks_for_half_of_the_prefetch(self) -> None:
        """So that one half runs while the other is on its way."""
        core = self.fast()
        core.woken()
        assert args(core.requests(NOW)[0])["limit"] == core.free // 2 > 50

    def test_prefetch_stays_at_the_concurrency_with_long_jobs(self) -> None:
        assert self.fast(seconds=0.1).free == 2

    def test_prefetched_jobs_that_wait_too_long_are_released(self) -> None:
        """Two long jobs came after many short ones: the rest is for other workers."""
        core = self.fast()
        core.woken()
        requests = core.requests(NOW)
        core.answered(requests, [ClaimReply(0, [claimed() for _ in range(9)])], NOW)
        running = begin(core)
        assert not core.release_stuck(NOW + 0.2)
        assert core.release_stuck(NOW + 0.3)
        assert verbs(core.requests(NOW)) == ["release"]
        assert core.free == 0 and len(running) == 2

    def test_prefetched_jobs_are_kept_while_jobs_start(self) -> None:
        core = self.fast()
        core.woken()
        core.answered(core.requests(NOW), [ClaimReply(0, [claimed() for _ in range(9)])], NOW)
        first, _ = begin(core, NOW)
        finish(core, first)
        begin(core, NOW + 0.2)
        assert not core.release_stuck(NOW + 0.3)

    @pytest.mark.parametrize("mode", ["simple", "recoverable"])
    def test_a_mode_without_release_prefetches_only_by_its_setting_and_keeps_the_jobs(
        self, mode: str
    ) -> None:
        """There only a number of its own makes a worker claim ahead."""
        core = make(mode, room=2, prefetch=None)
        [job] = take(core, 1)
        core.finished(job, success(1), NOW)
        assert core.free == 2
        core = make(mode, room=1, prefetch=5)
        core.answered(core.requests(NOW), [ClaimReply(0, [claimed() for _ in range(6)])], NOW)
        begin(core)
        assert not core.release_stuck(NOW + 10)

    def test_jobs_prefetched_by_a_set_number_are_kept(self) -> None:
        core = make(room=1, prefetch=5)
        core.answered(core.requests(NOW), [ClaimReply(0, [claimed() for _ in range(6)])], NOW)
        begin(core)
        assert not core.release_stuck(NOW + 10)

    def test_a_stop_releases_prefetched_jobs(self) -> None:
        core = make(room=1, prefetch=5)
        core.answered(core.requests(NOW), [ClaimReply(0, [claimed() for _ in range(6)])], NOW)
        [running] = begin(core)
        core.stop()
        [request] = core.requests(NOW)
        assert verbs([request]) == ["release"] and len(request.ended) == 5
        finish(core, running)
        assert not begin(core)

    @pytest.mark.parametrize("mode", ["simple", "recoverable"])
    def test_a_stop_runs_prefetched_jobs_in_a_mode_without_release(self, mode: str) -> None:
        core = make(mode, room=1, prefetch=5)
        core.answered(core.requests(NOW), [ClaimReply(0, [claimed() for _ in range(3)])], NOW)
        [running] = begin(core)
        core.stop()
        for _ in range(2):
            finish(core, running)
            [running] = begin(core)
        finish(core, running)
        requests = core.requests(NOW)
        assert len(requests[0].ended) == 3
        core.answered(requests, words(requests), NOW)
        assert core.drained

    def test_jobs_claimed_during_a_stop_are_released(self) -> None:
        core = make()
        requests = core.requests(NOW)
        core.stop()
        core.answered(requests, [ClaimReply(0, [claimed()])], NOW)
        assert not begin(core)
        assert verbs(core.requests(NOW)) == ["release"]
