"""Syntax trees of Lua sources, and what else is kept between builds.

The parser takes a third of a second for a script, and most scripts are as they were.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from luaparser import ast

KEPT = Path(__file__).resolve().parents[2] / ".lua_cache"
MOST = 600
LONG = 1000  # characters; what is shorter is parsed at once
PARSER = importlib.metadata.version("luaparser")


def tree(text: str) -> Any:
    """The syntax tree of the Lua source `text`, from .lua_cache/ where it is there.

    Raises:
        Exception: whatever luaparser raises when it is no Lua.
    """
    return kept(PARSER, text, lambda: ast.parse(text))


def kept(maker: str, text: str, make: Callable[[], Any]) -> Any:
    """What `make` makes of `text`, from .lua_cache/ where it is there.

    Args:
        maker: what else the result depends on.
    """
    if len(text) < LONG:
        return make()
    file = KEPT / f"{hashlib.sha256(f'{maker} {text}'.encode()).hexdigest()}.pickle"
    with contextlib.suppress(Exception):  # absent, cut off, or of another Python: make it again
        return pickle.loads(file.read_bytes())
    made = make()
    with contextlib.suppress(OSError):
        KEPT.mkdir(exist_ok=True)
        # Another process may read it meanwhile.
        part = file.with_suffix(f".{os.getpid()}")
        part.write_bytes(pickle.dumps(made))
        part.replace(file)
        for old in sorted(KEPT.iterdir(), key=lambda kept: kept.stat().st_mtime)[:-MOST]:
            old.unlink()
    return made
