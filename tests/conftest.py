"""The fixtures that give a test its server, and the lane of `scripts/test --quick`.

`support/servers.py` says where each matter is tested. `store` is for all that depends on a flavour;
`lua/conftest.py` has the one for verbs.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count

import pytest
import redis.utils

# Before they are imported, so that a failure in them shows its values too.
pytest.register_assert_rewrite("support")

from support.servers import (  # noqa: E402
    CLIENT_PLACES,
    FOUND,
    REAL_PLACES,
    Place,
    is_quick_place,
    place_id,
)
from support.store import Jobs, Store, leaks  # noqa: E402

from pyjobs.engine.modes import Mode  # noqa: E402
from pyjobs.testing import servers  # noqa: E402

UNIQUE = count()
# redis-py reads its own version from disk for each connection: a fifth of the time of most tests.
redis.utils.get_lib_version = functools.cache(redis.utils.get_lib_version)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick", action="store_true", help="leave out slow tests and all but three places"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --quick, keep the tests that are for every change."""
    if not config.getoption("--quick"):
        return
    config.hook.pytest_deselected(items=[item for item in items if not is_quick(item)])
    items[:] = [item for item in items if is_quick(item)]


def is_quick(item: pytest.Item) -> bool:
    """Whether a test has no mark `slow` and, where it has a place, a quick one."""
    if item.get_closest_marker("slow"):
        return False
    callspec = getattr(item, "callspec", None)
    params = callspec.params if callspec else {}
    place = params.get("store") or params.get("real_store")
    return place is None or is_quick_place(item.path.stem, place)


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


@pytest.fixture
def open_store(
    server_url: Callable[[str], str],
) -> Callable[[Place], AbstractContextManager[Store]]:
    """Opens the store of a place: an empty server, whose keyspace must be in order at the end."""

    def open_at(place: Place) -> AbstractContextManager[Store]:
        name, flavour = place
        url = f"memory://test{next(UNIQUE)}" if name == "memory" else server_url(name)
        return opened(url, flavour)

    return open_at


@pytest.fixture(params=CLIENT_PLACES, ids=place_id)
def store(
    request: pytest.FixtureRequest, open_store: Callable[[Place], AbstractContextManager[Store]]
) -> Iterator[Store]:
    """The store of each place where clients are tested, or of those that `at` names."""
    with open_store(request.param) as store:
        yield store


@pytest.fixture(params=REAL_PLACES, ids=place_id)
def real_store(
    request: pytest.FixtureRequest, open_store: Callable[[Place], AbstractContextManager[Store]]
) -> Iterator[Store]:
    """The store of each real server: for what only a socket or a memory limit can show."""
    with open_store(request.param) as store:
        yield store


@pytest.fixture
def jobs(store: Store, mode: Mode) -> Jobs:
    """The verbs of `mode` on `store`."""
    return Jobs(store, mode)
