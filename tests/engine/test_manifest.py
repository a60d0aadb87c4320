"""Scripts as Python sees them: the manifest, and arguments that are bound by its names."""

from __future__ import annotations

import hashlib
import re

import pytest
from lua_build.names import GLOBALS, parse
from support.good_calls import SCRIPTS, TITLES
from support.lanes import long

from pyjobs.engine import MODES, ModeName
from pyjobs.engine.scripts import Script, script
from pyjobs.errors import BadArgument

every_script = pytest.mark.parametrize("one", SCRIPTS, ids=TITLES)
# To parse a script takes a tenth of a second.
PARSED = ("simple/claim", "recoverable/complete", "reliable/fail", "queue/stats")
every_parsed_script = pytest.mark.parametrize(
    "one",
    [one if one.name in PARSED else long(one) for one in SCRIPTS],
    ids=TITLES,
)


@every_script
def test_the_manifest_has_the_sha1_of_each_file(one: Script) -> None:
    assert hashlib.sha1(one.body.encode()).hexdigest() == one.sha1


@every_script
def test_a_built_script_has_no_comment_and_no_last_newline(one: Script) -> None:
    assert "--" not in re.sub(r"'[^'\n]*'", "''", one.body)
    assert one.body.strip() == one.body
    assert "\n\n" not in one.body
    assert not one.body.startswith("#!")


@every_parsed_script
def test_a_script_uses_no_global_but_those_of_lua_and_redis(one: Script) -> None:
    free = parse(one.body, one.title).free()
    assert not [use.name for use in free if use.writes]
    assert {use.name for use in free} <= GLOBALS


@every_parsed_script
def test_a_script_declares_nothing_at_its_top_level_that_it_does_not_use(one: Script) -> None:
    names = parse(one.body, one.title)
    used = {use.declaration for use in names.uses}
    assert not [made.name for made in names.declarations if made.top and made not in used]


CALL = re.compile(r"redis\.p?call\('([A-Z]+)'")


@every_script
def test_the_manifest_lists_the_commands_that_a_script_calls(one: Script) -> None:
    assert one.about["commands"] == sorted(set(CALL.findall(one.body)))


@every_script
def test_the_manifest_describes_every_script_in_full(one: Script) -> None:
    for field in ("what", "returns", "replay", "cost"):
        assert one.about[field], field
    assert one.about["replay_safe"] == one.about["replay"].startswith("safe")
    assert re.match("(un)?safe: ", one.about["replay"])
    assert ("options" in one.names) == (one.about["options"] != [] or one.name == "simple/submit")


@pytest.mark.parametrize("mode", ["simple", "recoverable", "reliable"])
def test_a_submit_has_its_arguments_in_the_order_of_the_script(mode: ModeName) -> None:
    used = script(f"{mode}/submit")
    call = MODES[mode].submit_items("jobs:{q}", ["id", b"1"], client="c", options="delay=1")
    assert call.args == used.bind(["id", b"1"], client="c", options="delay=1")


def test_bind_refuses_unknown_and_missing_arguments() -> None:
    claim = script("reliable/claim")
    good = {"nonce": "n", "limit": 1, "lease": 1, "options": ""}
    assert claim.bind(**good) == ("n", 1, 1, "")
    for wrong in ({**good, "extra": 1}, {"nonce": "n"}, {**good, "limt": 1} | {"limit": 1}):
        with pytest.raises(TypeError, match="reliable/claim@1"):
            claim.bind(**wrong)
    renamed = {"limt" if name == "limit" else name: value for name, value in good.items()}
    with pytest.raises(TypeError, match="reliable/claim@1 lacks the argument 'limit'"):
        claim.bind(**renamed)


def test_choose_refuses_unknown_options_and_omits_none() -> None:
    fail = script("reliable/fail")
    assert fail.choose(backoff=0, max_attempts=None, backoff_max=7) == "backoff=0 backoff_max=7"
    with pytest.raises(BadArgument, match="back_off: fail in reliable mode has no such option"):
        fail.choose(back_off=1)


def test_an_unknown_script_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="reliable/nothing"):
        script("reliable/nothing")


def test_the_manifest_has_defaults_as_numbers() -> None:
    told = {one["name"]: one.get("default") for one in script("reliable/fail").about["options"]}
    assert told == {"max_attempts": 3, "backoff": 1000, "backoff_max": 3_600_000}
    [retention] = script("reliable/complete").about["options"]
    assert retention["default"] == 86_400_000
    options = {one["name"]: one for one in script("reliable/submit").about["options"]}
    assert "default" not in options["task"]
