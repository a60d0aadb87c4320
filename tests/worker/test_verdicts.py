"""What a handler may raise: Retry, Snooze, Continue and Reject, as values."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import pyjobs
from pyjobs.errors import BadArgument, JobFailed, PyjobsError
from pyjobs.worker.outcomes import failure
from pyjobs.worker.verdicts import Verdict, verdict_of

TIMED = pytest.mark.parametrize("kind", [pyjobs.Retry, pyjobs.Snooze])


@pytest.mark.parametrize(
    ("error", "verdict", "words"),
    [
        (pyjobs.Retry(after=0.5), "retry=500", "asked to be tried again"),
        (pyjobs.Retry("later", after=0.5), "retry=500", "later"),
        (pyjobs.Retry(why="later", after=0), "retry=0", "later"),
        (pyjobs.Snooze(after=60), "snooze=60000", "put off"),
        (pyjobs.Snooze("not now", after=60), "snooze=60000", "not now"),
        (pyjobs.Continue(40), "continue=0", "goes on"),
        (pyjobs.Continue({"page": 40}, after=60), "continue=60000", "goes on"),
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


def test_the_outcome_of_a_continue_has_the_state_as_its_body() -> None:
    assert failure(pyjobs.Continue({"page": 40})).body == b'{"page":40}'


@pytest.mark.parametrize("state", [object(), "x" * (1 << 20)], ids=["no JSON", "too large"])
def test_a_continue_with_a_state_that_can_t_be_saved_rejects_the_job(state: object) -> None:
    outcome = failure(pyjobs.Continue(state))
    assert outcome.verdict == "reject"
    assert "state" in outcome.why


def test_the_continues_of_a_group_that_differ_in_their_state_are_no_verdict() -> None:
    def group(*states: int) -> ExceptionGroup[Exception]:
        return ExceptionGroup("several", [pyjobs.Continue(state) for state in states])

    assert failure(group(1, 1)).verdict == "continue=0"
    assert failure(group(1, 2)).verdict == "retry"


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


def kinds(of: type[BaseException]) -> list[type[BaseException]]:
    """A class and all classes below it."""
    return [of, *(kind for below in of.__subclasses__() for kind in kinds(below))]


def every_exception() -> list[BaseException]:
    """One of each class of the package, some with the attributes that they get later."""
    made: list[BaseException] = [
        pyjobs.Retry("later", after=5),
        pyjobs.Snooze("put off", after=5),
        pyjobs.Continue({"page": 40}, after=5),
        pyjobs.Reject("no such address"),
        JobFailed("KeyError", "'x'", "the traceback", "attempts"),
    ]
    special = {type(error) for error in made}
    for kind in dict.fromkeys([*kinds(PyjobsError), *kinds(Verdict)]):
        if kind.__module__.startswith("pyjobs.") and kind not in special:
            error = kind("a message")
            error.accepted = ("a", "b")  # type: ignore[attr-defined]
            made.append(error)
    return made


@pytest.mark.parametrize("error", every_exception(), ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "carry", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)  # fmt: skip
def test_every_exception_survives_pickle_and_copy(error: BaseException, carry: Any) -> None:
    error.add_note("a note")
    carried = carry(error)
    assert type(carried) is type(error) and carried is not error
    assert str(carried) == str(error) and carried.args == error.args
    assert vars(carried) == vars(error)
    if isinstance(error, Verdict):
        assert carried.verdict == error.verdict


def test_an_exception_of_a_program_below_a_verdict_survives_pickle() -> None:
    carried = pickle.loads(pickle.dumps(Throttled(3, limit="mails")))
    assert (carried.verdict, carried.limit, str(carried)) == ("retry=3000", "mails", "throttled")


class Throttled(pyjobs.Retry):
    def __init__(self, seconds: float, *, limit: str) -> None:
        super().__init__("throttled", after=seconds)
        self.limit = limit


RETRY = pyjobs.Retry("later", after=5)


@pytest.mark.parametrize(
    "leaves",
    [
        [RETRY],
        [RETRY, pyjobs.Retry("later too", after=5)],
        [ExceptionGroup("inner", [RETRY])],
        [ExceptionGroup("inner", [RETRY]), RETRY],
    ],
    ids=["one", "two alike", "nested", "nested and not"],
)
def test_a_group_whose_leaves_are_one_verdict_is_that_verdict(leaves: list[Exception]) -> None:
    outcome = failure(ExceptionGroup("a task group", leaves))
    assert outcome.verdict == "retry=5000"
    assert outcome.why == "Retry: later"


@pytest.mark.parametrize(
    "leaves",
    [[RETRY, KeyError("x")], [RETRY, pyjobs.Retry(after=6)], [pyjobs.Reject(), RETRY]],
    ids=["another error", "another time", "another verdict"],
)
def test_a_group_whose_leaves_differ_is_a_failed_attempt(leaves: list[Exception]) -> None:
    outcome = failure(ExceptionGroup("a task group", leaves))
    assert outcome.verdict == "retry"
    assert outcome.why.startswith("ExceptionGroup: a task group")


def test_a_raise_from_a_verdict_is_the_exception_that_was_raised() -> None:
    try:
        raise KeyError("x") from pyjobs.Reject()
    except KeyError as error:
        assert failure(error).verdict == "retry"
    try:
        raise RETRY from pyjobs.Reject()
    except pyjobs.Retry as error:
        assert failure(error).verdict == "retry=5000"


class Incomparable:
    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth of an array is ambiguous")

    __hash__ = None  # type: ignore[assignment]


def test_continues_of_a_group_whose_states_can_not_be_compared_are_no_verdict() -> None:
    several = [pyjobs.Continue(Incomparable()), pyjobs.Continue(Incomparable())]
    assert verdict_of(BaseExceptionGroup("several", several)) is None
    same = several[0]
    assert verdict_of(BaseExceptionGroup("one", [same, same])) is same
