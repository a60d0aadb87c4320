"""How a script is called, told from its entry in the manifest. Nothing is sent or printed here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyjobs.engine import MAX_BYTES, MAX_ITEMS, Keys, Script
from pyjobs.validate import NAME_RULE

QUEUE = "QUEUE"
TYPES = {
    "at": "a moment, in whole milliseconds since the epoch",
    "bytes": f"up to {MAX_BYTES} bytes; pyjobs's own clients and workers write JSON",
    "id": NAME_RULE,
    "int": "a whole number",
    "ms": "a duration in whole milliseconds",
    "name": NAME_RULE,
    "options": "none, one or several name=value, with a space between them",
    "token": "as claim gave it",
}
# What may stand in a first call that only wants to see something happen.
SAMPLES = {"name": "''", "options": "''", "id": "''", "bytes": """'{"text":"reverse me"}'"""}


def line(script: Script, keys: Keys) -> str:
    """The redis-cli line that calls it, with a word in capitals for each value to fill in."""
    words = [name.upper() for name in script.names]
    words += [item["name"].upper() for item in script.about["items"]]
    return called(script, keys, words)


def sample(script: Script, keys: Keys) -> str | None:
    """A line that does something as it stands; None where nobody can know what it takes."""
    about = [*script.about["args"], *script.about["items"]]
    optional = {"bytes", "options"}
    if not about or not all(one.get("may_be_empty") or one["type"] in optional for one in about):
        return None
    return called(script, keys, [SAMPLES[one["type"]] for one in about])


def called(script: Script, keys: Keys, words: list[str]) -> str:
    queue = f"'{keys.queue(QUEUE)}'"
    return " ".join(["redis-cli", "-e", "EVALSHA", script.sha1, "1", queue, *words])


def places(script: Script, keys: Keys) -> Iterator[tuple[str, str, str, str, str]]:
    """What goes into each place of the line, in order: kind, name, type, default and meaning."""
    about = script.about
    for key in about["keys"]:
        one, other = keys.queue(QUEUE), keys.queue("OTHER")
        several = f"; for two: 2 '{one}' '{other}'" if key["type"] == "queues" else ""
        yield "key", QUEUE, key["type"], "", key["what"] + several
    for arg in about["args"]:
        yield "argument", arg["name"].upper(), kind(arg), "", arg["what"]
    for option in about["options"]:
        name = f"{option['name']}={option['type'].upper()}"
        yield "option", name, kind(option), str(option.get("default", "")), option["what"]
    for item in about["items"]:
        yield "item", item["name"].upper(), kind(item), "", ""


def kind(about: dict[str, Any]) -> str:
    return f"{about['type']}, or ''" if about.get("may_be_empty") else f"{about['type']}"


def types(script: Script) -> Iterator[tuple[str, str]]:
    """What the types of its values are."""
    about = script.about
    used = {one["type"] for one in (*about["args"], *about["options"], *about["items"])}
    return ((name, what) for name, what in TYPES.items() if name in used)


def facts(script: Script) -> Iterator[tuple[str, str]]:
    """What to know before calling it."""
    if items := " ".join(item["name"].upper() for item in script.about["items"]):
        what = "; ".join(filter(None, (script.about["items_what"], f"1 to {MAX_ITEMS} times")))
        yield "items", f"{items}: {what}"
    for word in ("returns", "errors", "replay", "cost"):
        value = script.about[word]
        yield word, " ".join(value) if isinstance(value, list) else value
