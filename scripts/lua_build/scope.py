"""Variables of a syntax tree: a name of its own for each, and what reads and writes it.

Once each variable has a name that no other has, a name says which variable is meant wherever it
stands, and a piece of the tree may move or be copied without meaning another one.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from luaparser import astnodes as lua

from lua_build.names import GLOBALS

FUNCTIONS = (lua.LocalFunction, lua.AnonymousFunction)
LOOPS = (lua.Fornum, lua.Forin, lua.While, lua.Repeat)
NUMBERED = re.compile(r"_\d+$")


# What of a node is no node, nor a list of nodes.
PLAIN = {
    "id",
    "attribute",
    "n",
    "s",
    "raw",
    "delimiter",
    "notation",
    "style",
    "between_brackets",
    "comments",
    "wrapped",
}


@functools.cache
def holds(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the attributes of a node that hold a node or a list of nodes."""
    return tuple(name for name in names if not name.startswith("_") and name not in PLAIN)


def parts(node: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of each attribute that holds a node or a list of nodes."""
    for name in holds(tuple(node.__dict__)):
        yield name, node.__dict__[name]


def children(node: Any) -> list[Any]:
    """The nodes right below `node`."""
    found: list[Any] = []
    own = node.__dict__
    for name in holds(tuple(own)):
        value = own[name]
        if value.__class__ is list:
            found += value
        elif isinstance(value, lua.Node):
            found.append(value)
    return found


LEAVES = {
    lua.Name,
    lua.String,
    lua.Number,
    lua.Nil,
    lua.TrueExpr,
    lua.FalseExpr,
    lua.Dots,
    lua.Varargs,
}


def walk(node: Any) -> list[Any]:
    """`node` and every node below, in the order of the text."""
    found, left = [], [node]
    while left:
        one = left.pop()
        found.append(one)
        if one.__class__ not in LEAVES:
            left += reversed(children(one))
    return found


def below(node: Any) -> list[Any]:
    """The nodes right below `node`, without names of fields: these are no variables."""
    match node:
        case lua.Index() if node.notation is lua.IndexNotation.DOT:
            return [node.value]
        case lua.Invoke():
            return [node.source, *node.args]
        case lua.Field() if isinstance(node.key, lua.Name) and not node.between_brackets:
            return [node.value]
    return children(node)


def variables(node: Any) -> Iterator[Any]:
    """The names of variables in `node`, where they are declared too."""
    if isinstance(node, lua.Name):
        yield node
    else:
        for child in below(node):
            yield from variables(child)


def declared(node: Any) -> list[Any]:
    """The names that `node` itself declares."""
    match node:
        case lua.LocalAssign() | lua.Forin():
            return list(node.targets)
        case lua.LocalFunction():
            return [node.name, *parameters(node)]
        case lua.AnonymousFunction():
            return parameters(node)
        case lua.Fornum():
            return [node.target]
    return []


def parameters(function: Any) -> list[Any]:
    return [one for one in function.args if isinstance(one, lua.Name)]


def takes_more(function: Any) -> bool:
    """Whether a function takes any number of arguments."""
    return len(parameters(function)) < len(function.args)


def clone(node: Any) -> Any:
    """A copy of a tree, without its comments and its places in a text."""
    if isinstance(node, list):
        return [clone(one) for one in node]
    if not isinstance(node, lua.Node):
        return node
    copy = object.__new__(type(node))
    copy.__dict__.update(node.__dict__)
    copy.__dict__.update(_first_token=None, _last_token=None, comments=[])
    for name, value in parts(node):
        copy.__dict__[name] = clone(value)
    return copy


class Namer:
    """Responsible for names that are given once."""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter(GLOBALS)

    def fresh(self, name: str) -> str:
        base = NUMBERED.sub("", name)
        self._given[base] += 1
        return base if self._given[base] == 1 else f"{base}_{self._given[base]}"

    def separate(self, node: Any) -> None:
        """Give each variable that `node` declares a name of its own."""
        self._block([node], {})

    def _block(self, nodes: list[Any], scope: Mapping[str, str]) -> Mapping[str, str]:
        for node in nodes:
            scope = self._node(node, scope)
        return scope

    def _declare(self, names: list[Any], scope: Mapping[str, str]) -> Mapping[str, str]:
        new = {}
        for name in names:
            old, name.id = name.id, self.fresh(name.id)
            new[old] = name.id
        return {**scope, **new}

    def _node(self, node: Any, scope: Mapping[str, str]) -> Mapping[str, str]:
        """Rename in one node; returns the scope of the next."""
        match node:
            case lua.Name():
                node.id = scope.get(node.id, node.id)
            case lua.LocalAssign():
                self._each(node.values, scope)
                return self._declare(node.targets, scope)
            case lua.LocalFunction():
                scope = self._declare([node.name], scope)
                self._block(node.body.body, self._declare(parameters(node), scope))
                return scope
            case lua.AnonymousFunction():
                self._block(node.body.body, self._declare(parameters(node), scope))
            case lua.Fornum():
                self._each([node.start, node.stop, node.step], scope)
                self._block(node.body.body, self._declare([node.target], scope))
            case lua.Forin():
                self._each(node.iter, scope)
                self._block(node.body.body, self._declare(node.targets, scope))
            case lua.Repeat():
                self._each([node.test], self._block(node.body.body, scope))
            case lua.Chunk() | lua.Block():
                inner = node.body.body if isinstance(node, lua.Chunk) else node.body
                self._block(inner, scope)
            case _:
                self._each(below(node), scope)
        return scope

    def _each(self, nodes: list[Any], scope: Mapping[str, str]) -> None:
        for node in nodes:
            if isinstance(node, lua.Node):
                self._node(node, scope)


class Shortener(Namer):
    """Responsible for short names: no variable has the name of another that is in scope."""

    def _declare(self, names: list[Any], scope: Mapping[str, str]) -> Mapping[str, str]:
        taken, new = {*GLOBALS, *scope.values()}, {}
        for name in names:
            base, number = NUMBERED.sub("", name.id), 1
            made = base
            while made in taken:
                number += 1
                made = f"{base}_{number}"
            taken.add(made)
            new[name.id], name.id = made, made
        return {**scope, **new}


class Variables:
    """Responsible for how often a tree reads and writes each variable."""

    def __init__(self, tree: Any) -> None:
        self.reads: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        """How often a variable is called by its name."""
        fields: set[int] = set()
        names = []
        for node in walk(tree):
            match node:
                case lua.Name():
                    names.append(node)
                case lua.Index() if node.notation is lua.IndexNotation.DOT:
                    fields.add(id(node.idx))
                case lua.Invoke():
                    fields.add(id(node.func))
                case lua.Field() if not node.between_brackets:
                    fields.add(id(node.key))
                case lua.Call() if isinstance(node.func, lua.Name):
                    self.calls[node.func.id] += 1
                case lua.Assign() if not isinstance(node, lua.LocalAssign):
                    self.writes.update(one.id for one in node.targets if isinstance(one, lua.Name))
            self.reads.subtract(one.id for one in declared(node))
        self.reads.update(one.id for one in names if id(one) not in fields)
        self.reads -= self.writes

    def final(self, name: str) -> bool:
        """Whether a variable keeps the value that it is declared with."""
        return not self.writes[name]

    def replace(self, old: list[Any], new: list[Any]) -> None:
        """Count what stands in the tree now, in place of what stood there."""
        for node, sign in [*((one, -1) for one in old), *((one, 1) for one in new)]:
            part = Variables(node)
            for mine, its in (
                (self.reads, part.reads),
                (self.writes, part.writes),
                (self.calls, part.calls),
            ):
                for name, times in its.items():
                    mine[name] += sign * times
