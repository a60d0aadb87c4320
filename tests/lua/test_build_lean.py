"""A script as Redis runs it does what its source says, and makes few functions on the way."""

from __future__ import annotations

from typing import Any

import pytest
from lua_build.lean import lean
from lua_build.scope import Shortener, clone
from luaparser import ast
from lupa.lua51 import LuaRuntime

from pyjobs.engine.scripts import script

# Each returns texts and numbers, and calls `say` where the order of what happens matters.
PROGRAMS = {
    "a function that returns an expression":
        "local function f(a, b) return a + b end\nreturn f(1, f(2, 3))",
    "a sum in a product": "local function f(a) return a + 1 end\nreturn f(2) * f(3), -f(4)",
    "a return in the middle": """
local function f(a)
  if a > 1 then return 'big' end
  say(a)
  return 'small', a
end
local x, y = f(1)
local z, w = f(2)
return x, y, z, w""",
    "a return in a branch of a branch": """
local function f(a, b)
  if a then
    if b then return 1 else say('no b') end
  else
    return 3
  end
  return 2
end
return f(true, true), f(true, false), f(false)""",
    "a return in a loop": """
local function f(n)
  for i = 1, 9 do if i * i > n then return i end end
end
local a = f(10)
local b = f(99)
return a, tostring(b)""",
    "fewer and more arguments": """
local function f(a, b) say(tostring(a) .. tostring(b)) end
f(1)
f(1, 2, say(3))
return 'end'""",
    "arguments in their order": """
local function f(a, b, c) return say(c) .. say(a) .. say(b) end
return f(say(1), say(2), say(3))""",
    "any number of arguments": """
local function f(a, ...) return a .. select('#', ...) .. table.concat({ ... }, ',') end
return f(1), f(1, 2, 3), f(1, say(4))""",
    "many results": """
local function two() return 1, 2 end
local function all(...) return select('#', ...) end
local a, b, c = two()
return a, b, tostring(c), all(two()), all((two())), all(two(), 3)""",
    "a variable that is assigned later": """
local n = 1
local function f(a) n = n + 1 return a end
local x = f(n)
return x, n""",
    "a parameter that is assigned": """
local function f(a) a = a or 5 return a * 2 end
local x, y = 1
return f(x), f(y), x""",
    "a name that hides another": """
local a = 1
local function f() return a end
local function g(a) local b = f() return a + b end
local a = 10
return g(a), f()""",
    "a function that calls itself": """
local function f(n) if n < 2 then return 1 end return n * f(n - 1) end
return f(5)""",
    "a function as a value": """
local function f(a) return a + 1 end
local function g(h, a) return h(a) end
return g(f, 1), g(f, 2), type(f)""",
    "state behind functions": """
local all = {}
local function add(a) all[#all + 1] = a end
for i = 1, 3 do add(i) end
add('x')
return table.concat(all, ',')""",
    "fields named as variables are": """
local a, q = 1, { a = 2, b = { a = 3 } }
local function f(q) return q.a + a end
return f(q), f(q.b), q.b.a""",
    "fields that follow from another": """
local function open(key)
  local q = { key = key, job = key .. ':job:', dead = key .. ':dead' }
  q.mode = 'x'
  return q
end
local function say_all(all) for _, one in ipairs(all) do say(one.job .. 1 .. one.dead) end end
local opened = open('a')
say_all({ opened, open('b') })
return opened.job, #opened.dead, opened.job:find(':'), opened.mode, opened.job == 'a:job:'""",
    "a field that is read by a computed name": """
local function open(key) return { key = key, job = key .. ':job:', dead = key .. ':dead' } end
local q = open(say('a'))
for _, place in ipairs({ 'job', 'dead' }) do say(q[place]) end
return q.job""",
    "a field that is written, and one that two tables have": """
local k = say('a')
local q, other = { key = k, job = k .. ':job:', dead = k .. ':dead' }, { dead = 'no' }
q.job = 'new'
return q.job, q.dead, other.dead""",
    "conditions that constants decide": """
local YES, NO = true, nil
local function f(a, b)
  if a and b then return 1 elseif not a then return 2 else return 3 end
end
return f(YES, NO), f(NO, YES), f(YES, YES), NO or 'x', YES and say('y'), 'a' == 'a', 1 ~= 1""",
    "a loop around a call": """
local found = {}
local function look(i) if i % 2 == 0 then return end found[#found + 1] = i end
for i = 1, 5 do look(i) end
repeat local i = #found look(i) until i > 3
return table.concat(found, ' ')""",
    "a function that one branch needs": """
local function f(a) if a > 1 then return say(a) end return f and 1 end
if say(1) == 1 then return f(2) end
return f(3)""",
    "a loop over the arguments": """
local function first_bad(...)
  if not say('ask') then return end
  local wanted = { ... }
  for i = 1, select('#', ...), 2 do
    local name, value = wanted[i], wanted[i + 1]
    if value and value > 3 then return name .. value end
  end
end
local n = say(5)
local bad = first_bad('a', 1, 'b', n, 'c', say(7))
local none = first_bad('a', false, 'b', nil)
bad = bad .. tostring((first_bad('d', 3, 'e')))
return bad, tostring(none)""",
    "a list of arguments that changes, goes on, and counts": """
local function f(...)
  local all, sum = { ... }, 0
  for i = 1, select('#', ...) do all[i] = all[i] + 1 sum = sum + all[i] end
  return sum, #all, table.concat(all, ',')
end
local function g(a, ...)
  local all = { ... }
  a = a + 1
  for i = 1, select('#', ...) do a = a + all[i] end
  return a
end
local a, b, c = f(1, say(2), 3)
local d = g(b, a, b)
return a, b, c, d""",
    "fields named by the call": """
local function open(key, ...)
  local values = { say('x'), 'y', 'z' }
  local q = { key = key }
  for i = 1, select('#', ...) do q[select(i, ...)] = values[i] .. i end
  q.all = values
  return q
end
local q = open('k', 'lease', 'seen')
return q.key, q.lease, q.seen, q.all[3]""",
    "a loop that breaks, and one of no rounds": """
local function f(...)
  local n = 0
  for i = 1, select('#', ...) do if select(i, ...) == 'no' then break end n = i end
  for i = 1, select('#', ...) - 9 do n = n + say(i) end
  return n
end
local a = f('yes', 'no', 'yes')
return a""",
    "fields behind a table that need the table, or come twice": """
local q = { a = say(1) }
q.b, q.c = say(2), say(3)
q.d = q.b
q.a = say(4)
q.e = say(5)
return q.a, q.b, q.c, q.d, q.e""",
}  # fmt: skip


def ran(text: str) -> tuple[Any, list[Any]]:
    """What a program returns, and what it said."""
    runtime, said = LuaRuntime(), []

    def say(what: Any) -> Any:
        said.append(what)
        return what

    runtime.globals().say = say
    return runtime.execute(text), said


@pytest.mark.parametrize("what", PROGRAMS)
def test_a_lean_program_does_what_the_program_does(what: str) -> None:
    text = PROGRAMS[what]
    made = lean(text, what)
    assert ran(made) == ran(text), made


def test_a_field_that_follows_from_another_is_made_where_it_is_read() -> None:
    made = lean(
        "local k = KEYS[1]\nlocal q = { key = k, job = k .. ':job:' }\nreturn q.job .. 1", ""
    )
    assert "q.key .. ':job:' .. 1" in made
    assert made.count(":job:") == 1


def test_a_loop_over_named_arguments_leaves_neither_loop_nor_list() -> None:
    made = lean(
        "local function f(...)\n  local all = { ... }\n"
        "  for i = 1, select('#', ...), 2 do\n"
        "    if KEYS[all[i]] then return all[i + 1] end\n  end\n"
        "end\nlocal a = ARGV[1]\nlocal found = f(1, a, 2, ARGV[2])\nreturn found",
        "",
    )
    assert "function" not in made and "select" not in made and "{" not in made
    assert "KEYS[2]" in made


def test_fields_behind_a_table_are_made_with_the_table() -> None:
    made = lean("local q = { a = 1 }\nq.b = KEYS[1]\nq.c = ARGV[1]\nreturn q", "")
    assert " ".join(made.split()) == "local q = { a = 1, b = KEYS[1], c = ARGV[1], } return q"


def test_a_table_is_made_with_room_for_fields_that_it_gets_later() -> None:
    made = lean(
        "local a = ARGV[1]\nlocal q = { one = a .. 1, two = a .. 2 }\nredis.call('PING')\n"
        "q.three = a\nif a then q.four = a end\nreturn q.one .. q.two .. q.three .. q.four",
        "",
    )
    assert "{ one = a .. 1, two = a .. 2, three = nil, }" in " ".join(made.split())


def test_a_field_that_nothing_reads_is_not_made() -> None:
    text = "local a, b = ARGV[1], KEYS[1]\nlocal q = { one = a, two = b }\n"
    assert "two" not in lean(text + "return q.one", "")
    assert "two" in lean(text + "return q[a]", "")


def test_a_number_that_goes_to_a_command_is_made_a_text_by_the_script() -> None:
    made = lean("local n = #KEYS\nreturn redis.call('LTRIM', KEYS[1], 0, -n - 1)", "")
    assert "redis.call('LTRIM', KEYS[1], '0', string.format('%d', -n - 1))" in made


def test_fields_that_a_call_names_are_written_by_their_names() -> None:
    made = lean(
        "local function open(...)\n  local q = { key = KEYS[1] }\n"
        "  for i = 1, select('#', ...) do\n    local what = select(i, ...)\n"
        "    if what == 'text' then q[what] = ARGV[i] else q[what] = ARGV[i] + 0 end\n  end\n"
        "  return q\nend\nlocal q = open('text', 'lease')\nreturn q",
        "",
    )
    assert "{ key = KEYS[1], text = ARGV[1], lease = ARGV[2] + 0, }" in " ".join(made.split())


@pytest.mark.parametrize("name", ["simple/claim", "reliable/complete"])
def test_a_script_is_written_as_it_was_made_and_hides_no_name(name: str) -> None:
    body = script(name).body
    tree = clone(ast.parse(body))
    again = "".join(ast.to_lua_source(tree, indent=2).split())
    assert again == "".join(body.split())
    Shortener().separate(tree)
    assert "".join(ast.to_lua_source(tree, indent=2).split()) == again
