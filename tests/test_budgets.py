"""No file gets away: how long each may be."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


# --- sizes ---

BUDGETS = {"lua/lib/*/*.lua": 100, "lua/[!l]*/*.lua": 40, "pyjobs/**/*.py": 250}


# path -> lines, why. No more than the file needs, give or take a tenth.
EXCEPTIONS = {
    "pyjobs/testing/servers.py": (300, "finding, starting and killing servers is one matter"),
}


def lines(path: Path) -> int:
    """How long a file is, without the list of the pieces that a script includes."""
    rows = path.read_text().splitlines()
    return sum(not row.lstrip().startswith("--% include") for row in rows)


def test_files_stay_small() -> None:
    large = []
    for pattern, budget in BUDGETS.items():
        found = [*ROOT.glob(pattern)]
        assert found, pattern
        for path in found:
            name = path.relative_to(ROOT).as_posix()
            allowed, _ = EXCEPTIONS.get(name, (budget, ""))
            if lines(path) > allowed:
                large.append(f"{name}: {lines(path)} lines, more than {allowed}")
    assert not large


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_is_needed_and_no_larger_than_that(name: str) -> None:
    allowed, reason = EXCEPTIONS[name]
    assert reason
    assert lines(ROOT / name) > (40 if name.endswith(".lua") else 250)
    assert allowed <= lines(ROOT / name) * 1.1
