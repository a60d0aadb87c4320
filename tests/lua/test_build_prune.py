"""What a script never uses is dropped from it, and nothing that might do something."""

from __future__ import annotations

import pytest
from lua_build.build import scripts
from lua_build.commands import commands
from lua_build.compose import strip
from lua_build.names import Declaration, Names, parse
from lua_build.prune import Live, live, pruned
from support.builds import ROOT


def left(text: str) -> str:
    """What is left of `text`."""
    names = parse(text, "a body")
    return strip(pruned(text, names, live(text, names)))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("local function f() end\nreturn 1", "return 1"),
        ("local x = 5 -- why\nreturn 1", "return 1"),
        ("local x = -5\nlocal y = 'a'\nlocal z = nil\nreturn 1", "return 1"),
        ("local t, f = true, false\nreturn 1", "return 1"),
        ("local x\nreturn 1", "return 1"),
        ("local x = function() return redis.call('TIME') end\nreturn 1", "return 1"),
        ("local x = { 1, 'a', k = {}, f = function() end }\nreturn 1", "return 1"),
        ("if #KEYS > 0 then\n  local x = 1\n  return 2\nend", "if #KEYS > 0 then\n  return 2\nend"),
        ("local function f()\n  local x = 1\n  return 2\nend\nreturn f()",
         "local function f()\n  return 2\nend\nreturn f()"),
    ],
)  # fmt: skip
def test_what_is_never_used_is_dropped(text: str, kept: str) -> None:
    assert left(text) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("local A, B, C = 1, 2, 3\nreturn B", "local B = 2\nreturn B"),
        ("local A, B, C = 1, 'x', 3\nreturn A + C", "local A, C = 1, 3\nreturn A + C"),
        ("local a, b\na = 1\nreturn a", "local a\na = 1\nreturn a"),
        ("local A, B = 1\nreturn B", "local A, B = 1\nreturn B"),
        ("local A = 1, 2\nreturn A", "local A = 1, 2\nreturn A"),
    ],
)
def test_of_several_constants_those_that_are_used_stay(text: str, kept: str) -> None:
    assert left(text) == kept


def test_what_only_dropped_functions_use_is_dropped_with_them() -> None:
    text = """
local A = 1
local function f() return A end
local function g() return f() end
local function h() return 2 end
return h()"""
    assert left(text) == "local function h() return 2 end\nreturn h()"


def test_a_function_that_only_calls_itself_is_dropped() -> None:
    assert left("local function f() return f() end\nreturn 1") == "return 1"


def test_of_two_declarations_of_a_name_the_one_that_is_used_stays() -> None:
    assert left("local a = 1\nlocal a = 2\nreturn a") == "local a = 2\nreturn a"
    assert left("local a = 1\ndo local a = 2 end\nreturn a") == "local a = 1\ndo   end\nreturn a"


def test_a_lines_number_stays_as_it_was() -> None:
    text = "local function f()\n  return 1\nend\nlocal A, B = 1,\n  2\nreturn A"
    names = parse(text, "a body")
    lines = pruned(text, names, live(text, names)).split("\n")
    assert [line.strip() for line in lines] == ["", "", "", "local A = 1", "", "return A"]


@pytest.mark.parametrize(
    "text",
    [
        "local x = f()",
        "local x = redis.call('TIME')",
        "local x = KEYS",  # a name that is none may stop the script
        "local x = KEYS[1]",
        "local x = 1 + 2",
        "local x = #ARGV",
        "local x = -ARGV[1]",
        "local x = { f() }",
        "local x = { [ARGV[1]] = 1 }",
        "local x = { ARGV[1] }",
        "local x, y = 1, f()",
        "local x = ...",
        "local x\nx = 1",  # a value that is written stays, and its name with it
        "local x = 1;",
        "do end local a = KEYS local x = 1 (f or g)()",  # it would be a call of KEYS
        "local a = KEYS\nlocal x\n-- why\n(f or g)()",
        "function f() end",
    ],
)
def test_a_declaration_that_might_do_something_stays(text: str) -> None:
    text = text.replace("do end local a", "local a")
    assert left(f"{text}\nreturn a") == strip(f"{text}\nreturn a")


def test_commands_are_those_of_what_a_script_keeps() -> None:
    text = """
local function unused() redis.call('SET', 'a', 1) end
local function used() return redis.pcall('get', 'a') end
local found = redis.call("HMGET", 'b', 'c')[1]
if found then redis.call('DEL', used()) end
return redis.error_reply('ZADD')"""
    names = parse(text, "a body")
    assert commands("a body", names, live(text, names)) == ["DEL", "GET", "HMGET"]


def references(names: Names, alive: Live) -> list[tuple[str, bool, int | None]]:
    """The uses that run: name, whether it is written, and which declaration, by its first use."""
    order: dict[Declaration, int] = {}
    return [
        (
            use.name,
            use.writes,
            order.setdefault(use.declaration, len(order)) if use.declaration else None,
        )
        for use in names.uses
        if use in alive
    ]


@pytest.mark.long
def test_in_every_script_each_name_that_stays_refers_to_what_it_did() -> None:
    _, made = scripts(ROOT / "lua")
    for script in made:
        before = parse(script.composed.text, script.composed.path)
        alive = live(script.composed.text, before)
        kept = strip(script.text)
        after = parse(kept, script.name)
        everything = live(kept, after)
        assert references(after, everything) == references(before, alive), script.name
        assert left(kept) == kept
