"""What a worker decides when it stops, and of jobs that are lost or refused."""

from __future__ import annotations

import pytest
from support.worker_core import (
    NOW,
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
from pyjobs.engine.outcome import Outcome
from pyjobs.engine.replies import ClaimReply
from pyjobs.errors import (
    BadArgument,
    Forbidden,
    OutcomeUnknown,
    PyjobsError,
    Unavailable,
)
from pyjobs.worker.claiming.outbox import Request
from pyjobs.worker.outcomes import failure, success
from pyjobs.worker.run import RunState


class TestStop:
    def test_a_stop_in_reliable_mode_releases_running_jobs(self) -> None:
        core = make()
        jobs = take(core, 2)
        core.stop()
        finish(core, *jobs, outcome=Outcome("release"))
        [request] = core.requests(NOW)
        assert request.call.script.name == "reliable/release"
        assert items(request) == [part for job in jobs for part in (job.id, job.token)]
        assert not core.drained
        core.answered([request], [["pending", "pending"]], NOW)
        assert core.drained

    def test_a_stop_in_recoverable_mode_leaves_running_jobs_to_the_reaper(self) -> None:
        core = make("recoverable")
        jobs = take(core, 2)
        core.stop()
        finish(core, *jobs, outcome=Outcome("release"))
        assert core.requests(NOW) == []
        assert core.drained

    def test_a_stop_in_simple_mode_fails_running_jobs(self) -> None:
        core = make("simple")
        [job] = take(core, 1)
        core.stop()
        finish(core, job, outcome=Outcome("release"))
        [request] = core.requests(NOW)
        assert request.call.script.name == "simple/fail"
        assert "worker stopped" in codec.decode_error(items(request)[2])[1]

    def test_a_stopped_core_is_over_only_when_all_is_recorded(self) -> None:
        core = make()
        [job] = take(core, 1)
        assert not core.drained
        core.stop()
        assert not core.drained
        finish(core, job)
        requests = core.requests(NOW)
        assert verbs(requests) == ["complete"] and not core.drained
        core.unanswered(requests, Unavailable("away"))
        assert not core.drained
        requests = core.requests(NOW)
        core.answered(requests, words(requests), NOW)
        assert core.drained

    def test_a_stopped_core_without_jobs_is_over_at_once(self) -> None:
        core = make()
        core.stop()
        assert core.drained


class TestStopAfterAClaimWithoutAnswer:
    """It may have taken jobs, which nobody else would know of."""

    def lost(self, mode: str, error: PyjobsError) -> tuple[OneLaneCore, Request]:
        core = make(mode)
        [request] = core.requests(NOW)
        core.unanswered([request], error)
        core.stop()
        return core, request

    def test_the_claim_is_sent_again_and_its_jobs_are_released(self) -> None:
        core, first = self.lost("reliable", OutcomeUnknown("perhaps"))
        assert not core.drained
        [again] = core.requests(NOW)
        assert args(again)["nonce"] == args(first)["nonce"]
        core.answered([again], [ClaimReply(0, [claimed(), claimed()])], NOW)
        assert not begin(core) and not core.drained
        [release] = core.requests(NOW)
        assert verbs([release]) == ["release"] and len(release.ended) == 2
        core.answered([release], words([release]), NOW)
        assert core.drained

    def test_the_claim_is_sent_again_until_it_is_answered(self) -> None:
        core, first = self.lost("reliable", OutcomeUnknown("perhaps"))
        for error in (OutcomeUnknown("perhaps"), Unavailable("away")):
            core.unanswered(core.requests(NOW), error)
            assert not core.drained
        again = core.requests(NOW)
        assert args(again[0])["nonce"] == args(first)["nonce"]
        core.answered(again, [ClaimReply(-1, [])], NOW)
        assert core.drained and core.requests(NOW) == []

    def test_the_claim_is_not_sent_again_after_a_final_refusal(self) -> None:
        """To send it again would be to send it without an end."""
        core, _ = self.lost("reliable", OutcomeUnknown("perhaps"))
        core.answered(core.requests(NOW), [PyjobsError("nobody knows this")], NOW)
        assert core.drained and core.requests(NOW) == []
        assert core.fatal is not None

    @pytest.mark.parametrize(
        ("mode", "needs_grace"), [("simple", True), ("recoverable", True), ("reliable", False)]
    )
    def test_a_claim_under_way_is_worth_the_grace_in_a_mode_without_release(
        self, mode: str, needs_grace: bool
    ) -> None:
        core = make(mode)
        assert not core.needs_grace
        requests = core.requests(NOW)
        assert core.needs_grace is needs_grace
        core.stop()
        core.answered(requests, [ClaimReply(-1, [claimed()])], NOW)
        assert core.needs_grace and bool(begin(core)) is needs_grace

    def test_the_claim_is_still_open_after_a_passing_refusal(self) -> None:
        """The first may have been carried out all the same."""
        core, _ = self.lost("reliable", OutcomeUnknown("perhaps"))
        core.answered(core.requests(NOW), [Unavailable("BUSY")], NOW)
        assert not core.drained

    def test_jobs_of_the_claim_are_run_in_a_mode_without_release(self) -> None:
        core, _ = self.lost("recoverable", OutcomeUnknown("perhaps"))
        core.answered(core.requests(NOW), [ClaimReply(0, [claimed()])], NOW)
        assert len(begin(core)) == 1

    def test_a_second_stop_gives_the_claim_up_in_a_mode_without_release(self) -> None:
        """It could be neither run nor handed back: the next reap finds it in flight."""
        core, _ = self.lost("recoverable", OutcomeUnknown("perhaps"))
        core.stop(now=True)
        assert core.drained and core.requests(NOW) == []

    @pytest.mark.parametrize(
        ("mode", "error"),
        [
            ("simple", OutcomeUnknown("perhaps")),
            ("simple", Unavailable("away")),
            ("recoverable", Unavailable("away")),
            ("reliable", Unavailable("away")),
        ],
    )
    def test_a_claim_that_took_nothing_or_cannot_be_repeated_is_not_sent_again(
        self, mode: str, error: PyjobsError
    ) -> None:
        core, _ = self.lost(mode, error)
        assert core.drained and core.requests(NOW) == []


class TestLost:
    @pytest.mark.parametrize("word", ["LOST", "NOJOB"])
    def test_an_outcome_refused_as_lost_is_reported_and_dropped(self, word: str) -> None:
        core = make()
        lost, mine = take(core, 2)
        finish(core, lost, mine)
        requests = core.requests(NOW)
        refused = core.answered(requests, [[word, "done"], ClaimReply(-1, [])], NOW)
        assert refused == [(lost, word)]
        assert not core.held and core.requests(NOW) == []

    def test_an_outcome_answered_as_a_repeat_is_not_reported(self) -> None:
        """It is the answer to an outcome that was sent twice."""
        core = make()
        finish(core, *take(core, 1))
        assert core.answered(core.requests(NOW), [["repeat"], ClaimReply(-1, [])], NOW) == []
        assert not core.held

    @pytest.mark.parametrize(
        "outcome", [success(1), failure(ValueError()), Outcome("release"), None]
    )
    def test_the_outcome_of_a_lost_job_is_discarded(self, outcome: Outcome | None) -> None:
        core = make()
        [job] = take(core, 1)
        job.lose()
        core.finished(job, outcome, NOW)
        assert not core.held and verbs(core.requests(NOW)) == ["claim"]

    def test_the_place_of_a_lost_job_is_claimed_for_at_once(self) -> None:
        """How long there is nothing was said when it was claimed, and may be long ago."""
        core = make(room=1)
        [job] = take(core, 1, wait=60_000)
        assert core.idle_ms(NOW) is None
        core.finished(job, None, NOW)
        assert core.idle_ms(NOW) is None and verbs(core.requests(NOW)) == ["claim"]

    def test_the_place_of_a_lost_prefetched_job_is_claimed_for_at_once(self) -> None:
        core = make(room=1, prefetch=1)
        core.answered(core.requests(NOW), [ClaimReply(-1, [claimed(), claimed()])], NOW)
        [first] = begin(core)
        [second] = core.held - {first}
        second.lose()
        core.finished(first, None, NOW)
        core.answered(core.requests(NOW), [ClaimReply(-1, [])], NOW)
        assert not begin(core)
        assert verbs(core.requests(NOW)) == ["claim"]

    def test_a_job_claimed_again_by_the_same_worker_is_lost_to_its_older_run(self) -> None:
        """Its lease ended unnoticed, or Redis came back without the claim: the token tells them
        apart, and the older run must not go on beside the new one."""
        core = make()
        old, other = take(core, 2, queue=1)
        core.woken()
        again = claimed(1)._replace(id=old.id)
        same_id = claimed(0)._replace(id=other.id)
        refused = core.answered(core.requests(NOW), [ClaimReply(-1, [again, same_id])], NOW)
        assert refused == [(old, "claimed again")]
        assert old.lost and not other.lost
        new, _ = begin(core)
        assert new.token == again.token and not new.lost
        finish(core, old, new)
        requests = core.requests(NOW)
        assert ids(requests[0]) == [new.id]

    def test_every_job_is_lost_when_the_worker_gives_up(self) -> None:
        """Whoever still runs one must learn that nothing is recorded any more."""
        core = make(room=1, prefetch=1)
        core.answered(core.requests(NOW), [ClaimReply(-1, [claimed(), claimed()])], NOW)
        jobs = core.held.copy()
        [running] = begin(core)
        core.give_up()
        assert [job.lost for job in jobs] == [True, True] and not core.held
        core.finished(running, success(1), NOW)
        assert not begin(core)


class TestState:
    def test_a_failed_run_is_stopped_until_its_failure_is_recorded(self) -> None:
        """A thread that goes on after its timeout learns that its result is discarded."""
        core = make()
        [run] = take(core, 1)
        finish(core, run, outcome=failure(TimeoutError()))
        assert run.state is RunState.STOPPED and run in core.held

    def test_a_completed_run_is_not_lost(self) -> None:
        core = make()
        [run] = take(core, 1)
        finish(core, run)
        requests = core.requests(NOW)
        core.answered(requests, words(requests), NOW)
        assert run.state is RunState.HELD and not run.lost


def forbid(core: OneLaneCore) -> None:
    """The claim of all queues is forbidden, and so are the claims of each queue after it."""
    for _ in range(3):
        core.woken()
        assert core.fatal is None
        requests = core.requests(NOW)
        answers = [Forbidden("no right to HSET") if not one.ended else ["done"] for one in requests]
        core.answered(requests, answers, NOW)


class TestRefused:
    def test_a_claim_that_is_forbidden_for_every_queue_is_fatal(self) -> None:
        core = make()
        jobs = take(core, 2)
        forbid(core)
        assert isinstance(core.fatal, Forbidden)
        assert core.held == set(jobs)

    def test_replies_beside_a_fatal_refusal_count(self) -> None:
        core = make()
        [job, running] = take(core, 2)
        finish(core, job)
        forbid(core)
        assert core.fatal is not None
        assert core.held == {running}

    def test_jobs_that_run_at_a_fatal_refusal_can_be_released(self) -> None:
        core = make()
        jobs = take(core, 2)
        forbid(core)
        core.stop()
        finish(core, *jobs, outcome=Outcome("release"))
        requests = core.requests(NOW)
        assert verbs(requests) == ["release"]
        core.answered(requests, words(requests), NOW)
        assert core.drained

    def test_jobs_claimed_beside_a_fatal_refusal_are_handed_out(self) -> None:
        """Whoever is never handed out can never be ended."""
        core = make()
        finish(core, *take(core, 1, queue=1))
        requests = core.requests(NOW)
        refusal = PyjobsError("nobody knows this")
        core.answered(requests, [refusal, ClaimReply(-1, [claimed(0)])], NOW)
        started = begin(core)
        assert core.fatal is refusal
        assert len(started) == 1 and core.held == set(started)

    def test_a_bad_outcome_in_a_call_is_reported_and_the_others_are_recorded(self) -> None:
        """Each is sent by itself then; the bad one is reported, and is nobody's end."""
        core = make()
        good, bad = take(core, 2)
        finish(core, good, bad)
        refusal = BadArgument("BADARG id: not a name")
        assert core.answered(core.requests(NOW), [refusal, ClaimReply(-1, [])], NOW) == []
        assert core.held == {good, bad}
        requests = core.requests(NOW)
        assert [ids(request) for request in requests[:-1]] == [[good.id], [bad.id]]
        refused = core.answered(requests, [["done"], refusal, ClaimReply(-1, [])], NOW)
        assert refused == [(bad, str(refusal))]
        assert not core.held and core.fatal is None

    def test_a_second_forbidden_outcome_of_a_queue_is_fatal(self) -> None:
        """A user who may claim and not record would run the jobs of the queue again and again."""
        core = make()
        refusal = Forbidden("NOPERM")
        for number in range(2):
            assert core.fatal is None
            later = NOW + 60 * number
            core.woken()
            core.answered(core.requests(later), [ClaimReply(-1, [claimed(0)])], later)
            [job] = begin(core)
            core.finished(job, Outcome("complete", b"1"), later)
            refused = core.answered(core.requests(later), [refusal, ClaimReply(-1, [])], later)
            assert refused == [(job, "NOPERM")]
        assert core.fatal is refusal


class TestLateAnswer:
    """The lease begins when the claim is carried out, not when its answer is read."""

    def late(self, mode: str, seconds: float) -> OneLaneCore:
        core = make(mode)
        core.answered(core.requests(NOW), [ClaimReply(-1, [claimed()])], NOW + seconds)
        return core

    def test_a_job_claimed_later_than_two_thirds_of_a_lease_is_released(self) -> None:
        core = self.late("reliable", 20.1)
        assert not begin(core)
        assert verbs(core.requests(NOW)) == ["release", "claim"]

    def test_a_job_claimed_within_two_thirds_of_a_lease_is_started(self) -> None:
        assert len(begin(self.late("reliable", 19.9))) == 1

    @pytest.mark.parametrize("mode", ["simple", "recoverable"])
    def test_a_job_in_a_mode_without_leases_is_started_however_late(self, mode: str) -> None:
        assert len(begin(self.late(mode, 1000))) == 1

    def test_a_repeated_claim_is_late_counted_from_its_first_sending(self) -> None:
        core = make()
        core.unanswered(core.requests(NOW), OutcomeUnknown("perhaps"))
        core.answered(core.requests(NOW + 19), [ClaimReply(-1, [claimed()])], NOW + 21)
        assert not begin(core)
