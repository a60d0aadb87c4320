"""Which declaration each name of a Lua source refers to, read from its syntax tree."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from luaparser import astnodes as lua

from lua_build.errors import BuildError
from lua_build.trees import tree

# Those of Lua and Redis that scripts may use.
GLOBALS = frozenset(
    {"KEYS", "ARGV", "redis", "string", "table", "math", "ipairs", "pairs", "next", "select"}
    | {"tonumber", "tostring", "type", "unpack"}
)


@dataclass(eq=False)
class Declaration:
    """A local name: of a statement, a parameter, or the variable of a loop."""

    name: str
    at: int
    """The offset of the statement or expression that it stands in."""
    statement: Any = None
    """Its `local` statement; None for a parameter and for a loop's variable."""
    top: bool = False
    """Whether that statement stands at the top level of the source."""


@dataclass(eq=False)
class Use:
    """A place where a name is read, or written by an assignment."""

    name: str
    at: int
    """The offset of the statement or expression that it stands in."""
    declaration: Declaration | None
    """What it refers to; None: a global."""
    writes: bool
    within: tuple[Any, ...]
    """The `local` statements that it stands in, the outermost first."""


Scope = Mapping[str, Declaration]


@dataclass
class Names:
    """Responsible for what the names of one source refer to."""

    tree: Any
    uses: list[Use] = field(default_factory=list)
    declarations: list[Declaration] = field(default_factory=list)
    hidden: list[tuple[Declaration, Declaration]] = field(default_factory=list)
    """Pairs of a declaration and the one of the same name that it hides."""

    def free(self) -> list[Use]:
        """The uses of globals."""
        return [use for use in self.uses if use.declaration is None]


@functools.cache
def parse(text: str, what: str) -> Names:
    """The names of the Lua source `text`.

    Args:
        what: what to call the source when it is no Lua.

    Raises:
        BuildError: it is no Lua.
    """
    try:
        found = tree(text)
    except Exception as error:  # luaparser raises whatever its parser does
        raise BuildError(f"{what}: not Lua 5.1: {error}") from error
    names = Names(found)
    _Walk(names).block(found.body.body, {}, top=True)
    return names


class _Walk:
    """Walks a tree in the order in which it runs, with the names that are in scope."""

    def __init__(self, names: Names) -> None:
        self._names = names
        # luaparser gives most names no place, so a name has that of what it stands in.
        self._at = 0
        self._within: tuple[Any, ...] = ()

    def block(self, statements: Iterable[Any], scope: Scope, top: bool = False) -> Scope:
        for statement in statements:
            scope = self.statement(statement, scope, top)
        return scope

    def statement(self, node: Any, scope: Scope, top: bool = False) -> Scope:
        """Walk one statement; returns the scope of the next."""
        if node.start_char is not None:
            self._at = node.start_char
        match node:
            case lua.LocalAssign():
                within, self._within = self._within, (*self._within, node)
                self.expressions(node.values, scope)
                self._within = within
                return self.declare(node.targets, scope, node, top)
            case lua.LocalFunction():
                scope = self.declare([node.name], scope, node, top)
                within, self._within = self._within, (*self._within, node)
                self.function(node, scope)
                self._within = within
                return scope
            case lua.Function() if isinstance(node.name, lua.Name):
                self.target(node.name, scope)
                self.function(node, scope)
            case lua.Assign():
                self.expressions(node.values, scope)
                for target in node.targets:
                    self.target(target, scope)
            case lua.Fornum():
                self.expressions([node.start, node.stop, node.step], scope)
                self.block(node.body.body, self.declare([node.target], scope))
            case lua.Forin():
                self.expressions(node.iter, scope)
                self.block(node.body.body, self.declare(node.targets, scope))
            case lua.Repeat():
                scope_of_test = self.block(node.body.body, scope)
                self._at = node.stop_char
                self.expressions([node.test], scope_of_test)
                return scope
            case _:
                self.expressions([node], scope)
        return scope

    def declare(
        self, names: Iterable[Any], scope: Scope, statement: Any = None, top: bool = False
    ) -> Scope:
        made = [
            Declaration(name.id, self._at, statement, top)
            for name in names
            if isinstance(name, lua.Name)
        ]
        self._names.declarations += made
        self._names.hidden += [(new, scope[new.name]) for new in made if new.name in scope]
        return {**scope, **{new.name: new for new in made}}

    def use(self, node: Any, scope: Scope, writes: bool = False) -> None:
        known = scope.get(node.id)
        self._names.uses.append(Use(node.id, self._at, known, writes, self._within))

    def target(self, node: Any, scope: Scope) -> None:
        if isinstance(node, lua.Name):
            self.use(node, scope, writes=True)
        else:
            self.expressions([node], scope)

    def function(self, node: Any, scope: Scope) -> None:
        self.block(node.body.body, self.declare(node.args, scope))

    def expressions(self, nodes: Iterable[Any], scope: Scope) -> None:
        for node in nodes:
            if not isinstance(node, lua.Node):
                continue  # where a loop has no step, a field no key
            if node.start_char is not None:
                self._at = node.start_char
            match node:
                case lua.Name():
                    self.use(node, scope)
                case lua.AnonymousFunction():
                    self.function(node, scope)
                case lua.Block():
                    self.block(node.body, scope)
                case lua.Index() if node.notation is lua.IndexNotation.DOT:
                    self.expressions([node.value], scope)
                case lua.Invoke():
                    self.expressions([node.source, *node.args], scope)
                case lua.Field():
                    named = isinstance(node.key, lua.Name) and not node.between_brackets
                    self.expressions([node.value] if named else [node.key, node.value], scope)
                case lua.Statement() if not isinstance(node, (lua.Call, *_COMPOUND)):
                    self.statement(node, scope)
                case _:
                    self.expressions(children(node), scope)


_COMPOUND = (lua.If, lua.ElseIf, lua.While, lua.Do, lua.Return, lua.Break, lua.SemiColon)


def children(node: Any) -> list[Any]:
    """The nodes right below `node`."""
    found = []
    for name, value in vars(node).items():
        if name.startswith("_") or name in ("comments", "wrapped"):
            continue
        found += value if isinstance(value, list) else [value]
    return [child for child in found if isinstance(child, lua.Node)]
