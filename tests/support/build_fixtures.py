"""The fixture `copy`: a plugin of pytest, which tests of the build name."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.builds import Copy


@pytest.fixture
def copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Copy:
    """The sources and the build of this repository, to break."""
    return Copy(tmp_path, capsys)
