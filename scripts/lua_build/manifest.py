"""The manifest's entry for one script, read from its header and its named locals."""

from __future__ import annotations

import re
from typing import Any

from lua_build import reply
from lua_build.errors import BuildError

# The version of the manifest's own form.
FORM = 1
TYPES = {
    "at": "a moment, in whole milliseconds since the epoch",
    "cursor": "as the call before returned it; empty at first",
    "bytes": "any bytes, and none too; pyjobs's own clients and workers write JSON",
    "header": "printable ASCII, percent-encoded: at least space, quote, % and backslash",
    "id": "of a job: A-Z a-z 0-9 _ . : -",
    "int": "a whole number",
    "ms": "a duration in whole milliseconds",
    "name": "A-Z a-z 0-9 _ . : -",
    "options": "none, one or several name=value, with a space between them",
    "queue": "prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -",
    "queues": "one or several of prefix:{name}",
    "text": "any text, percent-encoded: at least %20 for a space and %25 for %",
    "token": "as claim gave it",
    "verdict": "retry, retry=MS, snooze=MS, continue=MS or reject",
    "moments": "ms since the epoch, each later than the one before, at most 64, by commas",
    "word": "one of the words that are named",
}
# Most bytes of a text, unless its line says another number. tests/lua/test_argument_bounds.py tries
# the bounds.
LONGEST = {"id": 128, "name": 128, "token": 128, "text": 1024, "header": 1024, "bytes": 1048576}
# A token of simple mode holds two times and a client (lua/lib/job/simple_format.lua).
LONGEST_SIMPLE_TOKEN = 15 + 1 + 15 + 1 + 128
MOST_ITEMS = 1000
HEADER = re.compile(r"-- (?P<name>[a-z]+/[a-z]+) @(?P<version>\d+)\n")
FIELD = re.compile(r"-- (returns|errors|replay|cost) +(.*)")
MORE = re.compile(r"-- {10}(.*)")
LOCAL = re.compile(
    r"local (?P<name>\w+) *= (?:(?P<keys>KEYS)"
    r"|int\('\w+', ARGV\[(?P<number>\d+)\], (?P<least>\w+), (?P<most>\w+)\)"
    r"|(?:.*?\b(?P<from>KEYS|ARGV)\[(?P<place>\d+)\](?:, \w+)?(?:, (?P<longest>\d+))?.*?)"
    r"|(?P<option>option)(?:_[a-z]+)?"
    r"\(options, '(?P<word>\w+)'(?:, (?P<low>\w+), (?P<high>\w+))?(?:, (?P<default>\w+))?\)"
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
    fields = read_header(source.splitlines()[1:])
    missing = [field for field in ("what", "returns", "replay", "cost") if not fields.get(field)]
    if missing:
        raise BuildError(f"{path}: lacks {', '.join(missing)}")
    text = {field: " ".join(lines) for field, lines in fields.items()}
    entry: dict[str, Any] = {
        "name": header["name"],
        "version": int(header["version"]),
        "what": text["what"],
        "keys": [],
        "args": [],
        "options": [],
        "items": [],
        "returns": fields["returns"][0],
        "reply": reply.read(path, fields["returns"]),
        "errors": text.get("errors", "").split(),
        "replay": text["replay"],
        "replay_safe": text["replay"].startswith("safe"),
        "cost": text["cost"],
        "commands": commands,
    }
    for line in source.splitlines():
        if match := LOCAL.match(line):
            read_local(entry, match, body)
        elif re.search(r"^local .*\b(KEYS|ARGV|option(_text|_name|_header)?\(|items\()", line):
            raise BuildError(f"{path}: not a named and typed local: {line}")
    if not entry["keys"]:
        raise BuildError(f"{path}: lacks keys")
    return entry


def read_header(lines: list[str]) -> dict[str, list[str]]:
    """The lines of each field of a header."""
    fields: dict[str, list[str]] = {}
    field = "what"
    for line in lines:
        if not line.startswith("-- "):
            break
        if match := FIELD.match(line):
            field = match[1]
            fields[field] = [match[2]]
        else:
            text = match[1] if (match := MORE.match(line)) else line[3:]
            fields.setdefault(field, []).append(text)
    return fields


def read_local(entry: dict[str, Any], match: re.Match[str], body: str) -> None:
    if match["first"]:
        fields, _, what = match["what"].partition("  ")
        entry["items"] = [item(field, body) for field in fields.split()]
        for about in entry["items"]:
            if about["type"] == "token" and entry["name"].startswith("simple/"):
                about["longest"] = LONGEST_SIMPLE_TOKEN
        entry["items_what"] = what.strip()
        entry["most_items"] = MOST_ITEMS
        return
    kind = match["type"]
    if kind not in TYPES:
        raise BuildError(f"{entry['name']}: {match['name']}: there is no type {kind}")
    about = {"name": match["word"] or match["name"], "type": kind, "what": match["what"].strip()}
    about |= {"may_be_empty": True} if match["empty"] else {}
    about |= {"values": reply.words(about["what"])} if kind == "word" else {}
    low, high = match["low"] or match["least"], match["high"] or match["most"]
    if low:
        about |= {"low": number(low, body), "high": number(high, body)}
    elif kind in LONGEST:
        about["longest"] = int(match["longest"] or LONGEST[kind])
    elif kind in ("int", "ms", "at"):
        raise BuildError(f"{entry['name']}: {match['name']} has no bounds")
    if match["option"]:
        if match["default"]:
            about["default"] = number(match["default"], body)
        entry["options"].append(about)
    else:
        group = entry["keys"] if match["keys"] or match["from"] == "KEYS" else entry["args"]
        place = match["place"] or match["number"]
        if place and int(place) != len(group) + 1:
            raise BuildError(f"{entry['name']}: {match['name']} is out of order")
        group.append(about)


def item(field: str, body: str) -> dict[str, Any]:
    """The entry of one value of an item, `name:type` or `name:type?`."""
    name, _, kind = field.partition(":")
    about = {
        "name": name,
        "type": kind.rstrip("?"),
        "may_be_empty": kind.endswith("?") or kind == "bytes",
    }
    if about["type"] not in TYPES:
        raise BuildError(f"{field}: there is no such type")
    if about["type"] in LONGEST:
        limit = re.search(rf"\b(?:check_body|name)\('{name}', .*, (\d+)\)", body)
        about["longest"] = int(limit[1]) if limit else LONGEST[about["type"]]
    bounds = re.search(rf"\bint\('{name}', [^,]+, (?P<low>\w+), (?P<high>\w+)\)", body)
    if about["type"] in ("int", "verdict") and bounds:
        about |= {"low": number(bounds["low"], body), "high": number(bounds["high"], body)}
    return about


def number(word: str, body: str) -> int:
    """The number that is written as `word`, itself or the name of a constant in `body`."""
    constant = re.search(rf"^local {word} *= *(\d+)$", body, re.MULTILINE)
    return int(constant[1] if constant else word)
