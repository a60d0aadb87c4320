"""What a build refuses: names that are not declared or not in scope, and what is in vain."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lua_build.build import Script, scripts
from lua_build.compose import Composer, strip
from lua_build.errors import BuildError
from lua_build.names import parse
from support.builds import Copy

pytest_plugins = "support.build_fixtures"

VERB = "queue/verb.lua"
ONE, TWO = "lib/a/one.lua", "lib/b/two.lua"
GOOD = {
    ONE: "-- Says one.\nlocal LIMIT = 1\nlocal function one() return LIMIT end\n",
    TWO: "-- Says two.\n-- needs one.one\nlocal function two() return one() + one() end\n",
    VERB: f'--% include "{ONE}"\n--% include "{TWO}"\nreturn two()\n',
}


def made(folder: Path, files: dict[str, str]) -> list[Script]:
    """The scripts of these sources."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return scripts(folder)[1]


def test_pieces_that_declare_what_they_use_are_built(tmp_path: Path) -> None:
    [script] = made(tmp_path, GOOD)
    assert strip(script.text) == (
        "local LIMIT = 1\nlocal function one() return LIMIT end\n"
        "local function two() return one() + one() end\nreturn two()"
    )


REFUSED = {
    "a piece uses a name that it does not list": (
        {TWO: "local function two() return one() end"},
        f"{TWO}: uses one and does not list it",
    ),
    "a piece writes a name that it does not list": (
        {TWO: "-- needs one.one\nlocal function two() flag = one() return 2 end"},
        f"{TWO}: uses flag and does not list it",
    ),
    "a piece lists a name that it does not use": (
        {TWO: "-- needs one.one one.LIMIT\nlocal function two() return one() end"},
        f"{TWO}: needs one.LIMIT and does not use it",
    ),
    "a piece lists a name of a piece that is not there": (
        {TWO: "-- needs three.one\nlocal function two() return one() end"},
        f"{TWO}: needs three.one, and there is no such piece",
    ),
    "a piece lists a name that the other piece does not define": (
        {TWO: "-- needs one.uno\nlocal function two() return uno() end"},
        f"{TWO}: {ONE} does not define uno",
    ),
    "a piece lists a name twice": (
        {TWO: "-- needs one.one\n-- needs one.one\nlocal function two() return one() end"},
        f"{TWO}: needs one twice",
    ),
    "a piece lists a name without its piece": (
        {TWO: "-- needs one\nlocal function two() return one() end"},
        f"{TWO}: needs 'one', which is not piece.name",
    ),
    "a piece needs what is included after it": (
        {VERB: f'--% include "{TWO}"\n--% include "{ONE}"\nreturn two() + one()'},
        f"{TWO}:3: one, of {ONE}, is not in scope where {VERB} includes it",
    ),
    "a piece needs what is included in another block": (
        {
            VERB: f'if #KEYS > 1 then\n  --% include "{ONE}"\n  return one()\nend\n'
            f'--% include "{TWO}"\nreturn two()'
        },
        f"{TWO}:3: one, of {ONE}, is not in scope where {VERB} includes it",
    ),
    "a piece gets a name from the verb in place of the piece that it needs": (
        {
            VERB: f'--% include "{ONE}"\nlocal function one_too() return one() end\n'
            f'local one = one_too\n--% include "{TWO}"\nreturn two()'
        },
        f"{TWO}:3: needs one.one, and in {VERB} gets the one of {VERB}",
    ),
    "a piece gets a name from another piece than it needs": (
        {
            "lib/c/uno.lua": "local function one() return 1 end",
            VERB: f'--% include "{ONE}"\nlocal first = one()\n--% include "lib/c/uno.lua"\n'
            f'--% include "{TWO}"\nreturn two() + first',
        },
        f"{TWO}:3: needs one.one, and in {VERB} gets the one of lib/c/uno.lua",
    ),
    "a piece includes another": (
        {TWO: GOOD[TWO] + '--% include "lib/c/three.lua"\n', "lib/c/three.lua": ""},
        f"{TWO}: a piece includes nothing, it names what it needs",
    ),
    "a piece has the name of another": (
        {"lib/b/one.lua": "local function uno() return 1 end"},
        f"lib/b/one.lua: {ONE} has this name already",
    ),
    "a piece defines what no script uses": (
        {ONE: GOOD[ONE] + "local function idle() return 0 end\n"},
        f"{ONE}: defines idle, which no script uses",
    ),
    "a piece is part of no script": (
        {"lib/c/three.lua": "local function three() return 3 end"},
        "lib/c/three.lua: defines three, which no script uses",
    ),
    "a verb uses a name that nothing defines": (
        {VERB: GOOD[VERB].replace("two()", "two(x)")},
        f"{VERB}:3: x is not in scope",
    ),
    "a verb uses a name before the piece that defines it": (
        {VERB: f'--% include "{ONE}"\nlocal x = two()\n--% include "{TWO}"\nreturn two() + x'},
        f"{VERB}:2: two, of {TWO}, is not in scope",
    ),
    "a verb uses its own name before it is defined": (
        {VERB: GOOD[VERB].replace("return", "local x = y\nlocal y = 1\nreturn x + y +")},
        f"{VERB}:3: y is not in scope",
    ),
    "a verb uses a name of Lua's that scripts may not use": (
        {VERB: GOOD[VERB].replace("return", "print(1)\nreturn")},
        f"{VERB}:3: print is not in scope",
    ),
    "a verb writes a global": (
        {VERB: GOOD[VERB].replace("return", "x = 1\nreturn")},
        f"{VERB}:3: writes the global x",
    ),
    "a verb writes a name of Redis's": (
        {VERB: GOOD[VERB].replace("return", "redis = 1\nreturn")},
        f"{VERB}:3: writes the global redis",
    ),
    "a verb includes a piece and uses nothing of it": (
        {VERB: GOOD[VERB].replace("two()", "one()")},
        f"{VERB}: includes {TWO} and uses nothing of it",
    ),
    "a verb includes a piece where it is in scope already": (
        {VERB: f'--% include "{ONE}"\n' + GOOD[VERB].replace("two()", "two() + one()")},
        f"{VERB}: includes {ONE} twice",
    ),
    "a verb defines what it does not use": (
        {VERB: GOOD[VERB].replace("return", "local x = 1\nreturn")},
        f"{VERB}:3: defines x and does not use it",
    ),
    "a verb is not Lua": (
        {VERB: GOOD[VERB].replace("return", "return return")},
        f"{VERB}: not Lua 5.1",
    ),
    "a piece is not Lua": ({ONE: "local function"}, f"{ONE}: not Lua 5.1"),
    "a line begins as the build's own comments do": (
        {VERB: "--@ lib/a/one.lua\nreturn 1"},
        f"{VERB}: a line begins with --@",
    ),
    "a command is not written in the call": (
        {VERB: GOOD[VERB].replace("two()", "redis.call(ARGV[1], two())")},
        f"{VERB}: calls a command of Redis that is not written as a text",
    ),
    "redis.call is not called where it is named": (
        {VERB: GOOD[VERB].replace("two()", "{ redis.pcall, two() }")},
        f"{VERB}: uses redis.call and does not call it",
    ),
}


@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=REFUSED)
def test_a_build_refuses(tmp_path: Path, change: dict[str, str], words: str) -> None:
    with pytest.raises(BuildError, match=re.escape(words)):
        made(tmp_path, {**GOOD, **change})


def test_what_a_dropped_function_needs_may_be_out_of_scope(tmp_path: Path) -> None:
    both = GOOD[TWO] + "local function half() return 0.5 end\n"
    other = f'--% include "{TWO}"\nreturn half()\n'
    with_half, _ = made(tmp_path, {**GOOD, TWO: both, "queue/other.lua": other})
    assert strip(with_half.text) == "local function half() return 0.5 end\nreturn half()"


def test_the_command_says_which_source_breaks_which_rule(copy: Copy) -> None:
    piece = "lua/lib/queue/broken.lua"
    copy.edit(piece, lambda text: text.replace("'LPUSH', q.broken, what", "'LPUSH', q.broken, now"))
    words = "build_lua: lib/queue/broken.lua: uses now and does not list it as needed\n"
    assert copy.build("--check") == (1, words)
    assert copy.build() == (1, words)


# --- names ---


def test_globals_are_seen_where_they_are() -> None:
    body = """
        local a, b = one, 2
        local function f(x, ...) a = x; x.y.z = two; for i = 1, three do g(i) end end
        for k, v in pairs(t) do local inner = k end
        if a then w = 2 elseif four then local m; m = 3 else five() end
        repeat local until_ = 1 until until_
        local tbl = { k = a, [seven] = 1, eight }
        return inner, a.b.c, a[six], function(q) hid = q:find(nine) end
    """
    free = parse(body, "a body").free()
    read = "one two three g pairs t four five inner six seven eight nine"
    assert {use.name for use in free if not use.writes} == set(read.split())
    assert {use.name for use in free if use.writes} == {"w", "hid"}


def test_a_name_refers_to_the_innermost_declaration_before_it() -> None:
    names = parse("local a = 1\nlocal a = a\ndo local a = a end\nreturn a", "a body")
    first, second, _ = names.declarations
    assert [use.declaration for use in names.uses] == [first, second, second]


def test_a_function_may_call_itself_and_a_constant_not_name_itself() -> None:
    names = parse("local function f() return f() end\nlocal x = x\nreturn f, x", "a body")
    assert [use.name for use in names.free()] == ["x"]


# --- lines ---


def test_each_line_of_a_script_is_known_by_its_file_and_line(tmp_path: Path) -> None:
    made(
        tmp_path,
        {
            **GOOD,
            VERB: f'-- A.\nif #KEYS > 0 then\n  --% include "{ONE}"\n  -- B.\n'
            f'  --% include "{TWO}"\n  return two()\nend\nreturn 0\n',
        },
    )
    composed = Composer(tmp_path).compose(VERB)
    for text, (path, line) in zip(composed.text.splitlines(), composed.lines, strict=False):
        if not text.startswith("--@"):
            assert (tmp_path / path).read_text().splitlines()[line - 1] == text
    assert {path for path, _ in composed.lines} == {VERB, ONE, TWO}


# --- bounds ---

UNBOUNDED = [
    "'KEYS', 'jobs:*'",
    "'HGETALL', q.meta",
    "'SMEMBERS', q.meta",
    "'SCAN', '0'",
    "'LRANGE', q.pending, 0, -1",
    "'LRANGE', q.pending, '0', '-1'",
    "'LRANGE', q.pending, 0, -taken - 1",
    "'LRANGE', q.pending, -taken, at",
    "'ZRANGE', q.dead, 0, -1, 'WITHSCORES'",
    "'ZRANGEBYSCORE', q.dead, '-inf', at",
    "'ZRANGEBYSCORE', q.dead, '-inf', at, 'WITHSCORES'",
    "'ZRANGEBYSCORE', q.dead, '-inf', at, 'LIMIT', 0, -1",
    "'LPOS', q.pending, at, 'RANK', -1",
    "'ZREMRANGEBYSCORE', q.delayed, '-inf', at",
]
BOUNDED = [
    "'LRANGE', q.pending, -taken - at, -taken - 1",
    "'ZRANGE', q.dead, at, at + 100 - 1, 'WITHSCORES'",
    "'ZRANGE', q.dead, '0', '0'",
    "'ZRANGEBYSCORE', q.dead, '-inf', at, 'LIMIT', 0, at",
    "'LPOS', q.pending, at, 'RANK', -1, 'MAXLEN', 1000",
    "'ZREMRANGEBYSCORE', q.dead, '-inf', at",
    "'HMGET', q.meta, 'mode'",
]


def calling(words: str, call: str = "call") -> dict[str, str]:
    """The source of a script that calls a command."""
    return {
        VERB: f"local q, at, taken = KEYS, 1, 2\nreturn {{ redis.{call}({words}), q, at, taken }}"
    }


@pytest.mark.parametrize("call", ["call", "pcall"])
@pytest.mark.parametrize("words", UNBOUNDED)
def test_a_command_whose_work_has_no_bound_is_refused(
    tmp_path: Path, words: str, call: str
) -> None:
    command = words.partition(",")[0].strip("'")
    with pytest.raises(BuildError, match=f"^{VERB}: {command}: "):
        made(tmp_path, calling(words, call))


@pytest.mark.parametrize("words", BOUNDED)
def test_a_command_whose_work_has_a_bound_is_built(tmp_path: Path, words: str) -> None:
    assert made(tmp_path, calling(words))
