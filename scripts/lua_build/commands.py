"""Which Redis commands a script calls, read from its syntax tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from luaparser import astnodes as lua

from lua_build.errors import BuildError
from lua_build.names import Names, children
from lua_build.prune import Live


def commands(path: str, names: Names, alive: Live) -> list[str]:
    """The commands that a script calls, in alphabetical order.

    Raises:
        BuildError: which command a call runs is not written in the call.
    """
    found: set[str] = set()
    callees: set[int] = set()
    for node in walk(names.tree, alive.statements):
        if isinstance(node, lua.Call) and calls_redis(node.func):
            callees.add(id(node.func))
            command = node.args[0] if node.args else None
            if not isinstance(command, lua.String):
                raise BuildError(f"{path}: calls a command of Redis that is not written as a text")
            found.add(text(command).upper())
        elif calls_redis(node) and id(node) not in callees:
            raise BuildError(f"{path}: uses redis.call and does not call it in the same place")
    return sorted(found)


def walk(node: Any, kept: frozenset[int]) -> Iterator[Any]:
    """`node` and what is below, without the statements that are dropped."""
    if isinstance(node, (lua.LocalFunction, lua.LocalAssign)) and id(node) not in kept:
        return
    yield node
    for child in children(node):
        yield from walk(child, kept)


def calls_redis(node: Any) -> bool:
    """Whether `node` is redis.call or redis.pcall."""
    return (
        isinstance(node, lua.Index)
        and isinstance(node.value, lua.Name)
        and node.value.id == "redis"
        and text(node.idx) in ("call", "pcall")
    )


def text(node: Any) -> str:
    """The name or the string that `node` is."""
    if isinstance(node, lua.String):
        return node.s.decode() if isinstance(node.s, bytes) else str(node.s)
    return str(getattr(node, "id", ""))
