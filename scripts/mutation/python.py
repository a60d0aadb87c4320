"""The changes of a Python module, by kinds. LibCST reads the module and writes the change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import libcst as cst
from libcst import metadata

from mutation.mutant import Mutant, mutant

KINDS = {
    "compare": "a comparison gets its neighbour: < and <=, == and !=, in and not in",
    "logic": "and becomes or, or becomes and",
    "negation": "`not` is left out",
    "condition": "the condition of an if, a while or a conditional expression is turned round",
    "arithmetic": "+ becomes -, * becomes /, and back",
    "minmax": "min becomes max, max becomes min",
    "number": "a number is one more",
    "boolean": "True becomes False, False becomes True",
    "statement": "a call, an assignment to something that is there, or a raise is left out",
    "jump": "continue becomes break, break becomes continue",
}
COMPARE: dict[type[cst.BaseCompOp], type[cst.BaseCompOp]] = {
    cst.LessThan: cst.LessThanEqual,
    cst.LessThanEqual: cst.LessThan,
    cst.GreaterThan: cst.GreaterThanEqual,
    cst.GreaterThanEqual: cst.GreaterThan,
    cst.Equal: cst.NotEqual,
    cst.NotEqual: cst.Equal,
    cst.In: cst.NotIn,
    cst.NotIn: cst.In,
    cst.Is: cst.IsNot,
    cst.IsNot: cst.Is,
}
ARITHMETIC: dict[type[cst.BaseBinaryOp], type[cst.BaseBinaryOp]] = {
    cst.Add: cst.Subtract,
    cst.Subtract: cst.Add,
    cst.Multiply: cst.Divide,
    cst.Divide: cst.Multiply,
    cst.FloorDivide: cst.Multiply,
}
SWAPPED_NAMES = {"min": ("minmax", "max"), "max": ("minmax", "min")}
SWAPPED_CONSTANTS = {"True": ("boolean", "False"), "False": ("boolean", "True")}
PASS = cst.Pass()


class Finder(cst.CSTVisitor):
    """Collects the changes of a module: kind, the node that goes, and the node that comes."""

    METADATA_DEPENDENCIES = (metadata.ByteSpanPositionProvider,)

    def __init__(self) -> None:
        self.found: list[tuple[str, cst.CSTNode, cst.CSTNode]] = []

    def add(self, kind: str, old: cst.CSTNode, new: cst.CSTNode) -> None:
        self.found.append((kind, old, new))

    # What no run of a job depends on.

    def visit_Annotation(self, node: cst.Annotation) -> bool:
        return False

    def visit_Arg(self, node: cst.Arg) -> bool:
        # `strict` of zip changes no result: it guards against a mistake elsewhere.
        return node.keyword is None or node.keyword.value != "strict"

    def visit_Decorator(self, node: cst.Decorator) -> bool:
        return False

    def visit_Comparison(self, node: cst.Comparison) -> None:
        for target in node.comparisons:
            if new := COMPARE.get(type(target.operator)):
                self.add("compare", target.operator, new())

    def visit_BooleanOperation(self, node: cst.BooleanOperation) -> None:
        other = cst.Or if isinstance(node.operator, cst.And) else cst.And
        self.add("logic", node.operator, other())

    def visit_UnaryOperation(self, node: cst.UnaryOperation) -> None:
        if isinstance(node.operator, cst.Not):
            self.add("negation", node, node.expression)

    def visit_If(self, node: cst.If) -> None:
        self.turn(node.test)

    def visit_While(self, node: cst.While) -> None:
        self.turn(node.test)

    def visit_IfExp(self, node: cst.IfExp) -> None:
        self.turn(node.test)

    def turn(self, test: cst.BaseExpression) -> None:
        closed = test.with_changes(
            lpar=[*test.lpar, cst.LeftParen()], rpar=[*test.rpar, cst.RightParen()]
        )
        self.add("condition", test, cst.UnaryOperation(cst.Not(), closed))

    def visit_BinaryOperation(self, node: cst.BinaryOperation) -> None:
        if new := ARITHMETIC.get(type(node.operator)):
            self.add("arithmetic", node.operator, new())

    def visit_Integer(self, node: cst.Integer) -> None:
        self.add("number", node, cst.Integer(str(node.evaluated_value + 1)))

    def visit_Float(self, node: cst.Float) -> None:
        self.add("number", node, cst.Float(str(node.evaluated_value + 1)))

    def visit_Name(self, node: cst.Name) -> None:
        if found := SWAPPED_CONSTANTS.get(node.value):
            self.add(found[0], node, cst.Name(found[1]))

    def visit_Call(self, node: cst.Call) -> None:
        if isinstance(node.func, cst.Name) and (found := SWAPPED_NAMES.get(node.func.value)):
            self.add(found[0], node.func, cst.Name(found[1]))

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        for statement in node.body:
            match statement:
                case (
                    cst.Expr(value=cst.Call() | cst.Await())
                    | cst.AugAssign()
                    | cst.Del()
                    | cst.Raise()
                ):
                    self.add("statement", statement, PASS)
                case cst.Assign(targets=targets) if any(
                    isinstance(one.target, cst.Attribute | cst.Subscript) for one in targets
                ):
                    self.add("statement", statement, PASS)
                case cst.Continue():
                    self.add("jump", statement, cst.Break())
                case cst.Break():
                    self.add("jump", statement, cst.Continue())


def mutants(root: Path, path: str) -> Iterator[Mutant]:
    """Every mutant of one module."""
    source = (root / path).read_text()
    wrapper = metadata.MetadataWrapper(cst.parse_module(source))
    spans = wrapper.resolve(metadata.ByteSpanPositionProvider)
    finder = Finder()
    wrapper.visit(finder)
    raw = source.encode()
    for kind, old, new in finder.found:
        span = spans[old]
        start = len(raw[: span.start].decode())
        end = start + len(raw[span.start : span.start + span.length].decode())
        yield mutant(path, source, kind, (start, end), wrapper.module.code_for_node(new).strip())
