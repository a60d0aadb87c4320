"""The fixtures that give a test its server, and the lanes of `scripts/test`.

`support/servers.py` says where each matter is tested. `store` is for all that depends on a flavour;
`lua/conftest.py` has the one for verbs.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import signal
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
    is_long_place,
    is_quick_place,
    place_id,
)
from support.store import Jobs, Store, leaks  # noqa: E402

from pyjobs.engine.modes import Mode  # noqa: E402
from pyjobs.testing import servers  # noqa: E402
from pyjobs.transport.memory import forget_memory  # noqa: E402

UNIQUE = count()
# redis-py reads its own version from disk for each connection: a fifth of the time of most tests.
redis.utils.get_lib_version = functools.cache(redis.utils.get_lib_version)
# Collecting makes some hundred thousand objects, none of which is garbage.
gc.disable()
# A shell that starts the tests in the background has them ignore these signals, and with them each
# process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def signals() -> tuple[object, ...]:
    """What this process and this thread do about the signals that end a program."""
    return (*map(signal.getsignal, ENDS), signal.pthread_sigmask(signal.SIG_BLOCK, ()))


@pytest.fixture(autouse=True)
def signals_left_as_they_were() -> Iterator[None]:
    """Fail a test that leaves a handler of a signal: the signal would not end a child of a later
    test."""
    before = signals()
    yield
    assert signals() == before


def pytest_addoption(parser: pytest.Parser) -> None:
    for name, words in (
        ("--quick", "leave out slow and long tests and all but three places"),
        ("--long", "run the tests that are marked long, and no others"),
        ("--all", "run the tests that are marked long too"),
    ):
        parser.addoption(name, action="store_true", help=words)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of the lane that was asked for: by default, those that are not long."""
    if config.getoption("--all"):
        return

    def of_the_lane(item: pytest.Item) -> bool:
        is_long = item.get_closest_marker("long") is not None or is_at_a_long_place(item)
        if config.getoption("--long"):
            return is_long
        return not is_long and (is_quick(item) or not config.getoption("--quick"))

    left_out = [item for item in items if not of_the_lane(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if of_the_lane(item)]


def pytest_collection_finish() -> None:
    """Leave the tests that were collected out of each collection of garbage to come.

    They are some hundred thousand objects, which live as long as the process does.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def is_quick(item: pytest.Item) -> bool:
    """Whether a test has no mark `slow` and, where it has a place, a quick one."""
    if item.get_closest_marker("slow"):
        return False
    place = place_of(item)
    return place is None or is_quick_place(item.path.stem, place)


def is_at_a_long_place(item: pytest.Item) -> bool:
    """Whether a test has a place at which it is long."""
    place = place_of(item)
    return place is not None and is_long_place(item.path.parent.name, item.path.stem, place)


def place_of(item: pytest.Item) -> Place | None:
    """The place of a test that has one."""
    callspec = getattr(item, "callspec", None)
    params = callspec.params if callspec else {}
    place: Place | None = params.get("store") or params.get("real_store")
    return place


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
        store.clear()
        yield store
        found = leaks(store)
        store.redis.flushall()
        store.close()
    forget_memory(url)
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
