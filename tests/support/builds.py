"""The sources of the scripts and their build, in a directory where a test may break them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import build_lua
import pytest

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

    def edit(self, path: str, change: Callable[[str], str]) -> None:
        file = self.root / path
        before = file.read_text()
        after = change(before)
        assert after != before
        file.write_text(after)
