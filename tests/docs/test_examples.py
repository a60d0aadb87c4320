"""Every block of code on a page is run, in the order of the page, and prints what the page says.

What a block's language means:

    python  a whole program; `print(...)  # words` prints these words. A block that begins with
            `# name.py` is saved under that name for the blocks after it
    sh      commands that all succeed; `# prints words` names a line of their output
    redis   commands for redis-cli, each followed by `-> reply`; <words> stand for a number
    crontab the command of each line is run
    lua     the lines `returns` of a script's header, as the build reads them
    text    no code: a drawing, or a form with <words> to fill in

A block in another language fails. One that can't be run stands in NOT_RUN with the reason.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lua_build import reply
from redis import Redis
from support.lanes import long
from support.pages import PAGES, ROOT, Block, blocks
from support.running import wait_until

from pyjobs.testing import Server, find_redis_cli, find_servers

URL = "redis://localhost:6379"
SECONDS = 100  # for a command; a busy machine takes ten times as long

# (page, first line of the block) -> why it is not run here.
NOT_RUN = {
    (
        "README.md",
        "scripts/demo",
    ): "tests/scripts/test_demo.py runs the demo",
    (
        "README.md",
        "pip install '.[cli,memory,tasks,schedules]'",
    ): "fetches packages; test_wheel.py runs it in CI",
    (
        "docs/benchmarks.md",
        "scripts/bench",
    ): "takes minutes; test_bench.py runs a small one",
}
# Blocks that take half a minute, and need no other block of their page.
EXAM = (
    "PYTHONPATH=docs/clients python -m pyjobs.testing.compliance --worker 'pyjobs work exam:worker'"
)
LONG = {
    ("docs/operations.md", "python -m pyjobs.testing.compliance redis://localhost:6379"),
    ("docs/clients/README.md", EXAM),
    (
        "docs/clients/README.md",
        "python -m pyjobs.testing.compliance --producer 'perl docs/clients/pyjobs.pl submit exam'",
    ),
}
# (page, first line of the block): it runs until the end of the page, and a SIGTERM ends it well.
IN_BACKGROUND = {
    ("README.md", "pyjobs work words:worker"),
    ("docs/clients/README.md", "scripts/worker.sh words tr a-z A-Z"),
    ("docs/guide.md", "pyjobs work orders:worker"),
    ("docs/longjobs.md", "pyjobs work pages:worker"),
    ("docs/guide.md", "pyjobs work sums:worker"),
    ("docs/longjobs.md", "pyjobs work films:worker"),
    ("docs/longjobs.md", "pyjobs work story:worker"),
    ("docs/programs.md", "pyjobs work shop:worker"),
    ("docs/programs.md", "pyjobs work mailer:worker"),
    ("docs/programs.md", "pyjobs work rows:worker"),
    (
        "docs/programs.md",
        "gunicorn --preload --workers 2 --threads 8 --bind localhost:8000 mailer:app",
    ),
}
# The same, but it ends by the signal: it has no handler of signals, or sends it again.
KILLED = {
    ("docs/guide.md", "python pull.py"),
    ("docs/longjobs.md", "uvicorn events:app --port 8002"),
    ("docs/longjobs.md", "uvicorn tales:app --port 8003"),
    ("docs/programs.md", "uvicorn shop:app --port 8001"),
    ("docs/programs.md", "python -m aiosmtpd -n -l localhost:8025"),
}
# Ports that programs of a page listen on. Each run has others in their places.
PORTS = re.compile(r"\b(?:8000|8001|8002|8003|8025)\b")
# Pages that ask for the worker of the README.
WITH_WORKER = {"docs/guide.md"}


class Reader:
    """Does what a page says, on a server of its own: a reader who types every block.

    Args:
        server: what localhost:6379 stands for.
        folder: where the reader works. The project's programs can be called from there.
    """

    def __init__(self, server: Server, folder: Path, stack: ExitStack) -> None:
        self._url = server.url
        self._folder = folder
        self._stack = stack
        self._redis: Redis = stack.enter_context(Redis.from_url(server.url, decode_responses=True))
        cli = find_redis_cli()
        assert cli is not None, "no redis-cli on this machine"
        programs = {
            "bin/redis-cli": f"{cli} -u {server.url}",
            "bin/pyjobs": f"{sys.executable} -m pyjobs",
            "bin/python": sys.executable,
            "bin/uvicorn": f"{sys.executable} -m uvicorn",
            "bin/gunicorn": f"{sys.executable} -m gunicorn",
            **{
                f"scripts/{name}": str(ROOT / "scripts" / name)
                for name in (
                    *("bench", "chaos", "cluster", "million", "mutants"),
                    *("worker.sh", "submit.sh", "result.sh"),
                )
            },
        }
        for name, command in programs.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            (folder / name).chmod(0o755)
        (folder / "docs").mkdir()
        (folder / "docs" / "clients").symlink_to(ROOT / "docs" / "clients")
        (folder / "lua").symlink_to(ROOT / "lua")
        path = f"{folder / 'bin'}:{os.environ['PATH']}"
        self._ports: dict[str, int] = {}
        self._env = {**os.environ, "PATH": path, "PYJOBS_URL": server.url, "PYTHONPATH": str(ROOT)}

    def read(self, page: str) -> None:
        """Do all that the page says."""
        if page in WITH_WORKER:
            self._give(next(one for one in blocks("README.md") if one.title == "# words.py"))
            self._work("pyjobs work words:worker", ends_well=True)
        for block in blocks(page):
            key = (page, block.title)
            if key in NOT_RUN or key in LONG:
                continue
            if key in IN_BACKGROUND | KILLED:
                self._work(block.text, ends_well=key in IN_BACKGROUND)
            else:
                getattr(self, f"do_{block.language}")(block)

    def do_text(self, block: Block) -> None:
        assert not re.search(
            r"^(pyjobs|redis-cli|pip|python|scripts/\w+) ", block.text, re.MULTILINE
        )

    def do_python(self, block: Block) -> None:
        if re.match(r"# \w+\.py\n", block.text):
            self._give(block)
            return
        said = self._run([sys.executable, "-c", self._own(block.text)])
        assert said.splitlines() == re.findall(r"print\(.*\) +# (.*)$", block.text, re.MULTILINE)

    def do_sh(self, block: Block) -> None:
        said = iter(self._run(["sh", "-euc", self._own(block.text)]).splitlines())
        for line in re.findall(r"^# prints (.*)$", block.text, re.MULTILINE):
            assert line in said, f"not printed in this order: {line}"

    def do_redis(self, block: Block) -> None:
        exchanges = re.findall(r"^(\w.*)\n-> (.*)$", block.text, re.MULTILINE)
        assert len(exchanges) * 2 == len(block.text.splitlines())
        shas = self._redis_shas()
        for command, answer in exchanges:
            filled = re.sub(r"<([^>]+@\d+)>", lambda found: shas[found[1]], command)
            said = shown(self._redis.execute_command(*shlex.split(filled)))
            pattern = re.sub(r"<\w+>", r"\\d+", re.escape(answer))
            assert re.fullmatch(pattern, said), f"{command}: {said}"

    def do_crontab(self, block: Block) -> None:
        for line in block.text.splitlines():
            *moment, command = line.split(None, 5)
            assert len(moment) == 5
            self._run(["sh", "-euc", self._own(command)])

    def do_lua(self, block: Block) -> None:
        lines = block.text.splitlines()
        assert lines[0].startswith("-- returns  ")
        assert reply.read(block.page, [line[12:] for line in lines])

    def _redis_shas(self) -> Any:
        self._run(["pyjobs", "scripts", "load"])
        return self._redis.hgetall("jobs:scripts")

    def _give(self, block: Block) -> None:
        name = block.title.removeprefix("# ")
        (self._folder / name).write_text(self._own(block.text))

    def _own(self, text: str) -> str:
        """The text with the server and the ports of this run."""
        return PORTS.sub(lambda found: str(self._port(found[0])), text.replace(URL, self._url))

    def _port(self, named: str) -> int:
        if named not in self._ports:
            with socket.create_server(("localhost", 0)) as free:
                self._ports[named] = free.getsockname()[1]
        return self._ports[named]

    def _work(self, command: str, *, ends_well: bool) -> None:
        command = self._own(command)
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command}"], env=self._env, cwd=self._folder, text=True
        )

        def end() -> None:
            process.terminate()
            code = process.wait(SECONDS)
            assert code == 0 or not ends_well, f"{command}: {code}"

        self._stack.callback(end)
        for port in set(re.findall(r"\d+", command)) & {str(port) for port in self._ports.values()}:
            wait_until(partial(listens, int(port)), SECONDS)

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            env=self._env,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout


def listens(port: int) -> bool:
    """Whether a program takes connections on this port."""
    with socket.socket() as client:
        return client.connect_ex(("localhost", port)) == 0


def shown(reply: Any) -> str:
    """A reply of Redis as the protocol writes it."""
    return f"[{', '.join(map(shown, reply))}]" if isinstance(reply, list) else str(reply)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Server(find_servers()[0]) as server, ExitStack() as stack:
        yield Reader(server, tmp_path, stack)


# These start a dozen programs each.
LONG_PAGES = {
    *("docs/programs.md", "docs/guide.md", "docs/longjobs.md", "docs/operations.md"),
    *("docs/contributing.md", "lua/README.md"),
}


@pytest.mark.parametrize("page", [long(page) if page in LONG_PAGES else page for page in PAGES])
def test_a_page_s_examples_do_what_the_page_says(reader: Reader, page: str) -> None:
    reader.read(page)


@pytest.mark.long
@pytest.mark.parametrize(("page", "title"), sorted(LONG))
def test_a_long_example_does_what_the_page_says(reader: Reader, page: str, title: str) -> None:
    [block] = [block for block in blocks(page) if block.title == title]
    reader.do_sh(block)


def test_examples_that_are_not_run_or_run_in_the_background_exist() -> None:
    titles = {(page, block.title) for page in PAGES for block in blocks(page)}
    assert NOT_RUN.keys() | LONG | IN_BACKGROUND | KILLED <= titles


@pytest.mark.parametrize("page", PAGES)
def test_code_on_a_page_stands_in_fenced_blocks(page: str) -> None:
    """An indented block would be code that no test sees."""
    outside = PAGES[page]
    for block in blocks(page):
        outside = outside.replace(f"```{block.language}\n{block.text}```\n", "")
    assert "```" not in outside
    assert not re.search(r"\n\n {4}\S", outside)


def test_the_round_trip_of_the_readme_fits_on_a_first_screen() -> None:
    first = next(block for block in blocks("README.md") if block.language == "python")
    assert len(first.text.strip().splitlines()) < 16
