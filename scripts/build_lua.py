"""Builds the Lua scripts that the package carries.

    build_lua.py            write pyjobs/_lua/ from lua/
    build_lua.py --check    fail when that is stale, or when a released script moved or is gone
    build_lua.py --release  pin the scripts that are built now in lua/released.txt, for ever

Reading a source, composing it and describing it may live here, and nothing that a user of the
package runs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes

ROOT = Path(__file__).resolve().parent.parent
HEADER = re.compile(r"-- (?P<name>[a-z]+/[a-z]+) @(?P<version>\d+)\n")
FIELD = re.compile(r"-- (returns|errors|replay|cost) +(.*)")
MORE = re.compile(r"-- {10}(.*)")
LOCAL = re.compile(
    r"local (?P<name>\w+) *= (?:(?P<keys>KEYS)|.*?\b(?P<from>KEYS|ARGV)\[(?P<place>\d+)\].*?"
    r"|(?P<option>option)(?:_name)?\('(?P<word>\w+)'(?:, \w+){0,2}(?:, (?P<default>\w+))?\)"
    r"|items\((?P<first>\d+), \d+\)) *"
    r"-- (?P<type>[a-z]+)(?P<empty>\??) +(?P<what>.*)"
)
TOKEN = re.compile(
    r"(?P<string>'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|\[(?P<level>=*)\[.*?\](?P=level)\])"
    r"|(?P<comment>--\[(?P<mark>=*)\[.*?\](?P=mark)\]|--[^\n]*)",
    re.DOTALL,
)


class BuildError(Exception):
    """A source breaks a rule of lua/README.md; the message names it and the rule."""


def composer(lua: Path) -> jinja2.Environment:
    """Jinja2 with every delimiter a Lua comment, so that a source is Lua to every other tool."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(lua),
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


def compose(env: jinja2.Environment, path: str) -> str:
    """The source with its includes in place; anything else that Jinja2 could do is refused."""
    check(env, path, ())
    return env.get_template(path).render()


def check(env: jinja2.Environment, path: str, within: tuple[str, ...]) -> None:
    """Refuse what is not a plain include of a file in lib/, here and in what is included."""
    if path in within:
        raise BuildError(f"{path}: includes itself")
    assert env.loader is not None
    for node in walk(env.parse(env.loader.get_source(env, path)[0])):
        if isinstance(node, nodes.Include):
            target = node.template.value if isinstance(node.template, nodes.Const) else None
            plain = isinstance(target, str) and not node.ignore_missing
            if not plain or not str(target).startswith("lib/"):
                raise BuildError(f"{path}: includes something that is not a file in lib/")
            check(env, str(target), (*within, path))
        elif not isinstance(node, (nodes.Output, nodes.TemplateData, nodes.Const)):
            raise BuildError(f"{path}: uses {type(node).__name__}; Jinja2 may only include")


def walk(node: nodes.Node) -> Iterator[nodes.Node]:
    for child in node.iter_child_nodes():
        yield child
        yield from walk(child)


def strip(lua: str) -> str:
    """Without comments, blank lines and a last newline, which `"$(cat file)"` would drop."""
    bare = TOKEN.sub(lambda match: match["string"] or "", lua)
    return "\n".join(line.rstrip() for line in bare.splitlines() if line.strip())


def describe(path: str, source: str, body: str) -> dict[str, Any]:
    """The manifest's entry for one script, read from its header and its named locals.

    Args:
        body: the composed script, where the constants that `source` names are defined.
    """
    header = HEADER.match(source)
    if header is None or f"{header['name']}.lua" != path:
        raise BuildError(f"{path}: the first line must be '-- {path[:-4]} @<version>'")
    entry: dict[str, Any] = {
        "name": header["name"],
        "version": int(header["version"]),
        "what": "",
        **dict.fromkeys(("returns", "errors", "replay", "cost"), ""),
        "keys": [],
        "args": [],
        "options": [],
        "items": [],
    }
    read_header(entry, source.splitlines()[1:])
    for line in source.splitlines():
        if match := LOCAL.match(line):
            read_local(entry, match, body)
        elif re.search(r"^local .*\b(KEYS|ARGV|option\(|items\()", line):
            raise BuildError(f"{path}: not a named and typed local: {line}")
    missing = [field for field in ("what", "returns", "replay", "cost", "keys") if not entry[field]]
    if missing:
        raise BuildError(f"{path}: lacks {', '.join(missing)}")
    entry["errors"] = entry["errors"].split()
    entry["replay_safe"] = entry["replay"].startswith("safe")
    return entry


def read_header(entry: dict[str, Any], lines: list[str]) -> None:
    field = "what"
    for line in lines:
        if not line.startswith("-- "):
            return
        if match := FIELD.match(line):
            field = match[1]
            entry[field] = match[2]
        else:
            text = match[1] if (match := MORE.match(line)) else line[3:]
            entry[field] = f"{entry[field]} {text}".strip()


def read_local(entry: dict[str, Any], match: re.Match[str], body: str) -> None:
    about = {"name": match["name"], "type": match["type"], "what": match["what"].strip()}
    if match["empty"]:
        about["may_be_empty"] = True
    if match["option"]:
        option = {**about, "name": match["word"]}
        if match["default"]:
            option["default"] = number(match["default"], body)
        entry["options"].append(option)
    elif match["first"]:
        fields, _, what = match["what"].partition("  ")
        entry["items"] = [
            {"name": name, "type": kind.rstrip("?"), "may_be_empty": kind.endswith("?")}
            for name, _, kind in (field.partition(":") for field in fields.split())
        ]
        entry["items_what"] = what.strip()
    else:
        group = entry["keys"] if match["keys"] or match["from"] == "KEYS" else entry["args"]
        if match["place"] and int(match["place"]) != len(group) + 1:
            raise BuildError(f"{entry['name']}: {match['name']} is out of order")
        group.append(about)


def number(word: str, body: str) -> int:
    """The number that is written as `word`, itself or the name of a constant in `body`."""
    constant = re.search(rf"^local {word} *= *(\d+)$", body, re.MULTILINE)
    return int(constant[1] if constant else word)


def build(lua: Path, out: Path, released: Path) -> dict[str, str]:
    """Every file of pyjobs/_lua by its name there: the sources', and old released versions."""
    env = composer(lua)
    files: dict[str, str] = {}
    manifest = []
    for path in sorted(lua.glob("*/*.lua")):
        if path.parent.name == "lib":
            continue
        name = path.relative_to(lua).as_posix()
        body = strip(compose(env, name))
        entry = describe(name, path.read_text(), body)
        target = f"{entry['name']}@{entry['version']}.lua"
        manifest.append({**entry, "file": target, "sha1": hashlib.sha1(body.encode()).hexdigest()})
        files[target] = body
    for entry in json.loads((out / "manifest.json").read_text()) if pinned(released) else ():
        old = f"{entry['name']}@{entry['version']}"
        there = (out / entry["file"]).exists()
        if old in pinned(released) and there and entry["file"] not in files:
            manifest.append(entry)
            files[entry["file"]] = (out / entry["file"]).read_text()
    manifest.sort(key=lambda entry: (entry["name"], entry["version"]))
    files["manifest.json"] = json.dumps(manifest, indent=1) + "\n"
    return files


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


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="fail when the build is stale")
    parser.add_argument("--release", action="store_true", help="pin what is built now, for ever")
    chosen = parser.parse_args(argv)
    lua, out, released = root / "lua", root / "pyjobs" / "_lua", root / "lua" / "released.txt"
    try:
        files = build(lua, out, released)
    except (BuildError, jinja2.TemplateError) as error:
        print(f"build_lua: {error}", file=sys.stderr)
        return 1
    if not chosen.check:
        write(files, out)
    found = problems(files, out, released)
    for line in found:
        print(f"build_lua: {line}", file=sys.stderr)
    if chosen.release and not found:
        release(files, released)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
