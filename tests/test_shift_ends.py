"""What a worker decides when it stops, and of jobs that are lost or refused."""

from __future__ import annotations

import pytest
from shifts import (
    NOW,
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
from pyjobs.engine.outcome import Ending
from pyjobs.engine.replies import ClaimReply
from pyjobs.errors import (
    BadArgument,
    Forbidden,
    OutcomeUnknown,
    PyjobsError,
    Unavailable,
    WrongMode,
)
from pyjobs.worker.core import Request, Shift
from pyjobs.worker.job import failure, success


class TestStop:
    def test_release_hands_back(self) -> None:
        shift = make()
        jobs = take(shift, 2)
        shift.stop()
        finish(shift, *jobs, ending=Ending("release"))
        [request] = shift.requests(NOW)
        assert request.call.script.name == "reliable/release"
        assert items(request) == [part for job in jobs for part in (job.id, job.token)]
        assert not shift.over
        shift.answered([request], [["pending", "pending"]], NOW)
        assert shift.over

    def test_recoverable_leaves_them_to_the_reaper(self) -> None:
        shift = make("recoverable")
        jobs = take(shift, 2)
        shift.stop()
        finish(shift, *jobs, ending=Ending("release"))
        assert shift.requests(NOW) == []
        assert shift.over

    def test_simple_tells_the_client(self) -> None:
        shift = make("simple")
        [job] = take(shift, 1)
        shift.stop()
        finish(shift, job, ending=Ending("release"))
        [request] = shift.requests(NOW)
        assert request.call.script.name == "simple/fail"
        assert "worker stopped" in codec.decode_error(items(request)[2])[1]

    def test_over_only_when_all_is_recorded(self) -> None:
        shift = make()
        [job] = take(shift, 1)
        assert not shift.over
        shift.stop()
        assert not shift.over
        finish(shift, job)
        requests = shift.requests(NOW)
        assert verbs(requests) == ["complete"] and not shift.over
        shift.unanswered(requests, Unavailable("away"))
        assert not shift.over
        requests = shift.requests(NOW)
        shift.answered(requests, words(requests), NOW)
        assert shift.over

    def test_at_once_when_nothing_is_held(self) -> None:
        shift = make()
        shift.stop()
        assert shift.over


class TestStopAfterAClaimWithoutAnswer:
    """It may have taken jobs, which nobody else would know of."""

    def lost(self, mode: str, error: PyjobsError) -> tuple[Shift, Request]:
        shift = make(mode)
        [request] = shift.requests(NOW)
        shift.unanswered([request], error)
        shift.stop()
        return shift, request

    def test_it_is_sent_again_and_what_it_took_is_handed_back(self) -> None:
        shift, first = self.lost("reliable", OutcomeUnknown("perhaps"))
        assert not shift.over
        [again] = shift.requests(NOW)
        assert again.call == first.call
        shift.answered([again], [ClaimReply(0, [claimed(), claimed()])], NOW)
        assert not begin(shift) and not shift.over
        [release] = shift.requests(NOW)
        assert verbs([release]) == ["release"] and len(release.ended) == 2
        shift.answered([release], words([release]), NOW)
        assert shift.over

    def test_until_there_is_an_answer(self) -> None:
        shift, first = self.lost("reliable", OutcomeUnknown("perhaps"))
        for error in (OutcomeUnknown("perhaps"), Unavailable("away")):
            shift.unanswered(shift.requests(NOW), error)
            assert not shift.over
        again = shift.requests(NOW)
        assert again[0].call == first.call
        shift.answered(again, [ClaimReply(-1, [])], NOW)
        assert shift.over and shift.requests(NOW) == []

    def test_or_one_that_it_will_always_get(self) -> None:
        """To send it again would be to send it without an end."""
        shift, _ = self.lost("reliable", OutcomeUnknown("perhaps"))
        shift.answered(shift.requests(NOW), [Forbidden("NOPERM")], NOW)
        assert shift.over and shift.requests(NOW) == []
        assert isinstance(shift.fatal, Forbidden)

    @pytest.mark.parametrize(
        ("mode", "patient"), [("simple", True), ("recoverable", True), ("reliable", False)]
    )
    def test_one_on_its_way_is_worth_the_grace_where_jobs_are_not_handed_back(
        self, mode: str, patient: bool
    ) -> None:
        shift = make(mode)
        assert not shift.patient
        requests = shift.requests(NOW)
        assert shift.patient is patient
        shift.stop()
        shift.answered(requests, [ClaimReply(-1, [claimed()])], NOW)
        assert shift.patient and bool(begin(shift)) is patient

    def test_a_refusal_leaves_it_open(self) -> None:
        """The first may have been carried out all the same."""
        shift, _ = self.lost("reliable", OutcomeUnknown("perhaps"))
        shift.answered(shift.requests(NOW), [Unavailable("BUSY")], NOW)
        assert not shift.over

    def test_what_it_took_is_run_where_it_can_not_be_handed_back(self) -> None:
        shift, _ = self.lost("recoverable", OutcomeUnknown("perhaps"))
        shift.answered(shift.requests(NOW), [ClaimReply(0, [claimed()])], NOW)
        assert len(begin(shift)) == 1

    def test_but_not_after_a_second_stop(self) -> None:
        """It could be neither run nor handed back: whoever reaps finds it in flight."""
        shift, _ = self.lost("recoverable", OutcomeUnknown("perhaps"))
        shift.stop(now=True)
        assert shift.over and shift.requests(NOW) == []

    @pytest.mark.parametrize(
        ("mode", "error"),
        [
            ("simple", OutcomeUnknown("perhaps")),
            ("simple", Unavailable("away")),
            ("recoverable", Unavailable("away")),
            ("reliable", Unavailable("away")),
        ],
    )
    def test_not_when_it_took_nothing_or_can_not_be_repeated(
        self, mode: str, error: PyjobsError
    ) -> None:
        shift, _ = self.lost(mode, error)
        assert shift.over and shift.requests(NOW) == []


class TestLost:
    @pytest.mark.parametrize("word", ["LOST", "NOJOB"])
    def test_a_refused_ending_is_reported_and_dropped(self, word: str) -> None:
        shift = make()
        lost, mine = take(shift, 2)
        finish(shift, lost, mine)
        requests = shift.requests(NOW)
        refused = shift.answered(requests, [[word, "done"], ClaimReply(-1, [])], NOW)
        assert refused == [(lost, word)]
        assert not shift.held and shift.requests(NOW) == []

    def test_a_repeat_is_not(self) -> None:
        """It is the answer to an ending that was sent twice."""
        shift = make()
        finish(shift, *take(shift, 1))
        assert shift.answered(shift.requests(NOW), [["repeat"], ClaimReply(-1, [])], NOW) == []
        assert not shift.held

    @pytest.mark.parametrize("ending", [success(1), failure(ValueError()), Ending("release"), None])
    def test_what_a_lost_job_comes_to_is_discarded(self, ending: Ending | None) -> None:
        shift = make()
        [job] = take(shift, 1)
        job.lost = True
        shift.finished(job, ending, NOW)
        assert not shift.held and verbs(shift.requests(NOW)) == ["claim"]

    def test_its_place_is_offered_at_once(self) -> None:
        """How long there is nothing was said when it was claimed, and may be long ago."""
        shift = make(room=1)
        [job] = take(shift, 1, wait=60_000)
        assert shift.idle_ms() is None
        shift.finished(job, None, NOW)
        assert shift.idle_ms() is None and verbs(shift.requests(NOW)) == ["claim"]

    def test_so_is_that_of_one_that_waited(self) -> None:
        shift = make(room=1, prefetch=1)
        shift.answered(shift.requests(NOW), [ClaimReply(-1, [claimed(), claimed()])], NOW)
        [first] = begin(shift)
        [second] = shift.held - {first}
        second.lost = True
        shift.finished(first, None, NOW)
        shift.answered(shift.requests(NOW), [ClaimReply(-1, [])], NOW)
        assert not begin(shift)
        assert verbs(shift.requests(NOW)) == ["claim"]

    def test_so_is_one_that_the_same_worker_gets_again(self) -> None:
        """Its lease ended unnoticed, or Redis came back without the claim: the token tells them
        apart, and the older run must not go on beside the new one."""
        shift = make()
        old, other = take(shift, 2, queue=1)
        shift.woken()
        again = claimed(1)._replace(id=old.id)
        same_id = claimed(0)._replace(id=other.id)
        refused = shift.answered(shift.requests(NOW), [ClaimReply(-1, [again, same_id])], NOW)
        assert refused == [(old, "claimed again")]
        assert old.lost and not other.lost
        new, _ = begin(shift)
        assert new.token == again.token and not new.lost
        finish(shift, old, new)
        requests = shift.requests(NOW)
        assert ids(requests[0]) == [new.id]

    def test_when_the_worker_gives_up_all_of_them_are(self) -> None:
        """Whoever still runs one must learn that nothing is recorded any more."""
        shift = make(room=1, prefetch=1)
        shift.answered(shift.requests(NOW), [ClaimReply(-1, [claimed(), claimed()])], NOW)
        jobs = shift.held.copy()
        [running] = begin(shift)
        shift.give_up()
        assert [job.lost for job in jobs] == [True, True] and not shift.held
        shift.finished(running, success(1), NOW)
        assert not begin(shift)


class TestRefused:
    def test_a_claim_in_a_wrong_mode_is_fatal(self) -> None:
        shift = make()
        jobs = take(shift, 2)
        shift.woken()
        assert shift.fatal is None
        shift.answered(shift.requests(NOW), [WrongMode("queue b is simple")], NOW)
        assert isinstance(shift.fatal, WrongMode)
        assert shift.held == set(jobs)

    def test_the_other_answers_of_that_round_trip_count(self) -> None:
        shift = make()
        [job, running] = take(shift, 2)
        finish(shift, job)
        shift.answered(shift.requests(NOW), [["done"], WrongMode("queue b is simple")], NOW)
        assert shift.fatal is not None
        assert shift.held == {running}

    def test_what_was_running_can_be_handed_back(self) -> None:
        shift = make()
        jobs = take(shift, 2)
        shift.woken()
        shift.answered(shift.requests(NOW), [WrongMode("queue b is simple")], NOW)
        shift.stop()
        finish(shift, *jobs, ending=Ending("release"))
        requests = shift.requests(NOW)
        assert verbs(requests) == ["release"]
        shift.answered(requests, words(requests), NOW)
        assert shift.over

    def test_jobs_that_came_in_that_round_trip_are_handed_out(self) -> None:
        """Whoever is never handed out can never be ended."""
        shift = make()
        finish(shift, *take(shift, 1, queue=1))
        requests = shift.requests(NOW)
        refusal = WrongMode("queue b is simple")
        shift.answered(requests, [refusal, ClaimReply(-1, [claimed(0)])], NOW)
        started = begin(shift)
        assert shift.fatal is refusal
        assert len(started) == 1 and shift.held == set(started)

    def test_one_bad_ending_does_not_take_the_others_with_it(self) -> None:
        """Each is sent by itself then; the bad one is reported, and is nobody's end."""
        shift = make()
        good, bad = take(shift, 2)
        finish(shift, good, bad)
        refusal = BadArgument("BADARG id: not a name")
        assert shift.answered(shift.requests(NOW), [refusal, ClaimReply(-1, [])], NOW) == []
        assert shift.held == {good, bad}
        requests = shift.requests(NOW)
        assert [ids(request) for request in requests[:-1]] == [[good.id], [bad.id]]
        refused = shift.answered(requests, [["done"], refusal, ClaimReply(-1, [])], NOW)
        assert refused == [(bad, str(refusal))]
        assert not shift.held and shift.fatal is None

    def test_endings_that_are_forbidden_are_reported(self) -> None:
        shift = make()
        [job] = take(shift, 1)
        finish(shift, job)
        refusal = Forbidden("NOPERM")
        refused = shift.answered(shift.requests(NOW), [refusal, ClaimReply(-1, [])], NOW)
        assert refused == [(job, "NOPERM")]
        assert shift.fatal is refusal


class TestLateAnswer:
    """The lease begins when the claim is carried out, not when its answer is read."""

    def late(self, mode: str, seconds: float) -> Shift:
        shift = make(mode)
        shift.answered(shift.requests(NOW), [ClaimReply(-1, [claimed()])], NOW + seconds)
        return shift

    def test_is_handed_back(self) -> None:
        shift = self.late("reliable", 20.1)
        assert not begin(shift)
        assert verbs(shift.requests(NOW)) == ["release", "claim"]

    def test_is_started_within_two_thirds(self) -> None:
        assert len(begin(self.late("reliable", 19.9))) == 1

    @pytest.mark.parametrize("mode", ["simple", "recoverable"])
    def test_where_there_is_no_lease_it_is_never_late(self, mode: str) -> None:
        assert len(begin(self.late(mode, 1000))) == 1

    def test_counts_from_the_first_time_that_the_claim_was_sent(self) -> None:
        shift = make()
        shift.unanswered(shift.requests(NOW), OutcomeUnknown("perhaps"))
        shift.answered(shift.requests(NOW + 19), [ClaimReply(-1, [claimed()])], NOW + 21)
        assert not begin(shift)
