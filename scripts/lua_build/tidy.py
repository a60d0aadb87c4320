"""What is left to do for a script once its functions are in their places: constants, branches that
never run, names that nothing reads, numbers that Redis would spell, and functions that only one
branch needs.
"""

from __future__ import annotations

from typing import Any

from luaparser import astnodes as lua

from lua_build.inline import CONSTANTS, branches, joined, pure, substitute
from lua_build.scope import LOOPS, Variables, clone, parts, variables, walk

TRUE = (lua.Number, lua.String, lua.TrueExpr)
FALSE = (lua.FalseExpr, lua.Nil)


def tidy(tree: Any) -> bool:
    """Whether anything changed."""
    changed = constants(tree)
    changed = folded(tree) or changed
    return unused(tree) or changed


def constants(tree: Any) -> bool:
    """Puts constants, and names that mean another name's value, into the places that read them."""
    known = Variables(tree)
    values: dict[str, Any] = {}
    for block in [node for node in walk(tree) if isinstance(node, lua.Block)]:
        kept = []
        for node in block.body:
            if isinstance(node, lua.LocalAssign) and len(node.values) == len(node.targets):
                pairs = []
                for target, value in zip(node.targets, node.values, strict=True):
                    steady = isinstance(value, CONSTANTS) or (
                        isinstance(value, lua.Name) and known.final(value.id)
                    )
                    if steady and known.final(target.id):
                        values[target.id] = value
                    else:
                        pairs.append((target, value))
                node.targets, node.values = [one for one, _ in pairs], [one for _, one in pairs]
                if not pairs:
                    continue
            kept.append(node)
        block.body = kept
    while any(isinstance(one, lua.Name) and one.id in values for one in values.values()):
        values = {
            name: values.get(one.id, one) if isinstance(one, lua.Name) else one
            for name, one in values.items()
        }
    substitute(tree, values)
    return bool(values)


def folded(tree: Any) -> bool:
    """Decides what constants decide."""
    changed = False
    for node in list(walk(tree)):
        for name, value in parts(node):
            if isinstance(value, list):
                new = [fold(one) for one in value]
                changed = changed or any(a is not b for a, b in zip(new, value, strict=True))
                setattr(node, name, new)
            elif isinstance(value, lua.Node) and (one := fold(value)) is not value:
                changed = True
                setattr(node, name, one)
    for block in [node for node in walk(tree) if isinstance(node, lua.Block)]:
        body = []
        for place, node in enumerate(block.body):
            made = taken(node, last=place == len(block.body) - 1)
            changed = changed or made != [node]
            body += made
        block.body = body
    return changed


def fold(node: Any) -> Any:
    """An expression without what is decided."""
    match node:
        case lua.AndLoOp() if isinstance(node.left, FALSE):
            return node.left
        case lua.AndLoOp() if isinstance(node.left, TRUE):
            return single(node.right)
        case lua.OrLoOp() if isinstance(node.left, FALSE):
            return single(node.right)
        case lua.OrLoOp() if isinstance(node.left, TRUE):
            return node.left
        case lua.ULNotOp() if isinstance(node.operand, FALSE):
            return lua.TrueExpr()
        case lua.ULNotOp() if isinstance(node.operand, TRUE):
            return lua.FalseExpr()
        case lua.EqToOp() | lua.NotEqToOp() if all(
            isinstance(one, CONSTANTS) for one in (node.left, node.right)
        ):
            same = literal(node.left) == literal(node.right)
            return lua.TrueExpr() if same is isinstance(node, lua.EqToOp) else lua.FalseExpr()
    return node


def literal(node: Any) -> tuple[type, Any]:
    return type(node), getattr(node, "n", getattr(node, "s", None))


def single(node: Any) -> Any:
    """An expression that has one value, as an operand has."""
    if isinstance(node, (lua.Call, lua.Invoke, lua.Varargs, lua.Dots)) or not isinstance(
        node, (lua.Name, lua.Index, *CONSTANTS)
    ):
        node.wrapped = True
    return node


def taken(node: Any, last: bool) -> list[Any]:
    """A statement without branches that never run."""
    if isinstance(node, lua.Do):
        own = any(isinstance(one, (lua.LocalAssign, lua.LocalFunction)) for one in node.body.body)
        ended = bool(node.body.body) and isinstance(node.body.body[-1], lua.Return)
        return node.body.body if last or not (own or ended) else [node]
    if not isinstance(node, lua.If):
        return [node]
    cases, kept = branches(node), []
    for test, body in cases:
        if isinstance(test, FALSE):
            continue
        if test is None or isinstance(test, TRUE):
            kept.append((None, body))
            break
        kept.append((test, body))
    if len(kept) == len(cases):
        if not any(body for _, body in kept) and all(
            test is None or pure(test) for test, _ in kept
        ):
            return []
        return [node]
    if kept[0][0] is None:
        return [lua.Do(lua.Block(kept[0][1]))]
    return [joined(kept)]


def unused(tree: Any) -> bool:
    """Drops declarations that nothing reads and that do nothing."""
    known, changed = Variables(tree), False
    for block in [node for node in walk(tree) if isinstance(node, lua.Block)]:
        kept = []
        for node in block.body:
            if isinstance(node, lua.LocalFunction) and not known.reads[node.name.id]:
                changed = True
                continue
            if (
                isinstance(node, lua.LocalAssign)
                and not any(known.reads[one.id] or known.writes[one.id] for one in node.targets)
                and all(map(pure, node.values))
            ):
                changed = True
                continue
            kept.append(node)
        block.body = kept
    return changed


def spell(tree: Any) -> None:
    """Makes texts of numbers among the arguments of commands: of sums, and of plain numbers.

    Redis makes a text of each argument. For a number, Redis 7.0 takes half a microsecond, and
    `string.format` a fifth of that. All of these numbers are whole.
    """
    for node in walk(tree):
        if isinstance(node, lua.Call) and is_command(node.func):
            node.args = [spelled(one) for one in node.args]


def is_command(function: Any) -> bool:
    return (
        isinstance(function, lua.Index)
        and getattr(function.value, "id", None) == "redis"
        and getattr(function.idx, "id", None) in ("call", "pcall")
    )


def spelled(node: Any) -> Any:
    sign, number = ("-", node.operand) if isinstance(node, lua.UMinusOp) else ("", node)
    if isinstance(number, lua.Number) and isinstance(number.n, int):
        return literally(f"{sign}{number.n}")
    if isinstance(node, lua.OrLoOp) and isinstance(node.left, lua.AndLoOp):
        node.left.right, node.right = spelled(node.left.right), spelled(node.right)
        return node
    if isinstance(node, (lua.AddOp, lua.SubOp, lua.UMinusOp)):
        called = lua.Index(lua.Name("format"), lua.Name("string"), lua.IndexNotation.DOT)
        return lua.Call(called, [literally("%d"), node])
    return node


def literally(text: str) -> Any:
    return lua.String(text.encode(), text)


def sink(block: Any) -> None:
    """Moves each function to where it is first needed: into a branch if no other needs it.

    No function moves into a loop or into another function, where it would be made more often. One
    that several branches need, and nothing else does, stands in each of them.
    """
    body = block.body
    for function in [one for one in reversed(body) if isinstance(one, lua.LocalFunction)]:
        rest = body[body.index(function) + 1 :]
        using = [one for one in rest if reads(one, function.name.id)]
        body.remove(function)
        if not using:
            continue
        inside = [only_branch(one, function.name.id) for one in using]
        if None in inside:
            body.insert(body.index(using[0]), function)
        else:
            for branch in inside:
                branch.body.insert(0, clone(function))
    for node in body:
        for inner in inner_blocks(node):
            sink(inner)


def inner_blocks(node: Any) -> list[Any]:
    match node:
        case lua.If():
            found, at = [], node
            while isinstance(at, (lua.If, lua.ElseIf)):
                found.append(at.body)
                at = at.orelse
            return found + ([at] if isinstance(at, lua.Block) else [])
        case lua.Do() | lua.LocalFunction():
            return [node.body]
    return [node.body] if isinstance(node, LOOPS) else []


def only_branch(node: Any, name: str) -> Any:
    """The one block in `node` that reads `name`, if the rest of `node` does not."""
    if not isinstance(node, (lua.If, lua.Do)):
        return None
    blocks = inner_blocks(node)
    within = [one for one in blocks if reads(one, name)]
    tests = (
        [test for test, _ in branches(node) if test is not None] if isinstance(node, lua.If) else []
    )
    return within[0] if len(within) == 1 and not any(reads(test, name) for test in tests) else None


def reads(node: Any, name: str) -> bool:
    return any(one.id == name for one in variables(node))
