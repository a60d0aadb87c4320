"""Code words: one list of them, the same in Lua, in Python, in the tree that is shown, and here."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis.exceptions import ResponseError
from support.good_calls import SCRIPTS, TITLES
from support.store import STORED, Jobs, Q, Store, having

from pyjobs import errors
from pyjobs.engine.call import Call
from pyjobs.engine.scripts import Script, script
from pyjobs.errors import BY_CODE, PyjobsError, from_reply
from pyjobs.transport.errors import translated

LUA = Path(__file__).resolve().parent.parent / "lua"
REFUSAL = re.compile(r"'([A-Z]{3,}) ")
VERDICT = re.compile(r"(?:[^=~]=|\bor|\band) '([A-Z]{3,})'")
# Of the scripts that open a queue of any mode, those whose call names it.
NAME_A_MODE = {"queue/repair", "queue/parts"}
TREE = re.compile(r"(?P<indent>[ │]*)[├└]── (?P<name>\w+) +(?P<code>[A-Z]{3,}\b)?.*")
OF_REDIS = {"WRONGTYPE", "OOM"}  # what Redis itself refuses a script with


def codes_in(text: str) -> set[str]:
    return {*REFUSAL.findall(text), *VERDICT.findall(text)}


def codes_of_the_engine() -> set[str]:
    return {code for path in LUA.rglob("*.lua") for code in codes_in(path.read_text())}


def subclasses(kind: type[PyjobsError]) -> Iterator[type[PyjobsError]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def test_the_codes_of_the_engine_and_of_python_are_the_same() -> None:
    assert codes_of_the_engine() >= {
        "BADARG",
        "WRONGMODE",
        "BADLAYOUT",
        "LOST",
        "NOJOB",
        "CONFLICT",
    }
    assert codes_of_the_engine() | OF_REDIS == BY_CODE.keys()
    assert all(code in (kind.code, "OOM") for code, kind in BY_CODE.items())


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    """Each class under its parent, and with its code where it is the first that has it."""
    shown, above = set(), {-1: "PyjobsError"}
    for line in (errors.__doc__ or "").splitlines():
        if match := TREE.fullmatch(line):
            depth = len(match["indent"])
            parent = above[max(other for other in above if other < depth)]
            shown.add((match["name"], match["code"] or "", parent))
            above[depth] = match["name"]
    assert shown == {
        (kind.__name__, vars(kind).get("code", ""), kind.__mro__[1].__name__)
        for kind in subclasses(PyjobsError)
        if kind.__module__ == errors.__name__
    }


@pytest.mark.parametrize("one", SCRIPTS, ids=TITLES)
def test_a_header_lists_the_errors_that_its_script_replies(one: Script) -> None:
    able = set(REFUSAL.findall(one.body))
    if one.name.startswith(("queue/", "schedule/")) and one.name not in NAME_A_MODE:
        able.discard("WRONGMODE")  # this script opens a queue of any mode
    assert sorted(one.about["errors"]) == sorted(able)


OLD = "ERR Error running script (call to f_{sha}): @user_script:31: @user_script: 31: -{text}"
OLDER = "ERR Error running script (call to f_{sha}): @user_script:31: {text}"
NEW = "{text} script: {sha}, on @user_script:31."
PLAIN = "{text}"


@pytest.mark.parametrize("wording", [PLAIN, NEW, OLD, OLDER])
@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_a_code_is_found_in_the_wording_of_every_server(code: str, wording: str) -> None:
    text = wording.format(
        text=f"{code} limit: not\na number", sha="e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
    )
    found = from_reply(text)
    assert type(found) is BY_CODE[code]
    assert str(found).startswith("limit: not\na number")


@pytest.mark.parametrize(
    "text", ["", "ERR unknown command", "xBADARG y", "BADARGUMENT y", "badarg y"]
)
def test_a_reply_without_a_code_is_no_error_of_the_engine(text: str) -> None:
    assert from_reply(text) is None


@having("submit", STORED)
def test_an_error_of_a_server_keeps_its_own_words_as_the_cause(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.redis.delete(f"{Q}:pending")
    jobs.redis.set(f"{Q}:pending", "poison")
    with pytest.raises(errors.WrongType, match=r"^Operation against a key") as caught:
        jobs.submit("b")
    assert "WRONGTYPE" in str(caught.value.__cause__)
    jobs.redis.flushall()


def test_a_refusal_of_a_server_names_the_argument_first(store: Store) -> None:
    call = Call(script("reliable/claim"), (Q,), ("n", "x", "1", ""), lambda reply: reply)
    with pytest.raises(errors.BadArgument, match=r"^limit: not a whole number$"):
        store.call(call)


def test_an_unknown_redis_error_is_translated_to_pyjobs_error() -> None:
    assert type(translated(ResponseError("ERR whatever"))) is PyjobsError


def every_error() -> Iterator[PyjobsError]:
    """An error of each class, with all that it may carry."""
    kinds = [PyjobsError]
    for kind in kinds:
        kinds += kind.__subclasses__()
        if issubclass(kind, errors.JobFailed):
            error: PyjobsError = kind("KeyError", "'text'", "Traceback ...", "attempts")
        else:
            error = kind("words")
        error.accepted = ("a", "b")
        if isinstance(error, errors.OutcomeUnknown):
            error.ids = ("c",)
        yield error


@pytest.mark.parametrize("error", [*every_error()], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_survives_a_copy_and_a_pickle(
    error: PyjobsError, again: Callable[[PyjobsError], PyjobsError]
) -> None:
    other = again(error)
    assert (type(other), str(other), vars(other)) == (type(error), str(error), vars(error))


def test_a_copied_error_is_another_with_the_same_words_attributes_and_cause() -> None:
    error = errors.NotDurable("too few")
    error.__cause__, error.ids, error.reached = OSError("gone"), ("a",), 1
    found = errors.copied(error)
    found.ids = ("b",)
    assert (str(found), found.__cause__, found.reached) == ("too few", error.__cause__, 1)
    assert error.ids == ("a",)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (("Reject", "no such address", "", "rejected"), "no such address"),
        (("Reject", "no such address", "", "-"), "no such address"),
        (("Reject", "", "", "rejected"), "the job failed"),
        (("Unencodable", "result: no", "", "rejected"), "rejected: Unencodable: result: no"),
        (("KeyError", "'a'", "", "attempts"), "KeyError: 'a'"),
        (("", "", "", "crashed"), "its workers kept dying"),
        (("", "", "", "-"), "the job failed"),
    ],
)
def test_the_words_of_a_failed_job_are_those_of_its_handler(
    told: tuple[str, str, str, str], words: str
) -> None:
    error = errors.JobFailed(*told)
    assert str(error) == words
    assert (error.type, error.message, error.traceback, error.reason) == told


def test_every_message_about_a_missing_extra_has_the_same_words() -> None:
    package = Path(errors.__file__).parent
    source = "\n".join(path.read_text() for path in package.rglob("*.py"))
    source = re.sub(r'"\n\s+f?"', "", source)
    told = re.findall(r".*pip install 'pyjobs\[(\w+)\]'", source)
    same = re.findall(r"needs? the extra '(\w+)': pip install 'pyjobs\[\1\]'", source)
    assert told == same and len(same) > 5
