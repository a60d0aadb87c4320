"""A table whose fields are made where they are read is read by a dot, or the build refuses it."""

from __future__ import annotations

import pytest
from lua_build.errors import BuildError
from lua_build.lean import lean
from lupa.lua51 import LuaRuntime

HEAD = """
local function open(key) return { key = key, job = key .. ':job:', list = key .. ':list' } end
local q = open(KEYS[1])
local first = q.job
"""
# Each says what it does, and what the message says.
WRONG = {
    "pairs": ("for name in pairs(q) do first = name end", "q goes into pairs(...)"),
    "next": ("first = next(q)", "q goes into next(...)"),
    "rawget": ("first = rawget(q, 'job')", "q goes into rawget(...)"),
    "a text in brackets": ("first = q['job']", "q['job'] reads a field in another way"),
    "another name": (
        "local other\nif KEYS[2] then other = q end\nfirst = other[KEYS[2]]",
        "q gets another name",
    ),
    "another name by or": (
        "local other = first and q or nil\nfirst = #other",
        "a table gets another name",
    ),
    "another name of a result": (
        """
local function one(key)
  for n = 1, 2 do if key then return { root = key, way = key .. ':' } end end
end
local other = one(KEYS[1])
first = other[KEYS[2]]""",
        "gets another name",
    ),
    "a parameter of another name": (
        """
local function count(other)
  for n in pairs(other) do if n then return n end end
end
first = count(q) .. count(q)""",
        "q goes into",
    ),
    "a table of a list": (
        """
local all = {}
for n = 1, 2 do all[n] = q end
for _, one in ipairs(all) do
  for name in pairs(one) do first = name end
end""",
        "one goes into pairs(...)",
    ),
    "a table of a list by a text": (
        """
local all = {}
table.insert(all, q)
for _, one in ipairs(all) do first = one['job'] end""",
        "one['job'] reads",
    ),
}
RIGHT = {
    "a field by a dot": "first = q.list",
    "a list of tables": """
local all = {}
for n = 1, 2 do all[n] = q end
for _, one in ipairs(all) do first = one.list end""",
    "a condition": "if not q then first = 'none' end",
    "a number in brackets": "q[1] = 'one'\nfirst = q[1]",
    "a text that is no field": "q['other'] = 'o'\nfirst = q['other']",
}


def ran(text: str) -> object:
    runtime = LuaRuntime()
    runtime.execute("KEYS = { 'a', 'job' }")
    return runtime.execute(text)


@pytest.mark.parametrize("form", WRONG)
def test_a_table_that_is_read_in_another_way_than_by_a_dot_is_refused(form: str) -> None:
    text, why = WRONG[form]
    with pytest.raises(BuildError) as found:
        lean(f"{HEAD}{text}\nreturn first", "queue/one.lua")
    assert str(found.value).startswith("queue/one.lua: ")
    assert why in str(found.value)


@pytest.mark.parametrize("form", RIGHT)
def test_a_table_that_is_read_by_a_dot_says_what_its_source_says(form: str) -> None:
    text = f"{HEAD}{RIGHT[form]}\nreturn first"
    made = lean(text, "queue/one.lua")
    assert "job = " not in made
    assert ran(made) == ran(text)
