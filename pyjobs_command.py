"""The command `pyjobs`: its entry, which imports the package inside of a `try`. Nothing else may
live here, and nothing of pyjobs may be imported above."""

from __future__ import annotations

import sys
from typing import NoReturn

INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command `pyjobs` and exit with its exit code; with 130 when Ctrl-C comes early."""
    try:
        from pyjobs.cli import main as run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
