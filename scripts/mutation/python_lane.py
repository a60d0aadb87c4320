"""Mutants of Python modules: each is tried by a run of pytest that imports the module anew."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from mutation.mutant import Mutant
from mutation.subjects import python_tests
from mutation.trial import Verdict, forked, pytest_here


class Changed(importlib.abc.MetaPathFinder):
    """Finds one module before all others do, and loads its text as the mutant has it."""

    def __init__(self, root: Path, mutant: Mutant) -> None:
        self.name = mutant.path.removesuffix(".py").replace("/", ".")
        self._file, self._text = str(root / mutant.path), mutant.text

    def find_spec(
        self, name: str, path: Any = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        loader = Loader(self._text, name, self._file)
        return importlib.util.spec_from_file_location(name, self._file, loader=loader)


class Loader(importlib.machinery.SourceFileLoader):
    """Loads a text as if it stood in a file."""

    def __init__(self, text: str, name: str, file: str) -> None:
        super().__init__(name, file)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self.path, "exec", dont_inherit=True)


def prepare(files: Sequence[str]) -> None:
    """Import what takes time to import and is not ours, so that no mutant has to."""
    import fakeredis  # noqa: F401, PLC0415
    import hypothesis  # noqa: F401, PLC0415
    import redis.asyncio  # noqa: F401, PLC0415


def run(
    root: Path,
    files: Sequence[str],
    prepared: None,
    mutants: Iterable[Mutant],
    report: Callable[[Mutant, Verdict], None],
) -> None:
    """Try the mutants, and report each verdict."""
    for mutant in mutants:
        verdict = Verdict("", 0.0)
        for words in python_tests(mutant, files):

            def work(mutant: Mutant = mutant, words: Sequence[str] = words) -> str:
                assert not any(name.split(".")[0] == "pyjobs" for name in sys.modules)
                sys.meta_path.insert(0, Changed(root, mutant))
                return pytest_here(words)

            by, seconds = forked(work)
            verdict = Verdict(by, verdict.seconds + seconds)
            if by:
                break
        report(mutant, verdict)
