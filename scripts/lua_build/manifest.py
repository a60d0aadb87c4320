"""The manifest's entry for one script, read from its header and its named locals."""

from __future__ import annotations

import re
from typing import Any

from lua_build.errors import BuildError

HEADER = re.compile(r"-- (?P<name>[a-z]+/[a-z]+) @(?P<version>\d+)\n")
FIELD = re.compile(r"-- (returns|errors|replay|cost) +(.*)")
MORE = re.compile(r"-- {10}(.*)")
LOCAL = re.compile(
    r"local (?P<name>\w+) *= (?:(?P<keys>KEYS)|.*?\b(?P<from>KEYS|ARGV)\[(?P<place>\d+)\].*?"
    r"|(?P<option>option)(?:_text|_name)?"
    r"\(options, '(?P<word>\w+)'(?:, \w+){0,2}(?:, (?P<default>\w+))?\)"
    r"|items\((?P<first>\d+), \d+\)) *"
    r"-- (?P<type>[a-z]+)(?P<empty>\??) +(?P<what>.*)"
)


def describe(path: str, source: str, body: str, commands: list[str]) -> dict[str, Any]:
    """The manifest's entry for one script.

    Args:
        body: the composed script, where the constants that `source` names are defined.
        commands: the Redis commands that it calls.

    Raises:
        BuildError: the header lacks something, or a place of KEYS or ARGV has no name and type.
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
        elif re.search(r"^local .*\b(KEYS|ARGV|option(_text|_name)?\(|items\()", line):
            raise BuildError(f"{path}: not a named and typed local: {line}")
    missing = [field for field in ("what", "returns", "replay", "cost", "keys") if not entry[field]]
    if missing:
        raise BuildError(f"{path}: lacks {', '.join(missing)}")
    entry["errors"] = entry["errors"].split()
    entry["replay_safe"] = entry["replay"].startswith("safe")
    entry["commands"] = commands
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
