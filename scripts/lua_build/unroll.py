"""Loops over `...`, once it is known what `...` is.

A function that takes any number of arguments asks `select` about them, or makes a table of them. In
the place of a call that names its arguments each round of the loop stands for itself, and no table
is made.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from luaparser import astnodes as lua

from lua_build.scope import LOOPS, Namer, children, clone, parts, variables, walk

MOST_ROUNDS = 24

Steady = Callable[[Any], bool]


def unroll(block: Any, namer: Namer, steady: Steady) -> None:
    """Write out what `...` was for, in a body that has its arguments in the place of `...`.

    Args:
        block: the body; its variables have names of their own.
        namer: gives names to the variables of each round.
        steady: whether an expression has the same value wherever it stands.
    """
    change(block, counted)
    for inner in [node for node in walk(block) if isinstance(node, lua.Block)]:
        inner.body = [one for node in inner.body for one in rounds(node, namer)]
    change(block, summed)
    change(block, chosen)
    for inner in [node for node in walk(block) if isinstance(node, lua.Block)]:
        for node in list(inner.body):
            if isinstance(node, lua.LocalAssign):
                picked(block, node)
                listed(block, node, steady)
        inner.body = [node for node in inner.body if not is_empty(node)]


def change(tree: Any, made: Callable[[Any], Any]) -> None:
    """Put what `made` makes of each node below `tree` into its place."""
    for node in reversed(walk(tree)):
        for name, value in parts(node):
            if isinstance(value, list):
                setattr(node, name, [made(one) for one in value])
            elif isinstance(value, lua.Node):
                setattr(node, name, made(value))


def is_select(node: Any) -> bool:
    return isinstance(node, lua.Call) and getattr(node.func, "id", None) == "select"


def may_be_many(node: Any) -> bool:
    return isinstance(node, (lua.Call, lua.Invoke, lua.Varargs, lua.Dots)) and not node.wrapped


def counted(node: Any) -> Any:
    """`select('#', a, b)` is 2."""
    if is_select(node) and text(node.args[0]) == "#" and not may_be_many(node.args[-1]):
        return lua.Number(len(node.args) - 1)
    return node


def text(node: Any) -> str | None:
    if not isinstance(node, lua.String):
        return None
    return node.s.decode() if isinstance(node.s, bytes) else str(node.s)


def rounds(node: Any, namer: Namer) -> list[Any]:
    """A loop from one number to another as its rounds; another statement as it is."""
    if not isinstance(node, lua.Fornum):
        return [node]
    bounds = [node.start, node.stop, node.step]
    numbers = [one.n if isinstance(one, lua.Number) else one for one in bounds]
    start, stop, step = [1 if one is None else one for one in numbers]
    if not all(isinstance(one, int) for one in (start, stop, step)) or leaves(node.body):
        return [node]
    counts = range(start, stop + 1, step)
    if len(counts) > MOST_ROUNDS:
        return [node]
    made = []
    for count in counts:
        body = clone(node.body)
        namer.separate(body)
        change(body, functools.partial(numbered, node.target.id, count))
        made += body.body
    return made


def leaves(body: Any) -> bool:
    """Whether a loop may end before its last round."""
    left = [body]
    while left:
        node = left.pop()
        if isinstance(node, lua.Break):
            return True
        left += [one for one in children(node) if not isinstance(one, LOOPS)]
    return False


def numbered(name: str, count: int, node: Any) -> Any:
    return lua.Number(count) if isinstance(node, lua.Name) and node.id == name else node


def summed(node: Any) -> Any:
    """The sum of two numbers."""
    if isinstance(node, lua.AddOp) and all(
        isinstance(one, lua.Number) and isinstance(one.n, int) for one in (node.left, node.right)
    ):
        return lua.Number(node.left.n + node.right.n)
    return node


def picked(block: Any, node: Any) -> None:
    """After `local what = select(2, 'lease', 'seen')`, `q[what]` is `q.seen`."""
    match node:
        case lua.LocalAssign(targets=[target], values=[value]) if is_select(value):
            place, *items = value.args
            if isinstance(place, lua.Number) and text(items[place.n - 1]) is not None:
                change(block, functools.partial(known, target.id, items[place.n - 1]))
                node.targets, node.values = [], []


def known(name: str, value: Any, node: Any) -> Any:
    if isinstance(node, lua.Index) and node.idx is value:
        node.idx, node.notation = lua.Name(text(value)), lua.IndexNotation.DOT
    return value if isinstance(node, lua.Name) and node.id == name else node


def chosen(node: Any) -> Any:
    """`q[select(2, 'lease', 'seen')]` is `q.seen`."""
    if not isinstance(node, lua.Index) or not is_select(node.idx):
        return node
    place, *items = node.idx.args
    if not isinstance(place, lua.Number) or any(text(one) is None for one in items):
        return node
    node.idx, node.notation = lua.Name(text(items[place.n - 1])), lua.IndexNotation.DOT
    return node


def listed(block: Any, node: Any, steady: Steady) -> None:
    """Puts the elements of a list into the places that read them, where nothing needs the list."""
    pairs = list(zip(node.targets, node.values, strict=False))
    if len(node.targets) != len(node.values):
        return
    for target, value in pairs:
        if not isinstance(value, lua.Table) or not value.fields:
            continue
        items = [one.value for one in value.fields if one.key is None]
        reads = [
            one
            for one in walk(block)
            if isinstance(one, lua.Index)
            and isinstance(one.value, lua.Name)
            and one.value.id == target.id
            and isinstance(one.idx, lua.Number)
        ]
        named = sum(one.id == target.id for one in variables(block)) - 1
        if len(items) < len(value.fields) or not all(map(steady, items)) or named != len(reads):
            continue
        items += [lua.Nil()] * max((one.idx.n for one in reads), default=0)
        change(block, functools.partial(put, {id(one): items[one.idx.n - 1] for one in reads}))
        place = next(n for n, one in enumerate(node.targets) if one is target)
        del node.targets[place], node.values[place]


def put(found: dict[int, Any], node: Any) -> Any:
    return clone(found[id(node)]) if id(node) in found else node


def is_empty(node: Any) -> bool:
    return isinstance(node, lua.LocalAssign) and not node.targets
