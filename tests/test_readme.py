"""What README.md and lua/README.md show is what happens: their Python and shell lines are run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyjobs.engine.scripts import everything
from pyjobs.testing.servers import Server, find, find_cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROTOCOL = (ROOT / "lua" / "README.md").read_text()
URL = "redis://localhost:6379"


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(find()[0]) as started:
        yield started


@pytest.fixture(scope="module")
def shell(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment whose redis-cli and pyjobs talk to the server."""
    cli = find_cli()
    assert cli is not None, "no redis-cli on this machine"
    folder = tmp_path_factory.mktemp("bin")
    for name, line in (
        ("redis-cli", f'exec {cli} -u {server.url} "$@"'),
        ("pyjobs", f'exec {sys.executable} -m pyjobs "$@"'),
    ):
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYJOBS_URL": server.url}


def sh(lines: str, env: dict[str, str], cwd: Path) -> str:
    """What the lines print; they must all succeed."""
    done = subprocess.run(
        ["sh", "-euc", lines],
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_program_of_the_readme_prints_what_it_says(tmp_path: Path) -> None:
    program = blocks(README, "python")[0]
    assert len(program.strip().splitlines()) < 16
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == "esaelp em esrever\n", done.stderr


def test_the_workers_and_producers_of_the_readme_work_together(
    server: Server, shell: dict[str, str], tmp_path: Path
) -> None:
    _, words, in_asyncio, pull = blocks(README, "python")
    work, submit, producer, result = blocks(README, "sh")
    (tmp_path / "words.py").write_text(words.replace(URL, server.url))
    worker = subprocess.Popen(["sh", "-c", f"exec {work}"], env=shell, cwd=tmp_path)
    try:
        assert sh(submit, shell, tmp_path) == '"esaelp em esrever"\n'
        assert sh(producer, shell, tmp_path).split()[-2:] == ["order-17", "new"]
        assert sh(result, shell, tmp_path) == '"esaelp em esrever"\n'
        program = in_asyncio.replace(URL, server.url) + "\nimport asyncio\nasyncio.run(main())"
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.stdout == "esaelp em esrever\n['erom', 'ta', 'ecno']\n", done.stderr
    finally:
        worker.terminate()
    assert worker.wait(10) == 0
    pulled_by_the_worker_that_pulls(pull.replace(URL, server.url), shell, tmp_path)


def pulled_by_the_worker_that_pulls(pull: str, shell: dict[str, str], tmp_path: Path) -> None:
    program = f"{pull}\nimport asyncio\nasyncio.run(main())"
    worker = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path)
    try:
        line = """pyjobs submit words '{"text": "pulled"}' --wait 10"""
        assert sh(line, shell, tmp_path) == '"dellup"\n'
    finally:
        worker.kill()
        worker.wait(10)


def test_the_shell_lines_of_the_protocol_submit_a_job(
    shell: dict[str, str], tmp_path: Path
) -> None:
    [lines] = blocks(PROTOCOL, "sh")
    printed = sh(f"pyjobs scripts load >/dev/null\n{lines}", shell, tmp_path)
    assert printed.split()[-1] == "new"


def test_the_cron_line_of_the_readme_succeeds(shell: dict[str, str], tmp_path: Path) -> None:
    [line] = re.findall(r"^    \* \* \* \* \*  PYJOBS_URL=\S+ (.*)$", README, re.MULTILINE)
    sh(line, shell, tmp_path)


def test_the_commands_that_the_readme_shows_are_executable() -> None:
    for command in re.findall(r"^    (scripts/\w+)", README, re.MULTILINE):
        assert os.access(ROOT / command, os.X_OK), command
    assert "scripts/test" in (ROOT / ".ci" / "run").read_text()


def test_the_protocol_lists_every_script() -> None:
    table = PROTOCOL[PROTOCOL.index("    lua/") : PROTOCOL.index("    lib/")]
    for script in everything():
        mode, verb = script.name.split("/")
        [line] = [line for line in table.splitlines() if line.strip().startswith(f"{mode}/")]
        assert verb in line.split(), script.name
