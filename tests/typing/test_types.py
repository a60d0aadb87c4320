"""Type checkers accept the right uses of tasks, and refuse each wrong one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

USES = Path(__file__).parent / "uses.py"
ROOT = Path(__file__).parents[2]
WRONG = {
    number
    for number, line in enumerate(USES.read_text().splitlines(), 1)
    if line.endswith("# wrong")
}


def ran(*words: str) -> str:
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT).stdout


@pytest.mark.long
def test_mypy_refuses_the_wrong_uses_and_no_other(tmp_path: Path) -> None:
    said = ran("mypy", "--strict", "--cache-dir", str(tmp_path), str(USES))
    assert {int(line) for line in re.findall(r"uses\.py:(\d+): error", said)} == WRONG, said


@pytest.mark.long
def test_pyright_refuses_the_wrong_uses_and_no_other(tmp_path: Path) -> None:
    """basedpyright has pyright's engine, and a node in a wheel: nothing is fetched at a run."""
    settings = tmp_path / "pyrightconfig.json"
    chosen = {"typeCheckingMode": "standard", "include": [str(USES)], "extraPaths": [str(ROOT)]}
    settings.write_text(json.dumps(chosen))
    where = ("--project", str(settings), "--pythonpath", sys.executable)
    found = json.loads(ran("basedpyright", "--outputjson", *where))
    assert found["summary"]["filesAnalyzed"] == 1
    errors = [one for one in found["generalDiagnostics"] if one["severity"] == "error"]
    assert {one["range"]["start"]["line"] + 1 for one in errors} == WRONG, errors
