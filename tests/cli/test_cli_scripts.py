"""The commands about scripts: list, load, show, export."""

from __future__ import annotations

import hashlib
import json
import shlex
from importlib import resources
from pathlib import Path

import pytest
from support.commands import Cli

from pyjobs.engine.scripts import everything, types

pytest_plugins = ("support.command_fixtures",)


# --- scripts ---


def test_scripts_lists_name_version_and_sha1_of_every_script(cli: Cli) -> None:
    head, *lines = cli("scripts").out.splitlines()
    assert head.split() == ["name", "version", "sha1"]
    assert [line.split() for line in lines] == [
        [script.name, str(script.version), script.sha1] for script in everything()
    ]


def test_a_command_reads_the_variable_of_the_prefix_where_the_option_is_not_given(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYJOBS_PREFIX", "test")
    assert cli("scripts", "load").out.endswith(" the hash test:scripts has their shas\n")
    assert cli("scripts", "load", "--prefix", "p").out.endswith(" p:scripts has their shas\n")


@pytest.mark.parametrize("prefix", ["jobs", "p"])
def test_scripts_load_loads_every_script_and_writes_the_hash_of_shas(cli: Cli, prefix: str) -> None:
    told = cli("scripts", "load", *(["--prefix", "p"] if prefix == "p" else []))
    number = len(everything())
    assert told.out == f"{number} scripts are loaded; the hash {prefix}:scripts has their shas\n"
    shas = {script.title.encode(): script.sha1.encode() for script in everything()}
    assert cli.redis.hgetall(f"{prefix}:scripts") == shas
    assert all(cli.redis.script_exists(*shas.values()))
    bodies = cli.redis.hgetall(f"{prefix}:bodies")
    assert {sha: hashlib.sha1(body).hexdigest().encode() for sha, body in bodies.items()} == {
        sha: sha for sha in shas.values()
    }


def test_a_second_load_sends_no_body(cli: Cli) -> None:
    cli("scripts", "load")
    cli.redis.hset("jobs:bodies", "0" * 40, "of another age")
    before = cli.redis.info("commandstats")
    assert cli("scripts", "load").code == 0
    stats = cli.redis.info("commandstats")
    calls = {
        name: told["calls"] - before.get(name, {"calls": 0})["calls"]
        for name, told in stats.items()
    }
    assert calls.get("cmdstat_script|load", calls.get("cmdstat_script", 0)) == 0
    assert (calls["cmdstat_hset"], cli.redis.hlen("jobs:bodies")) == (1, len(everything()) + 1)
    cli.redis.script_flush()
    assert cli("scripts", "load").code == 0
    assert all(cli.redis.script_exists(*[script.sha1 for script in everything()]))


@pytest.mark.parametrize("name", ["reliable/submit", "reliable/submit@1"])
def test_scripts_show_prints_a_call_that_works_and_every_argument(cli: Cli, name: str) -> None:
    [script] = [one for one in everything() if one.title == "reliable/submit@1"]
    told = cli("scripts", "show", name, "--prefix", "p")
    title, _, line, _, sample, *rest = told.out.splitlines()
    assert title == f"{script.title}: {script.about['what']}"
    call = f"redis-cli -e EVALSHA {script.sha1} 1 'p:{{QUEUE}}'"
    assert line == f"{call} CLIENT OPTIONS ID DATA"
    assert sample == f"""{call} '' '' '' '{{"text":"reverse me"}}'"""
    cli("scripts", "load")
    assert cli.redis.execute_command(*shlex.split(sample)[2:])[1] == b"new"
    rows = [" ".join(row.split()) for row in rest if row and not row.startswith(" ")]
    assert rows[:3] == [
        "key QUEUE queue where the jobs go",
        "argument CLIENT name, or '' up to 128 bytes the client that hears the results; '' is none",
        "argument OPTIONS options any of the next, or ''",
    ]
    assert "option delay=MS ms 0 to 315360000000 0 not to be claimed before" in rows
    assert "item DATA bytes up to 1048576 bytes" in rows
    assert "at a moment, in whole milliseconds since the epoch" in rows
    assert "items ID DATA: '' as id asks for one; 1 to 1000 times" in rows
    assert "returns [(id, outcome) per item]" in rows
    assert any(row.startswith("outcome word bulk string 'new'; the state of") for row in rows)
    assert [row.split()[0] for row in rows[-4:]] == ["items", "errors", "replay", "cost"]


def test_scripts_show_of_a_script_for_several_queues_shows_two(cli: Cli) -> None:
    told = cli("scripts", "show", "reliable/claim")
    words = " ".join(told.out.split())
    assert "in order of priority; for two: 2 'jobs:{QUEUE}' 'jobs:{OTHER}'" in words
    assert "such as" not in told.out


def test_scripts_show_explains_every_type(cli: Cli) -> None:
    for script in everything():
        shown = cli("scripts", "show", script.title).out
        about = [one for part in ("args", "options", "items") for one in script.about[part]]
        for name in {one["type"] for one in about}:
            assert f"{name}  " in shown
            assert types()[name].split("; ")[0] in " ".join(shown.split())


@pytest.mark.parametrize("title", [script.title for script in everything()])
def test_scripts_show_has_every_argument_in_its_place(cli: Cli, title: str) -> None:
    [script] = [one for one in everything() if one.title == title]
    line = cli("scripts", "show", title).out.splitlines()[2]
    args = script.bind(
        [item["name"] for item in script.about["items"]], **{n: n for n in script.names}
    )
    assert line.split()[6:] == [str(arg).upper() for arg in args]


def test_scripts_show_of_an_unknown_script_suggests_a_name(cli: Cli) -> None:
    told = cli("scripts", "show", "relable/submit")
    assert told.code == 1
    assert told.err == (
        "pyjobs: there is no script 'relable/submit'; did you mean reliable/submit?\n"
    )


def test_scripts_export_writes_the_scripts_and_their_manifest(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert cli("scripts", "export", str(folder)).code == 0
    built = resources.files("pyjobs") / "_lua"
    manifest = (folder / "manifest.json").read_bytes()
    assert manifest == (built / "manifest.json").read_bytes()
    for script in json.loads(manifest)["scripts"].values():
        assert hashlib.sha1((folder / script["file"]).read_bytes()).hexdigest() == script["sha1"]


def test_scripts_export_to_a_file_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = cli("scripts", "export", "file")
    assert told.code == 1
    assert told.err.startswith("pyjobs: DIR: ")
    assert told.err.count("\n") == 1
