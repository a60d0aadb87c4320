"""The fixtures of pyjobs for pytest, which finds this file by an entry point.

pytest imports this file for every project of an environment, so nothing of pyjobs is imported
before a test asks for a fixture. What the fixtures give lives in `pyjobs.testing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyjobs.testing import Jobs, Server

MEMORY = "memory"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that chooses the server of all tests."""
    parser.getgroup("pyjobs").addoption(
        "--pyjobs-server",
        metavar="NAME",
        default=MEMORY,
        help="server of the fixture `jobs`: memory (default), or a program of this machine, such "
        "as redis-8.2",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark that chooses the server of one test."""
    config.addinivalue_line(
        "markers", "pyjobs(server='redis-8.2'): the server of the fixture `jobs` in this test"
    )


@pytest.fixture(scope="session")
def _pyjobs_servers() -> Iterator[Callable[[str], str]]:
    """The URL of a real server by its name; it starts at the first call."""
    started: dict[str, Server] = {}

    def url(name: str) -> str:
        from pyjobs.testing import Server, find_servers  # noqa: PLC0415

        if name not in started:
            found = {binary.name: binary for binary in find_servers()}
            if name not in found:
                known = ", ".join([MEMORY, *found])
                pytest.fail(f"there is no server {name} here; there are: {known}", pytrace=False)
            started[name] = Server(found[name])
            started[name].start()
        return started[name].url

    yield url
    for server in started.values():
        server.close()


@pytest.fixture
def pyjobs_url(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    _pyjobs_servers: Callable[[str], str],
) -> Iterator[str]:
    """The URL of an empty server for this test, which is in the variable PYJOBS_URL too."""
    from pyjobs.testing.jobs import emptied, end_memory, memory_url  # noqa: PLC0415

    mark = request.node.get_closest_marker("pyjobs")
    name = (mark and mark.kwargs.get("server")) or request.config.getoption("--pyjobs-server")
    if name == MEMORY:
        url = memory_url()
    else:
        url = _pyjobs_servers(name)
        emptied(url)
    monkeypatch.setenv("PYJOBS_URL", url)
    yield url
    if name == MEMORY:
        end_memory(url)


@pytest.fixture
def jobs(pyjobs_url: str) -> Iterator[Jobs]:
    """The queues of this test: `client`, `run_all`, `arun_all`, `submitted` and `travel`."""
    from pyjobs.testing import Jobs  # noqa: PLC0415

    found = Jobs(pyjobs_url)
    yield found
    found.close()
