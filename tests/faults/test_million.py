"""`scripts/million` in small: each question of an operator is answered soon, within bounds."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner
from million.__main__ import main
from million.touched import BOUNDS, elements
from support.questions import ROWS

# On a busy machine a process waits; what a call touches is exact.
SMALL = ("--pending", "20000", "--dead", "4000", "--enough", "0.05", "--seconds", "60")


@pytest.mark.long
def test_each_question_is_answered_soon_whose_queue_is_large() -> None:
    done = CliRunner().invoke(main, SMALL)
    assert done.exit_code == 0, done.output
    assert len(re.findall(r"^\d\.\d{3} s ", done.output, re.MULTILINE)) >= 2 * len(ROWS)


@pytest.mark.long
def test_a_call_that_touches_more_than_its_bound_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(BOUNDS, "queue/list", 100)
    done = CliRunner().invoke(main, ("--pending", "300", "--dead", "3", "--calls"))
    assert "queue/list  MORE" in done.output
    assert done.exit_code == 1


@pytest.mark.parametrize(
    ("command", "count"),
    [
        ("LRANGE k 0 99", 100),
        ("lrange k -100 -1", 100),
        ("ZRANGE k 0 9 WITHSCORES", 10),
        ("ZRANGEBYSCORE k -inf 5 LIMIT 0 50", 50),
        ("XRANGE k - + COUNT 7", 7),
        ("HMGET k a b c", 3),
        ("LLEN k", 1),
        ("ZREM k a b", 2),
    ],
)
def test_a_command_touches_its_range_or_its_words(command: str, count: int) -> None:
    assert elements(command.encode().split()) == count
