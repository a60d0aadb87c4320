"""Fields of a table that are made when they are read: a table of ten texts costs more than the two of
them that a call needs.

In `local q = { key = queue, job = queue .. ':job:' }` the field `job` follows from `key`. So each
`q.job` becomes `q.key .. ':job:'`, and the table holds `key` alone.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from luaparser import astnodes as lua

from lua_build.scope import NUMBERED, clone, parts, walk


def derive(tree: Any) -> None:
    """Puts the fields that follow from another field into the places that read them."""
    nodes = walk(tree)
    for node in nodes:
        if isinstance(node, lua.LocalAssign) and len(node.values) == len(node.targets) == 1:
            [name], [table] = node.targets, node.values
            if isinstance(table, lua.Table):
                derive_table(tree, nodes, NUMBERED.sub("", name.id), table)


def derive_table(tree: Any, nodes: list[Any], name: str, table: Any) -> None:
    """The fields of one table, which variables called `name` hold."""
    targets = {
        id(one): one
        for node in nodes
        if isinstance(node, lua.Assign) and not isinstance(node, lua.LocalAssign)
        for one in node.targets
    }
    indexes = [node for node in nodes if isinstance(node, lua.Index)]
    if any(is_computed(one) and id(one) not in targets and holds(one.value, name) for one in indexes):
        return
    # A field that another table has too, or that is written, follows from nothing.
    fields = [one for one in table.fields if is_named(one)]
    known = Counter(one.key.id for one in nodes if is_named(one))
    known.update(one.idx.id for one in targets.values() if is_field(one))
    roots = {
        field.value.id: field.key.id
        for field in fields
        if isinstance(field.value, lua.Name) and known[field.key.id] == 1
    }
    made = {
        field.key.id: (roots[field.value.left.id], field.value.right)
        for field in fields
        if isinstance(field.value, lua.Concat)
        and isinstance(field.value.left, lua.Name)
        and isinstance(field.value.right, lua.String)
        and field.value.left.id in roots
        and known[field.key.id] == 1
    }
    if made:
        table.fields = [one for one in table.fields if not is_named(one) or one.key.id not in made]
        replace(tree, name, made)


def is_named(node: Any) -> bool:
    """Whether it is a field of a table constructor, by its name."""
    return (
        isinstance(node, lua.Field) and isinstance(node.key, lua.Name) and not node.between_brackets
    )


def is_field(node: Any) -> bool:
    return isinstance(node, lua.Index) and node.notation is lua.IndexNotation.DOT


def is_computed(node: Any) -> bool:
    """Whether it reads a field whose name only the call knows."""
    return not is_field(node) and not isinstance(node.idx, (lua.Number, lua.String))


def holds(node: Any, name: str) -> bool:
    return isinstance(node, lua.Name) and NUMBERED.sub("", node.id) == name


def replace(tree: Any, name: str, made: dict[str, tuple[str, Any]]) -> None:
    """Put what `made` says in place of each of these fields, of `name` or of an element of a list."""

    def joined(node: Any) -> Any:
        if not (is_field(node) and node.idx.id in made):
            return node
        if not (holds(node.value, name) or isinstance(node.value, lua.Index)):
            return node
        root, text = made[node.idx.id]
        whole = clone(node)
        whole.idx.id = root
        return lua.Concat(whole, clone(text))

    for node in walk(tree):
        for attribute, value in parts(node):
            if isinstance(value, list):
                setattr(node, attribute, [joined(one) for one in value])
                continue
            new = joined(value)
            if new is value:
                continue
            if isinstance(node, lua.Concat) and attribute == "left":
                # One concatenation of three, not two.
                new, node.right = new.left, lua.Concat(new.right, node.right)
            # What binds tighter than a concatenation: #q.job, q.job:find(...).
            new.wrapped = isinstance(node, (lua.UnaryOp, lua.Index, lua.Invoke))
            setattr(node, attribute, new)
