"""Junk in every place of every script: refused by name, and no key is touched.

Scripts and places come from the manifest, so a new script is covered when it is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from support.good_calls import SCRIPTS, TITLES, Good, furnish, mode_of
from support.servers import SERVER_PLACES, at
from support.store import HOUR, Jobs, Q, Store

from pyjobs.engine import send_jobs
from pyjobs.engine.call import Call
from pyjobs.engine.modes import MODES
from pyjobs.engine.schedule import pause_schedules
from pyjobs.engine.scripts import Script
from pyjobs.errors import BadArgument, BadLayout, WrongMode, WrongType

OTHER = "jobs:{other}"
LONG = 1_048_577
QUIET = {"queue/resume", "queue/mode", "queue/limit", "queue/counting", "queue/keep"}
VALUES: list[Any] = [
    *("", " ", " 7 ", "a b", "a\n", "\n", "a\tb", "{", "}", "{q}", "*", "a/b", "é", "\N{SNOWMAN}"),
    *(
        "retry5",
        "retry=",
        "retry=-1",
        "retry==5",
        "retry=5 ",
        "continue",
        "snooze",
        "snooze5",
        "reject=5",
        "reject5",
    ),
    *("%", "%4", "%zz", "a%"),
    *("nan", "inf", "0x1p4", "0x10", "-1", "+1", "1e3", "1.0", "1,000", "nil", "true"),
    *("9" * 15, "9" * 16, "9" * 400, "x" * 129, "x" * 5000),
    *(b"\x00", b"1\x00", b"\x001", b"\xff", b"\xc3"),
]
KEYS: list[Any] = [
    *("", "q", "jobs", "jobs:q", "{q}", ":{q}", "jobs:{}", "jobs:{q", "jobs:q}", "jobs:{q}:"),
    *("jobs:{q}:meta", "jobs:{q}{q}", "jobs:{q r}", "jobs:{q\n}", "jobs:{q}\n", "jo bs:{q}"),
    *("jobs:{é}", "jobs:{*}", f"jobs:{{{'x' * 129}}}", f"{'x' * 129}:{{q}}", "x" * 5000),
    *(b"jobs:{q}\x00", b"jobs:{\x00}", b"jobs:{\xff}", b"\x00", "jobs::{q}}", "jobs:{{q}"),
]
NAME = re.compile(rb"[A-Za-z0-9_.:-]{1,128}")
# Of a script that writes, one of these is among its commands.
WRITES = {"DEL", "HSET", "LPUSH", "LTRIM", "ZADD", "ZREM"}
every_script = pytest.mark.parametrize("script", SCRIPTS, ids=TITLES)
WITH_ITEMS = [script for script in SCRIPTS if script.about["items"]]
every_script_with_items = pytest.mark.parametrize(
    "script", WITH_ITEMS, ids=[script.title for script in WITH_ITEMS]
)

Case = tuple[str, set[str], Any]  # what is wrong, the names that a refusal may have, the call


def is_junk(script: Script, field: dict[str, Any], value: Any) -> bool:
    """Whether a value breaks what the manifest says of its place."""
    raw = value.encode() if isinstance(value, str) else value
    if raw == b"" and field.get("may_be_empty"):
        return False
    match field["type"]:
        case "bytes":
            return len(raw) > field["longest"]
        case "options":
            return raw.strip() != b""
        case "cursor":
            return raw != b""
        case "word":
            return raw.decode(errors="replace") not in field["values"]
        case "token" if script.name.startswith("simple/"):
            return True
        case "name" | "id" | "token":
            return NAME.fullmatch(raw) is None
        case "text":
            return not 1 <= len(raw) <= 1024 or b" " in raw.rstrip() or b"%" in raw
        case "header":
            return re.fullmatch(rb"[!#-\[\]-~]{1,1024}", raw.rstrip(b" ")) is None
        case "moments":
            return re.fullmatch(rb"[0-9]{1,13}", raw) is None or int(raw) == 0
        case "int" | "ms" | "at" | "verdict":
            return True
        case other:
            raise AssertionError(f"what is junk for {other}?")


def in_place(script: Script, good: Good) -> Iterator[Case]:
    """Junk values, one place at a time."""
    for place, arg in enumerate(script.about["args"]):
        for value in VALUES:
            if is_junk(script, arg, value):
                args = [*good.args[:place], value, *good.args[place + 1 :]]
                yield f"{arg['name']}={value!r:.40}", {arg["name"]}, good.call(args=args)
        gone = {arg["name"], "arguments", "items"}
        yield f"{arg['name']} missing", gone, good.call(args=good.args[:place], items=[])
    width = len(good.fields)
    for place, field in enumerate(good.fields):
        for value in [*VALUES, b"x" * LONG]:
            if is_junk(script, field, value):
                items = good.items()
                items[width + place] = value
                yield f"{field['name']}={value!r:.40}", {field["name"]}, good.call(items=items)


def in_options(script: Script, good: Good) -> Iterator[Case]:
    if "options" not in script.names:
        return
    place = script.names.index("options")
    names = [option["name"] for option in script.about["options"]]
    for option in script.about["options"]:
        name = option["name"]
        for value in [value for value in VALUES if isinstance(value, str)]:
            if not is_junk(script, option, value):
                continue
            args = [*good.args]
            args[place] = f"{name}={value}"
            yield args[place], {name, "options"}, good.call(args=args)
    for word in ("bogus=1", "x", "=1", "=", "Delay=1", "de lay=1", "lease=1", *names):
        args = [*good.args]
        args[place] = word
        yield f"option {word}", {"options"}, good.call(args=args)


def in_number(script: Script, good: Good) -> Iterator[Case]:
    """Too many and too few of them."""
    yield "no KEYS", {"queue"}, good.call(keys=())
    if script.about["keys"][0]["type"] == "queue":
        yield "two KEYS", {"queue"}, good.call(keys=(Q, OTHER))
    for key in KEYS:
        yield f"KEYS {key!r:.40}", {"queue"}, good.call(keys=(key,))
        if script.about["keys"][0]["type"] == "queues":
            yield f"second of KEYS {key!r:.40}", {"queue"}, good.call(keys=(Q, key))
    if not good.fields:
        yield "an extra argument", {"arguments"}, good.call(args=[*good.args, "1"])
        return
    yield "no items", {"items"}, good.call(items=[])
    yield "1,001 items", {"items"}, good.call(items=good.items(1001))
    for cut in range(1, len(good.fields)):
        names = {"items"}
        yield f"items less {cut}", names, good.call(items=good.items()[:-cut])
        yield f"items and {cut}", names, good.call(items=[*good.items(), *good.item(9)[:cut]])


@every_script
def test_junk_is_refused_by_name_and_no_key_is_touched(store: Store, script: Script) -> None:
    good = Good(script, furnish(store, mode_of(script)))
    cases = [*in_place(script, good), *in_options(script, good), *in_number(script, good)]
    before = store.snapshot()
    replies = store.call_many([call for _, _, call in cases])
    passed = [
        f"{what}: {reply!r:.90}"
        for (what, names, _), reply in zip(cases, replies, strict=True)
        if not isinstance(reply, BadArgument) or str(reply).split(":")[0] not in names
    ]
    assert not passed
    assert store.snapshot() == before
    store.call(good.call())  # else the test above would prove nothing


@every_script_with_items
def test_a_thousand_items_are_all_answered(store: Store, script: Script) -> None:
    good = Good(script, furnish(store, mode_of(script), held=1000))
    reply = store.call(good.call(items=good.items(1000)))
    assert len(reply) >= 1000 or reply == [1000]  # queue/find says how many it has looked at
    if "token" in {field["name"] for field in good.fields}:
        assert not {b"LOST", b"NOJOB", b"repeat"} & {word for word in reply if type(word) is bytes}
    store.redis.flushall()  # the check of so many keys would take longer than the test


@every_script
def test_a_queue_of_another_mode_is_refused_and_unchanged(store: Store, script: Script) -> None:
    if "WRONGMODE" not in script.about["errors"]:
        assert script.name.startswith(("queue/", "schedule/"))
        return
    for mode in MODES.keys() - {mode_of(script)}:
        store.redis.flushall()
        furnish(store, mode)
        good = Good(script, [])
        wrong = [(Q,)]
        if script.about["keys"][0]["type"] == "queues":
            store.redis.hset(f"{OTHER}:meta", mapping={"mode": mode_of(script), "layout": 1})
            wrong += [(OTHER, Q)]
        for keys in wrong:
            with store.unchanged(), pytest.raises(WrongMode, match=f"queue q is {mode}, not "):
                store.call(good.call(keys=keys))


@every_script
def test_a_queue_of_another_layout_is_refused_and_unchanged(store: Store, script: Script) -> None:
    good = Good(script, furnish(store, mode_of(script)))
    store.redis.hset(f"{Q}:meta", "layout", "2")
    with store.unchanged(), pytest.raises(BadLayout, match="queue q has layout 2, not 1"):
        store.call(good.call())


def poisoned(store: Store) -> list[str]:
    """The keys of a queue, those that a script may make included."""
    parts = ["meta", "pending", "wake", "inflight", "delayed", "dead", "broken", "claim:good"]
    parts += ["moving", "moving:waits"]
    parts += ["schedules", "schedule:good"] if store.redis.exists(f"{Q}:schedules") else []
    jobs = [key.decode() for key in store.redis.keys(f"{Q}:job:*")]
    return sorted({*jobs, *[f"{Q}:{part}" for part in parts]})


def furnish_fully(store: Store, script: Script) -> Call[Any]:
    """Whatever a script may find: due, run out, without a job, and without a meaning.

    Returns a call that moves all of that, and kills what may die.
    """
    store.redis.flushall()
    good = Good(script, furnish(store, mode_of(script)))
    store.age(2 * HOUR)
    store.redis.rpush(f"{Q}:pending", "gone")
    store.redis.delete(f"{Q}:wake")
    if mode_of(script) != "simple":
        past = int(store.redis.time()[0]) * 1000 - HOUR
        store.redis.zadd(f"{Q}:schedules", {"good": past})
        store.redis.hset(f"{Q}:schedule:good", "moments", past)
        store.redis.hset(f"{Q}:meta", "scheduled", past)
    if script.name == "schedule/resume":
        store.call(pause_schedules(Q, ["good"]))
    if script.name == "queue/sent":
        store.call(send_jobs(Q, ["waits", "later", "failed"], to="to", nonce="n"))
    if mode_of(script) == "reliable":
        store.redis.zadd(f"{Q}:dead", {"gone": Jobs(store, MODES["reliable"]).now()})
    kills = [f"{name}=1" for name in ("max_attempts", "max_crashes") if name in script.options]
    return good.busy_call(kills[0] if script.name != "reliable/submit" and kills else "")


@at(SERVER_PLACES)
@every_script
def test_a_key_of_a_wrong_type_stops_a_script_before_it_writes(
    store: Store, script: Script
) -> None:
    """Or it is no concern of the script, which then leaves it as it is."""
    call = furnish_fully(store, script)
    keys = poisoned(store)
    # A resume of a queue that is not paused and has a wake token has nothing to write.
    if WRITES & {*script.about["commands"]} and script.name not in QUIET:
        before = store.snapshot()
        store.call(call)
        assert store.snapshot() != before  # else this would prove nothing
    wrong = []
    call = furnish_fully(store, script)
    image, whole = store.image(), store.snapshot()
    for key in keys:
        store.put(image)
        store.redis.delete(key)
        if key.endswith(":claim:good"):
            store.redis.rpush(key, "poison")
            before = whole | {key.encode(): ("list", [b"poison"], False)}
        else:
            store.redis.set(key, "poison")
            before = whole | {key.encode(): ("string", b"poison", False)}
        (reply,) = store.call_many([call])
        after = store.snapshot()
        if isinstance(reply, Exception) and (type(reply) is not WrongType or after != before):
            changed = [
                name for name in before.keys() | after if before.get(name) != after.get(name)
            ]
            wrong.append(f"{key}: {reply!r:.60} and wrote {changed}")
        elif before[key.encode()] != after.get(key.encode()):
            wrong.append(f"{key} was overwritten")
    store.redis.flushall()
    assert not wrong
