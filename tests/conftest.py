"""Where the tests run: on every server that is found, and in memory, each sync and async."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

import pytest
import redis.utils

# Before they are imported, so that a failure in them shows its values too.
pytest.register_assert_rewrite("support")

from support.servers import FOUND, PLACES, REAL  # noqa: E402
from support.store import Jobs, Store, leaks  # noqa: E402

from pyjobs.engine.modes import Mode  # noqa: E402
from pyjobs.testing import servers  # noqa: E402

UNIQUE = count()
# redis-py reads its own version from disk for each connection: a fifth of the time of most tests.
redis.utils.get_lib_version = functools.cache(redis.utils.get_lib_version)


@pytest.fixture(scope="session")
def server_url() -> Iterator[Callable[[str], str]]:
    """The URL of a real server by its name; it starts at the first call."""
    started: dict[str, servers.Server] = {}

    def url(name: str) -> str:
        if name not in FOUND:
            missing = f"{name} is not here: is its wheel installed?"
            if os.environ.get("CI") == "true":
                pytest.fail(missing)
            pytest.skip(missing)
        if name not in started:
            started[name] = servers.Server(FOUND[name])
            started[name].start()
        return started[name].url

    yield url
    for server in started.values():
        server.close()


@contextmanager
def opened(url: str, flavour: str) -> Iterator[Store]:
    """One empty server. After the test its keyspace must still be in order."""
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner()) if flavour == "async" else None
        store = Store(url, runner)
        store.redis.flushall()
        store.redis.script_flush()
        yield store
        found = leaks(store)
        store.redis.flushall()
        store.close()
    assert not found


@pytest.fixture(params=PLACES, ids=["-".join(place) for place in PLACES])
def store(request: pytest.FixtureRequest, server_url: Callable[[str], str]) -> Iterator[Store]:
    """Every server and flavour."""
    name, flavour = request.param
    url = f"memory://test{next(UNIQUE)}" if name == "memory" else server_url(name)
    with opened(url, flavour) as store:
        yield store


@pytest.fixture(params=REAL, ids=["-".join(place) for place in REAL])
def real_store(request: pytest.FixtureRequest, server_url: Callable[[str], str]) -> Iterator[Store]:
    """Every real server and flavour: for what only a socket or a memory limit can show."""
    name, flavour = request.param
    with opened(server_url(name), flavour) as store:
        yield store


@pytest.fixture
def jobs(store: Store, mode: Mode) -> Jobs:
    """The verbs of `mode` on `store`."""
    return Jobs(store, mode)
