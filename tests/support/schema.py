"""Whether a real reply of a script is what its manifest says. Nothing else may live here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pyjobs.engine.call import Call

Schema = dict[str, Any]
NAME = re.compile(rb"[A-Za-z0-9_.:-]{1,128}")
TOKEN = re.compile(rb"[A-Za-z0-9_.:-]{1,288}")
# A claim's `wait` of -1, which is unknown, is the only number below 0.
LEAST = {"int": -1, "ms": 0, "at": 0}


def held_to_its_schema(call: Call[Any]) -> Call[Any]:
    """The same call, whose reply fails the test when it is not what the manifest says.

    What only stands in the place of a call has no schema.
    """
    if type(call) is not Call:
        return call

    def parse(reply: Any) -> Any:
        assert not faults(call, reply)
        return call.parse(reply)

    return call._replace(parse=parse)


def faults(call: Call[Any], reply: Any) -> list[str]:
    """What of a reply breaks the schema of its script."""
    about = call.script.about
    width = len(about["items"])
    items = (len(call.args) - len(about["args"])) // width if width else 0
    return [f"{call.script.title}: {fault}" for fault in _faults(about["reply"], reply, items)]


def _faults(schema: Schema, reply: Any, items: int) -> Iterator[str]:
    if "array" not in schema:
        yield from _value_faults(schema, reply)
        return
    if not isinstance(reply, list):
        yield f"{reply!r:.60} is no array"
        return
    left = [*reply]
    for place, part in enumerate(schema["array"], 1):
        wanted = part.get("of", [part])
        if "each" not in part:
            times = 1
        elif part["each"] == "item":
            times = items
        else:
            times = _before(left, schema["array"][place:]) // len(wanted)
        for one in wanted * times:
            if not left and one.get("optional"):
                break
            if not left:
                yield f"lacks {one.get('name', 'an array')}"
                return
            yield from _faults(one, left.pop(0), items)
    if left:
        yield f"has {left!r:.60} beside what is described"


def _before(left: list[Any], after: Sequence[Schema]) -> int:
    """How many values come before those of the forms that follow, which their lengths show."""
    lengths = {len(form["array"]) for part in after for form in part["of"]}
    ends = [not isinstance(one, list) or len(one) not in lengths for one in left]
    return len(left) - ends[::-1].index(True) if True in ends else 0


def _value_faults(schema: Schema, value: Any) -> Iterator[str]:
    kind, name = schema["type"], schema["name"]
    if schema["resp"] == "integer":
        fits = type(value) is int and value >= LEAST[kind]
    elif kind == "word":
        fits = type(value) is bytes and re.sub(r"=\d+$", "=MS", value.decode()) in schema["values"]
    elif kind == "bytes":
        fits = type(value) is bytes
    else:
        pattern = TOKEN if kind == "token" else NAME
        fits = type(value) is bytes and pattern.fullmatch(value) is not None
    if not fits:
        yield f"{name} {value!r:.60} is no {kind}"
