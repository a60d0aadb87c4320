"""The command `pyjobs` under test: run in this process, which is quick, or in one of its own.

No assertion about pyjobs may live here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis

from pyjobs.cli import main
from pyjobs.engine.queue import fetch
from pyjobs.engine.replies import Stored
from pyjobs.transport.send import run
from support.running import wait_until

SECONDS = 90
DEAD_URL = "redis://:secret@127.0.0.1:1"  # port 1 is nobody's

ONE_BY_ONE = """
import contextlib, io, json, sys
from pyjobs.cli import main

ended = []
for words in json.load(sys.stdin):
    code, out, err = 0, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(words)
        except SystemExit as end:
            code = end.code or 0
    ended.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(ended))
"""


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Cli:
    """Commands against one server, from one folder.

    Attributes:
        url: the server's, which every command gets by PYJOBS_URL.
        redis: a connection to it.
        folder: where the commands run.
    """

    def __init__(
        self, url: str, server: redis.Redis, folder: Path, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.url = url
        self.redis: Any = server
        self.folder = folder
        self._capture = capture
        self._started: list[subprocess.Popen[str]] = []

    def __call__(self, *words: str) -> Done:
        """A command in this process, to its end."""
        self._capture.readouterr()
        code: Any = None
        try:
            main(words)
        except SystemExit as end:
            code = end.code
        return Done(code or 0, *self._capture.readouterr())

    def process(self, *words: str, input: str = "") -> Done:
        """A command in a process of its own, to its end."""
        return self.shell([sys.executable, "-P", "-m", "pyjobs", *words], input=input)

    def in_one_process(self, *commands: Sequence[str]) -> list[Done]:
        """Commands that end by themselves, one after the other in a process of its own: to start an
        interpreter takes longer than most commands do."""
        program = [sys.executable, "-P", "-c", ONE_BY_ONE]
        told = self.shell(program, input=json.dumps(commands))
        assert told.code == 0, told.err
        return [Done(*words) for words in json.loads(told.out)]

    def shell(self, command: list[str], *, input: str = "", **variables: str) -> Done:
        """Any program, to its end."""
        ended = subprocess.run(
            command, input=input, capture_output=True, text=True, timeout=SECONDS,
            cwd=self.folder, env={**os.environ, **variables}, check=False,
        )  # fmt: skip
        return Done(ended.returncode, ended.stdout, ended.stderr)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A command in a process of its own, which goes on; it is killed after the test."""
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pyjobs", *words], cwd=self.folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._started.append(process)
        return process

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate(timeout=SECONDS)

    def module(self, name: str, text: str) -> None:
        """A Python module in the folder."""
        (self.folder / f"{name}.py").write_text(text)

    def wait_for(self, file: str) -> str:
        """Wait until a file of the folder is there and not empty; returns its text."""
        path = self.folder / file
        return wait_until(lambda: path.read_text() if path.exists() else "")

    def stored(self, id: str, queue: str = "words") -> Stored:
        """What is stored of a job."""
        [stored] = run(self.redis, fetch(f"jobs:{{{queue}}}", [id]))
        return stored
