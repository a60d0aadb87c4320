"""The length of source files. A budget is an alarm: a file that is longer needs a reason here.

A file is cut where its matter ends, and not to fit a budget. A file beyond its budget has more than
one matter as a rule; where it has one, its exception says so.
"""

from __future__ import annotations

from itertools import dropwhile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Lines, for the files of a pattern. A piece of Lua is included into scripts whole, and a script is
# read from its first write to its last; a Python module has one public matter. The worker and the
# client take tasks beside bare jobs, and their signatures are long.
BUDGETS = {"lua/lib/*/*.lua": 100, "lua/[!l]*/*.lua": 35, "pyjobs/**/*.py": 370}
# Each setting of a worker stands in its signature, its docstring and what the signature passes on.
LONGER = {"pyjobs/worker/worker.py": 415}
# Decisions and waits of one run of a worker; what has a matter of its own lies beside them already.
LONGER |= {"pyjobs/worker/claiming/core.py": 416, "pyjobs/worker/processor.py": 390}
# Each option of a schedule is a line, and so is each field that it becomes.
LONGER |= {"lua/reliable/schedule.lua": 40}
# Each option of a submit stands in its docstring.
LONGER |= {"pyjobs/client/aio_submit.py": 380}
# A claim looks three times, moves what is due, takes, and drops what it may not take.
LONGER |= {f"lua/{mode}/claim.lua": 36 for mode in ("recoverable", "reliable")}
# Every key of a queue, what every verb reads of it, and where its wake token is reported.
LONGER |= {"lua/lib/queue/queue.lua": 120}


def lines(path: Path) -> int:
    """How long a file is, without a script's header and the list of the pieces that it includes."""
    rows = path.read_text().splitlines()
    if path.suffix == ".lua":
        rows = [*dropwhile(lambda row: row.startswith("--"), rows)]
    return sum(not row.lstrip().startswith("--% include") for row in rows)


@pytest.mark.parametrize("pattern", BUDGETS)
def test_a_file_is_within_its_budget(pattern: str) -> None:
    paths = list(ROOT.glob(pattern))
    assert paths
    lengths = {path.relative_to(ROOT).as_posix(): lines(path) for path in paths}
    most = BUDGETS[pattern]
    too_long = {name: length for name, length in lengths.items() if length > LONGER.get(name, most)}
    assert not too_long, "cut these by matter, or raise the budget and say why"
