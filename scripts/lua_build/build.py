"""From the sources in lua/ to every file of pyjobs/_lua."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lua_build import bounds
from lua_build.commands import commands
from lua_build.compose import Composed, Composer, strip
from lua_build.errors import BuildError
from lua_build.lean import lean
from lua_build.manifest import FORM, TYPES, describe
from lua_build.names import Names, parse
from lua_build.pieces import Piece, check, read
from lua_build.prune import Live, live, pruned
from lua_build.released import pinned


@dataclass(frozen=True)
class Script:
    """One script, made from its source."""

    composed: Composed
    text: str
    """Without what it never uses, and with its comments: each line where `composed` has it."""
    commands: list[str]
    used: frozenset[tuple[str, str]]
    """(piece, name) of what it keeps."""

    @property
    def name(self) -> str:
        return self.composed.path.removesuffix(".lua")

    @property
    def body(self) -> str:
        """What Redis runs."""
        return lean(self.composed.text, self.composed.path)

    @property
    def pieces(self) -> list[str]:
        """The paths of the pieces that it includes."""
        return [region.path for region in self.composed.regions]


def make(composer: Composer, path: str, pieces: dict[str, Piece]) -> Script:
    """The script of the source at `path`.

    Raises:
        BuildError: it breaks a rule.
    """
    composed = composer.compose(path)
    names, alive = understood(path, composed.text)
    check(composed, names, alive, pieces)
    text, found = left(path, composed.text)
    kept = ((composed.region(one.at), one.name) for one in names.declarations if one in alive)
    return Script(
        composed=composed,
        text=text,
        commands=found,
        used=frozenset((region.path, name) for region, name in kept if region),
    )


@functools.cache
def understood(path: str, text: str) -> tuple[Names, Live]:
    """The names of a composed script, and what of it runs.

    Raises:
        BuildError: it is no Lua.
    """
    names = parse(text, path)
    return names, live(text, names)


@functools.cache
def left(path: str, text: str) -> tuple[str, list[str]]:
    """A composed script without what it never uses, and its commands.

    Raises:
        BuildError: a command is not known, or has no bound.
    """
    names, alive = understood(path, text)
    found = commands(path, names, alive)
    bounds.check(path, names, alive)
    return pruned(text, names, alive), found


def scripts(lua: Path) -> tuple[dict[str, Piece], list[Script]]:
    """The pieces by name, and every script.

    Raises:
        BuildError: a source breaks a rule, or a piece has what no script uses.
    """
    pieces, composer = read(lua), Composer(lua)
    paths = [path.relative_to(lua).as_posix() for path in sorted(lua.glob("*/*.lua"))]
    made = [make(composer, path, pieces) for path in paths if not path.startswith("lib/")]
    used = {one for script in made for one in script.used}
    for piece in pieces.values():
        if idle := sorted(name for name in piece.defines if (piece.path, name) not in used):
            raise BuildError(f"{piece.path}: defines {', '.join(idle)}, which no script uses")
    return pieces, made


def build(lua: Path, made: Iterable[Script], out: Path, released: Path) -> dict[str, str]:
    """Every file of pyjobs/_lua by its name there: the scripts, and old released versions.

    Raises:
        BuildError: a source breaks a rule of the manifest.
    """
    files: dict[str, str] = {}
    manifest: dict[str, dict[str, Any]] = {}
    for script in made:
        path = script.composed.path
        source = (lua / path).read_text()
        entry = describe(path, source, strip(script.composed.text), script.commands)
        title = f"{entry['name']}@{entry['version']}"
        target = f"{title}.lua"
        sha1 = hashlib.sha1(script.body.encode()).hexdigest()
        manifest[title] = {**entry, "file": target, "sha1": sha1}
        files[target] = script.body
    there = json.loads((out / "manifest.json").read_text())["scripts"] if pinned(released) else {}
    for title, entry in there.items():
        file = out / entry["file"]
        if title in pinned(released) and file.exists() and entry["file"] not in files:
            manifest[title] = entry
            files[entry["file"]] = file.read_text()
    order = sorted(
        manifest, key=lambda title: (manifest[title]["name"], manifest[title]["version"])
    )
    whole = {
        "manifest": FORM,
        "types": TYPES,
        "scripts": {title: manifest[title] for title in order},
    }
    files["manifest.json"] = json.dumps(whole, indent=1) + "\n"
    return files
