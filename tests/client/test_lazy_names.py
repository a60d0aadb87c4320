"""The names of the package: each is imported at its first use, and a type checker knows it."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import pyjobs


def imports() -> dict[str, str]:
    """The public names that a type checker reads in the package: name -> module."""
    tree = ast.parse(Path(pyjobs.__file__).read_text())
    [checked] = [node for node in tree.body if isinstance(node, ast.If)]
    return {
        alias.name: node.module
        for node in checked.body
        if isinstance(node, ast.ImportFrom) and node.module not in (None, "pyjobs")
        for alias in node.names
    }


def test_every_public_name_is_imported_from_where_a_type_checker_finds_it() -> None:
    found = imports()
    assert sorted(found) == pyjobs.__all__
    for name, module in found.items():
        assert getattr(pyjobs, name) is getattr(importlib.import_module(module), name), name


def test_a_name_that_the_package_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'pyjobs' has no attribute 'Wroker'"):
        _ = pyjobs.Wroker  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match="cannot import name 'Wroker' from 'pyjobs'"):
        exec("from pyjobs import Wroker")


def test_an_error_amid_the_import_of_a_name_is_not_taken_for_a_name_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As of another version of redis-py, which has not what is used of it."""

    def broken(module: str) -> None:
        raise AttributeError("module 'redis' has no attribute 'Redis'")

    monkeypatch.delitem(vars(pyjobs), "Client", raising=False)
    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(ImportError, match=r"pyjobs\.client can't be imported: module 'redis' has"):
        exec("from pyjobs import Client")


def python(code: str) -> str:
    """Run a program of its own, and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_public_name_and_a_public_module_need_no_import_of_their_own() -> None:
    code = (
        "import pyjobs; shown = dir(pyjobs); print('Worker' in shown, 'admin' in shown); "
        "print(pyjobs.aio.Client.__module__, pyjobs.errors.NoJob is pyjobs.NoJob, "
        "pyjobs.task.__name__, pyjobs.__version__[:2])"
    )
    assert python(code) == "True True\npyjobs.client.aio True task 0.\n"


def test_star_imports_every_public_name() -> None:
    assert python("from pyjobs import *; print(Worker.__name__, task.__name__)") == "Worker task\n"


def test_task_is_the_decorator_also_after_a_worker_was_made() -> None:
    assert python("import pyjobs; pyjobs.Worker; print(callable(pyjobs.task))") == "True\n"


@pytest.mark.parametrize(
    ("name", "spared"),
    [
        ("__version__", {"asyncio", "redis", "pyjobs.engine"}),
        ("NoJob", {"asyncio", "redis", "pyjobs.client"}),
        ("Client", {"pyjobs.worker", "pyjobs.tasks"}),
    ],
)
def test_a_name_imports_no_more_than_it_needs(name: str, spared: set[str]) -> None:
    loaded = python(f"import sys, pyjobs; pyjobs.{name}; print(*sys.modules)").split()
    assert spared & set(loaded) == set()
