"""scripts/build_lua.py: what it makes, what it refuses, and that what was released stays."""

from __future__ import annotations

import json

import build_lua
import pytest
from lua_build.compose import strip
from support.builds import ROOT, Copy

from pyjobs.engine.scripts import script

pytest_plugins = "support.build_fixtures"
# Each test builds all scripts, and scripts/check has shown that the build is fresh.
pytestmark = pytest.mark.long
BUILT = "pyjobs/_lua/reliable/dead@1.lua"
# A short script: any would do.
DEAD = "reliable/dead.lua"
SOURCE = f"lua/{DEAD}"


def slower(source: str) -> str:
    """The same script with another body."""
    return source.replace("\nreturn reply\n", "\nreturn { unpack(reply) }\n")


def second(source: str) -> str:
    return source.replace(" @1\n", " @2\n")


# --- what is checked in ---


def test_the_checked_in_build_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    status = build_lua.main(["--check"])
    assert (status, capsys.readouterr().err) == (0, "")


# --- what a build refuses ---


def test_an_untouched_copy_is_fresh(copy: Copy) -> None:
    assert copy.build("--check") == (0, "")


@pytest.mark.parametrize("path", [BUILT, "pyjobs/_lua/manifest.json"])
def test_a_stale_build_fails_the_check_until_it_is_built(copy: Copy, path: str) -> None:
    copy.edit(path, lambda text: text + " ")
    status, said = copy.build("--check")
    assert (status, f"{path} is stale" in said) == (1, True)
    assert copy.build() == (0, "")
    assert (copy.root / path).read_text() == (ROOT / path).read_text()


def test_a_changed_source_makes_the_build_stale(copy: Copy) -> None:
    copy.edit(SOURCE, slower)
    status, said = copy.build("--check")
    assert status == 1
    assert f"{BUILT} is stale" in said


def test_a_comment_changes_no_sha(copy: Copy) -> None:
    copy.edit(SOURCE, lambda text: text.replace("\narity(", "\n-- Why, --[[ and more.\narity("))
    assert copy.build("--check") == (0, "")


def test_a_built_file_without_a_source_is_refused_and_removed(copy: Copy) -> None:
    extra = copy.root / "pyjobs/_lua/reliable/extra@1.lua"
    extra.write_text("return 1")
    status, said = copy.build("--check")
    assert (status, "extra@1.lua is stale" in said) == (1, True)
    assert copy.build() == (0, "")
    assert not extra.exists()


def test_a_released_script_with_another_sha_is_refused(copy: Copy) -> None:
    assert copy.build("--release") == (0, "")
    copy.edit(SOURCE, slower)
    for args in (["--check"], [], ["--release"]):
        status, said = copy.build(*args)
        assert status == 1
        assert "reliable/dead@1 was released as " in said
        assert " and is now " in said


def test_a_second_release_changes_no_pinned_sha(copy: Copy) -> None:
    copy.build("--release")
    pinned = (copy.root / "lua/released.txt").read_text()
    assert f"reliable/dead@1 {script('reliable/dead').sha1}\n" in pinned
    copy.build("--release")
    assert (copy.root / "lua/released.txt").read_text() == pinned


def test_a_new_version_leaves_the_old_one_in_the_build_and_the_manifest(copy: Copy) -> None:
    copy.build("--release")
    copy.edit(SOURCE, lambda text: second(slower(text)))
    assert copy.build() == (0, "")
    assert copy.build("--check") == (0, "")
    built = copy.root / "pyjobs/_lua"
    assert (built / "reliable/dead@1.lua").read_text() == script("reliable/dead").body
    assert (built / "reliable/dead@2.lua").exists()
    manifest = json.loads((built / "manifest.json").read_text())
    titles = [title for title in manifest["scripts"] if title.startswith("reliable/dead@")]
    assert titles == ["reliable/dead@1", "reliable/dead@2"]


def test_a_released_script_survives_the_loss_of_its_source(copy: Copy) -> None:
    copy.build("--release")
    (copy.root / SOURCE).unlink()
    copy.build()
    assert (copy.root / BUILT).read_text() == script("reliable/dead").body


@pytest.mark.long
@pytest.mark.parametrize("manifest_too", [False, True])
def test_a_released_script_that_is_deleted_is_refused(copy: Copy, manifest_too: bool) -> None:
    copy.build("--release")
    copy.edit(SOURCE, lambda text: second(slower(text)))
    copy.build()
    (copy.root / BUILT).unlink()
    if manifest_too:
        path = copy.root / "pyjobs/_lua/manifest.json"
        manifest = json.loads(path.read_text())
        del manifest["scripts"]["reliable/dead@1"]
        path.write_text(json.dumps(manifest, indent=1) + "\n")
    status, said = copy.build("--check")
    assert status == 1
    assert "reliable/dead@1" in said


def test_an_old_version_that_was_edited_is_refused(copy: Copy) -> None:
    copy.build("--release")
    copy.edit(SOURCE, lambda text: second(slower(text)))
    copy.build()
    copy.edit(BUILT, lambda text: text + " ")
    status, said = copy.build("--check")
    assert status == 1
    assert "reliable/dead@1 was released as " in said


def test_a_build_that_is_refused_ends_with_status_1_and_the_reason(copy: Copy) -> None:
    copy.edit(SOURCE, lambda text: text.replace("-- cost     ", "-- ", 1))
    why = copy.refusal(DEAD)
    assert copy.build() == (1, f"build_lua: {why}\n")


JINJA = [
    "--% set x = 1\n",
    "--% for x in [1, 2]\n--% endfor\n",
    "--% if true\n--% endif\n",
    "--% macro m()\n--% endmacro\n",
    '--% import "lib/call/args.lua" as args\n',
    '--% extends "lib/call/args.lua"\n',
    "local x = --[[= 1 + 1 =]]\n",
    "local x = --[[= name =]]\n",
    '--% include "simple/claim.lua"\n',
    '--% include "lib/call/" ~ "args.lua"\n',
    '--% include ["lib/call/args.lua", "lib/call/clock.lua"]\n',
    '--% include "lib/nothing.lua"\n',
    '--% include "lib/nothing.lua" ignore missing\n',
]


@pytest.mark.parametrize("path", [SOURCE, "lua/lib/call/clock.lua"])
@pytest.mark.parametrize("line", JINJA)
def test_jinja_may_only_include_from_lib(copy: Copy, line: str, path: str) -> None:
    header, rest = (copy.root / path).read_text().split("\n", 1)
    (copy.root / path).write_text(f"{header}\n{line}{rest}")
    assert copy.refusal(DEAD)


@pytest.mark.parametrize(
    "line",
    [
        "local x = KEYS[1]",
        "local x = ARGV[9]",
        "local x = ARGV[9] -- what it is without a type",
        "local x = int('x', ARGV[9], 1, 2)",
        "local x = option(options, 'x', 1, 2)",
        "local x = option_name(options, 'x')",
        "local x = items(3, 2)",
        "local x, y = ARGV[8], ARGV[9]  -- int  two at once",
        "local x = ARGV[9]  -- int  out of order",
    ],
)
def test_a_place_without_a_name_and_a_type_is_refused(copy: Copy, line: str) -> None:
    copy.edit(SOURCE, lambda text: text.replace("\narity(", f"\n{line}\narity("))
    assert copy.refusal(DEAD).startswith("reliable/dead")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-- reliable/dead @1\n", ""),
        ("-- reliable/dead @1", "-- reliable/daed @1"),
        ("-- reliable/dead @1", "-- reliable/dead"),
        ("-- returns  ", "-- "),
        ("-- replay   ", "-- "),
        ("-- cost     ", "-- "),
    ],
)
def test_a_header_that_lacks_something_is_refused(copy: Copy, old: str, new: str) -> None:
    copy.edit(SOURCE, lambda text: text.replace(old, new, 1))
    assert copy.refusal(DEAD).startswith("reliable/dead")


FORM = "-- returns  [total, [id, reason, died, failures, crashes, error, task?] per job]"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("-- returns  [total, ", "-- returns  [total ", "not a form of a reply"),
        ("-- returns  [total, ", "-- returns  total, ", "not a form of a reply"),
        ("-- returns  [total, ", "-- returns  [(total), ", "not a form of a reply"),
        ("-- returns  [total, ", "-- returns  [total; ", "not a form of a reply"),
        ("-- returns  [total, ", "-- returns  [total, total, ", "not a form of a reply"),
        ("-- returns  [total, ", "-- returns  [total, more, ", "not a form of a reply"),
        ("error, task?]", "error?, task]", "not a form of a reply"),
        ("] per job]", "] per jobs]", "not a form of a reply"),
        ("] per job]", "] per job", "not a form of a reply"),
        ("] per job]", "] per job]]", "not a form of a reply"),
        (FORM, "-- returns  [id] per job", "not a form of a reply"),
        ("-- returns  [total, ", "-- returns  [", "the form lacks total"),
        ("--          total     int ", "--          total     long ", "not 'name  type  what"),
        ("--          id        id\n", "--          total     id\n", "not 'name  type  what"),
        ("int('limit', ARGV[2], 1, 1000) ", "ARGV[2] ", "limit has no bounds"),
        ("-- queue  ", "-- word2  ", "not a named and typed local"),
        ("-- int    how", "-- nom    how", "skip: there is no type nom"),
    ],
)  # fmt: skip
def test_a_reply_that_is_not_described_and_a_number_without_bounds_are_refused(
    copy: Copy, old: str, new: str, said: str
) -> None:
    copy.edit(SOURCE, lambda text: text.replace(old, new, 1))
    why = copy.refusal(DEAD)
    assert why.startswith("reliable/dead")
    assert said in why


# --- stripping ---


@pytest.mark.parametrize(
    ("source", "stripped"),
    [
        ("local a = '--x' -- c", "local a = '--x'"),
        ('local a = "--[[ x" -- c', 'local a = "--[[ x"'),
        (r"local a = '\'--x' -- c", r"local a = '\'--x'"),
        ("local a = [[ --x ]] -- c", "local a = [[ --x ]]"),
        ("local a = [==[ ]] --x ]==]", "local a = [==[ ]] --x ]==]"),
        ("a = 1 --[[ two\nlines ]] b = 2", "a = 1  b = 2"),
        ("a = 1 --[==[ ]] ]==] b = 2", "a = 1  b = 2"),
        ("a = 1\n\n  -- c\n\nb = 2\n", "a = 1\nb = 2"),
        ("a = 1 - -1 -- '", "a = 1 - -1"),
        ("-- it's\na = 'b'", "a = 'b'"),
    ],
)
def test_only_comments_are_stripped(source: str, stripped: str) -> None:
    assert strip(source) == stripped
