"""Which globals a Lua script uses, told from its syntax tree. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from luaparser import ast
from luaparser import astnodes as lua

Scope = frozenset[str]


def uses(body: str) -> tuple[set[str], set[str]]:
    """The names of the globals that `body` reads, and of those that it writes."""
    walk = _Walk()
    walk.block(ast.parse(body).body.body, frozenset())
    return walk.read, walk.written


class _Walk:
    def __init__(self) -> None:
        self.read: set[str] = set()
        self.written: set[str] = set()

    def block(self, statements: Iterable[Any], scope: Scope) -> Scope:
        for statement in statements:
            scope = self.statement(statement, scope)
        return scope

    def statement(self, node: Any, scope: Scope) -> Scope:
        """Walk one statement; returns the scope of the next."""
        match node:
            case lua.LocalAssign():
                self.expressions(node.values, scope)
                return scope | {target.id for target in node.targets}
            case lua.LocalFunction():
                scope = scope | {node.name.id}
                self.function(node, scope)
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
                self.block(node.body.body, scope | {node.target.id})
            case lua.Forin():
                self.expressions(node.iter, scope)
                self.block(node.body.body, scope | {target.id for target in node.targets})
            case lua.Repeat():
                self.expressions([node.test], self.block(node.body.body, scope))
            case _:
                self.expressions([node], scope)
        return scope

    def target(self, node: Any, scope: Scope) -> None:
        if isinstance(node, lua.Name):
            if node.id not in scope:
                self.written.add(node.id)
        else:
            self.expressions([node], scope)

    def function(self, node: Any, scope: Scope) -> None:
        names = {arg.id for arg in node.args if isinstance(arg, lua.Name)}
        self.block(node.body.body, scope | names)

    def expressions(self, nodes: Iterable[Any], scope: Scope) -> None:
        for node in nodes:
            match node:
                case lua.Name():
                    if node.id not in scope:
                        self.read.add(node.id)
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
                case lua.Node():
                    self.expressions(_children(node), scope)


_COMPOUND = (lua.If, lua.ElseIf, lua.While, lua.Do, lua.Return, lua.Break, lua.SemiColon)


def _children(node: Any) -> list[Any]:
    found = []
    for name, value in vars(node).items():
        if name.startswith("_") or name in ("comments", "wrapped"):
            continue
        found += value if isinstance(value, list) else [value]
    return [child for child in found if isinstance(child, lua.Node)]
