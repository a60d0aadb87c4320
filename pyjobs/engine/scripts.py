"""The built scripts and their manifest, as Python sees them.

Looking up a script and binding values to its named arguments may live here; nothing is sent.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from pyjobs.errors import BadArgument

Arg = str | bytes | int
Option = int | str | None


@dataclass(frozen=True)
class Script:
    """One version of one verb, as the manifest describes it."""

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
        """name@version, its identity in `jobs:scripts`."""
        return f"{self.name}@{self.version}"

    def bind(self, items: Iterable[Arg] = (), **args: Arg) -> tuple[Arg, ...]:
        """ARGV for these values, in the script's own order.

        Raises:
            TypeError: a name is missing, or the script has none such.
        """
        if len(args) != len(self.names):
            raise TypeError(f"{self.title} takes {self.names}, not {tuple(args)}")
        try:
            return (*[args[name] for name in self.names], *items)
        except KeyError as error:
            raise TypeError(f"{self.title} lacks the argument {error}") from None

    def choose(self, **options: Option) -> str:
        """The options argument: those that are given, as 'name=value name=value'.

        Raises:
            BadArgument: the script has no such option.
        """
        chosen = {name: value for name, value in options.items() if value is not None}
        if not chosen.keys() <= self.options:
            unknown = ", ".join(sorted(chosen.keys() - self.options))
            raise BadArgument(f"{unknown}: {self.name} has no such option")
        return " ".join(f"{name}={value}" for name, value in chosen.items())


@functools.cache
def everything() -> Sequence[Script]:
    """Every script of this package, in the manifest's order."""
    folder = resources.files("pyjobs") / "_lua"
    manifest = json.loads((folder / "manifest.json").read_text())
    return tuple(
        Script(
            name=about["name"],
            version=about["version"],
            sha1=about["sha1"],
            body=(folder / about["file"]).read_text(),
            replay_safe=about["replay_safe"],
            names=tuple(arg["name"] for arg in about["args"]),
            options=frozenset(option["name"] for option in about["options"]),
            about=about,
        )
        for about in manifest
    )


@functools.cache
def script(name: str) -> Script:
    """The newest version of `name`, such as 'reliable/claim'.

    Raises:
        KeyError: there is none.
    """
    versions = [found for found in everything() if found.name == name]
    if not versions:
        raise KeyError(name)
    return max(versions, key=lambda found: found.version)
