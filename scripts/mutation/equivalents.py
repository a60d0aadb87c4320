"""The mutants that change nothing that matters: equivalents.toml has each with its reason."""

from __future__ import annotations

import tomllib
from pathlib import Path

from mutation.mutant import Mutant

FILE = Path(__file__).with_name("equivalents.toml")


class Equivalents:
    """Which mutants are known to change nothing that matters."""

    def __init__(self, file: Path = FILE) -> None:
        self.entries = tomllib.loads(file.read_text()).get("equivalent", [])
        self._known = {(one["file"], one["before"], one["after"]) for one in self.entries}

    def has(self, mutant: Mutant) -> bool:
        return (mutant.path, mutant.before, mutant.after) in self._known
