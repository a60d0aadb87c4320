"""What was released, for ever, and whether what is checked in is what the sources make."""

from __future__ import annotations

import hashlib
from pathlib import Path


def pinned(released: Path) -> dict[str, str]:
    """name@version -> sha1 of every script that was ever released."""
    lines = [line.split() for line in released.read_text().splitlines()]
    return {line[0]: line[1] for line in lines if line and not line[0].startswith("#")}


def built(files: dict[str, str]) -> dict[str, str]:
    return {
        name.removesuffix(".lua"): hashlib.sha1(body.encode()).hexdigest()
        for name, body in files.items()
        if name.endswith(".lua")
    }


def problems(files: dict[str, str], out: Path, released: Path) -> list[str]:
    """What is wrong with the build that is checked in, one line each."""
    now = built(files)
    found = [
        f"{name} was released as {sha1} and "
        + (f"is now {now[name]}" if name in now else "is gone")
        for name, sha1 in pinned(released).items()
        if now.get(name) != sha1
    ]
    there = {p.relative_to(out).as_posix(): p.read_text() for p in out.rglob("*.*") if p.is_file()}
    stale = {name for name in files.keys() | there.keys() if files.get(name) != there.get(name)}
    return found + [
        f"pyjobs/_lua/{name} is stale: run scripts/build_lua.py" for name in sorted(stale)
    ]


def write(files: dict[str, str], out: Path) -> None:
    for old in out.rglob("*.lua"):
        if old.relative_to(out).as_posix() not in files:
            old.unlink()
    for name, body in files.items():
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(body)


def release(files: dict[str, str], released: Path) -> None:
    known = pinned(released)
    with released.open("a") as file:
        for name, sha1 in built(files).items():
            if name not in known:
                file.write(f"{name} {sha1}\n")
