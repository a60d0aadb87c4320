"""How a parameter of a test is put into the long lane of `scripts/test`."""

from __future__ import annotations

from typing import Any

import pytest


def long(*values: object) -> Any:
    """The values of a parameter with which the test is long; see `scripts/test --help`."""
    return pytest.param(*values, marks=pytest.mark.long)
