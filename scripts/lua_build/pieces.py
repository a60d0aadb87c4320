"""The pieces in lua/lib, and whether each gets what it declares to need.

A piece says in the comment that it begins with which names of which other pieces it uses:
`-- needs job.read unique.free`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lua_build.compose import Composed
from lua_build.errors import BuildError
from lua_build.names import GLOBALS, Names, Use, parse
from lua_build.prune import Live

NEEDS = "-- needs "


@dataclass(frozen=True)
class Piece:
    """One file of lua/lib."""

    path: str
    needs: tuple[tuple[str, str], ...]
    """(piece, name), in the order in which they are listed."""
    defines: frozenset[str]

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).stem


def read(lua: Path) -> dict[str, Piece]:
    """Every piece by its name.

    Raises:
        BuildError: one uses a name that it neither lists nor defines, or lists one in vain.
    """
    pieces: dict[str, Piece] = {}
    for file in sorted(lua.glob("lib/**/*.lua")):
        path = file.relative_to(lua).as_posix()
        piece = parsed(path, file.read_text())
        if piece.name in pieces:
            raise BuildError(f"{path}: {pieces[piece.name].path} has this name already")
        pieces[piece.name] = piece
    for piece in pieces.values():
        for other, name in piece.needs:
            if other not in pieces:
                raise BuildError(f"{piece.path}: needs {other}.{name}, and there is no such piece")
            if name not in pieces[other].defines:
                raise BuildError(f"{piece.path}: {pieces[other].path} does not define {name}")
    return pieces


@functools.cache
def parsed(path: str, text: str) -> Piece:
    """The piece at `path`.

    Raises:
        BuildError: it uses a name that it does not list, or lists one that it does not use.
    """
    needs = []
    for line in header(text):
        for word in line.removeprefix(NEEDS).split() if line.startswith(NEEDS) else ():
            other, dot, name = word.partition(".")
            if not (other and dot and name):
                raise BuildError(f"{path}: needs '{word}', which is not piece.name")
            needs.append((other, name))
    listed = [name for _, name in needs]
    if twice := sorted({name for name in listed if listed.count(name) > 1}):
        raise BuildError(f"{path}: needs {', '.join(twice)} twice")
    names = parse(text, path)
    free = {use.name for use in names.free()} - GLOBALS
    if unlisted := sorted(free - set(listed)):
        raise BuildError(f"{path}: uses {', '.join(unlisted)} and does not list it as needed")
    if unused := [f"{other}.{name}" for other, name in needs if name not in free]:
        raise BuildError(f"{path}: needs {', '.join(unused)} and does not use it")
    return Piece(path, tuple(needs), frozenset(one.name for one in names.declarations if one.top))


def header(text: str) -> list[str]:
    """The comment that a source begins with, line by line."""
    lines = text.splitlines()
    end = next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
    return lines[:end]


def check(script: Composed, names: Names, alive: Live, pieces: dict[str, Piece]) -> None:
    """Hold a composed script against what its pieces declare.

    Raises:
        BuildError: a name that it uses is not in scope, or is not what the piece that uses it
            means; or something is included or defined in vain.
    """
    for use in names.uses:
        if use in alive:
            check_use(script, use, pieces)
    for new, old in names.hidden:
        inner, outer = script.region(new.at), script.region(old.at)
        if inner and outer and inner != outer and inner.path == outer.path:
            raise BuildError(f"{script.path}: includes {inner.path} twice")
    used = {
        script.region(use.declaration.at)
        for use in names.uses
        if use in alive
        and use.declaration is not None
        and script.region(use.declaration.at) != script.region(use.at)
    }
    for region in script.regions:
        if region not in used:
            raise BuildError(f"{script.path}: includes {region.path} and uses nothing of it")
    for one in names.declarations:
        if one not in alive and script.region(one.at) is None:
            raise BuildError(f"{script.place(one.at)}: defines {one.name} and does not use it")


def check_use(script: Composed, use: Use, pieces: dict[str, Piece]) -> None:
    here = script.region(use.at)
    user = here.path if here else script.path
    if use.declaration is None:
        if use.writes:
            raise BuildError(f"{script.place(use.at)}: writes the global {use.name}")
        if use.name in GLOBALS:
            return
        defined = [piece.path for piece in pieces.values() if use.name in piece.defines]
        what = f"{use.name}, of {' or '.join(defined)}, is" if defined else f"{use.name} is"
        where = f" where {script.path} includes it" if here else ""
        raise BuildError(f"{script.place(use.at)}: {what} not in scope{where}")
    there = script.region(use.declaration.at)
    if here is None or here == there:
        return
    needed = {name: other for other, name in pieces[PurePosixPath(user).stem].needs}
    if there is None or PurePosixPath(there.path).stem != needed[use.name]:
        other = there.path if there else script.path
        raise BuildError(
            f"{script.place(use.at)}: needs {needed[use.name]}.{use.name}, and in {script.path} "
            f"gets the {use.name} of {other}"
        )
