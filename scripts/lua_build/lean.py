"""A script as Redis runs it: it does what its source says, and makes few functions on the way."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from luaparser import ast

from lua_build.fields import derive, drop, gather, reserve
from lua_build.inline import Inliner
from lua_build.names import parse
from lua_build.scope import Namer, Shortener, clone
from lua_build.tidy import sink, spell, tidy
from lua_build.trees import PARSER, kept

EMPTY = re.compile(r"\{\n *\}")


@functools.cache
def lean(text: str, what: str) -> str:
    """The script `text` with its functions in the places that call them.

    Args:
        what: what to call the script when it is no Lua.

    Raises:
        BuildError: it is no Lua, or reads a field of a table in a way that can't be followed.
    """
    return str(kept(maker(), text, lambda: made(text, what)))


@functools.cache
def maker() -> str:
    """What makes a script lean: the sources of this program."""
    own = (
        Path(__file__).with_name(f"{name}.py")
        for name in ("scope", "inline", "unroll", "tidy", "fields", "aliases", "lean")
    )
    return PARSER + "".join(source.read_text() for source in own)


def made(text: str, what: str) -> str:
    tree, namer = clone(parse(text, what).tree), Namer()
    namer.separate(tree)
    changed = True
    while changed:
        changed = tidy(tree)
        changed = Inliner(tree, namer).run() or changed
    derive(tree, what)
    drop(tree)
    gather(tree)
    reserve(tree)
    spell(tree)
    sink(tree.body)
    Shortener().separate(tree)
    text = EMPTY.sub("{}", ast.to_lua_source(tree, indent=2))
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
