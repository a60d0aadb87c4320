"""The built scripts and their manifest, as Python sees them.

Looking up a script and binding values to its named arguments may live here. Nothing is sent.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from pyjobs.errors import BadArgument

Arg = str | bytes | int
Option = int | str | None

FOLDER = resources.files("pyjobs") / "_lua"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Script:
    """Holds one version of one script, as the manifest describes it.

    Attributes:
        name: <mode>/<verb>, such as 'reliable/claim'.
        version: a number from 1 on.
        sha1: what EVALSHA takes.
        body: the Lua text, byte for byte what Redis gets.
        replay_safe: whether a call may be repeated when its reply was lost.
        names: names of the arguments, in the order of ARGV, without the items.
        options: names that the options argument may have.
        about: the script's whole entry in the manifest.
    """

    name: str
    version: int
    sha1: str
    body: str
    replay_safe: bool
    names: tuple[str, ...]
    options: frozenset[str]
    about: dict[str, Any]

    @property
    def title(self) -> str:
        """name@version, which is the script's field in the hash `<prefix>:scripts`."""
        return f"{self.name}@{self.version}"

    def bind(self, items: Iterable[Arg] = (), **args: Arg) -> tuple[Arg, ...]:
        """Return ARGV for these values, in the script's own order.

        Args:
            items: the items that follow the arguments, flat.
            args: a value for each of `names`.

        Raises:
            TypeError: a name is missing, or the script has no such argument.
        """
        if len(args) != len(self.names):
            raise TypeError(f"{self.title} takes {self.names}, not {tuple(args)}")
        try:
            return (*map(args.__getitem__, self.names), *items)
        except KeyError as error:
            raise TypeError(f"{self.title} lacks the argument {error}") from None

    def choose(self, **options: Option) -> str:
        """Return the options argument, 'name=value name=value', without those that are None.

        Raises:
            BadArgument: the script has no such option.
        """
        chosen = {name: value for name, value in options.items() if value is not None}
        if not chosen.keys() <= self.options:
            unknown = ", ".join(sorted(chosen.keys() - self.options))
            family, _, verb = self.name.partition("/")
            what = self.name if family in ("queue", "schedule") else f"{verb} in {family} mode"
            raise BadArgument(f"{unknown}: {what} has no such option")
        return " ".join(f"{name}={value}" for name, value in chosen.items())


@functools.cache
def _manifest() -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((FOLDER / MANIFEST).read_text())
    return manifest


def types() -> Mapping[str, str]:
    """Return the types of the manifest: name -> what a value of this type is."""
    return _manifest()["types"]  # type: ignore[no-any-return]


@functools.cache
def everything() -> Sequence[Script]:
    """Return every version of every script of this package, in the manifest's order."""
    return tuple(
        Script(
            name=about["name"],
            version=about["version"],
            sha1=about["sha1"],
            body=(FOLDER / about["file"]).read_text(),
            replay_safe=about["replay_safe"],
            names=tuple(arg["name"] for arg in about["args"]),
            options=frozenset(option["name"] for option in about["options"]),
            about=about,
        )
        for about in _manifest()["scripts"].values()
    )


@functools.cache
def script(name: str) -> Script:
    """Return the newest version of a script.

    Args:
        name: <mode>/<verb>, such as 'reliable/claim'.

    Raises:
        KeyError: there is no script of this name.
    """
    versions = [found for found in everything() if found.name == name]
    if not versions:
        raise KeyError(name)
    return max(versions, key=lambda found: found.version)


def built_files() -> Mapping[str, bytes]:
    """Return the built scripts and the manifest: relative path -> bytes, the manifest last."""
    files = [*[found.about["file"] for found in everything()], MANIFEST]
    return {file: (FOLDER / file).read_bytes() for file in files}
