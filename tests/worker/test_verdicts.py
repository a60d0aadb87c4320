"""What a handler may raise: Retry, Snooze and Reject, as values."""

from __future__ import annotations

from typing import Any

import pytest

import pyjobs
from pyjobs.errors import BadArgument
from pyjobs.worker.outcomes import failure

TIMED = pytest.mark.parametrize("kind", [pyjobs.Retry, pyjobs.Snooze])


@pytest.mark.parametrize(
    ("error", "verdict", "words"),
    [
        (pyjobs.Retry(after=0.5), "retry=500", "asked to be tried again"),
        (pyjobs.Retry("later", after=0.5), "retry=500", "later"),
        (pyjobs.Retry(why="later", after=0), "retry=0", "later"),
        (pyjobs.Snooze(after=60), "snooze=60000", "put off"),
        (pyjobs.Snooze("not now", after=60), "snooze=60000", "not now"),
        (pyjobs.Reject(), "reject", "rejected by its handler"),
        (pyjobs.Reject("no such address"), "reject", "no such address"),
    ],
    ids=repr,
)
def test_a_verdict_takes_its_words_first_and_gives_the_outcome_its_verdict(
    error: Exception, verdict: str, words: str
) -> None:
    outcome = failure(error)
    assert (outcome.verb, outcome.verdict) == ("fail", verdict)
    assert outcome.why == f"{type(error).__name__}: {words}"


@TIMED
@pytest.mark.parametrize("args", [(), ("later", 0.5)], ids=["missing", "positional"])
def test_after_is_required_by_keyword(kind: Any, args: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match=r"after|positional"):
        kind(*args)


@TIMED
@pytest.mark.parametrize("after", [-1, "soon", None, float("inf")])
def test_after_that_is_no_number_of_seconds_is_refused(kind: Any, after: Any) -> None:
    with pytest.raises(BadArgument, match="after: must be a number of seconds"):
        kind(after=after)
