"""What the wheel carries, and that a stranger's first command installs it.

Building fetches the build backend, and installing fetches the dependencies, so these run in CI.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.pages import PAGES, ROOT

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.environ.get("CI") != "true", reason="fetches packages: CI=true runs it"),
]
PARTS = (
    *("pyjobs", "pyjobs_pytest.py", "pyjobs_command.py", "lua", "README.md", "LICENSE"),
    "pyproject.toml",
)


def run(command: Sequence[str | Path], cwd: Path) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The project as a clone has it: nothing that was built."""
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    return tmp_path


def test_the_wheel_carries_the_package_the_scripts_and_the_protocol(clone: Path) -> None:
    run([sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--wheel-dir", "built"], clone)
    [wheel] = (clone / "built").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        protocol = archive.read("pyjobs/_lua/README.md").decode()
        [metadata] = [name for name in archive.namelist() if name.endswith("/METADATA")]
        about = archive.read(metadata).decode()
    package = {path for path in (ROOT / "pyjobs").rglob("*") if "__pycache__" not in path.parts}
    files = {path.relative_to(ROOT).as_posix() for path in package if path.is_file()}
    assert names == files | {
        *("pyjobs/_lua/README.md", "pyjobs/_lua/golden.md", "pyjobs_pytest.py"),
        "pyjobs_command.py",
    }
    assert protocol == PAGES["lua/README.md"]
    assert "Classifier: Operating System :: POSIX\n" in about


def test_the_readme_s_install_line_installs_the_command(clone: Path) -> None:
    line = re.search(r"^pip install '(.*)'$", PAGES["README.md"], re.MULTILINE)
    assert line is not None
    venv.create(clone / "environment", with_pip=True)
    python = clone / "environment" / "bin" / "python"
    run([python, "-m", "pip", "install", "-q", line[1]], clone)
    assert run([python.parent / "pyjobs", "--version"], clone).startswith("pyjobs")
    program = re.search(r"```python\n(.*?)```", PAGES["README.md"], re.DOTALL)
    assert program is not None
    assert run([python, "-c", program[1]], clone / "environment") == "esaelp em esrever\n"
