"""What a worker decides: no server, no clock and no event loop is needed to ask it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from pyjobs import codec
from pyjobs.claimed import ClaimedJob, failure, success
from pyjobs.ending import Ending, Policy
from pyjobs.errors import (
    BadArgument,
    Forbidden,
    OutcomeUnknown,
    PyjobsError,
    Unavailable,
    WrongMode,
)
from pyjobs.modes import MODES
from pyjobs.outbox import CALL_ITEMS
from pyjobs.shift import Request, Shift
from pyjobs.verbs import CALL_BYTES, MAX_BYTES, Claimed, ClaimReply

EVERY = pytest.mark.parametrize("mode", list(MODES))
REPEATABLE = pytest.mark.parametrize("mode", ["recoverable", "reliable"])
NUMBER = itertools.count()
NOW = 1000.0


def make(
    mode: str = "reliable",
    room: int = 10,
    timeout: float | None = None,
    prefetch: int | None = 0,
    **policy: int,
) -> Shift:
    nonces = (f"nonce{n}" for n in itertools.count(1))
    return Shift(
        MODES[mode],
        [("a", "jobs:{a}"), ("b", "jobs:{b}")],
        concurrency=room,
        policy=Policy(lease=30_000, **policy),
        timeout=timeout,
        prefetch=prefetch,
        nonce=lambda: next(nonces),
    )


def claimed(queue: int = 0, timeout: int = 0) -> Claimed:
    n = next(NUMBER)
    return Claimed(queue, f"id{n}", f"{n}-token", b"1", 1, 1000, timeout)


def verbs(requests: list[Request]) -> list[str]:
    return [request.call.script.name.split("/")[1] for request in requests]


def args(request: Request) -> dict[str, Any]:
    return dict(zip(request.call.script.names, request.call.args, strict=False))


def items(request: Request) -> list[Any]:
    return list(request.call.args[len(request.call.script.names) :])


def ids(request: Request) -> list[str]:
    return [job.id for job, _ in request.ended]


def take(shift: Shift, count: int, *, queue: int = 0, wait: int = -1) -> list[ClaimedJob]:
    """Let the shift claim `count` jobs."""
    shift.woken()
    requests = shift.requests(NOW)
    assert verbs(requests) == ["claim"]
    batch = ClaimReply(wait, [claimed(queue) for _ in range(count)])
    assert not shift.answered(requests, [batch], NOW)
    started = begin(shift)
    assert len(started) == count
    return started


def begin(shift: Shift, now: float = NOW) -> list[ClaimedJob]:
    """Start what the shift lets start."""
    return list(iter(lambda: shift.next_job(now), None))


def finish(shift: Shift, *jobs: ClaimedJob, ending: Ending | None = None) -> None:
    for job in jobs:
        shift.finished(job, ending or success("result"), NOW)


def words(requests: list[Request], batch: ClaimReply | None = None) -> list[Any]:
    """Good answers."""
    good = {"complete": "done", "fail": "failed", "release": "pending"}
    return [
        [good[verb]] * len(request.ended) if request.ended else batch or ClaimReply(-1, [])
        for verb, request in zip(verbs(requests), requests, strict=True)
    ]


class TestClaim:
    @EVERY
    def test_the_first_thing_is_a_claim_of_all_queues_in_order(self, mode: str) -> None:
        [request] = make(mode, room=7).requests(NOW)
        assert request.call.script.name == f"{mode}/claim"
        assert request.call.keys == ("jobs:{a}", "jobs:{b}")
        assert args(request)["limit"] == 7

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
        assert not shift.hoards(NOW + 0.2)
        assert shift.hoards(NOW + 0.3)
        assert verbs(shift.requests(NOW)) == ["release"]
        assert shift.free == 0 and len(running) == 2

    def test_not_while_jobs_find_their_place(self) -> None:
        shift = self.fast()
        shift.woken()
        shift.answered(shift.requests(NOW), [ClaimReply(0, [claimed() for _ in range(9)])], NOW)
        first, _ = begin(shift, NOW)
        finish(shift, first)
        begin(shift, NOW + 0.2)
        assert not shift.hoards(NOW + 0.3)

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
        assert not shift.hoards(NOW + 10)

    def test_not_with_a_number_of_its_own(self) -> None:
        shift = make(room=1, prefetch=5)
        shift.answered(shift.requests(NOW), [ClaimReply(0, [claimed() for _ in range(6)])], NOW)
        begin(shift)
        assert not shift.hoards(NOW + 10)

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
