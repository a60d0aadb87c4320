"""Refuses what would read a field that a table does not hold since it is made where it is read.

Such a field is found by its name behind a dot. A table whose fields are asked for in another way,
or that gets a name by which nothing is known of it, would seem to lack them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from luaparser import astnodes as lua

from lua_build.errors import BuildError
from lua_build.scope import FUNCTIONS, NUMBERED, declared, parameters, parts, walk

# Where a table may stand: as a condition, as a result, and in another table.
RIGHT = (lua.Field, lua.Return, lua.ULNotOp, lua.Block, lua.AndLoOp, lua.OrLoOp)


class Aliases:
    """Finds where a table goes whose fields are made where they are read.

    Args:
        tree: the script.
        made: the names of such fields.
        names: the names in the source of the variables that hold such a table.
    """

    def __init__(self, tree: Any, made: Collection[str], names: Collection[str]) -> None:
        self._nodes = walk(tree)
        self._made, self._names = made, set(names)
        self._written = {
            id(one)
            for node in self._nodes
            if isinstance(node, lua.Assign) and not isinstance(node, lua.LocalAssign)
            for one in node.targets
        }
        self._functions = {
            node.name.id: parameters(node)
            for node in self._nodes
            if isinstance(node, lua.LocalFunction)
        }
        self._declared = {one.id for node in self._nodes for one in declared(node)}
        # The parameters of functions that the script gives to its own functions.
        self._passed = [
            self._functions[one.id]
            for node in self._nodes
            if isinstance(node, lua.Call) and getattr(node.func, "id", None) in self._functions
            for one in node.args
            if getattr(one, "id", None) in self._functions
        ] + [parameters(one) for one in self._nodes if isinstance(one, lua.AnonymousFunction)]
        self._returning: set[str] = set()
        self._lists: set[str | None] = set()
        self._spread()

    def _spread(self) -> None:
        """Find what else is such a table: results, and elements of lists."""
        for node in self._nodes:
            if isinstance(node, (lua.Assign, lua.LocalAssign)):
                pairs = zip(node.targets, node.values, strict=False)
                made_here = (target for target, value in pairs if self._is_made(value))
                self._names |= {name for one in made_here if (name := called(one))}
        for node in self._nodes:
            if isinstance(node, lua.LocalFunction) and any(map(self._is_table, returned(node))):
                self._returning.add(node.name.id)
        self._lists |= {called(one) for node in self._nodes for one in self._filled(node)} - {None}
        for node in self._nodes:
            if isinstance(node, lua.Forin):
                listed = [arg for call in node.iter for arg in getattr(call, "args", ())]
                if any(called(arg) in self._lists for arg in listed):
                    self._names |= {name for one in node.targets[1:] if (name := called(one))}

    def check(self, what: str) -> None:
        """Check that every such field is found by its name.

        Args:
            what: what to call the script.

        Raises:
            BuildError: one may not be.
        """
        for node in self._nodes:
            for attribute, place, one in inside(node):
                if not self._is_right(node, attribute, place, one):
                    fields = ", ".join(sorted(self._made))
                    raise BuildError(
                        f"{what}: {self._said(node, one)}, but fields of that table are made where "
                        f"they are read, by a dot, and by this name: {fields}"
                    )

    def _is_right(self, node: Any, attribute: str, place: int, one: Any) -> bool:
        if isinstance(node, lua.Index):
            if attribute == "value" and node.notation is lua.IndexNotation.SQUARE:
                return not (self._is_table(one) and self._may_be_made(node))
            return attribute == "value" or is_dotted(node) or not self._is_table(one)
        if not self._is_table(one) or attribute in ("targets", "target", "name"):
            return True
        match node:
            case lua.Assign() | lua.LocalAssign():
                # What is kept in another table comes out by a name that is looked at there.
                to = node.targets[place] if place < len(node.targets) else None
                return isinstance(to, lua.Index) or called(to) in self._names
            case lua.Call():
                return attribute == "args" and self._takes(node.func, place)
            case lua.LocalFunction() | lua.AnonymousFunction():
                return True
        return isinstance(node, RIGHT)

    def _filled(self, node: Any) -> Iterator[Any]:
        """What gets a table at a place that only the call knows."""
        match node:
            case lua.Assign() | lua.LocalAssign():
                for target, value in zip(node.targets, node.values, strict=False):
                    is_place = isinstance(target, lua.Index) and not is_dotted(target)
                    if is_place and self._is_table(value):
                        yield target.value
            case lua.Call() if text_of(node.func) == "table.insert":
                if any(map(self._is_table, node.args)):
                    yield node.args[0]

    def _may_be_made(self, node: Any) -> bool:
        """Whether a place in brackets may be one of the fields, and is read."""
        if isinstance(node.idx, lua.String):
            return text(node.idx) in self._made
        return not isinstance(node.idx, lua.Number) and id(node) not in self._written

    def _takes(self, function: Any, place: int) -> bool:
        """Whether the parameter of a function of the script has a known name. A function that is a
        parameter itself may be any that is passed on."""
        if is_dotted(function):
            return bool(text_of(function) == "table.insert")
        name = getattr(function, "id", "")
        if name in self._functions:
            names = self._functions[name]
            return place < len(names) and called(names[place]) in self._names
        if name not in self._declared:
            return False
        return all(
            called(names[place]) in self._names for names in self._passed if place < len(names)
        )

    def _is_table(self, node: Any) -> bool:
        if isinstance(node, (lua.AndLoOp, lua.OrLoOp)):
            return self._is_table(node.left) or self._is_table(node.right)
        if isinstance(node, lua.Call):
            return getattr(node.func, "id", None) in self._returning
        if isinstance(node, lua.Index) and not is_dotted(node):
            return called(node.value) in self._lists
        return self._is_made(node) or called(node) in self._names

    def _is_made(self, node: Any) -> bool:
        fields = node.fields if isinstance(node, lua.Table) else ()
        return any(getattr(one.key, "id", None) in self._made for one in fields)

    def _said(self, node: Any, one: Any) -> str:
        name = called(one) or "a table"
        if isinstance(node, lua.Index):
            word = f"'{text(node.idx)}'" if isinstance(node.idx, lua.String) else "..."
            return f"{name}[{word}] reads a field in another way"
        if isinstance(node, lua.Call):
            return f"{name} goes into {text_of(node.func)}(...)"
        return f"{name} gets another name"


def inside(node: Any) -> Iterator[tuple[str, int, Any]]:
    """Each expression right below a node: the attribute that holds it, its place there, itself."""
    for attribute, value in parts(node):
        for place, one in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(one, lua.Node):
                yield attribute, place, one


def returned(function: Any) -> list[Any]:
    """What a function returns, without the functions inside it."""
    found, left = [], [function.body]
    while left:
        node = left.pop()
        if isinstance(node, lua.Return):
            found += node.values
        left += [one for _, _, one in inside(node) if not isinstance(one, FUNCTIONS)]
    return found


def is_dotted(node: Any) -> bool:
    """Whether it is a field, by a dot."""
    return isinstance(node, lua.Index) and node.notation is lua.IndexNotation.DOT


def called(node: Any) -> str | None:
    """The name in the source of the variable that holds a table; None for another expression."""
    return NUMBERED.sub("", node.id) if isinstance(node, lua.Name) else None


def text(node: Any) -> str:
    """What a text of the script says."""
    return node.s.decode() if isinstance(node.s, bytes) else str(node.s)


def text_of(node: Any) -> str:
    """A name, or a name and a field, as the source has it."""
    if is_dotted(node):
        return f"{text_of(node.value)}.{node.idx.id}"
    return called(node) or "a function"
