"""The layers of the package, as pyproject.toml has them: a wrong import is refused and named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINT = Path(sys.executable).with_name("lint-imports")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package, and of the contracts that its imports must keep."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    ignored = shutil.ignore_patterns("__pycache__", "_lua")
    return Path(shutil.copytree(ROOT / "pyjobs", tmp_path / "pyjobs", ignore=ignored))


@pytest.fixture
def lint(package: Path) -> Callable[[], tuple[bool, str]]:
    """Checks the copy: whether it keeps every contract, and what was printed."""

    def check() -> tuple[bool, str]:
        done = subprocess.run(
            [LINT, "--no-cache"],
            cwd=package.parent,
            env={**os.environ, "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode == 0, done.stdout + done.stderr

    return check


def test_the_package_keeps_every_contract(lint: Callable[[], tuple[bool, str]]) -> None:
    kept, said = lint()
    assert kept, said
    assert "0 broken" in said


WRONG = {
    "up a layer": (
        "engine/call.py",
        "from pyjobs.client import Client",
        "pyjobs.engine.call -> pyjobs.client (l.",
    ),
    "from the ground up": (
        "validate.py",
        "from pyjobs.engine import Keys",
        "pyjobs.validate -> pyjobs.engine (l.",
    ),
    "sideways, from worker to client": (
        "worker/liveness/leases.py",
        "from pyjobs.client import Job",
        "pyjobs.worker.liveness.leases -> pyjobs.client (l.",
    ),
    "past a face": (
        "worker/liveness/leases.py",
        "from pyjobs.engine.scripts import script",
        "pyjobs.worker.liveness.leases -> pyjobs.engine.scripts (l.",
    ),
    "past the face of the transport": (
        "cli/acl.py",
        "from pyjobs.transport.pipeline import execute",
        "pyjobs.cli.acl -> pyjobs.transport.pipeline (l.",
    ),
    "of the package from within": (
        "cli/acl.py",
        "import pyjobs",
        "pyjobs.cli.acl -> pyjobs (l.",
    ),
    "of redis-py in a core": (
        "client/core.py",
        "import redis",
        "pyjobs.client.core -> redis (l.",
    ),
    "of hiredis outside the transport": (
        "cli/acl.py",
        "import hiredis",
        "pyjobs.cli.acl -> hiredis (l.",
    ),
    "of asyncio in what a core imports": (
        "worker/claiming/outbox.py",
        "import asyncio",
        "pyjobs.worker.claiming.outbox -> asyncio (l.",
    ),
}


def test_each_import_that_breaks_a_contract_is_refused_and_named(
    package: Path, lint: Callable[[], tuple[bool, str]]
) -> None:
    for name, line, _ in WRONG.values():
        with (package / name).open("a") as file:
            file.write(f"\n{line}\n")
    kept, said = lint()
    assert not kept
    assert [where for where, (_, _, named) in WRONG.items() if named not in said] == [], said


def test_a_folder_that_has_no_layer_is_refused_and_named(
    package: Path, lint: Callable[[], tuple[bool, str]]
) -> None:
    (package / "shelf").mkdir()
    (package / "shelf" / "__init__.py").write_text("")
    kept, said = lint()
    assert not kept
    assert "shelf" in said
