"""No file gets away: how long each may be."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


# --- sizes ---

BUDGETS = {"lua/lib/*/*.lua": 100, "lua/[!l]*/*.lua": 40, "pyjobs/**/*.py": 300}


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
            if lines(path) > budget:
                name = path.relative_to(ROOT).as_posix()
                large.append(f"{name}: {lines(path)} lines, more than {budget}")
    assert not large
