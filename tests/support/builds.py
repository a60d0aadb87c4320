"""The sources of the scripts and their build, in a directory where a test may break them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import build_lua
import jinja2
import pytest
from lua_build.build import build, make
from lua_build.compose import Composer, strip
from lua_build.errors import BuildError
from lua_build.manifest import describe
from lua_build.pieces import read

ROOT = Path(__file__).resolve().parents[2]


class Copy:
    """Sources and build in a directory of their own, to break."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self._capsys = root, capsys
        for folder in ("lua", "pyjobs/_lua"):
            shutil.copytree(ROOT / folder, root / folder)

    def build(self, *args: str) -> tuple[int, str]:
        """Run scripts/build_lua.py; its status and what it said."""
        self._capsys.readouterr()
        status = build_lua.main([*args], self.root)
        return status, self._capsys.readouterr().err

    def refusal(self, script: str) -> str:
        """Why the build refuses a script, as it says so; the other scripts are not built."""
        lua, out = self.root / "lua", self.root / "pyjobs" / "_lua"
        with pytest.raises((BuildError, jinja2.TemplateError)) as caught:
            # What needs no syntax tree first: the parser takes a third of a second for a script.
            text = strip(Composer(lua).compose(script).text)
            describe(script, (lua / script).read_text(), text, [])
            build(lua, [make(Composer(lua), script, read(lua))], out, lua / "released.txt")
        return str(caught.value)

    def edit(self, path: str, change: Callable[[str], str]) -> None:
        file = self.root / path
        before = file.read_text()
        after = change(before)
        assert after != before
        file.write_text(after)
