"""The table of pieces in lua/README.md, and what luacheck finds, by the lines of the sources."""

from __future__ import annotations

from pathlib import Path

import pytest
from lua_build.compose import Composer
from support.builds import Copy

pytest_plugins = "support.build_fixtures"
# Each test builds all scripts, and scripts/check has shown that the build is fresh.
pytestmark = pytest.mark.long

README = "lua/README.md"
ROW = (
    "| `verb/record` | args acl fence claim_records held ended messages run_times counters events"
    " | | complete fail | complete | | |\n"
)


def test_a_row_says_what_a_piece_needs_and_which_verbs_include_it(copy: Copy) -> None:
    assert ROW in (copy.root / README).read_text()


def test_a_stale_table_fails_the_check_and_map_mends_it(copy: Copy) -> None:
    copy.edit(README, lambda text: text.replace(ROW, ""))
    words = "build_lua: the table in lua/README.md is stale: run scripts/build_lua.py --map\n"
    assert copy.build("--check") == (1, words)
    assert copy.build("--map") == (0, "")
    assert copy.build("--check") == (0, "")
    assert ROW in (copy.root / README).read_text()


def test_map_changes_nothing_but_the_table(copy: Copy) -> None:
    before = (copy.root / README).read_text()
    assert copy.build("--map") == (0, "")
    assert (copy.root / README).read_text() == before


def test_a_readme_without_the_marks_is_refused(copy: Copy) -> None:
    copy.edit(README, lambda text: text.replace("<!-- end of pieces -->", ""))
    status, said = copy.build("--map")
    assert (status, "lua/README.md: lacks the marks" in said) == (1, True)


# --- luacheck ---


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Make `text` what runs as luacheck."""
    folder.mkdir()
    file = folder / "luacheck"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_finding_is_reported_once_by_its_line_in_the_source(
    copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two scripts include the piece that the finding is in."""
    found = []
    for path in ("simple/complete.lua", "simple/fail.lua"):
        lines = Composer(copy.root / "lua").compose(path).lines
        line, other = (lines.index(("lib/call/args.lua", place)) + 1 for place in (7, 3))
        found.append(f"echo '{path}:{line}:7: (W431) shadowing upvalue on line {other}'")
    program(tmp_path / "bin", monkeypatch, "\n".join([*found, "exit 1"]))
    words = "lib/call/args.lua:7: (W431) shadowing upvalue on lib/call/args.lua:3"
    assert copy.build("--lint") == (1, f"build_lua: {words}\n")


def test_luacheck_with_nothing_to_find_is_silent(
    copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", monkeypatch, "exit 0")
    assert copy.build("--lint") == (0, "")


def test_luacheck_that_fails_is_reported(
    copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", monkeypatch, "echo no such option >&2; exit 4")
    assert copy.build("--lint") == (1, "build_lua: luacheck: no such option\n")


def test_a_missing_luacheck_is_reported(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    status, said = copy.build("--lint")
    assert (status, said) == (
        1, "build_lua: luacheck is not installed (Debian: apt install lua-check)\n"
    )  # fmt: skip
