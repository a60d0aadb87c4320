"""What an operator does: the command line and other tools call it.

Other folders import from here and not past it.
"""

from pyjobs.admin.describe import facts, line, places, sample, types
from pyjobs.admin.reap import Row, Terms, reap_all

__all__ = [
    "Row",
    "Terms",
    "facts",
    "line",
    "places",
    "reap_all",
    "sample",
    "types",
]
