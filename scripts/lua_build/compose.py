"""Sources and their includes, put together by Jinja2. Nothing here understands Lua."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2
from jinja2 import nodes

from lua_build.errors import BuildError

# Comments that enclose an included piece in what Jinja2 renders: what lies between is the piece's.
BEGIN, END = "--@ ", "--@"
TOKEN = re.compile(
    r"(?P<string>'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|\[(?P<level>=*)\[.*?\](?P=level)\])"
    r"|(?P<comment>--\[(?P<mark>=*)\[.*?\](?P=mark)\]|--[^\n]*)",
    re.DOTALL,
)


class Loader(jinja2.FileSystemLoader):
    """Reads sources, and encloses each piece in the comments that say where it begins and ends."""

    def __init__(self, lua: Path, changed: Mapping[str, str]) -> None:
        super().__init__(lua)
        self._changed = changed

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """The text of a source, where it lies, and whether that is still so."""
        text, path, fresh = super().get_source(environment, template)
        text = self._changed.get(template, text)
        if text.startswith(END) or f"\n{END}" in text:
            raise BuildError(f"{template}: a line begins with {END}, which the build uses")
        if template.startswith("lib/"):
            text = f"{BEGIN}{template}\n{text.rstrip()}\n{END}\n"
        return text, path, fresh


@dataclass(frozen=True)
class Region:
    """Where one included piece lies in a composed script, as offsets of its text."""

    path: str
    begin: int
    end: int


@dataclass(frozen=True)
class Composed:
    """A script with its includes in place and its comments kept."""

    path: str
    text: str
    regions: tuple[Region, ...]
    lines: tuple[tuple[str, int], ...]
    """The file and the line that each line comes from."""

    def region(self, offset: int) -> Region | None:
        """The included piece that `offset` lies in, if it lies in one."""
        inside = (region for region in self.regions if region.begin <= offset < region.end)
        return next(inside, None)

    def place(self, offset: int) -> str:
        """The file and the line of `offset`, as 'path:line'."""
        path, line = self.lines[self.text.count("\n", 0, offset)]
        return f"{path}:{line}"


class Composer:
    """Responsible for putting the sources of one folder together.

    Args:
        lua: the folder.
        changed: texts that stand in place of those of files, by the path in the folder.
    """

    def __init__(self, lua: Path, changed: Mapping[str, str] | None = None) -> None:
        self.lua = lua
        # Every delimiter is a Lua comment, so that a source is Lua to every other tool.
        self._env = jinja2.Environment(
            loader=Loader(lua, changed or {}),
            line_statement_prefix="--%",
            block_start_string="--[[%",
            block_end_string="%]]",
            variable_start_string="--[[=",
            variable_end_string="=]]",
            comment_start_string="--[[#",
            comment_end_string="#]]",
            keep_trailing_newline=True,
            undefined=jinja2.StrictUndefined,
            autoescape=False,
        )

    def compose(self, path: str) -> Composed:
        """The source at `path` with its includes in place.

        Raises:
            BuildError: it does anything with Jinja2 but include a piece; or a piece includes.
        """
        for piece in self.includes(path):
            if self.includes(piece):
                raise BuildError(f"{piece}: a piece includes nothing, it names what it needs")
        return located(path, self._env.get_template(path).render())

    def includes(self, path: str) -> list[str]:
        """The pieces that the source at `path` includes.

        Raises:
            BuildError: it does anything else with Jinja2.
        """
        assert self._env.loader is not None
        found = []
        for node in walk(self._env.parse(self._env.loader.get_source(self._env, path)[0])):
            if isinstance(node, nodes.Include):
                target = node.template.value if isinstance(node.template, nodes.Const) else None
                plain = isinstance(target, str) and not node.ignore_missing
                if not plain or not str(target).startswith("lib/"):
                    raise BuildError(f"{path}: includes something that is not a file in lib/")
                found.append(str(target))
            elif not isinstance(node, (nodes.Output, nodes.TemplateData, nodes.Const)):
                raise BuildError(f"{path}: uses {type(node).__name__}; Jinja2 may only include")
        return found


def walk(node: nodes.Node) -> Iterator[nodes.Node]:
    for child in node.iter_child_nodes():
        yield child
        yield from walk(child)


def located(path: str, text: str) -> Composed:
    """A composed script, and what its enclosing comments say of where its lines come from."""
    regions, lines = [], []
    piece, begin, line, line_of_piece, offset = "", 0, 0, 0, 0
    for row in text.splitlines(keepends=True):
        if row.startswith(BEGIN):
            line += 1  # the line that includes it, which Jinja2 left out
            piece, begin, line_of_piece = row.removeprefix(BEGIN).strip(), offset, 0
            lines.append((path, line))
        elif row.startswith(END):
            regions.append(Region(piece, begin, offset))
            piece = ""
            lines.append((path, line))
        elif piece:
            line_of_piece += 1
            lines.append((piece, line_of_piece))
        else:
            line += 1
            lines.append((path, line))
        offset += len(row)
    return Composed(path, text, tuple(regions), (*lines, (path, line)))


@functools.cache
def strip(lua: str) -> str:
    """Without comments, blank lines and a last newline, which `"$(cat file)"` would drop."""
    bare = TOKEN.sub(lambda match: match["string"] or "", lua)
    return "\n".join(line.rstrip() for line in bare.splitlines() if line.strip())
