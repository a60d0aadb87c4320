"""The length of source files. A budget is an alarm: a file that is longer needs a reason here.

A file is cut where its matter ends, and not to fit a budget. A file beyond its budget has more than
one matter as a rule; where it has one, its exception says so.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Lines, for the files of a pattern. A piece of Lua is included into scripts whole, and a script is
# read from its first write to its last; a Python module has one public matter.
BUDGETS = {"lua/lib/*.lua": 100, "lua/[!l]*/*.lua": 40, "pyjobs/**/*.py": 300}
# path -> lines, reason. No more lines than the file has, give or take a tenth.
EXCEPTIONS = {
    "lua/recoverable/claim.lua": (42, "a claim names each piece where it begins to be needed"),
    "lua/reliable/claim.lua": (54, "a claim names each piece where it begins to be needed"),
}


def lines(name: str) -> int:
    return len((ROOT / name).read_text().splitlines())


def budget_of(name: str) -> int:
    return next(lines for pattern, lines in BUDGETS.items() if ROOT / name in ROOT.glob(pattern))


@pytest.mark.parametrize("pattern", BUDGETS)
def test_a_file_longer_than_its_budget_has_an_exception_with_a_reason(pattern: str) -> None:
    names = [path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)]
    assert names
    allowed = {name: EXCEPTIONS.get(name, (BUDGETS[pattern], ""))[0] for name in names}
    too_long = {name: lines(name) for name in names if lines(name) > allowed[name]}
    assert not too_long, "cut these by matter, or say in EXCEPTIONS why they are one"


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_is_above_the_budget_and_within_a_tenth_of_the_file(name: str) -> None:
    allowed, reason = EXCEPTIONS[name]
    assert reason
    assert lines(name) > budget_of(name)
    assert allowed <= lines(name) * 1.1
