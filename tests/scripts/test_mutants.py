"""scripts/mutants: its mutants are what they say, tests kill them, and no file is written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from luaparser import ast as luaparser
from mutation import lua, python
from mutation.equivalents import Equivalents
from mutation.mutant import mutant, spread
from mutation.subjects import LANGUAGES, MODULES, python_tests

ROOT = Path(__file__).parents[2]


def made(tmp_path: Path, name: str, text: str) -> set[tuple[str, str, str]]:
    """(kind, before, after) of the mutants of a source."""
    (tmp_path / name).write_text(text)
    found = (lua if name.endswith(".lua") else python).mutants(tmp_path, name)
    return {(one.kind, one.before, one.after) for one in found}


def test_the_mutants_of_a_lua_source_are_of_every_kind(tmp_path: Path) -> None:
    text = """local function f(q, ids)
  -- not 1 < 2
  if not q then return 0 end
  redis.call('HSET', q.meta, 'state', 'done', 'x', ids[1])
  for i = #ids, 1, -1 do redis.pcall('LPUSH', q.wake, ids[i]) end
  bad = denied('SET', q.a, 'DEL', q.b)
  return math.min(q.a + 1, 2) < 3 and q.b
end
"""
    found = made(tmp_path, "a.lua", text)
    assert {kind for kind, _, _ in found} == lua.KINDS.keys()
    assert found >= {
        ("negation", "if not q then return 0 end", "if q then return 0 end"),
        ("condition", "if not q then return 0 end", "if not (not q) then return 0 end"),
        ("guard", "if not q then return 0 end", ""),
        ("number", "if not q then return 0 end", "if not q then return 1 end"),
        (
            "argument",
            "redis.call('HSET', q.meta, 'state', 'done', 'x', ids[1])",
            "redis.call('HSET', q.meta, 'x', ids[1])",
        ),
        (
            "word",
            "redis.call('HSET', q.meta, 'state', 'done', 'x', ids[1])",
            "redis.call('HSET', q.meta, 'statex', 'done', 'x', ids[1])",
        ),
        (
            "loop",
            "for i = #ids, 1, -1 do redis.pcall('LPUSH', q.wake, ids[i]) end",
            "for i = 1, #ids do redis.pcall('LPUSH', q.wake, ids[i]) end",
        ),
        ("right", "bad = denied('SET', q.a, 'DEL', q.b)", "bad = denied('SET', q.a)"),
        ("right", "bad = denied('SET', q.a, 'DEL', q.b)", "bad = denied('DEL', q.b)"),
        ("compare", *two("return math.min(q.a + 1, 2) {} 3 and q.b", "<", "<=")),
        ("logic", *two("return math.min(q.a + 1, 2) < 3 {} q.b", "and", "or")),
        ("minmax", *two("return {}(q.a + 1, 2) < 3 and q.b", "math.min", "math.max")),
        ("arithmetic", *two("return math.min(q.a {} 1, 2) < 3 and q.b", "+", "-")),
    }
    assert not [row for row in found if "--" in row[1]]


def two(text: str, before: str, after: str) -> tuple[str, str]:
    return text.format(before), text.format(after)


def test_the_mutants_of_a_python_module_are_of_every_kind(tmp_path: Path) -> None:
    text = """def f(a: Literal[1], b=True):
    "Not 1 < 2."
    while not a:
        continue
    self.x = min(a + 1, 2) < 3 and b
    g(a)
"""
    found = made(tmp_path, "a.py", text)
    assert {kind for kind, _, _ in found} == python.KINDS.keys()
    assert found >= {
        ("boolean", *two("def f(a: Literal[1], b={}):", "True", "False")),
        ("negation", "while not a:", "while a:"),
        ("condition", "while not a:", "while not (not a):"),
        ("jump", "continue", "break"),
        ("statement", "g(a)", "pass"),
        ("compare", *two("self.x = min(a + 1, 2) {} 3 and b", "<", "<=")),
        ("logic", *two("self.x = min(a + 1, 2) < 3 {} b", "and", "or")),
        ("minmax", *two("self.x = {}(a + 1, 2) < 3 and b", "min", "max")),
        ("arithmetic", *two("self.x = min(a {} 1, 2) < 3 and b", "+", "-")),
        ("number", *two("self.x = min(a + {}, 2) < 3 and b", "1", "2")),
    }
    assert not [row for row in found if "Literal[2]" in row[2] or "Not" in row[1]]


def test_a_seed_chooses_the_same_mutants_of_many_kinds_and_files() -> None:
    possible = [*LANGUAGES["python"](ROOT)]
    chosen = spread(possible, 60, seed=5)
    assert chosen == spread(possible, 60, seed=5) != spread(possible, 60, seed=6)
    assert len({*chosen}) == 60
    assert max(Counter(one.kind for one in chosen).values()) <= 7
    assert len({one.path for one in chosen}) >= 15


def test_a_mutant_of_a_part_of_a_line_has_the_whole_lines(tmp_path: Path) -> None:
    source = "one\n  two = 2\nthree\n"
    one = mutant("a.lua", source, "number", (12, 13), "3")
    assert (one.line, one.before, one.after) == (2, "two = 2", "two = 3")
    assert one.text == "one\n  two = 3\nthree\n"


@pytest.mark.long
def test_mutants_are_lua_and_python() -> None:
    for one in spread(LANGUAGES["lua"](ROOT), 40, seed=1):
        luaparser.parse(one.text)
    for one in LANGUAGES["python"](ROOT):
        compile(one.text, one.path, "exec")


def test_the_tests_of_each_module_are_there() -> None:
    for module in MODULES:
        one = mutant(f"pyjobs/{module}.py", "x", "number", (0, 1), "y")
        own, wider = python_tests(one, [])
        assert all((ROOT / file).is_file() for file in own[:-4])
        assert all((ROOT / name).exists() for name in wider[:-4])


@pytest.mark.long
def test_each_equivalent_mutant_is_still_possible_and_has_a_reason() -> None:
    possible = {
        (one.path, one.before, one.after)
        for language in LANGUAGES.values()
        for one in language(ROOT)
    }
    for entry in Equivalents().entries:
        assert (entry["file"], entry["before"], entry["after"]) in possible, entry
        assert entry["reason"]


def mutants(*words: str) -> tuple[int, list[dict[str, Any]], str]:
    """The status of the command, a dict for each mutant, and its last line."""
    done = subprocess.run(
        [sys.executable, "-m", "mutation", "--processes", "1", "--json", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'scripts'}"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    return done.returncode, [json.loads(row) for row in done.stdout.splitlines()], done.stderr


def state() -> str:
    words = ["git", "status", "--porcelain"]
    changes = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    words = ["git", "diff", "HEAD"]
    return (
        changes + subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    )


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("language", "file", "kinds", "tests"),
    [
        ("lua", "lib/queue/has_jobs.lua", "compare,logic", "tests/lua/test_wake.py"),
        ("python", "worker/liveness/leases.py", "minmax,arithmetic", "tests/worker/test_leases.py"),
    ],
    ids=["lua", "python"],
)
def test_a_few_mutants_are_killed_and_the_checkout_is_untouched(
    language: str, file: str, kinds: str, tests: str
) -> None:
    before = state()
    words = ("--language", language, "--file", file, "--kinds", kinds, "--tests", tests)
    status, found, said = mutants("--count", "3", *words)
    assert (status, [one for one in found if not one["killed_by"]]) == (0, []), said
    assert len(found) == 3
    assert "100.0 % killed" in said
    assert state() == before


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_mutant_that_no_test_notices_is_reported_with_status_1() -> None:
    words = ("--file", "lib/call/args.lua", "--kinds", "arithmetic,word", "--count", "1")
    status, found, said = mutants(*words, "--tests", "tests/lua/test_wake.py")
    assert (status, [one["killed_by"] for one in found]) == (1, [""]), said
    assert "1 survived: 0.0 % killed" in said
