"""The table of failures is complete, and every test that it names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from chaos.runs import PLANS

RUN = re.compile(r"test_a_small_run_breaks_no_promise\[([\w-]+)\]")
HERE = Path(__file__).parent
TESTS = HERE.parent
SCENARIOS = [str(n) for n in range(1, 116)]
INVARIANTS = [f"I{n}" for n in range(1, 14)]
NAMED = re.compile(r"((?:[a-z]+/)?test_\w+\.py)::(test_\w+)(?:\[([\w-]+)\])?")


def rows() -> dict[str, list[list[str]]]:
    """Number -> the rows that have it, each as its cells."""
    found: dict[str, list[list[str]]] = {}
    for line in (HERE / "scenarios.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if line.startswith("|") and re.fullmatch(r"I?\d+", cells[0]):
            found.setdefault(cells[0], []).append(cells)
    return found


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text())
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )


def test_the_table_names_every_chaos_run() -> None:
    named = {run for found in rows().values() for row in found for run in RUN.findall(row[3])}
    assert named == PLANS.keys()


def test_the_table_has_every_number_once() -> None:
    assert [number for number, found in rows().items() for _ in found] == SCENARIOS + INVARIANTS


@pytest.mark.parametrize("number", SCENARIOS + INVARIANTS)
def test_every_test_that_a_row_names_exists(number: str) -> None:
    [[_, what, outcome, tests]] = rows()[number]
    assert what and outcome
    words = tests.split()
    assert words and len(set(words)) == len(words)
    for word in words:
        match = NAMED.fullmatch(word)
        assert match, f"{word} is no test"
        assert (TESTS / match[1]).exists(), f"there is no {match[1]}"
        assert match[2] in names_in(match[1]), f"{match[1]} has no {match[2]}"
        assert match[3] is None or match[3] in PLANS, f"{match[2]} has no {match[3]}"
