"""How a script is called from redis-cli, read from its entry in the manifest.

Looking up and describing scripts may live here. Nothing is sent or printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

from pyjobs.engine import Keys, Script, everything, script, types
from pyjobs.errors import BadArgument

QUEUE = "QUEUE"
# Values for a first call, which only shows that something happens.
SAMPLES = {"name": "''", "options": "''", "id": "''", "bytes": """'{"text":"reverse me"}'"""}


class Parameter(NamedTuple):
    """Holds one parameter of the call of a script.

    Attributes:
        kind: 'key', 'argument', 'option' or 'item'.
        name: the word that stands for the value.
        type: the value's type, one of those that `Description.types` explains.
        bounds: the least and the most of a number, or the most bytes of a text.
        default: the default of an option, else ''.
        what: what the value means.
    """

    kind: str
    name: str
    type: str
    bounds: str
    default: str
    what: str


class Returned(NamedTuple):
    """Holds one value of a script's reply.

    Attributes:
        name: the word that stands for the value in the form of the reply.
        type: the value's type, one of those that `Description.types` explains.
        resp: what Redis's protocol calls the value: 'integer' or 'bulk string'.
        what: what the value means, and for a word which there are.
    """

    name: str
    type: str
    resp: str
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
        parameters: what the line takes, in order.
        returns: the form of the reply. `x per item` is x once for each item, in order; `x per job`
            is x any number of times.
        values: the values that the form names.
        types: name and meaning of each type among the parameters and the values.
        facts: name and text of what to know before a call: items, errors, replay, cost.
    """

    title: str
    what: str
    line: str
    sample: str | None
    parameters: tuple[Parameter, ...]
    returns: str
    values: tuple[Returned, ...]
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
        parameters=tuple(_parameters(script, keys)),
        returns=script.about["returns"],
        values=tuple(
            Returned(one["name"], one["type"], one["resp"], one["what"])
            for one in _returned(script.about["reply"])
        ),
        types=tuple(_types(script)),
        facts=tuple(_facts(script)),
    )


def _values(script: Script) -> list[dict[str, Any]]:
    """Return the manifest's entries of the arguments and of one round of items."""
    return [*script.about["args"], *script.about["items"]]


def _returned(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the values of a reply's schema, in their order."""
    for part in (*schema.get("array", ()), *schema.get("of", ())):
        yield from _returned(part)
    if "name" in schema:
        yield schema


def _line(script: Script, keys: Keys, words: list[str]) -> str:
    queue = f"'{keys.queue(QUEUE)}'"
    return " ".join(["redis-cli", "-e", "EVALSHA", script.sha1, "1", queue, *words])


def _sample(script: Script, keys: Keys) -> str | None:
    about = _values(script)
    optional = {"bytes", "options"}
    if not about or not all(one.get("may_be_empty") or one["type"] in optional for one in about):
        return None
    return _line(script, keys, [SAMPLES[one["type"]] for one in about])


def _parameters(script: Script, keys: Keys) -> Iterator[Parameter]:
    about = script.about
    for key in about["keys"]:
        one, other = keys.queue(QUEUE), keys.queue("OTHER")
        several = f"; for two: 2 '{one}' '{other}'" if key["type"] == "queues" else ""
        yield Parameter("key", QUEUE, key["type"], "", "", key["what"] + several)
    for arg in about["args"]:
        yield Parameter("argument", arg["name"].upper(), _type(arg), _bounds(arg), "", arg["what"])
    for option in about["options"]:
        name = f"{option['name']}={option['type'].upper()}"
        default = str(option.get("default", ""))
        yield Parameter("option", name, _type(option), _bounds(option), default, option["what"])
    for item in about["items"]:
        yield Parameter("item", item["name"].upper(), _type(item), _bounds(item), "", "")


def _type(about: dict[str, Any]) -> str:
    optional = about.get("may_be_empty") and about["type"] != "bytes"
    return f"{about['type']}, or ''" if optional else f"{about['type']}"


def _bounds(about: dict[str, Any]) -> str:
    if "low" in about:
        return f"{about['low']} to {about['high']}"
    return f"up to {about['longest']} bytes" if "longest" in about else ""


def _types(script: Script) -> Iterator[tuple[str, str]]:
    returned = _returned(script.about["reply"])
    used = {one["type"] for one in (*_values(script), *script.about["options"], *returned)}
    return ((name, what) for name, what in types().items() if name in used)


def _facts(script: Script) -> Iterator[tuple[str, str]]:
    if items := " ".join(item["name"].upper() for item in script.about["items"]):
        what = "; ".join(
            filter(None, (script.about["items_what"], f"1 to {script.about['most_items']} times"))
        )
        yield "items", f"{items}: {what}"
    for word in ("errors", "replay", "cost"):
        value = script.about[word]
        yield word, " ".join(value) if isinstance(value, list) else value
