"""How a script is called, told from its entry in the manifest. Nothing is sent or printed here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyjobs.keys import Keys
from pyjobs.scripts import Script
from pyjobs.verbs import MAX_ITEMS

QUEUE = "QUEUE"


def line(script: Script, keys: Keys) -> str:
    """The redis-cli line that calls it, with a word in capitals for each value to fill in."""
    words = [name.upper() for name in script.names]
    words += [item["name"].upper() for item in script.about["items"]]
    return " ".join(
        ["redis-cli", "-e", "EVALSHA", script.sha1, "1", f"'{keys.queue(QUEUE)}'", *words]
    )


def places(script: Script) -> Iterator[tuple[str, str, str, str]]:
    """What goes into each place of the line, in order: kind, name, type and meaning."""
    about = script.about
    for key in about["keys"]:
        several = key["type"] == "queues"
        what = f"{key['what']}; their number, then '{QUEUE}' for each" if several else key["what"]
        yield "key", QUEUE, key["type"], what
    for arg in about["args"]:
        yield "argument", arg["name"].upper(), kind(arg), arg["what"]
    for option in about["options"]:
        yield "option", f"{option['name']}={option['type'].upper()}", kind(option), option["what"]
    for item in about["items"]:
        yield "item", item["name"].upper(), kind(item), ""


def kind(about: dict[str, Any]) -> str:
    return f"{about['type']}, or ''" if about.get("may_be_empty") else f"{about['type']}"


def facts(script: Script) -> Iterator[tuple[str, str]]:
    """What to know before calling it."""
    if items := " ".join(item["name"].upper() for item in script.about["items"]):
        yield "items", f"{items}: {script.about['items_what']}; 1 to {MAX_ITEMS} times"
    for word in ("returns", "errors", "replay", "cost"):
        value = script.about[word]
        yield word, " ".join(value) if isinstance(value, list) else value
