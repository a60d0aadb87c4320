"""What a command imports: the imports take longer than most commands do, so they are counted."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

RUN = """
import sys
from pyjobs.cli import main
try:
    main()
finally:
    print("\\nmodules:", *sys.modules)
"""
NETWORK = {"asyncio", "redis", "hiredis", "ssl"}
LAYERS = {"pyjobs.engine", "pyjobs.transport", "pyjobs.client", "pyjobs.admin", "pyjobs.worker"}


def imported(*words: str, **variables: str) -> set[str]:
    """The modules that a command has imported at its end."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return set(done.stdout.rpartition("modules:")[2].split())


@pytest.mark.parametrize(
    "words", [["version"], ["--version"], ["--help"], ["help"], [], ["statsu"]]
)
def test_a_command_that_needs_no_redis_imports_no_layer_below_the_command_line(
    words: list[str],
) -> None:
    found = imported(*words)
    assert "pyjobs.cli.app" in found
    assert found & (NETWORK | LAYERS | {"rich"}) == set()


def test_a_tab_that_completes_a_command_imports_no_layer_below_the_command_line() -> None:
    found = imported(_PYJOBS_COMPLETE="bash_complete", COMP_WORDS="pyjobs st", COMP_CWORD="1")
    assert "click.shell_completion" in found
    assert found & (NETWORK | LAYERS | {"rich"}) == set()


@pytest.mark.parametrize("command", ["status", "submit", "result", "jobs", "dead", "doctor"])
def test_a_command_that_asks_redis_imports_no_worker(command: str) -> None:
    found = imported(command, "--help")
    assert f"pyjobs.cli.{command}" in found
    assert found & {"pyjobs.worker", "pyjobs.tasks", "rich", "fakeredis"} == set()
