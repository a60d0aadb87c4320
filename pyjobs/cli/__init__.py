"""The command line. Only its entry may live in this file, so that it can tell what is missing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NoReturn

NEEDS = ("click", "rich")


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command `pyjobs` and exit.

    Args:
        argv: its words; those of this process when left out.
    """
    if any(find_spec(name) is None for name in NEEDS):
        sys.exit("pyjobs: the command line needs the extra 'cli': pip install 'pyjobs[cli]'")
    sys.exit(importlib.import_module("pyjobs.cli.app").run(argv))
