"""Syntax trees of Lua sources, kept between builds. Nothing here knows what a tree means.

The parser takes a third of a second for a script, and most scripts are as they were.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import pickle
from pathlib import Path
from typing import Any

from luaparser import ast

KEPT = Path(__file__).resolve().parents[2] / ".lua_cache"
MOST = 300
LONG = 1000  # characters; what is shorter is parsed at once
PARSER = importlib.metadata.version("luaparser")


def tree(text: str) -> Any:
    """The syntax tree of the Lua source `text`, from .lua_cache/ where it is there.

    Raises:
        Exception: whatever luaparser raises when it is no Lua.
    """
    if len(text) < LONG:
        return ast.parse(text)
    file = KEPT / f"{hashlib.sha256(f'{PARSER} {text}'.encode()).hexdigest()}.pickle"
    with contextlib.suppress(Exception):  # absent, cut off, or of another Python: parse it again
        return pickle.loads(file.read_bytes())
    made = ast.parse(text)
    with contextlib.suppress(OSError):
        KEPT.mkdir(exist_ok=True)
        # Another process may read it meanwhile.
        part = file.with_suffix(f".{os.getpid()}")
        part.write_bytes(pickle.dumps(made))
        part.replace(file)
        for old in sorted(KEPT.iterdir(), key=lambda kept: kept.stat().st_mtime)[:-MOST]:
            old.unlink()
    return made
