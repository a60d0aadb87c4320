"""Fields of a table: made where they are read, and made with their table.

A table of ten texts costs more than the two of them that a call needs. In
`local q = { key = queue, job = queue .. ':job:' }` the field `job` follows from `key`: each `q.job`
becomes `q.key .. ':job:'`, and the table holds `key` alone.

A table that gets its fields one by one grows again and again, and one that is made with them does
not. So fields that are written right behind the table become a part of it, and where many are
written later, the table is made with room for them.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from luaparser import astnodes as lua

from lua_build.aliases import Aliases, called
from lua_build.scope import children, clone, parts, variables, walk


def derive(tree: Any, what: str) -> None:
    """Puts the fields that follow from another field into the places that read them.

    Args:
        tree: the script.
        what: what to call the script.

    Raises:
        BuildError: such a field may be read in another way than by its name.
    """
    nodes = walk(tree)
    written = {
        id(one)
        for node in nodes
        if isinstance(node, lua.Assign) and not isinstance(node, lua.LocalAssign)
        for one in node.targets
    }
    indexes = [node for node in nodes if isinstance(node, lua.Index)]
    # A field that several tables have, or that is written, follows from nothing.
    known = Counter(one.key.id for one in nodes if is_named(one))
    known.update(one.idx.id for one in indexes if is_field(one) and id(one) in written)
    made: dict[str, tuple[str, Any]] = {}
    for table in [node for node in nodes if isinstance(node, lua.Table)]:
        own = {one.key.id: one.value for one in table.fields if is_named(one)}
        own = {name: value for name, value in own.items() if known[name] == 1}
        roots = {value.id: name for name, value in own.items() if isinstance(value, lua.Name)}
        made |= {
            name: (roots[value.left.id], value.right)
            for name, value in own.items()
            if isinstance(value, lua.Concat)
            and isinstance(value.left, lua.Name)
            and isinstance(value.right, lua.String)
            and value.left.id in roots
        }
    # Where a field is read by a name that only the call knows, each may be.
    tables = {called(one.value) for one in indexes if is_field(one) and one.idx.id in made}
    if any(
        is_computed(one) and id(one) not in written and called(one.value) in tables
        for one in indexes
    ):
        return
    if made:
        Aliases(tree, made, {name for name in tables if name}).check(what)
    for node in nodes:
        if isinstance(node, lua.Table):
            node.fields = [
                one for one in node.fields if not is_named(one) or one.key.id not in made
            ]
    replace(tree, made)


def gather(tree: Any) -> None:
    """Makes tables with the fields that are written right behind them."""
    for block in [node for node in walk(tree) if isinstance(node, lua.Block)]:
        body: list[Any] = []
        for node in block.body:
            if not (body and takes(body[-1], node)):
                body.append(node)
                continue
            [table] = body[-1].values
            for target, value in zip(node.targets, node.values, strict=True):
                table.fields.append(lua.Field(lua.Name(target.idx.id), value))
        block.body = body


def drop(tree: Any) -> None:
    """Leaves out fields that nothing reads.

    Not of a table whose fields are read in another way than by their names.
    """
    nodes = walk(tree)
    indexes = [node for node in nodes if isinstance(node, lua.Index)]
    read = {one.idx.id for one in indexes if is_field(one)}
    computed = {called(one.value) for one in indexes if is_computed(one)}
    for node in nodes:
        if not (isinstance(node, lua.LocalAssign) and len(node.values) == len(node.targets) == 1):
            continue
        [name], [table] = node.targets, node.values
        if isinstance(table, lua.Table) and called(name) not in computed:
            table.fields = [
                one
                for one in table.fields
                if not (is_named(one) and isinstance(one.value, lua.Name)) or one.key.id in read
            ]


def reserve(tree: Any) -> None:
    """Makes a table with room for the fields that it gets later, where it would have to grow.

    By the names of variables: what is called `q` in one place is called so in all. Nothing but
    speed depends on this, since a field that is nil is none.
    """
    later: dict[str, dict[str, None]] = {}
    for node in always(tree):
        if isinstance(node, lua.Assign) and not isinstance(node, lua.LocalAssign):
            for one in node.targets:
                if is_field(one) and called(one.value):
                    later.setdefault(str(called(one.value)), {})[one.idx.id] = None
    for node in walk(tree):
        if not (isinstance(node, lua.LocalAssign) and len(node.values) == len(node.targets) == 1):
            continue
        [name], [table] = node.targets, node.values
        if (
            not isinstance(table, lua.Table)
            or not table.fields
            or not all(map(is_named, table.fields))
        ):
            continue
        known = {one.key.id for one in table.fields}
        more = [one for one in later.get(str(called(name)), {}) if one not in known]
        if (len(known) + len(more) - 1).bit_length() > (len(known) - 1).bit_length():
            table.fields += [lua.Field(lua.Name(one), lua.Nil()) for one in more]


def always(node: Any) -> list[Any]:
    """The nodes that no branch holds."""
    found, left = [], [node]
    while left:
        found.append(left.pop())
        left += [one for one in reversed(children(found[-1])) if not isinstance(one, lua.If)]
    return found


def takes(made: Any, node: Any) -> bool:
    """Whether `made` is a table of named fields, and `node` writes others that need no table."""
    if not (isinstance(made, lua.LocalAssign) and len(made.values) == len(made.targets) == 1):
        return False
    [name], [table] = made.targets, made.values
    if not isinstance(table, lua.Table) or not table.fields or not all(map(is_named, table.fields)):
        return False
    if not isinstance(node, lua.Assign) or isinstance(node, lua.LocalAssign):
        return False
    written = [one.idx.id for one in node.targets if is_field(one) and called(one.value)]
    known = {one.key.id for one in table.fields}
    return (
        len(written) == len(node.targets) == len(node.values) == len({*written} - known)
        and all(one.value.id == name.id for one in node.targets)
        and not any(one.id == name.id for value in node.values for one in variables(value))
    )


def is_named(node: Any) -> bool:
    """Whether it is a field of a table constructor, by its name."""
    return (
        isinstance(node, lua.Field) and isinstance(node.key, lua.Name) and not node.between_brackets
    )


def is_field(node: Any) -> bool:
    return isinstance(node, lua.Index) and node.notation is lua.IndexNotation.DOT


def is_computed(node: Any) -> bool:
    return not is_field(node) and not isinstance(node.idx, (lua.Number, lua.String))


def replace(tree: Any, made: dict[str, tuple[str, Any]]) -> None:
    """Put what `made` says, a field and a text behind it, in place of the fields that it names."""

    def joined(node: Any) -> Any:
        if not (is_field(node) and node.idx.id in made):
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
