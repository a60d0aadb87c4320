"""How a script is called from redis-cli, read from its entry in the manifest.

Looking up and describing scripts may live here. Nothing is sent or printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

from pyjobs.engine import MAX_BYTES, MAX_ITEMS, Keys, Script, everything, script
from pyjobs.errors import BadArgument
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
    "text": "any text of up to 1 KiB, percent-encoded: at least %20 for a space and %25 for %",
    "token": "as claim gave it",
}
# Values for a first call, which only shows that something happens.
SAMPLES = {"name": "''", "options": "''", "id": "''", "bytes": """'{"text":"reverse me"}'"""}


class Place(NamedTuple):
    """Holds what goes into one place of a script's call.

    Attributes:
        kind: 'key', 'argument', 'option' or 'item'.
        name: the word that stands for the value.
        type: the value's type, one of those that `Description.types` explains.
        default: the default of an option, else ''.
        what: what the value means.
    """

    kind: str
    name: str
    type: str
    default: str
    what: str


@dataclass(frozen=True)
class Description:
    """Holds what an operator needs to know to call a script from redis-cli.

    Attributes:
        title: name@version.
        what: what the script does.
        line: the redis-cli line that calls it, with a word in capitals for each value to fill in.
        sample: a line that does something as it stands; None where it needs values that only a
            claim gives.
        places: what goes into each place of the line, in order.
        types: name and meaning of each type among the places.
        facts: name and text of what to know before a call: items, returns, errors, replay, cost.
    """

    title: str
    what: str
    line: str
    sample: str | None
    places: tuple[Place, ...]
    types: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]


def find_script(name: str) -> Script:
    """Return the script of a name.

    Args:
        name: 'reliable/submit', which is its newest version, or 'reliable/submit@1'.

    Raises:
        BadArgument: there is no such script; the message has the name that is nearest.
    """
    titles = {one.title: one for one in everything()}
    names = {one.name: script(one.name) for one in everything()}
    if found := titles.get(name) or names.get(name):
        return found
    near = get_close_matches(name, [*names, *titles], n=1)
    hint = f"did you mean {near[0]}?" if near else "`pyjobs scripts` lists them"
    raise BadArgument(f"there is no script {name!r}; {hint}")


def describe_script(script: Script, keys: Keys) -> Description:
    """Return how a script is called.

    Args:
        script: the script.
        keys: the names under the prefix, for the key in the line.
    """
    words = [one["name"].upper() for one in _values(script)]
    return Description(
        title=script.title,
        what=script.about["what"],
        line=_line(script, keys, words),
        sample=_sample(script, keys),
        places=tuple(_places(script, keys)),
        types=tuple(_types(script)),
        facts=tuple(_facts(script)),
    )


def _values(script: Script) -> list[dict[str, Any]]:
    """Return the manifest's entries of the arguments and of one round of items."""
    return [*script.about["args"], *script.about["items"]]


def _line(script: Script, keys: Keys, words: list[str]) -> str:
    queue = f"'{keys.queue(QUEUE)}'"
    return " ".join(["redis-cli", "-e", "EVALSHA", script.sha1, "1", queue, *words])


def _sample(script: Script, keys: Keys) -> str | None:
    about = _values(script)
    optional = {"bytes", "options"}
    if not about or not all(one.get("may_be_empty") or one["type"] in optional for one in about):
        return None
    return _line(script, keys, [SAMPLES[one["type"]] for one in about])


def _places(script: Script, keys: Keys) -> Iterator[Place]:
    about = script.about
    for key in about["keys"]:
        one, other = keys.queue(QUEUE), keys.queue("OTHER")
        several = f"; for two: 2 '{one}' '{other}'" if key["type"] == "queues" else ""
        yield Place("key", QUEUE, key["type"], "", key["what"] + several)
    for arg in about["args"]:
        yield Place("argument", arg["name"].upper(), _type(arg), "", arg["what"])
    for option in about["options"]:
        name = f"{option['name']}={option['type'].upper()}"
        default = str(option.get("default", ""))
        yield Place("option", name, _type(option), default, option["what"])
    for item in about["items"]:
        yield Place("item", item["name"].upper(), _type(item), "", "")


def _type(about: dict[str, Any]) -> str:
    return f"{about['type']}, or ''" if about.get("may_be_empty") else f"{about['type']}"


def _types(script: Script) -> Iterator[tuple[str, str]]:
    used = {one["type"] for one in (*_values(script), *script.about["options"])}
    return ((name, what) for name, what in TYPES.items() if name in used)


def _facts(script: Script) -> Iterator[tuple[str, str]]:
    if items := " ".join(item["name"].upper() for item in script.about["items"]):
        what = "; ".join(filter(None, (script.about["items_what"], f"1 to {MAX_ITEMS} times")))
        yield "items", f"{items}: {what}"
    for word in ("returns", "errors", "replay", "cost"):
        value = script.about[word]
        yield word, " ".join(value) if isinstance(value, list) else value
