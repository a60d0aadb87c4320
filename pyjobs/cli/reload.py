"""Changes of source files, for `pyjobs work --reload`: only what notices them may live here.

supervisor.py starts the worker again.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from pyjobs.errors import BadArgument


def watchfiles() -> Any:
    """Return the library of this name, of the extra `reload`.

    Raises:
        BadArgument: it is not installed.
    """
    try:
        return importlib.import_module("watchfiles")
    except ImportError:
        raise BadArgument(
            "--reload needs the extra 'reload': pip install 'pyjobs[reload]'"
        ) from None


async def changes(folder: Path, end: asyncio.Event) -> AsyncIterator[list[str]]:
    """Yield the names of the Python files that have changed, each time that some have.

    Args:
        folder: where files are watched, with all folders in it but hidden ones and the like.
        end: set it to end this.
    """
    library = watchfiles()
    only = library.PythonFilter()
    async for found in library.awatch(folder, watch_filter=only, stop_event=end):
        yield sorted({Path(path).relative_to(folder).as_posix() for _, path in found})
