"""The edges of what arguments may be: the least and the most are taken, one less and one more is
refused by name, and no key is touched.

Bounds come from the manifest, so a new argument is covered when it is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.good_calls import SCRIPTS, TITLES, Good, furnish, mode_of
from support.store import Store

from pyjobs.engine.call import Call
from pyjobs.engine.scripts import Script
from pyjobs.errors import BadArgument, PyjobsError

every_script = pytest.mark.parametrize("script", SCRIPTS, ids=TITLES)
Edge = tuple[str, str, Call[Any]]  # the name of the place, what stands there, the call


def of_length(kind: str, length: int, script: Script) -> bytes:
    """A good text of so many bytes."""
    if kind == "token" and script.name.startswith("simple/"):
        times = b"9.9." if length <= 128 else b"9" * 15 + b"." + b"9" * 15 + b"."
        return times + b"c" * (length - len(times))
    return b"x" * length


def good_edges(about: dict[str, Any], script: Script) -> Iterator[bytes]:
    """The least and the most that a place takes."""
    kind = about["type"]
    if "low" in about:
        word = b"retry=" if kind == "verdict" else b""
        yield from (word + str(number).encode() for number in (about["low"], about["high"]))
    elif "longest" in about:
        short = 20 if kind == "token" else 1 - (about.get("may_be_empty", False))
        yield from (of_length(kind, length, script) for length in (short, about["longest"]))


def bad_edges(about: dict[str, Any], script: Script) -> Iterator[bytes]:
    """One less and one more."""
    kind = about["type"]
    if "low" in about:
        word = b"retry=" if kind == "verdict" else b""
        yield from (word + str(number).encode() for number in (about["low"] - 1, about["high"] + 1))
    elif "longest" in about:
        yield of_length(kind, about["longest"] + 1, script)
        if not about.get("may_be_empty"):
            yield b""


def with_values(good: Good, edges: Any) -> Iterator[Edge]:
    """A call for each edge of each argument, option and value of an item."""
    script = good.script
    for place, arg in enumerate(script.about["args"]):
        for value in edges(arg, script):
            args = [*good.args[:place], value, *good.args[place + 1 :]]
            yield arg["name"], f"{value!r:.60}", good.call(args=args)
    for option in script.about["options"]:
        if edges is good_edges and option["name"] in ("parts", "places"):
            continue  # a queue has the number that it has, and a name for each: test_parts.py
        for value in edges(option, script):
            chosen = with_options(good, f"{option['name']}=".encode() + value)
            yield option["name"], f"{value!r:.60}", chosen
    for place, field in enumerate(good.fields):
        for value in edges(field, script):
            items = good.items()
            items[len(good.fields) + place] = value
            yield field["name"], f"{value!r:.60}", good.call(items=items)


def with_options(good: Good, options: bytes) -> Call[Any]:
    args, place = [*good.args], good.script.names.index("options")
    needed = str(args[place]).encode()
    if needed.partition(b"=")[0] != options.partition(b"=")[0]:
        options = b" ".join(filter(None, (needed, options)))
    args[place] = options
    return good.call(args=args)


@every_script
def test_one_less_and_one_more_than_the_bounds_is_refused_and_no_key_is_touched(
    store: Store, script: Script
) -> None:
    good = Good(script, furnish(store, mode_of(script)))
    edges = [*with_values(good, bad_edges)]
    before = store.snapshot()
    replies = store.call_many([call for _, _, call in edges])
    passed = [
        f"{name}={value}: {reply!r:.90}"
        for (name, value, _), reply in zip(edges, replies, strict=True)
        if not isinstance(reply, BadArgument) or str(reply).split(":")[0] != name
    ]
    assert not passed
    assert store.snapshot() == before


@every_script
def test_the_least_and_the_most_of_the_bounds_is_taken(store: Store, script: Script) -> None:
    good = Good(script, furnish(store, mode_of(script)))
    edges = [*with_values(good, good_edges)]
    replies = store.call_many([call for _, _, call in edges])
    refused = [
        f"{name}={value}: {reply!r:.90}"
        for (name, value, _), reply in zip(edges, replies, strict=True)
        if isinstance(reply, PyjobsError)
    ]
    assert not refused
    store.redis.flushall()  # the check of what a lease of 1 ms leaves is for other tests


@every_script
def test_an_option_that_is_given_twice_is_refused_by_name(store: Store, script: Script) -> None:
    good = Good(script, furnish(store, mode_of(script)))
    for option in script.about["options"]:
        value = next(good_edges(option, script), b"x").decode()
        twice = f"{option['name']}={value} {option['name']}={value}".encode()
        with (
            store.unchanged(),
            pytest.raises(BadArgument, match=f"^{option['name']}: given twice$"),
        ):
            store.call(with_options(good, twice))


def test_the_manifest_has_bounds_for_every_number_and_every_text() -> None:
    for script in SCRIPTS:
        about = script.about
        for one in (*about["args"], *about["options"], *about["items"]):
            bounds = one.keys() & {"low", "high", "longest"}
            if one["type"] == "options" or one["type"] in ("moments", "word", "cursor"):
                assert not bounds
            elif one["type"] in ("int", "ms", "at", "verdict"):
                assert bounds == {"low", "high"}
                assert one["low"] <= one.get("default", one["low"]) <= one["high"]
            else:
                assert bounds == {"longest"}
    [nonce, *_] = next(one for one in SCRIPTS if one.name == "reliable/claim").about["args"]
    assert nonce["longest"] == 100
