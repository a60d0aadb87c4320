"""The changes of a Lua source, by kinds.

Where an expression stands is found in the text with its comments and strings blanked out, since
luaparser gives most names no place. Where a statement stands is read from its tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lua_build.compose import TOKEN
from lua_build.names import children, parse
from luaparser import astnodes as ast

from mutation.mutant import Mutant, mutant

# A change: which part of the text is replaced, and by what.
Change = tuple[tuple[int, int], str]

SWAPS = {
    "compare": {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "~=", "~=": "=="},
    "logic": {"and": "or", "or": "and"},
    "arithmetic": {"+": "-", "-": "+", "*": "/", "/": "*"},
    "minmax": {"math.min": "math.max", "math.max": "math.min"},
    "pcall": {"redis.pcall": "redis.call"},
}
SWAPPED = {
    "compare": r"(?<=\s)(?:<=|>=|==|~=|<|>)(?=\s)",
    "logic": r"\b(?:and|or)\b",
    "arithmetic": r"(?<=[\w)\]] )[-+*/](?= )",
    "minmax": r"\bmath\.(?:min|max)\b",
    "pcall": r"\bredis\.pcall\b",
}
ENDS = {"'LPUSH'": "'RPUSH'", "'RPUSH'": "'LPUSH'"}
COMMAND = re.compile(r"\bredis\.p?call\(")
# Words that may stand behind the key of a command, and how many arguments each begins.
FLAGS = {"'NX'": 1, "'XX'": 1, "'PX'": 2, "'LIMIT'": 3, "'WITHSCORES'": 1}


class Source:
    """A Lua text, and the same with its comments and strings blanked out."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.code = TOKEN.sub(lambda match: " " * len(match[0]), text)
        self.strings = [
            (match.span(), match["string"]) for match in TOKEN.finditer(text) if match["string"]
        ]

    def arguments(self, opening: int) -> list[tuple[int, int]]:
        """Where each argument of a call stands, whose parenthesis is at `opening`."""
        depth, begin, found = 0, opening + 1, []
        for at in range(opening, len(self.code)):
            char = self.code[at]
            if char in "({[":
                depth += 1
            elif char in ")}]":
                depth -= 1
            if (char == "," and depth == 1) or depth == 0:
                found.append((begin, at))
                begin = at + 1
            if depth == 0:
                break
        # Without the blanks around them.
        texts = [self.text[start:end] for start, end in found]
        return [
            (start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip()))
            for (start, end), text in zip(found, texts, strict=True)
        ]

    def calls(self, name: re.Pattern[str]) -> Iterator[list[tuple[int, int]]]:
        """The arguments of each call of what `name` matches, with its parenthesis."""
        for match in name.finditer(self.code):
            yield self.arguments(match.end() - 1)


def swapped(kind: str) -> Callable[[Source], Iterator[Change]]:
    def changes(source: Source) -> Iterator[Change]:
        for match in re.finditer(SWAPPED[kind], source.code):
            yield match.span(), SWAPS[kind][match[0]]

    return changes


def negations(source: Source) -> Iterator[Change]:
    """`not` is left out."""
    for match in re.finditer(r"\bnot (?=[\w(])", source.code):
        yield match.span(), ""


def conditions(source: Source) -> Iterator[Change]:
    """The condition of an `if`, an `until` or a `while` is turned round."""
    pattern = r"\b(?:else)?if\b(.+?)\bthen\b|\bwhile\b(.+?)\bdo\b|\buntil\b([^\n]+)"
    for match in re.finditer(pattern, source.code, re.DOTALL):
        start, end = match.span(match.lastindex or 0)
        yield (start, end), f" not ({source.text[start:end].strip()}) "


def numbers(source: Source) -> Iterator[Change]:
    """A number is one more, also a number that is written as a text."""
    for match in re.finditer(r"(?<![\w.])\d+(?![\w.])", source.code):
        yield match.span(), str(int(match[0]) + 1)
    for span, text in source.strings:
        if re.fullmatch(r"'-?\d+'", text):
            yield span, f"'{int(text[1:-1]) + 1}'"


def words(source: Source) -> Iterator[Change]:
    """A word in quotes becomes another word."""
    for span, text in source.strings:
        if re.fullmatch(r"'_?[a-z][a-z_]+'", text):
            yield span, f"{text[:-1]}x'"


def ends(source: Source) -> Iterator[Change]:
    """A command works at the other end of a list."""
    for span, *_ in source.calls(COMMAND):
        if other := ENDS.get(source.text[slice(*span)]):
            yield span, other


def arguments(source: Source) -> Iterator[Change]:
    """A command has one field less, or one flag less with what belongs to it."""
    for spans in source.calls(COMMAND):
        texts = [source.text[slice(*span)] for span in spans]
        width = {"'HSET'": 2, "'HDEL'": 1}.get(texts[0], 0)
        if width and len(spans) > 2 + width:
            for place in range(2, len(spans) - width + 1, width):
                yield (spans[place - 1][1], spans[place + width - 1][1]), ""
        for place, text in enumerate(texts):
            if place > 1 and (count := FLAGS.get(text)):
                yield (spans[place - 1][1], spans[place + count - 1][1]), ""


def rights(source: Source) -> Iterator[Change]:
    """A command is not asked for."""
    for spans in source.calls(re.compile(r"(?<!function )\bdenied\(")):
        for place in range(0, len(spans), 2):
            last = spans[place + 1][1]
            if place:
                yield (spans[place - 1][1], last), ""
            else:
                yield (spans[0][0], spans[2][0] if len(spans) > 2 else last), ""


def loops(source: Source) -> Iterator[Change]:
    """A loop that goes down goes up."""
    for match in re.finditer(r"\bfor (\w+) = ([^\n]+?), 1, -1 do\b", source.code):
        yield match.span(), f"for {match[1]} = 1, {match[2]} do"


def statements(source: Source) -> Iterator[Change]:
    """A call, an assignment to something that is there, or a `break` is left out."""
    for node, span in blocks(source):
        if isinstance(node, (ast.Call, ast.Break)) or type(node) is ast.Assign:
            yield span, ""


def guards(source: Source) -> Iterator[Change]:
    """An `if` without `else` is left out."""
    for node, span in blocks(source):
        if isinstance(node, ast.If) and not node.orelse:
            yield span, ""


def blocks(source: Source) -> Iterator[tuple[Any, tuple[int, int]]]:
    """Every statement, and where it stands."""
    waiting = [parse(source.text, "a source").tree]
    while waiting:
        node = waiting.pop()
        waiting += children(node)
        if not isinstance(node, ast.Block):
            continue
        for statement in node.body:
            start, end = statement.start_char, statement.stop_char + 1
            # A call begins at its parenthesis: its name has no place.
            while re.match(r"[\w.\[\]]", source.code[start - 1]):
                start -= 1
            yield statement, (start, end)


KINDS: dict[str, Callable[[Source], Iterator[Change]]] = {
    **{kind: swapped(kind) for kind in SWAPS},
    "negation": negations,
    "condition": conditions,
    "number": numbers,
    "word": words,
    "end": ends,
    "argument": arguments,
    "right": rights,
    "loop": loops,
    "statement": statements,
    "guard": guards,
}


def mutants(root: Path, path: str) -> Iterator[Mutant]:
    """Every mutant of one source."""
    source = Source((root / path).read_text())
    seen: set[str] = set()
    for kind, changes in KINDS.items():
        for span, new in changes(source):
            one = mutant(path, source.text, kind, span, new)
            if one.text not in seen:
                seen.add(one.text)
                yield one
