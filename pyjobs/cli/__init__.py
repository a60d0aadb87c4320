"""The command line, one command a file. Only its entry may live here.

The entry imports nothing but the standard library, so that it can say which extra is missing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NoReturn

NEEDS = ("click", "rich")


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command `pyjobs` and exit with its exit code.

    Args:
        argv: the words behind `pyjobs`; those of this process when left out.
    """
    if any(find_spec(name) is None for name in NEEDS):
        sys.exit("pyjobs: the command line needs the extra 'cli': pip install 'pyjobs[cli]'")
    sys.exit(importlib.import_module("pyjobs.cli.app").run(argv))
