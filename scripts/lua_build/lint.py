"""luacheck over the composed scripts, with its findings at the lines of the sources."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from lua_build.compose import Composed

FOUND = re.compile(r"(?P<path>.+\.lua):(?P<line>\d+):\d+: (?P<what>.*)")
OTHER = re.compile(r"(?<=on )line (\d+)")


def lint(root: Path, scripts: Mapping[str, tuple[Composed, str]]) -> list[str]:
    """What luacheck finds, each once: 'path:line: what'.

    Args:
        root: the folder that .luacheckrc is in.
        scripts: a script as composed, and its text without what it never uses, by its path.

    Raises:
        FileNotFoundError: luacheck is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        for path, (_, text) in scripts.items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            # What was dropped leaves blanks.
            target.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n")
        config = ["--config", str(root / ".luacheckrc")]
        words = ["luacheck", *config, "--formatter", "plain", "--codes"]
        done = subprocess.run(
            [*words, *sorted(scripts)], cwd=folder, capture_output=True, text=True, check=False
        )
    found: dict[str, None] = {}
    for row in done.stdout.splitlines():
        if match := FOUND.fullmatch(row):
            lines = scripts[match["path"]][0].lines
            what = OTHER.sub(lambda other, lines=lines: place(lines, other[1]), match["what"])
            found[f"{place(lines, match['line'])}: {what}"] = None
    if done.returncode and not found:
        found[f"luacheck: {(done.stderr or done.stdout).strip()}"] = None
    return sorted(found)


def place(lines: Sequence[tuple[str, int]], line: str) -> str:
    """The file and the line that a line of a composed script comes from, as 'path:line'."""
    path, number = lines[int(line) - 1]
    return f"{path}:{number}"
