"""The captures of docs/operations.md are what the commands show."""

from __future__ import annotations

import pytest
from captures import made, normal, on_page

NAMES = {"status", "top", "worker", "monitor", "trace"}


def test_the_page_has_each_capture() -> None:
    assert on_page().keys() == NAMES


@pytest.mark.slow
def test_the_captures_of_the_page_are_what_the_commands_show() -> None:
    shown = {name: normal(text) for name, text in made().items()}
    assert shown == {name: normal(text) for name, text in on_page().items()}


def test_a_capture_differs_by_a_count_and_not_by_a_time() -> None:
    table = "queue  pending  oldest\nmail   {}        {}\n"
    assert normal(table.format(1, "2 s")) == normal(table.format(1, "13.4 min"))
    assert normal(table.format(1, "2 s")) != normal(table.format(2, "2 s"))
    assert normal(table.format(1, "2 s")) != normal(table.format(1, "-"))
    lines = 'pyjobs_run_seconds_sum{{queue="a"}} {}\npyjobs_run_seconds_count{{queue="a"}} {}\n'
    assert normal(lines.format(1.5, 2)) == normal(lines.format(2.5, 2))
    assert normal(lines.format(1.5, 2)) != normal(lines.format(1.5, 3))
