"""Functions put into the places that call them, so that no call of a script makes them anew.

A function goes into the place of its call when nothing else of the script can tell: it is only ever
called by its name, and the call is a statement of its own, the value of an assignment or what is
returned; or the function is a single expression.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from luaparser import astnodes as lua

from lua_build.scope import (
    FUNCTIONS,
    Namer,
    Variables,
    children,
    clone,
    parameters,
    parts,
    takes_more,
    variables,
    walk,
)
from lua_build.unroll import unroll

CONSTANTS = (lua.Number, lua.String, lua.TrueExpr, lua.FalseExpr, lua.Nil)
# A function that is called in several places goes into each when it has no more nodes than this.
SMALL = 60
# One that takes any number of arguments, where a call gives it no more arguments than this: its
# loops over them are written out there.
FEW = 16

Assigning = Callable[[list[Any]], "list[Any] | None"]


def size(node: Any) -> int:
    return sum(1 for _ in walk(node))


def many(values: list[Any]) -> bool:
    """Whether a list of values has as many as its last expression happens to return."""
    return bool(values) and (
        isinstance(values[-1], (lua.Call, lua.Invoke, lua.Varargs, lua.Dots))
        and not values[-1].wrapped
    )


def pure(node: Any) -> bool:
    """Whether an expression calls nothing and makes nothing."""
    return not any(
        isinstance(one, (lua.Call, lua.Invoke, lua.Table, lua.AnonymousFunction))
        for one in walk(node)
    )


def returned(body: Any) -> list[Any]:
    """The values of a Return; luaparser has False for none."""
    return list(body.values) if isinstance(body.values, list) else []


def returns(node: Any) -> bool:
    """Whether a statement contains a return of the function that it stands in."""
    if isinstance(node, lua.Return):
        return True
    return not isinstance(node, FUNCTIONS) and any(map(returns, children(node)))


def ends(statements: list[Any]) -> bool:
    """Whether statements always end in a return."""
    if not statements:
        return False
    last = statements[-1]
    if isinstance(last, lua.If):
        return all(ends(body) for _, body in branches(last))
    return isinstance(last, lua.Return) or (isinstance(last, lua.Do) and ends(last.body.body))


def branches(node: Any) -> list[tuple[Any, list[Any]]]:
    """(test, statements) of each branch of an if; the last one has no test."""
    found = []
    while isinstance(node, (lua.If, lua.ElseIf)):
        found.append((node.test, node.body.body))
        node = node.orelse
    return [*found, (None, node.body if isinstance(node, lua.Block) else [])]


def joined(cases: list[tuple[Any, list[Any]]]) -> Any:
    """The if with these branches."""
    (test, body), *others = cases
    if not body and len(others) == 1 and others[0][0] is None:
        return lua.If(opposite(test), lua.Block(others[0][1]), None)
    rest: Any = None
    for other, statements in reversed(others):
        if other is not None:
            rest = lua.ElseIf(other, lua.Block(statements), rest)
        elif statements:
            rest = lua.Block(statements)
    return lua.If(test, lua.Block(body), rest)


def opposite(test: Any) -> Any:
    if isinstance(test, lua.ULNotOp):
        return test.operand
    if isinstance(test, lua.BinaryOp):
        test.wrapped = True
    return lua.ULNotOp(test)


def lowered(statements: list[Any], assign: Assigning) -> list[Any] | None:
    """Statements in which `assign` takes the place of each return; None where that can't be."""
    out: list[Any] = []
    for place, node in enumerate(statements):
        rest = statements[place + 1 :]
        if not returns(node):
            out.append(node)
            continue
        if isinstance(node, lua.Return):
            made = assign(returned(node))
            return None if made is None else [*out, *made]
        if isinstance(node, lua.Do) and (not rest or ends(node.body.body)):
            inner = lowered(node.body.body, assign)
            return None if inner is None else [*out, lua.Do(lua.Block(inner))]
        if not isinstance(node, lua.If):
            return None
        cases = branches(node)
        going_on = [not ends(body) for _, body in cases]
        if rest and sum(going_on) > 1:
            return None
        made_parts = []
        for (test, body), goes_on in zip(cases, going_on, strict=True):
            part = lowered([*body, *(rest if goes_on else [])], assign)
            if part is None:
                return None
            made_parts.append((test, part))
        return [*out, joined(made_parts)]
    made = assign([])
    return None if made is None else [*out, *made]


def substitute(node: Any, values: dict[str, Any]) -> Any:
    """`node` with expressions in the place of variables."""
    if isinstance(node, lua.Name):
        return clone(values[node.id]) if node.id in values else node
    for name, value in parts(node):
        if name == "idx" and node.notation is lua.IndexNotation.DOT:
            continue
        if (isinstance(node, lua.Invoke) and name == "func") or (
            isinstance(node, lua.Field) and name == "key" and not node.between_brackets
        ):
            continue
        if isinstance(value, list):
            setattr(node, name, [substitute(one, values) for one in value])
        elif isinstance(value, lua.Node):
            setattr(node, name, substitute(value, values))
    return node


def spread(node: Any, extra: list[Any]) -> bool:
    """Put expressions in the place of `...`; returns whether each `...` ended a list."""
    fit, gone = True, set()
    for one in walk(node):
        for name, value in parts(one):
            if isinstance(value, (lua.Varargs, lua.Dots)):
                fit = fit and id(one) in gone
            elif isinstance(value, list) and value:
                last = value[-1]
                if isinstance(last, lua.Field) and last.key is None and dots(last.value):
                    gone.add(id(last))
                    value[-1:] = [lua.Field(None, clone(each)) for each in extra]
                elif (dots(last) and name != "args") or (
                    dots(last) and not isinstance(one, FUNCTIONS)
                ):
                    value[-1:] = clone(extra)
                fit = fit and not any(
                    dots(each) for each in value if not isinstance(one, FUNCTIONS)
                )
    return fit


def dots(node: Any) -> bool:
    return isinstance(node, (lua.Varargs, lua.Dots)) and not node.wrapped


class Inliner:
    """Responsible for putting the functions of one script into the places that call them."""

    def __init__(self, tree: Any, namer: Namer) -> None:
        self._tree = tree
        self._namer = namer

    def run(self) -> bool:
        """Whether anything changed."""
        changed = False
        self._known = Variables(self._tree)
        self._holders: dict[str, dict[int, Any]] = {}
        functions = [node for node in walk(self._tree) if isinstance(node, lua.LocalFunction)]
        self._index(self._tree)
        for function in reversed(functions):
            changed = self._inline(function) or changed
        return changed

    def _index(self, tree: Any) -> None:
        """Note which nodes hold a call of which function."""
        for node in walk(tree):
            for child in children(node):
                self._note(node, child)

    def _note(self, holder: Any, node: Any) -> None:
        for one in (node, only_value(node)):
            if isinstance(one, lua.Call) and isinstance(one.func, lua.Name):
                self._holders.setdefault(one.func.id, {})[id(holder)] = holder

    def _inline(self, function: Any) -> bool:
        name, known = function.name.id, self._known
        times = known.reads[name]
        if times != known.calls[name] or not known.final(name) or not times:
            return False
        if any(one.id == name for one in variables(function.body)):
            return False
        if times > 1 and size(function) > SMALL * (2 if takes_more(function) else 1):
            return False
        self._many_times = times > 1
        self._function, self._done = function, 0
        holders = list(self._holders.get(name, {}).values())
        for node in holders:
            if isinstance(node, lua.Block):
                self._block(node)
        body = function.body.body
        if len(body) == 1 and isinstance(body[0], lua.Return) and len(returned(body[0])) == 1:
            for node in holders:
                self._expressions(node)
        return self._done > 0

    def _block(self, block: Any) -> None:
        body = []
        for node in block.body:
            made = self._statement(node)
            if made != [node]:
                for one in made:
                    self._note(block, one)
                    self._index(one)
            body += made
        block.body = body

    def _is_call(self, node: Any) -> bool:
        return (
            isinstance(node, lua.Call)
            and isinstance(node.func, lua.Name)
            and node.func.id == self._function.name.id
        )

    # --- a call that is a statement, or all of its value ---

    def _statement(self, node: Any) -> list[Any]:
        if not self._is_call(node) and not self._is_call(only_value(node)):
            return [node]
        old = [clone(node)]
        if self._is_call(node):
            made = self._body(node, lambda values: [] if all(map(pure, values)) else calls(values))
        elif (
            isinstance(node, lua.Return)
            and len(returned(node)) == 1
            and self._is_call(returned(node)[0])
        ):
            made = self._returning(returned(node)[0])
        elif (
            isinstance(node, lua.LocalAssign)
            and len(node.values) == 1
            and self._is_call(node.values[0])
        ):
            targets = [lua.Name(one.id) for one in node.targets]
            made = self._body(node.values[0], lambda values: assigned(targets, values, fresh=True))
            if made is not None:
                made = flat(node.targets, made)
        elif (
            isinstance(node, lua.Assign)
            and len(node.values) == 1
            and self._is_call(node.values[0])
            and all(isinstance(one, lua.Name) for one in node.targets)
        ):
            made = self._body(node.values[0], lambda values: assigned(node.targets, values))
        else:
            made = None
        if made is None:
            return [node]
        self._done += 1
        self._known.replace(old, made)
        return made

    def _prepared(self, call: Any) -> tuple[list[Any], list[Any]] | None:
        """The statements before the body, and the body, with names of their own."""
        copy = clone(self._function)
        self._namer.separate(copy)
        body, names, args = copy.body.body, [one.id for one in parameters(copy)], clone(call.args)
        inner = Variables(copy.body)
        first, given, extra = [], {}, args[len(names) :]
        if takes_more(copy):
            if many(args) or (self._many_times and len(extra) > FEW):
                return None
            kept = []
            for one in extra:
                if self._steady(one):
                    kept.append(one)
                else:
                    made = self._namer.fresh("item")
                    first.append((lua.Name(made), one))
                    kept.append(lua.Name(made))
            if not spread(copy.body, kept):
                return None
            body, extra = copy.body.body, []
        named = []
        for place, name in enumerate(names):
            value = args[place] if place < len(args) else None if many(args) else lua.Nil()
            last = place == len(args) - 1 and many(args)
            if value is not None and not last and self._steady(value) and inner.final(name):
                given[name] = value
            else:
                named.append((lua.Name(name), value))
        named += first
        holder = substitute(lua.Block(body), given)
        if takes_more(self._function):
            own = Variables(holder)

            def steady(node: Any) -> bool:
                return self._steady(node) and all(own.final(one.id) for one in variables(node))

            unroll(holder, self._namer, steady)
        values = [value for _, value in named if value is not None] + [
            one for one in extra if not pure(one)
        ]
        before = []
        if named:
            before.append(lua.LocalAssign([target for target, _ in named], values))
        elif values:
            before += calls(values) or []
        return before, holder.body

    def _steady(self, node: Any) -> bool:
        """Whether an expression has the same value wherever it stands."""
        if isinstance(node, lua.Name):
            return self._known.final(node.id)
        return isinstance(node, CONSTANTS)

    def _body(self, call: Any, assign: Assigning) -> list[Any] | None:
        if (prepared := self._prepared(call)) is None:
            return None
        before, body = prepared
        inside = lowered(body, assign)
        return None if inside is None else [lua.Do(lua.Block([*before, *inside]))]

    def _returning(self, call: Any) -> list[Any] | None:
        if (prepared := self._prepared(call)) is None:
            return None
        before, body = prepared
        if not ends(body):
            body = [*body, lua.Return([])]
        return [lua.Do(lua.Block([*before, *body]))]

    # --- a function that is one expression ---

    def _expressions(self, holder: Any) -> None:
        for name, value in parts(holder):
            if isinstance(value, list):
                setattr(holder, name, [self._expression(one) for one in value])
            elif isinstance(value, lua.Node):
                setattr(holder, name, self._expression(value))
        for child in children(holder):
            self._note(holder, child)

    def _expression(self, node: Any) -> Any:
        if not self._is_call(node) or many(node.args):
            return node
        prepared = self._prepared(node)
        if prepared is None or prepared[0]:
            return node
        value = returned(prepared[1][0])[0]
        self._done += 1
        if not isinstance(value, (lua.Name, lua.Index, lua.Call, lua.Invoke, *CONSTANTS)):
            value.wrapped = True
        value.wrapped = value.wrapped or node.wrapped
        self._known.replace([node], [value])
        self._index(value)
        return value


def only_value(node: Any) -> Any:
    """The one value of a return or an assignment."""
    values = node.values if isinstance(node, (lua.Return, lua.Assign)) else None
    return values[0] if isinstance(values, list) and len(values) == 1 else None


def calls(values: list[Any]) -> list[Any] | None:
    """The calls among values as statements; None where a value is neither a call nor pure."""
    out = []
    for value in values:
        if isinstance(value, (lua.Call, lua.Invoke)):
            out.append(value)
        elif not pure(value):
            return None
    return out


def assigned(targets: list[Any], values: list[Any], fresh: bool = False) -> list[Any]:
    """The assignment of what a function returns. `fresh`: the targets are nil."""
    if not values:
        return [] if fresh else [lua.Assign(clone(targets), [lua.Nil()])]
    return [lua.Assign(clone(targets), values)]


def flat(targets: list[Any], made: list[Any]) -> list[Any]:
    """A declaration and the body that assigns to it: one statement, if there is nothing else."""
    [block] = made
    if len(block.body.body) == 1 and isinstance(block.body.body[0], lua.Assign):
        [only] = block.body.body
        if [one.id for one in only.targets if isinstance(one, lua.Name)] == [
            one.id for one in targets
        ]:
            return [lua.LocalAssign(targets, only.values)]
    return [lua.LocalAssign(targets, []), block]
