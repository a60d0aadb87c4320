"""The state of a run, and what is said when no outcome of it was recorded."""

from __future__ import annotations

import pytest

from pyjobs.engine.replies import Claimed
from pyjobs.errors import JobCancelled, LeaseLost, NoJob
from pyjobs.worker.refusals import in_words, refusal
from pyjobs.worker.run import Run, RunState


@pytest.fixture
def run() -> Run:
    return Run(Claimed(0, "a", "1-nonce", b"1", 1, 0, 0), "q", None)


def test_a_run_is_held_when_it_is_claimed(run: Run) -> None:
    assert (run.state, run.lost, run.loss, run.started_at) == (RunState.HELD, False, "", None)


def test_a_stopped_run_reads_as_lost_to_its_handler(run: Run) -> None:
    run.stop()
    assert (run.state, run.lost) == (RunState.STOPPED, True)


def test_a_stopped_run_may_still_be_lost(run: Run) -> None:
    run.stop()
    run.lose("LOST")
    assert (run.state, run.lost, run.loss) == (RunState.LOST, True, "LOST")


def test_a_lost_run_stays_lost_when_it_is_stopped(run: Run) -> None:
    run.lose("cancelled")
    run.stop()
    assert (run.state, run.loss) == (RunState.LOST, "cancelled")


def test_a_recorded_word_is_reported_where_somebody_waits_for_it(run: Run) -> None:
    run.recorded("done")
    words: list[str] = []
    run.on_recorded = words.append
    run.recorded("LOST")
    assert words == ["LOST"]


@pytest.mark.parametrize(
    ("why", "error", "words"),
    [
        ("LOST", LeaseLost, "it was claimed again, or put back"),
        ("NOJOB", NoJob, "no such job any more"),
        ("cancelled", JobCancelled, "it was cancelled"),
        ("not renewed in time: away", LeaseLost, "another claim may have it"),
        ("", LeaseLost, "another claim may have it"),
    ],
)
def test_a_refusal_is_the_error_that_its_word_stands_for(
    run: Run, why: str, error: type[Exception], words: str
) -> None:
    raised = refusal(run, why)
    assert type(raised) is error
    assert str(raised) == f"job a on queue q: {words}"


def test_only_a_word_of_a_script_is_put_into_other_words() -> None:
    assert in_words("NOJOB") == "no such job any more"
    assert in_words("claimed again") == "claimed again"


def test_a_run_that_is_held_back_never_begins(run: Run) -> None:
    assert run.hold_back()
    assert not run.begin(5.0)
    assert run.started_at is None


def test_a_run_that_has_begun_is_not_held_back(run: Run) -> None:
    assert run.begin(5.0)
    assert not run.hold_back()
    assert not run.begin(6.0)
    assert run.started_at == 5.0


@pytest.mark.parametrize(("saved", "size"), [(None, 3), (b"12345", 8)])
def test_the_size_of_a_run_is_that_of_its_data_and_of_what_was_saved(
    saved: bytes | None, size: int
) -> None:
    made = Run(Claimed(0, "a", "token", b"123", 1, 1, 0, "", saved), "q", None)
    assert made.size == size
