"""scripts/setup: when it makes .venv, when it only adds packages, and when it does nothing.

Each test has a project of its own with a real environment. A stand-in of pip notes its arguments,
so that nothing is fetched. A stand-in of venv leaves out pip, whose installation takes seconds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INTERPRETER = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
PIP = """\
import os, sys
with open(os.environ["PIP_NOTES"], "a") as notes:
    print(*sys.argv[1:], file=notes)
"""
VENV = """\
import pathlib, sys
sys.path = [path for path in sys.path if not path.endswith("stand-ins")]
del sys.modules["venv"]
import venv
venv.main(["--without-pip", *sys.argv[1:]])
place = pathlib.Path(sys.argv[-1]).absolute()
(place / "bin" / "pip").write_text(f"#!{place}/bin/python\\n")
"""


class Project:
    """A folder with scripts/setup and a pyproject.toml, and what setup did to it."""

    def __init__(self, place: Path) -> None:
        self.root = place / "project"
        (self.root / "scripts").mkdir(parents=True)
        shutil.copy(ROOT / "scripts" / "setup", self.root / "scripts" / "setup")
        self.change_pyproject("first")
        self._notes = place / "pip-notes"
        self._stand_ins = place / "stand-ins"
        for name, program in (("pip", PIP), ("venv", VENV)):
            (self._stand_ins / name).mkdir(parents=True)
            (self._stand_ins / name / "__init__.py").touch()
            (self._stand_ins / name / "__main__.py").write_text(program)

    def change_pyproject(self, words: str) -> None:
        (self.root / "pyproject.toml").write_text(f"# {words}\n")

    def setup(self, extra: str = "dev", *, path: Path | None = None, python: str = "") -> None:
        """Run scripts/setup with the interpreters of `path` before those of PATH."""
        first = [str(path)] if path else []
        search = os.pathsep.join([*first, os.environ["PATH"]])
        self.run(self.root / "scripts" / "setup", extra, PATH=search, PYTHON=python)

    def run(self, *command: str | Path, **environment: str) -> None:
        """Run a command with the stand-ins; it must succeed."""
        noted = {"PIP_NOTES": str(self._notes), "PYTHONPATH": str(self._stand_ins)}
        done = subprocess.run(
            command,
            env={**os.environ, **noted, **environment},
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    @property
    def installs(self) -> list[str]:
        """The extras that pip was asked for, in order."""
        lines = self._notes.read_text().splitlines() if self._notes.exists() else []
        return [line.rsplit("[", 1)[1].rstrip("]") for line in lines]

    @property
    def mark(self) -> Path:
        """A file in .venv, which stands for what a user has installed there."""
        return self.root / ".venv" / "installed-by-the-user"


def named(folder: Path, name: str) -> Path:
    """A folder in which this interpreter has that name."""
    folder.mkdir()
    (folder / name).symlink_to(INTERPRETER)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that has been set up, by a python3 of its own folder."""
    project = Project(tmp_path)
    project.setup(path=named(tmp_path / "plain", "python3"))
    project.mark.touch()
    assert project.installs == ["dev"]
    return project


def test_setup_does_nothing_when_nothing_changed(project: Project, tmp_path: Path) -> None:
    project.setup(path=tmp_path / "plain")
    assert project.mark.exists()
    assert project.installs == ["dev"]


def test_setup_does_nothing_when_the_same_interpreter_is_found_by_another_path(
    project: Project, tmp_path: Path
) -> None:
    project.setup(path=named(tmp_path / "other", "python3"))
    assert project.mark.exists()
    assert project.installs == ["dev"]


def test_setup_does_nothing_when_python_names_the_same_interpreter_otherwise(
    project: Project, tmp_path: Path
) -> None:
    project.setup(python=str(named(tmp_path / "other", "python-of-mine") / "python-of-mine"))
    assert project.mark.exists()
    assert project.installs == ["dev"]


def test_setup_does_nothing_when_the_environment_is_activated(project: Project) -> None:
    project.setup(path=project.root / ".venv" / "bin")
    assert project.mark.exists()
    assert project.installs == ["dev"]


def test_setup_adds_packages_to_the_environment_when_pyproject_changed(project: Project) -> None:
    project.change_pyproject("second")
    project.setup()
    assert project.mark.exists()
    assert project.installs == ["dev", "dev"]


def test_setup_keeps_the_packages_of_tests_when_the_demo_asks_for_fewer(project: Project) -> None:
    project.setup("demo")
    assert project.installs == ["dev"]
    project.change_pyproject("second")
    project.setup("demo")
    assert project.installs == ["dev", "dev"]


@pytest.mark.long
def test_setup_adds_packages_when_an_environment_of_the_demo_is_to_run_tests(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path)
    project.setup("demo")
    project.mark.touch()
    project.setup("dev")
    assert project.mark.exists()
    assert project.installs == ["demo", "dev"]


def test_setup_adds_packages_to_an_environment_that_the_user_made(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.run(INTERPRETER, "-m", "venv", ".venv")
    project.mark.touch()
    project.setup()
    assert project.mark.exists()
    assert project.installs == ["dev"]


@pytest.mark.long
def test_setup_makes_the_environment_anew_when_its_interpreter_does_not_run(
    project: Project,
) -> None:
    interpreter = project.root / ".venv" / "bin" / "python"
    interpreter.unlink()
    interpreter.symlink_to("/nowhere/python")
    project.setup()
    assert not project.mark.exists()
    assert project.installs == ["dev", "dev"]


@pytest.mark.long
def test_setup_makes_the_environment_anew_when_the_project_moved(
    project: Project, tmp_path: Path
) -> None:
    # The commands in .venv/bin begin with the place of their interpreter.
    project.root = project.root.rename(tmp_path / "moved")
    project.setup()
    assert not project.mark.exists()
    assert project.installs == ["dev", "dev"]
