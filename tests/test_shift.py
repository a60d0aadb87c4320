"""What a worker decides: no server, no clock and no event loop is needed to ask it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from pyjobs import codec
from pyjobs.claimed import ClaimedJob, Ending, failure, success
from pyjobs.errors import OutcomeUnknown, PyjobsError, Unavailable, WrongMode
from pyjobs.modes import MODES
from pyjobs.shift import CALL_BYTES, Letter, Shift, Terms
from pyjobs.verbs import MAX_BYTES, Batch, Claimed

EVERY = pytest.mark.parametrize("mode", list(MODES))
REPEATABLE = pytest.mark.parametrize("mode", ["recoverable", "reliable"])
NUMBER = itertools.count()


def make(
    mode: str = "reliable", room: int = 10, timeout: float | None = None, **terms: int
) -> Shift:
    nonces = (f"nonce{n}" for n in itertools.count(1))
    return Shift(
        MODES[mode],
        [("a", "jobs:{a}"), ("b", "jobs:{b}")],
        room=room,
        terms=Terms(lease=30_000, **terms),
        timeout=timeout,
        nonce=lambda: next(nonces),
    )


def claimed(queue: int = 0, timeout: int = 0) -> Claimed:
    n = next(NUMBER)
    return Claimed(queue, f"id{n}", f"{n}-token", b"1", 1, 1000, timeout)


def verbs(letters: list[Letter]) -> list[str]:
    return [letter.call.script.name.split("/")[1] for letter in letters]


def args(letter: Letter) -> dict[str, Any]:
    return dict(zip(letter.call.script.names, letter.call.args, strict=False))


def items(letter: Letter) -> list[Any]:
    return list(letter.call.args[len(letter.call.script.names) :])


def ids(letter: Letter) -> list[str]:
    return [job.id for job, _ in letter.ended]


def take(shift: Shift, count: int, *, queue: int = 0, wait: int = -1) -> list[ClaimedJob]:
    """Let the shift claim `count` jobs."""
    shift.woken()
    letters = shift.letters()
    assert verbs(letters) == ["claim"]
    started, refused = shift.answered(
        letters, [Batch(wait, [claimed(queue) for _ in range(count)])]
    )
    assert len(started) == count and not refused
    return started


def finish(shift: Shift, *jobs: ClaimedJob, ending: Ending | None = None) -> None:
    for job in jobs:
        shift.finished(job, ending or success("result"))


def words(letters: list[Letter], batch: Batch | None = None) -> list[Any]:
    """Good answers."""
    good = {"complete": "done", "fail": "failed", "release": "pending"}
    return [
        [good[verb]] * len(letter.ended) if letter.ended else batch or Batch(-1, [])
        for verb, letter in zip(verbs(letters), letters, strict=True)
    ]


class TestClaim:
    @EVERY
    def test_the_first_thing_is_a_claim_of_all_queues_in_order(self, mode: str) -> None:
        [letter] = make(mode, room=7).letters()
        assert letter.call.script.name == f"{mode}/claim"
        assert letter.call.keys == ("jobs:{a}", "jobs:{b}")
        assert args(letter)["limit"] == 7

    def test_it_says_for_how_long(self) -> None:
        [letter] = make(max_crashes=5).letters()
        assert args(letter)["lease"] == 30_000
        assert args(letter)["options"] == "max_crashes=5"

    def test_only_what_there_is_room_for(self) -> None:
        shift = make(room=5)
        take(shift, 3)
        shift.woken()
        assert args(shift.letters()[0])["limit"] == 2

    def test_no_more_than_a_call_may_take(self) -> None:
        assert args(make(room=5000).letters()[0])["limit"] == 1000

    def test_not_when_full(self) -> None:
        shift = make(room=2)
        take(shift, 2, wait=0)
        assert shift.letters() == []
        assert not shift.woken()
        assert shift.letters() == []

    def test_not_when_stopping(self) -> None:
        shift = make()
        take(shift, 2, wait=0)
        shift.stopping = True
        assert shift.letters() == []
        shift.woken()
        assert shift.letters() == []

    def test_again_at_once_when_there_are_more(self) -> None:
        shift = make()
        take(shift, 2, wait=0)
        assert verbs(shift.letters()) == ["claim"]

    @pytest.mark.parametrize("wait", [-1, 500])
    def test_not_again_when_there_are_none(self, wait: int) -> None:
        shift = make()
        take(shift, 2, wait=wait)
        assert shift.letters() == []

    def test_each_claim_has_a_nonce_of_its_own(self) -> None:
        shift = make()
        first = shift.letters()
        shift.answered(first, [Batch(0, [])])
        assert args(first[0])["nonce"] != args(shift.letters()[0])["nonce"]

    def test_a_job_knows_its_queue_and_its_limit(self) -> None:
        shift = make(timeout=9.0)
        jobs = [claimed(0), claimed(1, timeout=1500)]
        started, _ = shift.answered(shift.letters(), [Batch(-1, jobs)])
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
        letters = shift.letters()
        assert verbs(letters) == ["complete", "claim"]
        assert items(letters[0]) == [job.id, job.token, b'"result"']
        assert letters[0].call.keys == ("jobs:{a}",)

    @EVERY
    def test_also_when_every_place_was_taken(self, mode: str) -> None:
        """The place that an ending frees is filled in the same round trip."""
        shift = make(mode, room=2)
        jobs = take(shift, 2, wait=0)
        finish(shift, jobs[0])
        letters = shift.letters()
        assert verbs(letters) == ["complete", "claim"]
        assert args(letters[1])["limit"] == 1

    def test_an_ended_job_is_held_until_it_is_recorded(self) -> None:
        """Its lease must not run out on the way."""
        shift = make()
        [job] = take(shift, 1)
        finish(shift, job)
        letters = shift.letters()
        assert job in shift.held
        shift.answered(letters, words(letters))
        assert not shift.held
        assert shift.letters() == []

    def test_by_queue_and_verb(self) -> None:
        shift = make()
        first, second = take(shift, 2, queue=0)
        third, fourth = take(shift, 2, queue=1)
        finish(shift, first, third)
        finish(shift, second, fourth, ending=failure(ValueError("no")))
        letters = shift.letters()[:-1]
        found = {(letter.call.script.name, letter.call.keys[0]): ids(letter) for letter in letters}
        assert len(letters) == 4
        assert found == {
            ("reliable/complete", "jobs:{a}"): [first.id],
            ("reliable/fail", "jobs:{a}"): [second.id],
            ("reliable/complete", "jobs:{b}"): [third.id],
            ("reliable/fail", "jobs:{b}"): [fourth.id],
        }

    def test_within_the_items_of_a_call(self) -> None:
        shift = make(room=5000)
        jobs = [job for _ in range(3) for job in take(shift, 1000)][:2500]
        finish(shift, *jobs)
        letters = shift.letters()[:-1]
        assert [len(letter.ended) for letter in letters] == [1000, 1000, 500]
        assert [id for letter in letters for id in ids(letter)] == [job.id for job in jobs]

    def test_within_the_bytes_of_a_call(self) -> None:
        shift = make(room=20)
        jobs = take(shift, 10)
        finish(shift, *jobs, ending=Ending("complete", b"x" * (MAX_BYTES - 1)))
        letters = shift.letters()[:-1]
        sizes = [sum(len(ending.body) for _, ending in letter.ended) for letter in letters]
        assert max(sizes) <= CALL_BYTES + MAX_BYTES
        assert len(letters) > 1
        assert [id for letter in letters for id in ids(letter)] == [job.id for job in jobs]

    def test_terms_go_with_them(self) -> None:
        shift = make(retention=60_000, max_attempts=4, backoff=250)
        done, failed = take(shift, 2)
        finish(shift, done)
        finish(shift, failed, ending=failure(ValueError("no"), "reject"))
        complete, fail, _ = shift.letters()
        assert args(complete)["options"] == "retention=60000"
        assert args(fail)["options"] == "max_attempts=4 backoff=250"
        assert items(fail)[2] == "reject"

    @pytest.mark.parametrize("mode", ["simple", "recoverable"])
    def test_failures_of_the_other_modes_have_no_verdict(self, mode: str) -> None:
        shift = make(mode)
        [job] = take(shift, 1)
        finish(shift, job, ending=failure(ValueError("no")))
        letter = shift.letters()[0]
        assert letter.call.script.name == f"{mode}/fail"
        assert items(letter)[:2] == [job.id, job.token]
        assert codec.decode_error(items(letter)[2])[:2] == ("ValueError", "no")

    def test_a_job_that_is_not_held_is_nobodys_business(self) -> None:
        shift = make()
        [job] = take(shift, 1)
        finish(shift, job)
        letters = shift.letters()
        shift.answered(letters, words(letters))
        finish(shift, job)
        assert shift.letters() == []


class TestNoAnswer:
    @REPEATABLE
    @pytest.mark.parametrize("error", [Unavailable("away"), OutcomeUnknown("perhaps")])
    def test_a_claim_is_sent_again_with_the_same_nonce(self, mode: str, error: PyjobsError) -> None:
        """What the first one took is handed out to the second."""
        shift = make(mode)
        first = shift.letters()
        shift.unanswered(first, error)
        again = shift.letters()
        assert again[0].call == first[0].call
        shift.answered(again, [Batch(0, [])])
        assert args(shift.letters()[0])["nonce"] != args(first[0])["nonce"]

    def test_the_same_when_it_alone_of_a_round_trip_got_none(self) -> None:
        shift = make()
        [job] = take(shift, 1)
        finish(shift, job)
        letters = shift.letters()
        shift.answered(letters, [["done"], OutcomeUnknown("perhaps")])
        again = shift.letters()
        assert verbs(again) == ["claim"]
        assert again[0].call == letters[1].call

    @pytest.mark.parametrize("error", [Unavailable("away"), OutcomeUnknown("perhaps")])
    def test_simple_goes_on_claiming(self, error: PyjobsError) -> None:
        shift = make("simple")
        shift.unanswered(shift.letters(), error)
        assert verbs(shift.letters()) == ["claim"]

    @EVERY
    def test_endings_are_sent_again_when_nothing_was_written(self, mode: str) -> None:
        shift = make(mode)
        jobs = take(shift, 2)
        finish(shift, *jobs)
        first = shift.letters()
        shift.unanswered(first, Unavailable("away"))
        assert shift.held == set(jobs)
        again = shift.letters()
        assert verbs(again) == ["complete", "claim"]
        assert again[0].call == first[0].call

    @REPEATABLE
    def test_and_when_nobody_knows(self, mode: str) -> None:
        shift = make(mode)
        jobs = take(shift, 2)
        finish(shift, *jobs)
        first = shift.letters()
        shift.unanswered(first, OutcomeUnknown("perhaps"))
        assert shift.letters()[0].call == first[0].call

    def test_but_not_in_simple(self) -> None:
        """A second message would be a second result."""
        shift = make("simple")
        finish(shift, *take(shift, 2))
        shift.unanswered(shift.letters(), OutcomeUnknown("perhaps"))
        assert not shift.held
        assert "complete" not in verbs(shift.letters())

    def test_endings_that_came_meanwhile_go_along(self) -> None:
        shift = make()
        first, second = take(shift, 2)
        finish(shift, first)
        letters = shift.letters()
        finish(shift, second)
        shift.unanswered(letters, Unavailable("away"))
        assert sorted(ids(shift.letters()[0])) == sorted([first.id, second.id])

    def test_of_one_letter_only(self) -> None:
        shift = make()
        [first] = take(shift, 1, queue=0)
        [second] = take(shift, 1, queue=1)
        finish(shift, first, second)
        letters = shift.letters()
        shift.answered(letters, [Unavailable("away"), ["done"], Batch(-1, [])])
        assert shift.held == {first}
        assert ids(shift.letters()[0]) == [first.id]


class TestIdle:
    def test_nobody_sleeps_before_the_first_claim(self) -> None:
        assert make().idle_ms() is None

    @pytest.mark.parametrize("wait", [-1, 1, 500])
    def test_as_long_as_the_claim_said(self, wait: int) -> None:
        shift = make()
        take(shift, 1, wait=wait)
        assert shift.idle_ms() == wait

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
        shift.stopping = True
        assert shift.idle_ms() is None

    def test_woken_makes_hungry(self) -> None:
        shift = make()
        take(shift, 1)
        assert shift.woken()
        assert shift.idle_ms() is None
        assert verbs(shift.letters()) == ["claim"]

    def test_woken_while_a_claim_is_under_way(self) -> None:
        """It ran before the job came that the token told of: its answer is old news."""
        shift = make()
        letters = shift.letters()
        assert shift.woken()
        shift.answered(letters, [Batch(-1, [])])
        assert shift.idle_ms() is None
        assert verbs(shift.letters()) == ["claim"]

    def test_woken_tells_that_there_is_no_room(self) -> None:
        shift = make(room=1)
        [job] = take(shift, 1)
        assert not shift.woken()
        finish(shift, job)
        letters = shift.letters()
        shift.answered(letters, words(letters))
        # It was told of jobs, so it looks as soon as there is room.
        assert "claim" in verbs(letters) + verbs(shift.letters())


class TestStop:
    def test_release_hands_back(self) -> None:
        shift = make()
        jobs = take(shift, 2)
        shift.stopping = True
        finish(shift, *jobs, ending=Ending("release"))
        [letter] = shift.letters()
        assert letter.call.script.name == "reliable/release"
        assert items(letter) == [part for job in jobs for part in (job.id, job.token)]
        assert not shift.over
        shift.answered([letter], [["pending", "pending"]])
        assert shift.over

    def test_recoverable_leaves_them_to_the_reaper(self) -> None:
        shift = make("recoverable")
        jobs = take(shift, 2)
        shift.stopping = True
        finish(shift, *jobs, ending=Ending("release"))
        assert shift.letters() == []
        assert shift.over

    def test_simple_tells_the_client(self) -> None:
        shift = make("simple")
        [job] = take(shift, 1)
        shift.stopping = True
        finish(shift, job, ending=Ending("release"))
        [letter] = shift.letters()
        assert letter.call.script.name == "simple/fail"
        assert "worker stopped" in codec.decode_error(items(letter)[2])[1]

    def test_over_only_when_all_is_recorded(self) -> None:
        shift = make()
        [job] = take(shift, 1)
        assert not shift.over
        shift.stopping = True
        assert not shift.over
        finish(shift, job)
        letters = shift.letters()
        assert verbs(letters) == ["complete"] and not shift.over
        shift.unanswered(letters, Unavailable("away"))
        assert not shift.over
        letters = shift.letters()
        shift.answered(letters, words(letters))
        assert shift.over

    def test_at_once_when_nothing_is_held(self) -> None:
        shift = make()
        shift.stopping = True
        assert shift.over


class TestLost:
    @pytest.mark.parametrize("word", ["LOST", "NOJOB"])
    def test_a_refused_ending_is_reported_and_dropped(self, word: str) -> None:
        shift = make()
        lost, mine = take(shift, 2)
        finish(shift, lost, mine)
        letters = shift.letters()
        started, refused = shift.answered(letters, [[word, "done"], Batch(-1, [])])
        assert (started, refused) == ([], [(lost, word)])
        assert not shift.held and shift.letters() == []

    def test_a_repeat_is_not(self) -> None:
        """It is the answer to an ending that was sent twice."""
        shift = make()
        finish(shift, *take(shift, 1))
        assert shift.answered(shift.letters(), [["repeat"], Batch(-1, [])]) == ([], [])
        assert not shift.held

    @pytest.mark.parametrize("ending", [success(1), failure(ValueError()), Ending("release"), None])
    def test_what_a_lost_job_comes_to_is_discarded(self, ending: Ending | None) -> None:
        shift = make()
        [job] = take(shift, 1)
        job.lost = True
        shift.finished(job, ending)
        assert not shift.held and shift.letters() == []


class TestRefused:
    def test_a_claim_in_a_wrong_mode_is_fatal(self) -> None:
        shift = make()
        jobs = take(shift, 2)
        shift.woken()
        assert shift.fatal is None
        shift.answered(shift.letters(), [WrongMode("queue b is simple")])
        assert isinstance(shift.fatal, WrongMode)
        assert shift.held == set(jobs)

    def test_the_other_answers_of_that_round_trip_count(self) -> None:
        shift = make()
        [job, running] = take(shift, 2)
        finish(shift, job)
        shift.answered(shift.letters(), [["done"], WrongMode("queue b is simple")])
        assert shift.fatal is not None
        assert shift.held == {running}

    def test_what_was_running_can_be_handed_back(self) -> None:
        shift = make()
        jobs = take(shift, 2)
        shift.woken()
        shift.answered(shift.letters(), [WrongMode("queue b is simple")])
        shift.stopping = True
        finish(shift, *jobs, ending=Ending("release"))
        letters = shift.letters()
        assert verbs(letters) == ["release"]
        shift.answered(letters, words(letters))
        assert shift.over

    def test_jobs_that_came_in_that_round_trip_are_handed_out(self) -> None:
        """Whoever is never handed out can never be ended."""
        shift = make()
        finish(shift, *take(shift, 1, queue=1))
        letters = shift.letters()
        refusal = WrongMode("queue b is simple")
        started, _ = shift.answered(letters, [refusal, Batch(-1, [claimed(0)])])
        assert shift.fatal is refusal
        assert len(started) == 1 and shift.held == set(started)
