"""The fixture `cli` of the tests of the command line: a plugin of pytest, which they name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyjobs.transport.server import connect
from support.commands import Cli
from support.servers import own_server


@pytest.fixture(scope="session")
def cli_url() -> Iterator[str]:
    with own_server() as server:
        yield server.url


@pytest.fixture
def cli(
    cli_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Cli]:
    """Commands against an empty server, from an empty folder."""
    monkeypatch.setenv("PYJOBS_URL", cli_url)
    monkeypatch.chdir(tmp_path)
    with connect(cli_url) as server:
        server.flushall()
        commands = Cli(cli_url, server, tmp_path, capsys)
        yield commands
        commands.close()
