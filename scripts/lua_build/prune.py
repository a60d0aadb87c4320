"""What a composed script never uses, and the script without it.

Only a `local` statement that does nothing but name a function, a constant or a table of constants
may be dropped: to leave it out changes neither what runs nor what any other name refers to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from luaparser import astnodes as lua

from lua_build.names import Declaration, Names, Use

CONSTANTS = (lua.Number, lua.String, lua.TrueExpr, lua.FalseExpr, lua.Nil)
# What follows on the next lines, comments aside.
NEXT = re.compile(r"(?:\s|--\[(=*)\[.*?\]\1\]|--[^\n]*)*(.?)", re.DOTALL)


@dataclass(frozen=True)
class Live:
    """What a script uses."""

    declarations: frozenset[Declaration]
    """Those that a use which runs refers to, and all that can't be dropped."""
    statements: frozenset[int]
    """The `local` statements of these, by identity."""

    def __contains__(self, what: Declaration | Use) -> bool:
        if isinstance(what, Use):
            return all(id(statement) in self.statements for statement in what.within)
        return what in self.declarations


def live(text: str, names: Names) -> Live:
    """What of `names` the script `text` uses, directly or by way of what it uses."""
    made: dict[int, list[Declaration]] = {}
    for one in names.declarations:
        made.setdefault(id(one.statement), []).append(one)
    found = {one for one in names.declarations if not droppable(text, one.statement)}
    used: dict[Declaration, list[Use]] = {}
    for use in names.uses:
        if use.declaration is not None:
            used.setdefault(use.declaration, []).append(use)
    grown = True
    while grown:
        grown = False
        for one in names.declarations:
            if one not in found and any(
                all(not found.isdisjoint(made[id(part)]) for part in use.within)
                for use in used.get(one, ())
            ):
                found.add(one)
                grown = True
    return Live(frozenset(found), frozenset(id(one.statement) for one in found))


def droppable(text: str, statement: Any) -> bool:
    """Whether to leave `statement` out, if nothing used its names, would change nothing."""
    # A bracket or a semicolon after it would belong to the statement before it.
    if statement is None or follows(text, statement) in ("(", ";"):
        return False
    return isinstance(statement, lua.LocalFunction) or all(map(constant, statement.values))


def follows(text: str, statement: Any) -> str:
    """The first character of the code after `statement`."""
    match = NEXT.match(text, statement.stop_char + 1)
    return match[2] if match else ""


def constant(value: Any) -> bool:
    """Whether `value` can be left out: it runs nothing, reads nothing and can't fail."""
    match value:
        case lua.UMinusOp():
            return isinstance(value.operand, lua.Number)
        case lua.Table():
            return all(
                (field.key is None or not field.between_brackets) and constant(field.value)
                for field in value.fields
            )
    return isinstance(value, (*CONSTANTS, lua.AnonymousFunction))


def pruned(text: str, names: Names, alive: Live) -> str:
    """`text` without what it never uses; every line stays where it is."""
    statements: dict[int, list[Declaration]] = {}
    for one in names.declarations:
        statements.setdefault(id(one.statement), []).append(one)
    cuts = []
    for made in statements.values():
        if any(one not in alive for one in made):
            node = made[0].statement
            cuts.append((node.start_char, node.stop_char + 1, rest(text, made, alive)))
    # From the inside out: what is cut with a function needs no cut of its own.
    out, last = [], 0
    for begin, end, instead in sorted(cuts):
        if begin < last:
            continue
        lines = text.count("\n", begin, end) - instead.count("\n")
        out += [text[last:begin], instead, "\n" * lines]
        last = end
    return "".join([*out, text[last:]])


def rest(text: str, made: list[Declaration], alive: Live) -> str:
    """The statement that declares `made`, with the names of it that are alive."""
    statement = made[0].statement
    kept = [place for place, one in enumerate(made) if one in alive]
    if not kept:
        return " "
    values = statement.values
    if values and len(values) != len(made):
        return text[statement.start_char : statement.stop_char + 1]
    line = f"local {', '.join(made[place].name for place in kept)}"
    if values:
        texts = [text[one.start_char : one.stop_char + 1] for one in values]
        line += f" = {', '.join(texts[place] for place in kept)}"
    return line
