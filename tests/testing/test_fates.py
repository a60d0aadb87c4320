"""The accountant of a shared queue finds each kind of wrong outcome, and nothing in a right one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.fates import FATES, Note, judged, plan

Book = dict[str, Any]


def right() -> Book:
    """A dozen jobs, each with its right outcome."""
    planned = plan(12, "/log")
    noted: list[Note] = []
    stored: dict[str, dict[str, str]] = {}
    heard: dict[str, list[dict[str, Any]]] = {}
    for one in planned:
        fate = one.destined
        job = {"state": fate.state}
        told: dict[str, Any] = {"state": fate.state}
        if fate.failures:
            job |= {"failures": str(fate.failures), "past": str(fate.failures)}
        if fate.state == "done":
            job["result"] = json.dumps(one.result)
            told["result"] = one.result
        if fate.state == "dead":
            kind = "TimeoutError" if one.fate == "late" else "ValueError"
            job |= {"reason": "attempts", "error": json.dumps({"type": kind, "message": "no"})}
        runs = (fate.failures + (fate.state != "dead")) * fate.runs
        for attempt in range(1, runs + 1):
            noted.append(Note("start", one.id, attempt, "perl"))
            noted += [Note("end", one.id, attempt, "perl")] * fate.ends
        stored[one.id], heard[one.id] = job, [told]
    return {"planned": planned, "noted": noted, "stored": stored, "heard": heard, "most_crashes": 0}


def id_of(book: Book, fate: str) -> str:
    return next(one.id for one in book["planned"] if one.fate == fate)


def test_a_plan_has_jobs_of_each_fate() -> None:
    assert {one.fate for one in plan(12, "/log")} == FATES.keys()


def test_right_outcomes_leave_nothing_to_say() -> None:
    assert judged(**right()) == []


def test_a_run_that_crashed_is_an_attempt_more() -> None:
    book = right()
    id = id_of(book, "long")
    book["stored"][id]["crashes"] = "1"
    book["noted"].append(Note("start", id, 2, "node"))
    assert judged(**{**book, "most_crashes": 1}) == []
    assert judged(**book) == ["1 crashes, more than 0"]


def test_a_claim_whose_worker_was_killed_before_the_run_is_an_attempt_without_a_note() -> None:
    book = right()
    id = id_of(book, "stopped")
    book["stored"][id]["crashes"] = "1"
    book["noted"] = [replace(n, attempt=2) if n.id == id else n for n in book["noted"]]
    assert judged(**{**book, "most_crashes": 1}) == []
    book["noted"] = [note for note in book["noted"] if note.id != id]
    assert "attempts [], and not 1 to 2" in judged(**{**book, "most_crashes": 1})[0]


def changed(name: str, **fields: str) -> Callable[[Book], None]:
    return lambda book: book["stored"][id_of(book, name)].update(fields)


def noted(name: str, word: str, attempt: int) -> Callable[[Book], None]:
    return lambda book: book["noted"].append(Note(word, id_of(book, name), attempt, "node"))


DAMAGE: list[tuple[str, Callable[[Book], Any], str]] = [
    ("lost", lambda book: book["stored"].pop(id_of(book, "done")), "it is gone and not done"),
    ("not ended", changed("done", state="inflight"), "it is inflight and not done"),
    ("another's result", changed("done", result="99"), "its result is 99"),
    ("another reason", changed("dead", reason="crashed"), "it died as crashed"),
    ("no timeout", changed("late", error='{"type":"E","message":""}'), "its error is E"),
    ("no message", changed("dead", error='{"type":"E","message":""}'), "its error says "),
    ("too few tries", changed("late", failures="0", past="0"), "0 failures, and not 1"),
    ("run twice", noted("done", "start", 1), "attempts [1, 1], and not 1 to 1"),
    ("run again", noted("done", "start", 2), "attempts [1, 2], and not 1 to 1"),
    ("ended twice", noted("done", "end", 1), "2 runs came to their end, and not 1"),
    ("run on after a cancel", noted("stopped", "end", 1), "1 runs came to their end, and not 0"),
    ("cancelled and run", noted("forgone", "start", 1), "it ran 1 times"),
    ("unheard", lambda book: book["heard"].pop(id_of(book, "done")), "its producer heard nothing"),
    (
        "heard twice",
        lambda book: book["heard"][id_of(book, "done")].append({"state": "done", "result": 0}),
        "its producer heard ['done', 'done']",
    ),
    (
        "heard another result",
        lambda book: book["heard"][id_of(book, "long")][0].update(result="x"),
        "its producer heard the result 'x'",
    ),
    ("unexpected", lambda book: book["stored"].update(x={"state": "done"}), "nobody submitted it"),
]


@pytest.mark.parametrize(("what", "damage", "says"), DAMAGE, ids=[what for what, *_ in DAMAGE])
def test_a_wrong_outcome_is_said(what: str, damage: Callable[[Book], Any], says: str) -> None:
    book = right()
    damage(book)
    assert says in "\n".join(judged(**book))
