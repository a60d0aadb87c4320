"""What a script replies, read from the lines `returns` of its header. Nothing else may live here.

The first line is the form of the reply; each line below it describes a value that the form names:

    -- returns  [wait, [id, data] per job]
    --          wait  int    ms until there may be more
    --          id    id
    --          data  bytes  the payload

`[a, b]` is an array. `x per item` is x for each item of the call, in order; `x per job` is x any
number of times. `(a, b) per item` repeats two values side by side in the array that is around them.
`a?`, at the end of an array, may be left out.
The type `word` is one of the texts that stand between quotes in the value's description, in which
`=MS` stands for `=` and a number of ms.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lua_build.errors import BuildError

Schema = dict[str, Any]

# What Redis's protocol calls the value of a type.
RESP = {
    **dict.fromkeys(("int", "ms", "at"), "integer"),
    **dict.fromkeys(("id", "name", "token", "bytes", "word"), "bulk string"),
}
EACH = ("item", "job", "schedule", "chunk", "worker", "counter", "death", "event", "rest")
PART = re.compile(r" *([\[\](),]|\w+\??)")
WORD = re.compile(r"(?<!\w)'([\w-]*(?:=MS)?)'")
VALUE = re.compile(r"(?P<name>\w+) +(?P<type>[a-z]+)(?: +(?P<what>\S.*))?")


def read(path: str, lines: Sequence[str]) -> Schema:
    """The schema of a reply.

    A value is {name, type, resp, what}, and a word has `values` too. A value that may be left out
    has `optional: true`. An array is {array: parts}. A part that is repeated is
    {each: 'item' or 'job', of: parts}.

    Args:
        path: what to call the script.
        lines: the text of `returns`, line by line, without the marks of comments.

    Raises:
        BuildError: the form can't be read, or does not name the values that are described.
    """
    values: dict[str, Schema] = {}
    for line in lines[1:]:
        if line.startswith(" ") and values:
            last = values[[*values][-1]]
            last["what"] = f"{last['what']} {line.strip()}".strip()
            continue
        match = VALUE.fullmatch(line)
        if match is None or match["type"] not in RESP or match["name"] in values:
            raise BuildError(f"{path}: returns: not 'name  type  what it is': {line}")
        kind = match["type"]
        values[match["name"]] = {
            "name": match["name"], "type": kind, "resp": RESP[kind], "what": match["what"] or "",
        }  # fmt: skip
    for value in values.values():
        if value["type"] == "word":
            value["values"] = words(value["what"])
    form = _Form(path, lines[0], values)
    schema = form.whole()
    if unnamed := sorted(values.keys() - form.named):
        raise BuildError(f"{path}: returns: the form lacks {', '.join(unnamed)}")
    return schema


def words(what: str) -> list[str]:
    """The texts that stand between quotes in the description of a word."""
    return [*dict.fromkeys(WORD.findall(what))]


class _Form:
    """Reads the form of a reply."""

    def __init__(self, path: str, text: str, values: dict[str, Schema]) -> None:
        self._path, self._text, self._values = path, text, values
        fits = re.fullmatch(rf"(?:{PART.pattern})+", text)
        self._left: list[str] = PART.findall(text) if fits else []
        self.named: set[str] = set()

    def whole(self) -> Schema:
        [schema] = self._part()
        if self._left or "each" in schema:
            raise self._error()
        return schema

    def _error(self) -> BuildError:
        return BuildError(f"{self._path}: returns: not a form of a reply: {self._text}")

    def _next(self, wanted: str = "") -> str:
        if not self._left or (wanted and self._left[0] != wanted):
            raise self._error()
        return self._left.pop(0)

    def _part(self) -> list[Schema]:
        word = self._next()
        name = word.removesuffix("?")
        if word == "[":
            parts = [{"array": self._until("]")}]
        elif word == "(":
            parts = self._until(")")
            if self._left[:1] != ["per"]:
                raise self._error()
        elif name in self._values and name not in self.named:
            self.named.add(name)
            parts = [self._values[name] | ({"optional": True} if name != word else {})]
        else:
            raise self._error()
        if self._left[:1] != ["per"]:
            return parts
        self._next()
        each = self._next()
        if each not in EACH:
            raise self._error()
        return [{"each": each, "of": parts}]

    def _until(self, end: str) -> list[Schema]:
        parts: list[Schema] = []
        while self._left[:1] != [end]:
            if parts:
                self._next(",")
            parts += self._part()
        self._next(end)
        found = [part.get("optional", False) for part in parts]
        if found != sorted(found):
            raise self._error()
        return parts
