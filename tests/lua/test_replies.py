"""Replies are what the manifest says: nested or flat, integers or bytes, and which words.

Every call of a `Store` is held to its schema, in whatever test. Here are a call of each script, and
the check itself.
"""

from __future__ import annotations

from typing import Any

import pytest
from support.good_calls import SCRIPTS, TITLES, Good, furnish, mode_of
from support.schema import faults
from support.servers import SERVER_PLACES, at
from support.store import Store

from pyjobs.engine.scripts import Script, script

every_script = pytest.mark.parametrize("script", SCRIPTS, ids=TITLES)


@at(SERVER_PLACES)
@every_script
def test_the_reply_of_a_good_call_conforms_to_the_manifest(store: Store, script: Script) -> None:
    good = Good(script, furnish(store, mode_of(script)))
    raw: list[Any] = []
    call = good.call()._replace(parse=raw.append)
    store.call(call)
    assert faults(call, raw[0]) == []


def good(name: str) -> Any:
    return Good(script(name), []).call()


CLAIMED = [1, b"a", b"1-n", b"{}", 1, 1_700_000_000_000, 0]
CHECKED = [b"", b"done", b"1"]


@pytest.mark.parametrize(
    ("name", "reply", "fault"),
    [
        ("reliable/claim", [-1], None),
        ("reliable/claim", [0, CLAIMED, CLAIMED], None),
        ("reliable/claim", [], "lacks wait"),
        ("reliable/claim", -1, "-1 is no array"),
        ("reliable/claim", [b"0"], "wait b'0' is no int"),
        ("reliable/claim", [0, *CLAIMED], "1 is no array"),
        ("reliable/claim", [0, CLAIMED[:-1]], "lacks timeout"),
        ("reliable/claim", [0, [*CLAIMED, b"send"], CLAIMED], None),
        ("reliable/claim", [0, [*CLAIMED, 1]], "task 1 is no bytes"),
        ("reliable/claim", [0, [*CLAIMED, b"", b"page 1"]], None),
        ("reliable/claim", [0, [*CLAIMED, b"send", 1]], "saved 1 is no bytes"),
        ("reliable/claim", [0, [*CLAIMED, b"", b"", b"00-1-2-01", b"a=b"]], None),
        ("recoverable/claim", [0, [*CLAIMED, b"", b"", 1]], "traceparent 1 is no bytes"),
        ("simple/claim", [0, [*CLAIMED, *[b""] * 4, 1]], "has [1] beside what is described"),
        ("reliable/claim", [0, [*CLAIMED[:-1], b"0"]], "timeout b'0' is no ms"),
        ("reliable/claim", [0, [1, b"", *CLAIMED[2:]]], "id b'' is no id"),
        ("reliable/claim", [0, [*CLAIMED[:3], None, *CLAIMED[4:]]], "data None is no bytes"),
        ("reliable/claim", [-1, [1, b"b"]], None),
        ("reliable/claim", [0, CLAIMED, [1, b"b"], [2, b"c"]], None),
        ("reliable/claim", [0, [1, b"b"], CLAIMED], "lacks token"),
        ("reliable/claim", [0, CLAIMED, [1, b"b", b"1-n"]], None),
        ("reliable/claim", [0, CLAIMED, [1, b"b", b"1-n"], [2, b"c"]], None),
        ("reliable/claim", [0, CLAIMED, [1, 2]], "dead 2 is no id"),
        ("recoverable/claim", [0, CLAIMED, [1, b"b"]], "lacks token"),
        ("reliable/submit", [b"a", b"new", b"b", b"CONFLICT"], None),
        ("reliable/submit", [[b"a", b"new"], [b"b", b"new"]], "id [b'a', b'new'] is no id"),
        ("reliable/submit", [b"a", b"new"], "lacks id"),
        ("reliable/submit", [b"a", b"new", b"b", b"old"], "outcome b'old' is no word"),
        ("queue/check", [CHECKED, CHECKED], None),
        ("queue/check", [CHECKED], "lacks an array"),
        ("queue/check", [CHECKED] * 3, f"has [{CHECKED}] beside what is described"),
        ("queue/wake", 1, None),
        ("queue/wake", [1], "pending [1] is no int"),
        ("recoverable/reap", [0, 0, [b"a", b"b"], []], None),
        ("recoverable/reap", [0, 0, [], [b"a"]], "has [b'a'] beside what is described"),
    ],
)
def test_a_reply_that_is_not_what_the_manifest_says_has_a_fault(
    name: str, reply: Any, fault: str | None
) -> None:
    found = faults(good(name), reply)
    assert found[:1] == ([f"{name}@1: {fault}"] if fault else [])
